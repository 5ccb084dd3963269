# SPDX-License-Identifier: Apache-2.0
"""A device: put layers into its memory, run them."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..golden.errors import UserError
from .fitting import check_fits, check_shape
from .layer import Layer
from .open_device import OpenDevice, program_words
from .output import Output
from .program import Program
from .quantised import Quantised, QuantiserMode, RoundingMode
from .results import Check, TransformStats, known_check
from .section import Section, cut
from .sparse_layer import SparseLayer
from .sparse_section import SparseSection, sparse_section
from .sparse_weights import SparseWeights
from .transforms import hadamard, quantise
from .transports import Transport
from .weights import Weights
from .widening import widening

__all__ = ["Device"]


class Device(OpenDevice):
    """A device that answers; made by :func:`connect`. Use it in ``with``, or close it.

    Parameters
    ----------
    transport : Transport
        Open; the device closes it.
    check : str
        As of :func:`connect`; may be set later.
    seed : int
        Of the sample.

    Attributes
    ----------
    link : Link
        With counts of bytes, repeats and ignored frames.
    rng : numpy.random.Generator
        Chooses which results to check.
    reproduce : str
        The command that a failed check tells the user to run again; empty by default.
    transform_stats : TransformStats or None
        What the last :meth:`hadamard` or :meth:`quantise` took.

    Raises
    ------
    DeviceError
        If the device does not answer, or does not describe itself properly.
    """

    def __init__(self, transport: Transport, *, check: Check = "never", seed: int = 0):
        super().__init__(transport)
        self.rng = np.random.default_rng(seed)
        self.reproduce = ""
        self.check = check
        self.transform_stats: TransformStats | None = None
        self._count = 0

    # Checks --------------------------------------------------------------------------------

    @property
    def check(self) -> Check:
        """Results that calls compare with the golden model; may be set."""
        return self._check

    @check.setter
    def check(self, value: Check) -> None:
        self._check: Check = known_check(value)

    # Layers --------------------------------------------------------------------------------

    def load(self, weights: Weights | SparseWeights, name: str | None = None,
             output: Output | None = None) -> Layer:
        """Put weights into the device memory.

        Parameters
        ----------
        weights : Weights or SparseWeights
            The latter for a device with a sparse chain, which encodes them as it needs them.
        name : str, optional
            For messages; by default layer0, layer1 and so on.
        output : Output, optional
            Scale the results on the device, group by group, and round them to this type; by
            default they are the exact sums of the canonical integers.

        Raises
        ------
        UserError
            If this device cannot hold or multiply them: by how much, and what to change.
        DeviceError
            If the device fails.
        """
        self.require_open()
        if not isinstance(weights, Weights | SparseWeights):
            raise UserError(f"load takes Weights (Weights.ternary, Weights.integer, "
                            f"Weights.binary_coded) or SparseWeights, not "
                            f"{type(weights).__name__}")
        if output is not None and not isinstance(output, Output):
            raise UserError(f"output must be an Output, such as Output('int8', 0.05), not "
                            f"{output!r}")
        name = name or f"layer{self._count}"
        config = self._config
        sections: list[Section] | list[SparseSection]
        if isinstance(weights, SparseWeights):
            kind, sections = SparseLayer, [sparse_section(config, weights, output, name)]
            width = weights.shape[1]
        else:
            check_shape(config, weights, name)
            kind, sections = Layer, cut(config, weights, output, name)
            width = widening(config, weights, name).width
        words = program_words(config, len(sections)) + sum(
            section.words(config) for section in sections)
        check_fits(config, self._allocator, width, name, words,
                   sum(section.result_words(config) for section in sections))
        packed = [section.pack(config) for section in sections]
        address = self._allocator.allocate(words)
        placed: list[Section | SparseSection] = []
        try:
            start = address
            for section, (beats, records) in zip(sections, packed, strict=True):
                self.write_memory(start, beats)
                end = start + len(beats)
                if records is not None:
                    self.write_memory(end, records)
                placed.append(replace(section, weight_address=start,
                                      scale_address=0 if records is None else end))
                start = end + (0 if records is None else len(records))
        except BaseException:
            self._allocator.free(address, words)
            raise
        self._count += 1
        return kind(self, weights, output, name, placed, address, words)

    def release(self, layer: Layer) -> None:
        """Give a layer's memory back; call :meth:`Layer.unload` instead."""
        self.free(layer.address, layer.words)

    def program(self) -> Program:
        """Return an empty program: layers that run one after the other without the host."""
        self.require_open()
        return Program(self)

    # Transforms ----------------------------------------------------------------------------

    def hadamard(self, x: ArrayLike, block: int | None = None) -> NDArray[np.int32]:
        """Return Walsh-Hadamard transforms, exact and unnormalised, in natural order.

        Divide by the square root of the size for an orthogonal transform.

        Parameters
        ----------
        x : integer array, shape (columns,) or (tokens, columns)
            Of the bits that the device transforms (``transform.width``). ``columns`` is a power of
            two, or K * 2**m where the device has H_K (:mod:`luthier.golden.hadamard`).
        block : int, optional
            Transform so many samples at a time, a power of two that divides ``columns``.

        Returns
        -------
        int32 array of the shape of ``x``

        Raises
        ------
        UserError
            If the device has no transform of that size, or ``x`` is something else.
        DeviceError
            If the device fails.
        ResultMismatch
            If results are checked and one is wrong.
        """
        return hadamard(self, x, block)

    def quantise(self, x: ArrayLike, bits: int = 8, *, mode: QuantiserMode = "symmetric",
                 group: int | None = None, rounding: RoundingMode = "half-even",
                 scale: float | None = None, hadamard: bool | int = False) -> Quantised:
        """Quantise vectors, exactly: one division, rounded once.

        Parameters
        ----------
        x : integer array, shape (columns,) or (tokens, columns)
            Of the bits that the device quantises (``transform.quantiser_width``), or transforms.
        bits : int
            Of a code, 2 to ``transform.bits``.
        mode : str
            ``"symmetric"``: the largest magnitude of a group becomes the largest code;
            ``"asymmetric"``: least and largest sample become the least and the largest of unsigned
            codes; ``"power"``: the scale is a power of two, as in MX formats; ``"static"``:
            ``scale`` is given.
        group : int, optional
            Samples with a scale of their own, a power of two from 16 on; by default all of a
            vector.
        rounding : str
            What becomes of a quotient half-way between codes: ``"half-even"`` or ``"half-away"``.
        scale : float, optional
            Of ``"static"``: real value of a code of 1, of which 16 bits count.
        hadamard : bool or int
            Transform first, whole vectors or blocks of that size; sums stay on the device.

        Raises
        ------
        UserError, DeviceError, ResultMismatch
            As :meth:`hadamard`.
        """
        return quantise(self, x, bits=bits, mode=mode, group=group, rounding=rounding, scale=scale,
                        hadamard=hadamard)
