# SPDX-License-Identifier: Apache-2.0
"""Do the steps of a script to a board and compare every byte that it sends."""

from collections.abc import Sequence
from dataclasses import replace

from cobs import cobs

from ...golden.config import Configuration
from ...golden.descriptor import DESCRIPTOR_BYTES
from ...golden.errors import CheckFailed
from ...golden.protocol import REPLY, REPORT_BYTES, FrameType, LinkCounters, Report, check
from ...host.frames import encode
from .bench import BenchBoard
from .script import Expected, Step

__all__ = ["EXACT", "Mismatch", "Replay", "replay"]

#: Of a report, what the golden model knows exactly. The others have bounds, see :func:`_plausible`;
#: so do the cycles of more than one operation.
EXACT = ("code", "malformed", "index", "busy", "saturations", "operations")

#: Cycles that any answer may take beside its data and programs.
_PATIENCE = 4000
#: Bytes that no step is answered with.
_MOST_BYTES = 1 << 17
#: Cycles of silence after which nothing more is on its way.
_SILENCE = 2500


class Mismatch(CheckFailed):
    """The board did not do what the golden model does."""


def replay(board: BenchBoard, config: Configuration, steps: Sequence[Step], *, seed: int) -> None:
    """Do the steps to a board that nothing was done to; the pins wait at random, from ``seed``.

    Raises
    ------
    Mismatch
        At the first difference.
    """
    run = Replay(board, config, seed)
    for index, step in enumerate(steps):
        try:
            run.step(index, step)
        except Mismatch as mismatch:
            raise Mismatch(f"step {index} ({step.source}): {mismatch}") from None
    run.silence()


