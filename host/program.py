# SPDX-License-Identifier: Apache-2.0
"""Operations that run one after the other on a device, without the host in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..golden.descriptor import Refusal
from ..golden.errors import DeviceError, UserError
from ..golden.protocol import Report, Space
from .activations import activations
from .arguments import integers, plain_array
from .hazards import check_program
from .program_builder import ProgramBuilder
from .results import compare
from .scratchpad_steps import ElementStep, TransformStep
from .step import Step
from .vectors import Vector
from .waiting import require_sound, run_limit

if TYPE_CHECKING:
    from .driver import Device

__all__ = ["Program", "Vector"]


class Program(ProgramBuilder):
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
        super().__init__(device)
        self._address: int | None = None
        self._words, self._raw = 0, b""
        self._report: Report | None = None
        self._link_bytes = self._data_bytes = 0
        self._resets = device.link.resets

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
            step.require_usable()
        steps = self._scaled(scales)
        given = [self._given(x, number) for number, x in enumerate(inputs)]
        for number, x in enumerate(given):
            if len(x) != 1:
                raise UserError(f"input {number} must be one vector, not {len(x)}; run the program "
                                f"once for each")
        program = b"".join(step.with_output_stage(d).pack()
                           for step, d in zip(steps, self.descriptors(), strict=True))
        self._prepare(program)
        before = link.bytes_sent + link.bytes_received
        self._write([x[0] for x in given], program)
        assert self._address is not None
        self._report = link.run(self._address, len(steps), 1,
                                run_limit(device, self.declared_cycles))
        if self._report.code:
            raise DeviceError(
                f"{device.url} refused operation {self._report.index} of a program: "
                f"{Refusal(self._report.code).name}; its memory holds another program than was "
                f"written there, build the program again")
        require_sound(device, self._report, "a program")
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
        words = sum(vector.words for vector, _ in [*self._inputs, *self._outputs])
        return self._data_bytes - words * config.word_bytes

    @property
    def efficiency(self) -> float:
        """Work over time of the last run, descriptors and waiting between operations included."""
        return self.work / self.report.elapsed

    def unload(self) -> None:
        """Give the program's memory back; a second call does nothing."""
        if self._address is not None:
            self._device.free(self._address, self._words)
            self._address, self._raw = None, b""

    # Internals -----------------------------------------------------------------------------

    def _given(self, x: ArrayLike, number: int) -> NDArray[np.integer]:
        """Return an input as (1, size)."""
        vector, samples = self._inputs[number]
        given = plain_array(x, f"input {number}")
        if not samples:
            return activations(given, self._device.config, vector.size)
        info = np.iinfo(vector.dtype)
        integers(given, f"input {number}", f"integers of {vector.dtype}", "convert them first")
        if given.size != vector.size or (given < info.min).any() or (given > info.max).any():
            raise UserError(f"input {number} must be one vector of {vector.size} samples of "
                            f"{vector.dtype}, not {given.dtype} of shape {given.shape}")
        return given.astype(vector.dtype).reshape(1, -1)

    def _scaled(
            self, scales: Sequence[tuple[int, int]]) -> list[Step | TransformStep | ElementStep]:
        """Return the steps with the output stages of one run."""
        places = [place for place, step in enumerate(self._steps) if step.by_token]
        if len(scales) != len(places):
            raise UserError(f"the program has {len(places)} operations with by_token, not "
                            f"{len(scales)}, which is how many scales there are")
        steps = self._steps.copy()
        for place, (multiplier, shift) in zip(places, scales, strict=True):
            step = steps[place]
            assert isinstance(step, Step)
            steps[place] = step.scaled(multiplier, shift)
        return steps

    def _prepare(self, program: bytes) -> None:
        """Write a program to device memory, unless one like it is there."""
        if not program:
            raise UserError(
                "the program has no operation; add some with apply, hadamard or quantise")
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

    def _write(self, given: list[NDArray[np.integer]], program: bytes) -> None:
        """Write the inputs, and what differs from the program in device memory."""
        config, parts = self._device.config, list[tuple[Space, int, bytes]]()
        for (vector, _), x in zip(self._inputs, given, strict=True):
            raw = x.astype(np.dtype(vector.dtype).newbyteorder("<")).tobytes()
            parts.append((Space.SCRATCHPAD, vector.address,
                          raw.ljust(vector.words * config.word_bytes, b"\0")))
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
        raw = self._device.link.read_all(
            Space.SCRATCHPAD, [(vector.address, vector.words) for vector, _ in self._outputs])
        self._data_bytes += sum(map(len, raw))
        return [vector.read(data) for data, (vector, _) in zip(raw, self._outputs, strict=True)]

    def _check(self, given: list[NDArray[np.integer]], results: list[NDArray[np.integer]],
               steps: list[Step | TransformStep | ElementStep]) -> None:
        """Compare the outputs with those of the golden model, which runs all steps."""
        device = self._device
        if device.check == "never":
            return
        known: dict[int, NDArray[Any]] = {
            vector.number: x for (vector, _), x in zip(self._inputs, given, strict=True)}
        for step in steps:
            step.run_golden(device.config, known)
        for (vector, name), y in zip(self._outputs, results, strict=True):
            wanted = known[vector.number]
            compare(lambda token, row, wanted=wanted: wanted if token is None else
                    wanted[token, row], y[None], how=device.check, rng=device.rng,
                    layer=name, reproduce=device.reproduce)
