# SPDX-License-Identifier: Apache-2.0
"""A matrix in device memory that multiplies activations."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..golden.descriptor import Descriptor, Refusal
from ..golden.errors import DeviceError, UserError
from ..golden.losses import efficiency
from ..golden.protocol import Report, Space
from ..golden.table import columns_per_beat, products_per_beat
from .activations import activations, tokens_per_run
from .arguments import integers, plain_array, whole
from .faults import flip_bit
from .layer_stats import layer_stats
from .output import Output
from .result_words import gather, spread
from .results import LayerStats, compare
from .scaling import without_records
from .section import Section
from .waiting import require_sound, run_limit
from .weights import Weights
from .widening import Widening, widening

if TYPE_CHECKING:
    from .driver import Device
    from .sparse_section import SparseSection
    from .sparse_weights import SparseWeights

__all__ = ["Layer"]


class Layer:
    """Weights on a device, made by ``device.load(weights)``: call it with activations.

    Parameters
    ----------
    device : Device
    weights : Weights or SparseWeights
    output : Output or None
    name : str
        For messages.
    sections : list of Section or SparseSection
        Placed.
    address, words : int
        Device memory of the layer; the program comes last in it.
    """

    def __init__(self, device: Device, weights: Any, output: Output | None, name: str,
                 sections: list[Any], address: int, words: int):
        self._device, self._weights, self._output, self._name = device, weights, output, name
        self._sections, self._address, self._words = sections, address, words
        self._program = b""
        self._stats: LayerStats | None = None
        self._loaded = True
        self._resets = device.link.resets
        self._widening = self._wide(name)

    @property
    def name(self) -> str:
        """Name in messages."""
        return self._name

    @property
    def weights(self) -> Weights | SparseWeights:
        """What was loaded."""
        return self._weights

    @property
    def output(self) -> Output | None:
        """What its results are; None for the exact sums of plain integers."""
        return self._output

    @property
    def sections(self) -> list[Section] | list[SparseSection]:
        """Rows of the same planes and where they lie; one, but for mixed precision."""
        return self._sections

    @property
    def widening(self) -> Widening:
        """How the columns of the weights become those that the device multiplies."""
        return self._widening

    @property
    def address(self) -> int:
        """First word of the weights in the device memory."""
        return self._address

    @property
    def words(self) -> int:
        """Words of device memory: weights, scales and program."""
        return self._words

    @property
    def dtype(self) -> np.dtype[np.signedinteger]:
        """Type of the results."""
        return np.dtype("int32" if self._output is None else self._output.dtype)

    @property
    def loaded(self) -> bool:
        """Whether the layer is still in device memory."""
        return self._loaded

    @property
    def stats(self) -> LayerStats:
        """Figures of the last call; UserError before the first."""
        if self._stats is None:
            raise UserError(f"layer {self._name} has no figures yet; call it first")
        return self._stats

    @property
    def bits_per_weight(self) -> float:
        """Bits of device memory for each weight, padding and scale records included."""
        words = sum(section.words(self._device.config) for section in self._sections)
        return words * self._device.config.table.beat_bits / self._weights.values.size

    @property
    def result_words(self) -> int:
        """Scratchpad words of one token's results."""
        return sum(section.result_words(self._device.config) for section in self._sections)

    def work(self, planes: int | None = None) -> float:
        """Return the weight beats that one token would take without any padding."""
        return self._weight_bits(planes) / columns_per_beat(
            self._device.config, self._weights.trits)

    def beats_without_padding(self) -> float:
        """Return the beats of one token, of all that share a beat, if there were no padding."""
        return self._weight_bits(None) / products_per_beat(self._device.config,
                                                           self._weights.trits)

    def declared_cycles(self, tokens: int = 1, planes: int | None = None) -> int:
        """Return the cycles that a call with so many tokens takes, from the golden model.

        Raises
        ------
        UserError
            If ``tokens`` is no integer of at least 1.
        """
        tokens = whole(tokens, "tokens", 1)
        chunk = self._tokens_per_run()
        runs, rest = divmod(tokens, chunk)
        return runs * self._cycles(chunk, planes) + (self._cycles(rest, planes) if rest else 0)

    def __call__(self, x: ArrayLike, *, planes: int | None = None,
                 onto: ArrayLike | None = None) -> NDArray[np.signedinteger]:
        """Multiply: ``values @ x`` for each token, exactly; scaled and rounded once with an output.

        Parameters
        ----------
        x : integer array, shape (columns,) or (tokens, columns)
            Activations of ``table.activation_bits`` bits, signed.
        planes : int, optional
            Use only so many most significant planes of each row: less precise, and faster.
        onto : integer array, shape of the results, optional
            What results are added to, saturating; with an output only.

        Returns
        -------
        integer array of :attr:`dtype`, shape (rows,) or (tokens, rows)

        Raises
        ------
        UserError
            If an argument is none of these, or the layer was unloaded.
        DeviceError
            If the device fails.
        ResultMismatch
            If results are checked and one is wrong.
        """
        self.require_loaded()
        device, config = self._device, self._device.config
        rows, columns = self._weights.shape
        given = plain_array(x, "activations")
        batch = activations(given, config, columns)
        planes = self.known_planes(planes)
        there = self._onto(onto, (*given.shape[:-1], rows))
        before = device.link.bytes_sent + device.link.bytes_received
        y = np.empty((len(batch), rows), self.dtype)
        chunk = self._tokens_per_run()
        reports: list[Report] = []
        for first in range(0, len(batch), chunk):
            part = slice(first, first + chunk)
            report, y[part] = self._run(batch[part], planes,
                                        None if there is None else there[part])
            reports.append(report)
        self._stats = layer_stats(
            reports, partial(self._efficiency, len(batch), planes), tokens=len(batch),
            declared_cycles=self.declared_cycles(len(batch), planes),
            link_bytes=device.link.bytes_sent + device.link.bytes_received - before)

        def expected(token: NDArray[np.intp] | None,
                     row: NDArray[np.intp] | None) -> NDArray[np.integer]:
            return self.expected(batch, token, row, planes, there)

        compare(expected, y, how=device.check, rng=device.rng, layer=self._name,
                reproduce=device.reproduce)
        return y if given.ndim == 2 else y[0]

    def expected(self, x: NDArray[np.integer], token: NDArray[np.intp] | None,
                 row: NDArray[np.intp] | None, planes: int | None,
                 onto: NDArray[np.integer] | None) -> NDArray[np.int64]:
        """Return what the golden model makes of activations (tokens, columns).

        All results, (tokens, rows), or those of pairs of ``token`` and ``row``, (n,).
        """
        config, x = self._device.config, self._widening.spread(x)
        wanted = np.empty((len(x), self._weights.shape[0]) if token is None else len(token),
                          np.int64)
        for section in self._sections:
            if token is None or row is None:
                wanted[:, section.rows] = section.expected(
                    config, x, planes, None if onto is None else onto[:, section.rows])
                continue
            here = np.flatnonzero(np.isin(row, section.rows))
            within = np.searchsorted(section.rows, row[here])
            wanted[here] = section.expected_pairs(
                config, x[token[here]], within, planes,
                None if onto is None else onto[token[here], row[here]])
        return wanted

    def flip_weight_bit(self, row: int, column: int, plane: int = 0) -> None:
        """Flip a stored bit of one weight in the device memory: a fault that checks must find.

        Of the bits that make up five trits, one that changes the trit is chosen where there is one.

        Raises
        ------
        UserError
            If there is no such weight or plane.
        """
        self.require_loaded()
        rows, columns = self._weights.shape
        where = f" in layer {self._name}"
        row = whole(row, "row", 0, rows - 1, where)
        column = whole(column, "column", 0, columns - 1, where)
        section = next(part for part in self._sections if row in part.rows)
        planes = max(section.weights.planes, self._widening.planes)
        plane = whole(plane, "plane", 0, planes - 1, where)
        flip_bit(self._device, section, row, *self._widening.place(column, plane))

    def unload(self) -> None:
        """Give the memory back; a second call does nothing."""
        if self._loaded:
            self._loaded = False
            self._device.release(self)

    def __repr__(self) -> str:
        return f"<Layer {self._name}: {self._weights!r} on {self._device.url}>"

    # For programs --------------------------------------------------------------------------

    def require_loaded(self) -> None:
        """Raise UserError if the layer was unloaded, DeviceError if the device was closed."""
        self._device.require_open()
        if not self._loaded:
            raise UserError(f"layer {self._name} was unloaded; load its weights again")
        self._device.link.require_no_reset(self._resets, f"layer {self._name}")

    def known_planes(self, planes: int | None) -> int | None:
        """Return ``planes`` if the device can use so many; UserError otherwise."""
        if planes is None:
            return None
        planes = whole(planes, "planes", 1, self._weights.planes, f" in layer {self._name}")
        if planes < self._weights.planes and self._weights.coefficients is not None:
            raise UserError(
                f"layer {self._name} has planes with coefficients of their own, all of which the "
                f"device uses, not {planes}; use all {self._weights.planes}, or load fewer")
        if planes < self._weights.planes and not self._device.config.table.records:
            raise UserError(
                f"configuration {self._device.config.name!r} cannot leave planes out; "
                f"{without_records(self._device.config)}, or use all {self._weights.planes}")
        return planes

    def descriptors(self, *, source: int, destination: int, planes: int | None = None,
                    accumulate: bool = False, tokens: int = 1) -> list[Descriptor]:
        """Return the operations of a call, their results one section behind the other."""
        config, found = self._device.config, []
        step = -(-self._widening.width // config.activations_per_word)
        for section in self._sections:
            found.append(section.descriptor(
                config, planes, accumulate, source=source, destination=destination, tokens=tokens,
                source_step=step, destination_step=self.result_words))
            destination += section.result_words(config)
        return found

    # Internals -----------------------------------------------------------------------------

    def _weight_bits(self, planes: int | None) -> int:
        """Return the weights in planes that are used, or in trits."""
        used = np.minimum(self._weights.row_planes, planes or self._weights.planes)
        return int(used.sum()) * self._weights.shape[1]

    def _efficiency(self, tokens: int, planes: int | None, cycles: int) -> float:
        """Return the part of the cycles of a call that its weights would take without padding."""
        return efficiency(self._device.config, weights=tokens * self._weight_bits(planes),
                          cycles=cycles, trits=self._weights.trits)

    def _wide(self, name: str) -> Widening:
        return widening(self._device.config, self._weights, name)

    def _tokens_per_run(self) -> int:
        return tokens_per_run(self._device.config, self._widening.width, self.result_words)

    def _cycles(self, tokens: int, planes: int | None = None) -> int:
        config = self._device.config
        found = self.descriptors(source=0, destination=0, planes=planes, tokens=tokens)
        return sum(section.cycles(config, d)
                   for section, d in zip(self._sections, found, strict=True))

    def _onto(self, onto: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.integer] | None:
        """Return what results are added to as (tokens, rows)."""
        if onto is None:
            return None
        if self._output is None:
            raise UserError(f"layer {self._name} was loaded without output, so its results cannot "
                            f"be added to others; load it with output=Output(...)")
        info = np.iinfo(self.dtype)
        there = integers(plain_array(onto, "onto"), "onto",
                         f"integers from {info.min} to {info.max}", "round and convert them first")
        if there.shape != shape or (there < info.min).any() or (there > info.max).any():
            raise UserError(f"onto must have the shape {shape} of the results and values between "
                            f"{info.min} and {info.max}")
        return np.atleast_2d(there).astype(self.dtype)

    def _run(self, part: NDArray[np.integer], planes: int | None,
             onto: NDArray[np.integer] | None) -> tuple[Report, NDArray[np.integer]]:
        """Multiply the tokens of one run."""
        config, link = self._device.config, self._device.link
        columns, tokens = self._widening.width, len(part)
        source_words = -(-columns // config.activations_per_word)
        padded = np.zeros((tokens, source_words * config.activations_per_word),
                          f"<i{config.activation_bytes}")
        padded[:, :columns] = self._widening.spread(part)
        destination = tokens * source_words
        descriptors = self.descriptors(source=0, destination=destination, planes=planes,
                                       accumulate=onto is not None, tokens=tokens)
        program = b"".join(d.pack() for d in descriptors)
        base = self._address + self._words - len(program) // config.word_bytes
        link.write(Space.SCRATCHPAD, 0, padded.tobytes())
        if onto is not None:
            link.write(Space.SCRATCHPAD, destination, spread(config, self._sections, onto))
        if program != self._program:
            self._program = b""  # Unknown, should the write be interrupted.
            link.write(Space.MEMORY, base, program)
            self._program = program
        report = link.run(base, len(descriptors), 1,
                          run_limit(self._device, self._cycles(tokens, planes)))
        if report.code:
            known = report.code in tuple(Refusal)
            raise DeviceError(
                f"{self._device.url} refused layer {self._name}: "
                f"{Refusal(report.code).name if known else f'unknown code {report.code}'}; its "
                f"memory holds another program than was written there, load the layer again")
        require_sound(self._device, report, f"layer {self._name}")
        data = link.read(Space.SCRATCHPAD, destination, tokens * self.result_words)
        return report, gather(config, self._sections, data, tokens, self.dtype)