class Replay:
    """A board in the middle of a script.

    Parameters
    ----------
    board : BenchBoard
        Fresh from its reset.
    config : Configuration
    seed : int
        Of the pins' waits.
    """

    def __init__(self, board: BenchBoard, config: Configuration, seed: int):
        self._board, self._config, self._seed = board, config, seed
        self._received = bytearray()
        self._forget()
        board.stall(0, 0, 0)
        self._pins = (0, 0)

    def _forget(self) -> None:
        """Begin as after a reset."""
        self._received.clear()
        self._report = bytes(REPORT_BYTES)  # of the last program, as the board sent it
        self._missing = 0  # requests that the model executed and the board dropped
        self._sent: dict[int, bytes] = {}  # cached replies that are not the model's, by number

    def step(self, index: int, step: Step) -> None:
        """Do one step.

        Raises
        ------
        Mismatch
            If something else comes of it than the model says.
        """
        board = self._board
        if step.pins != self._pins:
            board.stall(self._seed + 2 * index, *step.pins)
            self._pins = step.pins
        board.send(step.send)
        if step.cut is not None:
            board.run(step.cut, frame=False)
            board.reset()
            self._forget()
            return
        size = len(step.send) + sum(32 + len(reply.data) for reply in step.replies)
        slow = 256 / (256 - max(step.pins))
        limit = int((_PATIENCE + 4 * size + 2 * step.cycles) * slow * 2)
        if step.lossy:
            self._lossy(step, limit)
        else:
            for expected in step.replies:
                self._compare(expected, self._frame(limit))
        if board.waiting:
            self._received += board.run(limit, frame=False, taken=True)
        if board.waiting:
            raise Mismatch(f"{board.waiting} bytes were not taken within {limit} cycles")

    def silence(self) -> None:
        """Check at the end that nothing more comes."""
        self._received += self._board.run(_SILENCE, frame=False)
        if self._received:
            raise Mismatch(f"{len(self._received)} bytes came that nobody asked for")

    def _frame(self, limit: int) -> bytes:
        """Return the next frame, its closing 00 included; 00s between frames are none."""
        start = self._board.cycles
        while self._board.cycles - start <= limit:
            end = self._received.find(0) + 1
            if not end:
                more = self._board.run(limit)
                if not more:
                    break
                self._received += more
                continue
            frame = bytes(self._received[:end])
            del self._received[:end]
            if end > 1:
                return frame
        raise Mismatch(f"no reply within {limit} cycles")

    def _lossy(self, step: Step, limit: int) -> None:
        """Compare the replies that come with those that may, in order; the others were overruns."""
        before = self._missing
        first, *others = step.replies
        self._compare(first, self._frame(limit))
        while more := self._board.run(int(_SILENCE * 256 / (256 - max(step.pins))), frame=False):
            self._received += more
            if len(self._received) > _MOST_BYTES:
                raise Mismatch("bytes without an end")
        while b"\0" in self._received:
            frame = self._frame(limit)
            decoded = _decode(frame)
            while others and others[0].header.seq != decoded[0].seq:
                del others[0]
                self._missing += 1
            if not others:
                raise Mismatch(f"an unexpected reply: {decoded[0]}")
            self._compare(others.pop(0), frame)
        self._missing += len(others)
        if self._missing == before:
            raise Mismatch("no request was dropped, although there was no room")

    def _compare(self, expected: Expected, frame: bytes) -> None:
        header, data = expected.header, expected.data
        if expected.repeated and header.seq in self._sent:
            wanted = self._sent[header.seq]
        elif header.type == REPLY | FrameType.RUN and data:
            got, got_data = _decode(frame)
            if got != header or len(got_data) != REPORT_BYTES:
                raise Mismatch(f"expected {header}, got {got}")
            report = Report.unpack(got_data)
            if problem := _plausible(self._config, Report.unpack(data), report):
                raise Mismatch(f"{problem}: {report}")
            self._report, self._sent[header.seq] = got_data, frame
            wanted = encode(header, got_data)
        elif header.type == REPLY | FrameType.READ and data and expected.status:
            wanted = encode(header, self._status(header.address * self._config.word_bytes, data))
            self._sent[header.seq] = wanted
        else:
            wanted = encode(header, data)
            self._sent.pop(header.seq, None)
        if frame != wanted:
            raise Mismatch(f"expected {wanted.hex()}, got {frame.hex()}")

    def _status(self, start: int, data: bytes) -> bytes:
        """Return a part of the status space as this board must have it, from the model's."""
        counters = range(REPORT_BYTES, REPORT_BYTES + 16)
        content = bytearray(REPORT_BYTES + 64)
        content[start : start + len(data)] = data
        content[:REPORT_BYTES] = self._report
        model = LinkCounters.unpack(content[counters.start : counters.stop])
        missing = self._missing
        content[counters.start : counters.stop] = replace(
            model, frames=(model.frames - missing) % (1 << 32), overruns=missing).pack()
        return bytes(content[start : start + len(data)])


def _decode(frame: bytes):
    try:
        decoded = check(cobs.decode(frame[:-1]))
    except cobs.DecodeError:
        decoded = None
    if decoded is None:
        raise Mismatch(f"a damaged reply: {frame.hex()}")
    return decoded


def _plausible(config: Configuration, expected: Report, got: Report) -> str | None:
    """Return what is wrong with a report, None if nothing is.

    A fetch of a descriptor takes the memory for its words, and so does a beat of weights; from the
    end of one operation to the start of the next pass at most the memory's latency and what the
    check of a descriptor takes.
    """
    words = DESCRIPTOR_BYTES // config.word_bytes
    for name in EXACT:
        if getattr(expected, name) != getattr(got, name):
            return f"{name} is {getattr(got, name)}, not {getattr(expected, name)}"
    # Operations overlap, and the fetch of the next descriptor takes beats from the one at work.
    alone = expected.operations <= 1 and not expected.code
    if alone and got.cycles != expected.cycles:
        return f"cycles is {got.cycles}, not {expected.cycles}"
    if got.cycles > expected.cycles + words * (got.operations + 1):
        return f"cycles is {got.cycles}, with one operation at a time {expected.cycles}"
    if got.busy + got.starved + got.blocked > got.cycles:
        return "busy, starved and blocked exceed the cycles"
    least = got.busy + words * got.operations
    most = got.cycles + (got.operations + 1) * (
        config.memory.latency + words + 64 + config.table.max_columns // config.word_bytes)
    if not least <= got.elapsed <= most:
        return f"elapsed is {got.elapsed}, not from {least} to {most}"
    return None
