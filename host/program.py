# SPDX-License-Identifier: Apache-2.0
"""Operations that run one after the other on a device, without the host in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..golden.descriptor import DESCRIPTOR_BYTES, Descriptor, Refusal
from ..golden.errors import DeviceError, UserError
from ..golden.protocol import Report, Space
from ..golden.timing import cycles
from .activations import activations
from .arguments import plain_array, whole
from .hazards import check_program, order
from .layer import Layer, run_limit
from .results import compare

if TYPE_CHECKING:
    from .driver import Device

__all__ = ["Program", "Vector"]


@dataclass(frozen=True)
class Vector:
    """A vector in the scratchpad of a program: its elements, first word and type."""

    program: Program
    number: int
    size: int
    address: int
    dtype: str


@dataclass(frozen=True)
class _Step:
    layer: Layer
    source: Vector
    result: Vector
    planes: int | None
    onto: Vector | None


class Program:
    """A chain of layers that runs as one request; made by ``device.program()``.

        program = device.program()
        x = program.input(320)
        hidden = program.apply(first, x)             # int8, so that it can be an input
        program.output(program.apply(second, hidden))
        (y,) = program(activations)

    Descriptors lie in device memory; operations that depend on each other are ordered by tokens,
    the others overlap.

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
        self._inputs: list[Vector] = []
        self._outputs: list[tuple[Vector, _Step]] = []
        self._steps: list[_Step] = []
        self._free = 0
        self._address: int | None = None
        self._words, self._raw = 0, b""
        self._report: Report | None = None
        self._link_bytes = self._data_bytes = 0
        self._resets = device.link.resets

    # Building ------------------------------------------------------------------------------

    def input(self, size: int) -> Vector:
        """Add a vector of activations that the host gives at each run."""
        size = whole(size, "the size of an input", 1, self._device.config.table.max_columns,
                     f" (table.max_columns of configuration {self._device.config.name!r})")
        config = self._device.config
        vector = self._vector(size, -(-size // config.activations_per_word),
                              f"int{8 * config.activation_bytes}")
        self._inputs.append(vector)
        return vector

    def apply(self, layer: Layer, source: Vector, *, onto: Vector | None = None,
              planes: int | None = None) -> Vector:
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
        if len(layer.sections) > 1:
            raise UserError(
                f"layer {layer.name} has rows of different planes, whose results lie in another "
                f"order than the next layer needs; call it by itself, or load it with the same "
                f"bits for all rows")
        planes = layer.known_planes(planes)
        if onto is None:
            result = self._vector(rows, layer.result_words, layer.dtype.name)
        else:
            self._require_own(onto)
            if layer.output is None or (onto.size, onto.dtype) != (rows, layer.dtype.name):
                raise UserError(
                    f"layer {layer.name} can be added to a vector of {rows} of "
                    f"{layer.dtype.name} if it has an output, not to {onto.size} of {onto.dtype}; "
                    f"load it with output=Output({onto.dtype!r}, ...)")
            result = onto
        self._steps.append(_Step(layer, source, result, planes, onto))
        return result

    def output(self, vector: Vector) -> None:
        """Return this vector at each run."""
        self._require_own(vector)
        last = [step for step in self._steps if step.result is vector]
        if not last:
            raise UserError("only a result of apply can be an output")
        self._outputs.append((vector, last[-1]))

    def descriptors(self) -> list[Descriptor]:
        """Return the program as the device gets it, with its tokens."""
        config = self._device.config
        found = [d for step in self._steps for d in step.layer.descriptors(
            source=step.source.address, destination=step.result.address, planes=step.planes,
            accumulate=step.onto is not None)]
        return order(config, found)

    # Running -------------------------------------------------------------------------------

    def __call__(self, *inputs: ArrayLike) -> tuple[NDArray[np.integer], ...]:
        """Run once; return the outputs in the order in which they were added.

        Parameters
        ----------
        inputs : integer arrays, shape (size,)
            One for each input.

        Raises
        ------
        UserError
            If the inputs are not those, or a layer was unloaded.
        DeviceError
            If the device fails.
        ResultMismatch
            If results are checked and one is wrong.
        """
        device, link = self._device, self._device.link
        device.require_open()
        device.link.require_no_reset(self._resets, "the program")
        if len(inputs) != len(self._inputs):
            raise UserError(f"the program has {len(self._inputs)} inputs, not {len(inputs)}")
        for step in self._steps:
            step.layer.require_loaded()
        given = [activations(plain_array(x, f"input {number}"), device.config, vector.size)
                 for number, (x, vector) in enumerate(zip(inputs, self._inputs, strict=True))]
        for number, x in enumerate(given):
            if len(x) != 1:
                raise UserError(f"input {number} must be one vector, not {len(x)}; run the program "
                                f"once for each")
        descriptors = self.descriptors()
        self._load(descriptors)
        before, data_before = link.bytes_sent + link.bytes_received, link.data_bytes
        for vector, x in zip(self._inputs, given, strict=True):
            self._write(vector, x[0])
        assert self._address is not None
        declared = sum(cycles(device.config, d) for d in descriptors)
        self._report = link.run(self._address, len(descriptors), 1, run_limit(device, declared))
        if self._report.code:
            raise DeviceError(
                f"{device.url} refused operation {self._report.index} of a program: "
                f"{Refusal(self._report.code).name}; its memory holds another program than was "
                f"written there, build the program again")
        results = [self._read(vector, step) for vector, step in self._outputs]
        self._link_bytes = link.bytes_sent + link.bytes_received - before
        self._data_bytes = link.data_bytes - data_before
        self._check(given, results)
        return tuple(results)

    @property
    def report(self) -> Report:
        """What the last run took; UserError before the first."""
        if self._report is None:
            raise UserError("the program has no figures yet; run it first")
        return self._report

    @property
    def link_bytes(self) -> int:
        """Bytes over the link in the last run, both ways."""
        return self._link_bytes

    @property
    def bytes_between(self) -> int:
        """Bytes of vectors over the link in the last run, other than inputs and outputs."""
        config = self._device.config
        words = sum(-(-vector.size // config.activations_per_word) for vector in self._inputs)
        words += sum(step.layer.result_words for _, step in self._outputs)
        return self._data_bytes - words * config.word_bytes

    @property
    def efficiency(self) -> float:
        """Work over time of the last run, descriptors and waiting between operations included."""
        config, work = self._device.config, 0.0
        for step in self._steps:
            weights = step.layer.weights
            per_beat = config.table.beat_bits * (5 if weights.trits else 8) // 8
            planes = min(weights.planes, step.planes or weights.planes)
            work += weights.values.size * planes / per_beat
        return work / self.report.elapsed

    def unload(self) -> None:
        """Give the program's memory back; a second call does nothing."""
        if self._address is not None:
            self._device.free(self._address, self._words)
            self._address = None

    # Internals -----------------------------------------------------------------------------

    def _vector(self, size: int, words: int, dtype: str) -> Vector:
        config = self._device.config
        if self._free + words > config.scratchpad.words:
            raise UserError(
                f"the vectors of the program need {self._free + words} words of scratchpad, "
                f"{self._free + words - config.scratchpad.words} more than scratchpad.words "
                f"({config.scratchpad.words}) of configuration {config.name!r}; split the "
                f"program, or raise scratchpad.words")
        vector = Vector(self, len(self._vectors), size, self._free, dtype)
        self._vectors.append(vector)
        self._free += words
        return vector

    def _require_own(self, vector: Vector) -> None:
        if not isinstance(vector, Vector) or vector.program is not self:
            raise UserError("the vector belongs to another program; use one of this program's "
                            "input or apply")

    def _load(self, descriptors: list[Descriptor]) -> None:
        """Write the program to device memory, unless it is there."""
        raw = b"".join(d.pack() for d in descriptors)
        if not descriptors:
            raise UserError("the program has no operation; add some with apply")
        if self._address is not None and raw == self._raw:
            return
        self.unload()
        check_program(self._device.config, descriptors)
        words = len(descriptors) * DESCRIPTOR_BYTES // self._device.config.word_bytes
        address = self._device.allocate(words, "the program")
        try:
            self._device.write_memory(address, np.frombuffer(raw, np.uint8).reshape(words, -1))
        except BaseException:
            self._device.free(address, words)
            raise
        self._address, self._words, self._raw = address, words, raw

    def _write(self, vector: Vector, x: NDArray[np.integer]) -> None:
        config = self._device.config
        size = -(-vector.size // config.activations_per_word) * config.activations_per_word
        padded = np.zeros(size, f"<i{config.activation_bytes}")
        padded[: vector.size] = x
        self._device.link.write(Space.SCRATCHPAD, vector.address, padded.tobytes())

    def _read(self, vector: Vector, step: _Step) -> NDArray[np.integer]:
        data = self._device.link.read(Space.SCRATCHPAD, vector.address, step.layer.result_words)
        return step.layer.gather(data, 1)[0]

    def _check(self, given: list[NDArray[np.integer]], results: list[NDArray[np.integer]]) -> None:
        """Compare the outputs with those of the golden model, which runs all steps."""
        device = self._device
        if device.check == "never":
            return
        known: dict[int, NDArray[np.integer]] = {
            vector.number: x for vector, x in zip(self._inputs, given, strict=True)}
        for step in self._steps:
            onto = None if step.onto is None else known[step.onto.number]
            known[step.result.number] = step.layer.expected(
                known[step.source.number], None, None, step.planes, onto)
        for (vector, step), y in zip(self._outputs, results, strict=True):
            wanted = known[vector.number]
            compare(lambda token, row, wanted=wanted: wanted if token is None else
                    wanted[token, row], y[None], how=device.check, rng=device.rng,
                    layer=step.layer.name, reproduce=device.reproduce)
