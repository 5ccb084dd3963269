# SPDX-License-Identifier: Apache-2.0
"""What is sent to a device and what it must answer, recorded on the golden device model.

Sources of operations drive a :class:`Recorder` as they would drive a device, with the host driver
or byte by byte. The steps that come of it can be replayed on any board, as often as wanted, without
computing anything again.
"""

import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

from cobs import cobs

from ...golden.config import Configuration
from ...golden.errors import DeviceError
from ...golden.protocol import FrameType, Header, Space, check
from ...host.device_model import DeviceModel
from ...host.transports import Transport

__all__ = ["Expected", "Recorder", "Source", "Step", "record"]


@dataclass(frozen=True)
class Expected:
    """A reply.

    Attributes
    ----------
    header, data : Header, bytes
        As the model sends them.
    repeated : bool
        It comes from the cache.
    status : bool
        It is a part of the status space, whose counters and report depend on what went before.
    """

    header: Header
    data: bytes
    repeated: bool
    status: bool


@dataclass(frozen=True)
class Step:
    """One thing that is done to the board, and what must come of it.

    Attributes
    ----------
    source : str
        Name of the source of operations, for messages.
    send : bytes
    replies : tuple of Expected
    cycles : int
        Cycles that the replies' programs take, as far as declared: they bound the wait.
    pins : tuple of int
        Cycles of 256 in which the input and the output wait.
    lossy : bool
        Only the first reply is certain; each other one may be missing, and then counts as overrun.
    cut : int or None
        Let so many cycles pass, then reset the device; replies are not looked at.
    """

    source: str
    send: bytes
    replies: tuple[Expected, ...] = ()
    cycles: int = 0
    pins: tuple[int, int] = (0, 0)
    lossy: bool = False
    cut: int | None = None


class Recorder(Transport):
    """The golden device as a transport that keeps what passes through it.

    Parameters
    ----------
    config : Configuration
    build_id : bytes
        Of the Verilog that the script is for.

    Attributes
    ----------
    config : Configuration
    source : str
        Name of the source at work.
    steps : list of Step
    pins : tuple of int
        Waits of the pins in the steps to come.
    """

    def __init__(self, config: Configuration, build_id: bytes):
        self.config, self.source, self.pins = config, "", (0, 0)
        self.steps: list[Step] = []
        self._build_id = build_id
        self._model = DeviceModel(config, build_id)
        self._replies, self._request = bytearray(), bytearray()

    def write(self, data: bytes) -> None:
        """Send bytes that the device must answer as the model does."""
        self._record(data)

    def read(self, timeout: float) -> bytes:
        """Return the model's replies so far."""
        data = bytes(self._replies)
        self._replies.clear()
        return data

    def send_lossy(self, data: bytes) -> None:
        """Send a first request and more than there is room for; the next must be a HELLO.

        Those that follow the first must not change the device: READs, with numbers of their own.
        """
        self._record(data, lossy=True)

    def cut(self, data: bytes, cycles: int) -> None:
        """Send bytes and reset the device so many cycles later.

        The model does not see them: what they may have changed must be written again.
        """
        self.steps.append(Step(self.source, data, pins=self.pins, cut=cycles))
        engine = self._model.engine
        self._model = DeviceModel(self.config, self._build_id)
        self._model.engine = engine  # memories keep their content
        self._request.clear()

    def _record(self, data: bytes, lossy: bool = False) -> None:
        replies: list[Expected] = []
        cycles = 0
        for piece in _pieces(data):
            before, report = self._model.counters.repeats, self._model.report
            reply = self._model.receive(piece)
            if self._model.report is not report:
                report = self._model.report
                cycles += report.cycles + 120 * (report.operations + 1)
            self._request += piece
            if reply:
                repeated = self._model.counters.repeats != before
                request, _ = _decode(self._request)
                status = request.type == FrameType.READ and request.space == Space.STATUS
                replies.append(Expected(*_decode(reply), repeated, status))
                self._replies += reply
            if piece.endswith(b"\0"):
                self._request.clear()
        self.steps.append(Step(self.source, data, tuple(replies), cycles, self.pins, lossy))

    def close(self) -> None:
        """Nothing to let go of."""

    @property
    def description(self) -> str:
        """A name for messages."""
        return f"recorder:{self.config.name}"

    @property
    def simulated(self) -> bool:
        """True: silence costs nothing."""
        return True


def _pieces(data: bytes) -> Iterator[bytes]:
    """Cut after every 00, so that each piece has at most one reply."""
    start = 0
    while start < len(data):
        end = data.find(b"\0", start) + 1 or len(data)
        yield data[start:end]
        start = end


def _decode(frame: bytes | bytearray) -> tuple[Header, bytes]:
    decoded = check(cobs.decode(frame[:-1]))
    assert decoded is not None  # it has been answered, or is an answer
    return decoded


#: Drives a recorder with seeded randomness; ``effort`` scales how much.
Source = Callable[[Recorder, random.Random, int], None]


def record(config: Configuration, build_id: bytes, sources: Sequence[Source], *, seed: int,
           effort: int) -> list[Step]:
    """Return the script that sources of operations make, each from its own seed.

    Raises
    ------
    DeviceError
        If a source is at odds with the model: nothing was tested then.
    """
    recorder = Recorder(config, build_id)
    for source in sources:
        name = getattr(source, "__name__", repr(source))
        recorder.source, recorder.pins = name, (0, 0)
        rng = random.Random(f"{seed} {name}")
        with _seeded_secrets(rng):
            source(recorder, rng, effort)
    if not recorder.steps:
        raise DeviceError("the sources of operations did nothing")
    return recorder.steps


@contextmanager
def _seeded_secrets(rng: random.Random) -> Iterator[None]:
    """Let the host driver number its requests by the seed, so that a script can be had again."""
    with mock.patch.multiple(secrets, randbits=rng.getrandbits, randbelow=rng.randrange):
        yield
