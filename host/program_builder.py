# SPDX-License-Identifier: Apache-2.0
"""What a program does: vectors and the operations between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..golden.config_sections import TransformConfiguration
from ..golden.descriptor import DESCRIPTOR_BYTES, Descriptor, Element, Opcode
from ..golden.errors import UserError
from ..golden.places import MOST_SAMPLES
from ..golden.quantiser import Quantisation
from ..golden.transform import scale_places
from .arguments import whole
from .hazards import order
from .layer import Layer
from .quantised import QuantiserMode, RoundingMode, known_quantisation
from .scaling import multiplier_and_shift
from .scratchpad_steps import ElementStep, TransformStep
from .step import Step, require_one_operation, scaled_by_token
from .transforms import known_block, require_transform, transform_descriptor
from .vectors import Scales, Vector

if TYPE_CHECKING:
    from .driver import Device

__all__ = ["ProgramBuilder"]


class ProgramBuilder:
    """The operations of a program, in the order in which they were added.

    Parameters
    ----------
    device : Device

    Raises
    ------
    UserError
        From its methods, for vectors that do not go together or do not fit the scratchpad.
    """

    def __init__(self, device: Device):
        self._device = device
        self._vectors: list[Vector] = []
        self._inputs: list[tuple[Vector, bool]] = []  # and whether they are samples
        self._outputs: list[tuple[Vector, str]] = []  # and the name of the operation
        self._steps: list[Step | TransformStep | ElementStep] = []
        self._free = 0
        self._descriptors: list[Descriptor] = []
        self._declared = 0

    def input(self, size: int,
              dtype: Literal["int8", "int16", "int32"] | None = None) -> Vector:
        """Add a vector that the host gives at each run: activations, or samples of a type."""
        config, most = self._device.config, self._device.config.table.max_columns
        where = f" (table.max_columns of configuration {config.name!r})"
        if dtype is not None:
            most, where = MOST_SAMPLES, ""
            if dtype not in ("int8", "int16", "int32"):
                raise UserError(f"dtype must be 'int8', 'int16' or 'int32', not {dtype!r}")
        size = whole(size, "the size of an input", 1, most, where)
        vector = self._vector(size, dtype or f"int{8 * config.activation_bytes}")
        self._inputs.append((vector, dtype is not None))
        return vector

    def apply(self, layer: Layer, source: Vector, *, onto: Vector | None = None,
              planes: int | None = None,
              by_token: Literal["int16", "int32"] | None = None) -> Vector:
        """Multiply ``source`` by a layer, and return where the result is.

        Parameters
        ----------
        layer : Layer
        source : Vector
            Of the activations' type and as long as the layer has columns.
        onto : Vector, optional
            A vector that the results are added to, saturating; it is overwritten.
        planes : int, optional
            Most significant planes to use.
        by_token : str, optional
            Scale the exact sums of a layer without output by a multiplier and a shift that each
            run brings, and round them to this type.
        """
        layer.require_loaded()
        self._require_own(source)
        config, columns = self._device.config, layer.weights.shape[1]
        rows = layer.weights.shape[0]
        wanted = f"int{8 * config.activation_bytes}"
        if source.size != columns or source.dtype != wanted:
            raise UserError(
                f"layer {layer.name} multiplies {columns} activations of {wanted}, not a vector "
                f"of {source.size} of {source.dtype}; give the layer before it "
                f"output=Output({wanted!r}, ...) and as many rows")
        require_one_operation(layer)
        planes = layer.known_planes(planes)
        section = layer.sections[0]
        if by_token is not None:
            section = scaled_by_token(config, layer, by_token)
        dtype = section.output.dtype
        if onto is None:
            result = self._vector(rows, dtype)
        else:
            self._require_own(onto)
            if section.scaling is None or (onto.size, onto.dtype) != (rows, dtype):
                raise UserError(
                    f"layer {layer.name} can be added to a vector of {rows} of "
                    f"{dtype} if it has an output, not to {onto.size} of {onto.dtype}; "
                    f"load it with output=Output({onto.dtype!r}, ...)")
            result = onto
        self._steps.append(Step(layer, section, source, result, planes, onto,
                                 by_token is not None))
        self._descriptors, self._declared = [], 0
        return result

    def hadamard(self, source: Vector, block: int | None = None) -> Vector:
        """Transform ``source``, whole or in blocks; return where the int32 sums are.

        As :meth:`luthier.host.Device.hadamard`, for a multiple of ``transform.lanes`` samples.
        """
        transform = self._require_samples(source)
        block = known_block(transform, source.size, block)
        return self._transform(source, block, None)[0]

    def quantise(self, source: Vector, bits: int = 8, *, mode: QuantiserMode = "symmetric",
                 group: int | None = None, rounding: RoundingMode = "half-even",
                 scale: float | None = None,
                 hadamard: bool | int = False) -> tuple[Vector, Scales | None]:
        """Quantise ``source``, transformed first if so wanted; return where codes and scales are.

        As :meth:`luthier.host.Device.quantise`, for a multiple of ``transform.lanes`` samples.
        Codes are activations, those of ``"asymmetric"`` if they have fewer bits; as outputs,
        ``scales.apply(codes, words)`` makes numbers of them. There are no scales with
        ``"static"``.
        """
        transform, block = self._require_samples(source), None
        if hadamard:
            block = known_block(transform, source.size, None if hadamard is True else hadamard)
        wanted = known_quantisation(transform, source.size, bits=bits, mode=mode, group=group,
                                    rounding=rounding, scale=scale)
        return self._transform(source, block, wanted)

    def rescale(self, source: Vector, dtype: Literal["int8", "int16", "int32"],
                factor: float = 1.0) -> Vector:
        """Return where ``source * factor`` is, rounded half to even and saturated to a type.

        ``factor`` is a multiplier of up to 15 bits over a power of two. Results of the activations'
        type saturate to their bits.
        """
        self._require_elements(source)
        if dtype not in ("int8", "int16", "int32"):
            raise UserError(f"dtype must be 'int8', 'int16' or 'int32', not {dtype!r}")
        d = _element_operation(Opcode.RESCALE, source, dtype, factor)
        return self._element(d, source, self._vector(source.size, dtype), None)

    def add(self, source: Vector, other: Vector, factor: float = 1.0, *,
            in_place: bool = False) -> Vector:
        """Return where ``source * factor + other`` is, saturated to the type of ``other``.

        The first term is rounded and saturated by itself; see :meth:`rescale`. With ``in_place``
        ``other`` is overwritten.
        """
        self._require_elements(source)
        self._require_elements(other)
        if source.size != other.size:
            raise UserError(f"vectors to add must have the same size, not {source.size} and "
                            f"{other.size}")
        d = _element_operation(Opcode.ADD, source, other.dtype, factor)
        result = other if in_place else self._vector(other.size, other.dtype)
        return self._element(d, source, result, other)

    def gather(self, source: Vector, numbers: Vector) -> Vector:
        """Return where those elements of ``source`` are whose numbers are given, from 0 on.

        A number that is out of range gives 0.
        """
        self._require_elements(source)
        self._require_elements(numbers)
        if numbers.dtype == "int8":
            raise UserError("numbers to gather must be int16 or int32, not int8; give their input "
                            "another dtype")
        d = Descriptor(
            opcode=Opcode.GATHER, rows=source.size, columns=numbers.size, planes_used=0,
            planes_stored=np.dtype(numbers.dtype).itemsize,
            source_type=Element[source.dtype.upper()],
            destination_type=Element[source.dtype.upper()])
        return self._element(d, source, self._vector(numbers.size, source.dtype), numbers)

    def output(self, vector: Vector) -> None:
        """Return this vector at each run."""
        self._require_own(vector)
        last = [step for step in self._steps if any(vector is one for one in step.results)]
        if not last:
            raise UserError("only a result of an operation can be an output")
        self._outputs.append((vector, last[-1].name))

    def descriptors(self) -> list[Descriptor]:
        """Return the program as the device gets it, with its tokens."""
        if not self._descriptors:
            config = self._device.config
            self._descriptors = order(config, [step.descriptor(config) for step in self._steps])
        return self._descriptors

    @property
    def declared_cycles(self) -> int:
        """What its operations take, one after the other, from the golden model.

        While a sparse operation takes a word of memory in every cycle, the next descriptor is read
        in between, which takes as many cycles as it has words.
        """
        if not self._declared:
            config, descriptors = self._device.config, self.descriptors()
            self._declared = sum(
                step.cycles(config, d) for step, d in zip(self._steps, descriptors, strict=True)
            ) + sum(DESCRIPTOR_BYTES // config.word_bytes for d in descriptors[:-1]
                    if d.opcode == Opcode.SPARSE)
        return self._declared

    @property
    def work(self) -> float:
        """Weight beats that the matrices would take without any padding."""
        return sum(step.work(self._device.config) for step in self._steps)

    # Internals -----------------------------------------------------------------------------

    def _vector(self, size: int, dtype: str, kind: type[Vector] = Vector, **more: Any) -> Any:
        config = self._device.config
        words = -(-size * np.dtype(dtype).itemsize // config.word_bytes)
        if self._free + words > config.scratchpad.words:
            raise UserError(
                f"the vectors of the program need {self._free + words} words of scratchpad, "
                f"{self._free + words - config.scratchpad.words} more than scratchpad.words "
                f"({config.scratchpad.words}) of configuration {config.name!r}; split the "
                f"program, or raise scratchpad.words")
        vector = kind(self, len(self._vectors), size, self._free, words, dtype, **more)
        self._vectors.append(vector)
        self._free += words
        return vector

    def _require_samples(self, source: Vector) -> TransformConfiguration:
        """Return the transform, if it takes this vector."""
        self._require_own(source)
        transform = require_transform(self._device.config)
        if source.size % transform.lanes or source.dtype[0] == "u":
            raise UserError(
                f"the transform takes a multiple of {transform.lanes} (transform.lanes) samples of "
                f"int8, int16 or int32, not {source.size} of {source.dtype}; the nearest size is "
                f"{max(1, round(source.size / transform.lanes)) * transform.lanes}")
        return transform

    def _require_elements(self, vector: Vector) -> None:
        """Raise UserError unless the device has a vector unit that takes this vector."""
        self._require_own(vector)
        config = self._device.config
        if config.vector is None:
            raise UserError(f"configuration {config.name!r} has no vector unit; add a section "
                            f"[vector]")
        if vector.dtype[0] == "u":
            raise UserError(f"the vector unit takes int8, int16 or int32, not {vector.dtype}")

    def _element(self, d: Descriptor, source: Vector, result: Vector,
                 third: Vector | None) -> Vector:
        """Add an operation of the vector unit; return what it writes."""
        self._steps.append(ElementStep(d, source, result, third))
        self._descriptors, self._declared = [], 0
        return result

    def _transform(self, source: Vector, block: int | None,
                   wanted: Quantisation | None) -> tuple[Vector, Scales | None]:
        """Add an operation of the transform; return what it writes."""
        config, scales = self._device.config, None
        d = transform_descriptor(config, source.size, Element[source.dtype.upper()], block=block,
                                 quantisation=wanted)
        dtype = "int32"
        if wanted is not None:
            fits = wanted.range[1] < 1 << config.table.activation_bits - 1
            dtype = f"{'' if fits else 'u'}int{8 * config.activation_bytes}"
        result: Vector = self._vector(source.size, dtype)
        if wanted is not None and (size := scale_places(d)):
            scales = self._vector(size, "uint32", Scales, quantisation=wanted)
        self._steps.append(TransformStep(d, source, result, scales))
        self._descriptors, self._declared = [], 0
        return result, scales

    def _require_own(self, vector: Vector) -> None:
        if not isinstance(vector, Vector) or vector.program is not self:
            raise UserError("the vector belongs to another program; use one of this program's "
                            "input, apply, hadamard or quantise")


def _element_operation(opcode: Opcode, source: Vector, dtype: str, factor: Any) -> Descriptor:
    """Return an operation that multiplies by ``factor``, without its places."""
    real = isinstance(factor, int | float | np.integer | np.floating)
    if isinstance(factor, bool) or not real or not np.isfinite(factor) or abs(factor) > 32767:
        raise UserError(f"factor must be a number from -32767 to 32767, not {factor!r}")
    multiplier, shift = multiplier_and_shift(float(factor)) if factor else (0, 0)
    return Descriptor(
        opcode=opcode, columns=source.size, planes_stored=0, planes_used=0, multiplier=multiplier,
        shift=shift, source_type=Element[source.dtype.upper()],
        destination_type=Element[dtype.upper()])
