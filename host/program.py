# SPDX-License-Identifier: Apache-2.0
"""Operations that run one after the other on a device, without the host in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..golden.descriptor import Descriptor, Refusal
from ..golden.errors import DeviceError, UserError
from ..golden.protocol import Report, Space
from ..golden.timing import cycles
from .activations import activations
from .arguments import plain_array, whole
from .hazards import check_program, order
from .layer import Layer
from .results import compare
from .step import Step, Vector, require_one_operation, scaled_by_token
from .waiting import run_limit

if TYPE_CHECKING:
    from .driver import Device

__all__ = ["Program", "Vector"]


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
        self._outputs: list[tuple[Vector, Step]] = []
        self._steps: list[Step] = []
        self._free = 0
        self._descriptors: list[Descriptor] = []
        self._declared = 0
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
            result = self._vector(rows, section.result_words(config), dtype)
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

    def output(self, vector: Vector) -> None:
        """Return this vector at each run."""
        self._require_own(vector)
        last = [step for step in self._steps if step.result is vector]
        if not last:
            raise UserError("only a result of apply can be an output")
        self._outputs.append((vector, last[-1]))

    def descriptors(self) -> list[Descriptor]:
        """Return the program as the device gets it, with its tokens."""
        if not self._descriptors:
            config = self._device.config
            self._descriptors = order(config, [step.section.descriptor(
                config, step.planes, step.onto is not None, source=step.source.address,
                destination=step.result.address) for step in self._steps])
        return self._descriptors

    # Running -------------------------------------------------------------------------------

    def __call__(self, *inputs: ArrayLike,
                 scales: Sequence[tuple[int, int]] = ()) -> tuple[NDArray[np.integer], ...]:
        """Run once; return the outputs in the order in which they were added.

        Parameters
        ----------
        inputs : integer arrays, shape (size,)
            One for each input.
        scales : sequence of tuple of int
            Multiplier, -32768 to 32767, and shift, 0 to 63, of each ``apply`` with ``by_token``,
            in order: results are ``sum * multiplier / 2**shift``.

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
        steps = self._scaled(scales)
        given = [activations(plain_array(x, f"input {number}"), device.config, vector.size)
                 for number, (x, vector) in enumerate(zip(inputs, self._inputs, strict=True))]
        for number, x in enumerate(given):
            if len(x) != 1:
                raise UserError(f"input {number} must be one vector, not {len(x)}; run the program "
                                f"once for each")
        program = b"".join(step.with_output_stage(d).pack()
                           for step, d in zip(steps, self.descriptors(), strict=True))
        self._prepare(program)
        before = link.bytes_sent + link.bytes_received
        self._write([(vector, x[0]) for vector, x in zip(self._inputs, given, strict=True)],
                    program)
        assert self._address is not None
        self._report = link.run(self._address, len(steps), 1,
                                run_limit(device, self.declared_cycles))
        if self._report.code:
            raise DeviceError(
                f"{device.url} refused operation {self._report.index} of a program: "
                f"{Refusal(self._report.code).name}; its memory holds another program than was "
                f"written there, build the program again")
        results = self._read()
        self._link_bytes = link.bytes_sent + link.bytes_received - before
        self._check(given, results, steps)
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
        words += sum(step.section.result_words(config) for _, step in self._outputs)
        return self._data_bytes - words * config.word_bytes

    @property
    def declared_cycles(self) -> int:
        """What its operations take, one after the other, from the golden model."""
        if not self._declared:
            self._declared = sum(cycles(self._device.config, d) for d in self.descriptors())
        return self._declared

    @property
    def efficiency(self) -> float:
        """Work over time of the last run, descriptors and waiting between operations included."""
        return self.work / self.report.elapsed

    @property
    def work(self) -> float:
        """Weight beats that the matrices would take without any padding."""
        config, work = self._device.config, 0.0
        for step in self._steps:
            weights = step.layer.weights
            per_beat = config.table.beat_bits * (5 if weights.trits else 8) // 8
            planes = min(weights.planes, step.planes or weights.planes)
            work += weights.values.size * planes / per_beat
        return work

    def unload(self) -> None:
        """Give the program's memory back; a second call does nothing."""
        if self._address is not None:
            self._device.free(self._address, self._words)
            self._address, self._raw = None, b""

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

    def _scaled(self, scales: Sequence[tuple[int, int]]) -> list[Step]:
        """Return the steps with the output stages of one run."""
        places = [place for place, step in enumerate(self._steps) if step.by_token]
        if len(scales) != len(places):
            raise UserError(f"the program has {len(places)} operations with by_token, not "
                            f"{len(scales)}, which is how many scales there are")
        steps = self._steps.copy()
        for place, (multiplier, shift) in zip(places, scales, strict=True):
            steps[place] = steps[place].scaled(multiplier, shift)
        return steps

    def _prepare(self, program: bytes) -> None:
        """Write a program to device memory, unless one like it is there."""
        if not program:
            raise UserError("the program has no operation; add some with apply")
        if self._address is not None and len(program) == len(self._raw):
            return
        self.unload()
        check_program(self._device.config, self.descriptors())
        words = np.frombuffer(program, np.uint8).reshape(-1, self._device.config.word_bytes)
        address = self._device.allocate(len(words), "the program")
        try:
            self._device.write_memory(address, words)
        except BaseException:
            self._device.free(address, len(words))
            raise
        self._address, self._words, self._raw = address, len(words), program

    def _write(self, given: list[tuple[Vector, NDArray[np.integer]]], program: bytes) -> None:
        """Write the inputs, and what differs from the program in device memory."""
        config, parts = self._device.config, list[tuple[Space, int, bytes]]()
        for vector, x in given:
            size = -(-vector.size // config.activations_per_word) * config.activations_per_word
            padded = np.zeros(size, f"<i{config.activation_bytes}")
            padded[: vector.size] = x
            parts.append((Space.SCRATCHPAD, vector.address, padded.tobytes()))
        self._data_bytes = sum(len(data) for _, _, data in parts)
        there, wanted = (np.frombuffer(raw, np.uint8).reshape(-1, config.word_bytes)
                         for raw in (self._raw, program))
        changed = np.flatnonzero((there != wanted).any(axis=1))
        if changed.size:
            assert self._address is not None
            first, last = int(changed[0]), int(changed[-1])
            parts.append((Space.MEMORY, self._address + first, wanted[first : last + 1].tobytes()))
        self._raw = b""  # unknown, should the write be interrupted
        self._device.link.write_all(parts)
        self._raw = program

    def _read(self) -> list[NDArray[np.integer]]:
        """Return the outputs."""
        config, results = self._device.config, list[NDArray[np.integer]]()
        raw = self._device.link.read_all(Space.SCRATCHPAD, [
            (vector.address, step.section.result_words(config)) for vector, step in self._outputs])
        for data, (vector, step) in zip(raw, self._outputs, strict=True):
            y = np.frombuffer(data, step.section.output.little_endian)
            results.append(y[: vector.size].astype(vector.dtype))
            self._data_bytes += len(data)
        return results

    def _check(self, given: list[NDArray[np.integer]], results: list[NDArray[np.integer]],
               steps: list[Step]) -> None:
        """Compare the outputs with those of the golden model, which runs all steps."""
        device = self._device
        if device.check == "never":
            return
        known: dict[int, NDArray[np.integer]] = {
            vector.number: x for vector, x in zip(self._inputs, given, strict=True)}
        for step in steps:
            onto = None if step.onto is None else known[step.onto.number]
            known[step.result.number] = step.section.expected(
                device.config, known[step.source.number], step.planes, onto)
        for (vector, step), y in zip(self._outputs, results, strict=True):
            wanted = known[vector.number]
            compare(lambda token, row, wanted=wanted: wanted if token is None else
                    wanted[token, row], y[None], how=device.check, rng=device.rng,
                    layer=step.layer.name, reproduce=device.reproduce)
