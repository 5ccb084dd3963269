# SPDX-License-Identifier: Apache-2.0
"""A bad line in front of any device: what the driver has to put up with, at a known rate."""

import random
from collections import Counter
from collections.abc import Iterable

from ...golden.errors import LuthierError, UserError
from .base import Transport

__all__ = ["KINDS", "TO_DEVICE", "TO_HOST", "FaultyTransport", "Overdue"]

TO_DEVICE, TO_HOST = "to device", "to host"

_LINE = {"insert": 30, "delete": 30, "flip": 30, "truncate": 20, "silence": 10}
#: Faults of each direction and how often they come. A reset ends an operation however good the
#: driver is, so that it is rare.
KINDS = {
    TO_DEVICE: _LINE | {"repeat": 20, "reset": 1},
    TO_HOST: _LINE | {"duplicate": 20, "swap": 20, "reset": 1},
}
#: Times that a request comes again, which fills the queue of any device.
_MOST_REPEATS = 9
#: Seconds of silence, by Transport.simulated; short ones are as likely as long ones.
_SILENCE = {True: (1e-4, 0.03), False: (0.01, 3.0)}
#: Most seconds that a device works on what it has got before it is reset.
_BEFORE_RESET = 1e-4


class Overdue(LuthierError):
    """An operation took longer than its limit: a defect of the driver, whose waits are bounded."""


class FaultyTransport(Transport):
    """Pass bytes on to another transport and back, with faults at random places.

    ============= ================================================================================
    ``insert``    a random byte more
    ``delete``    a byte less
    ``flip``      one bit of a byte changed
    ``truncate``  the rest of a frame is lost, with or without the 00 that ends it
    ``silence``   the line is dead in this direction for a while
    ``repeat``    a request arrives up to 9 times more, and the device's queue overflows
    ``duplicate`` a reply arrives twice
    ``swap``      a reply arrives after the next one, or late if there is none
    ``reset``     the device is reset in the middle of a request, or of a reply, which ends there
    ============= ================================================================================

    Requests never change places: no byte stream does that.

    Parameters
    ----------
    inner : Transport
        Open; closed with this one.
    bytes_per_fault : int
        Mean distance of faults in bytes, those of both directions counted; 0 for none.
    seed : int or str
        Of places, kinds and what they do.
    kinds : iterable of str, optional
        The faults to make; by default all that the inner transport allows.

    Attributes
    ----------
    faults : collections.Counter
        Faults made, by (direction, kind).
    deadline : float or None
        Time of :meth:`now` from which reading and writing raise :class:`Overdue`.
    """

    def __init__(self, inner: Transport, bytes_per_fault: int = 0, seed: int | str = 0,
                 kinds: Iterable[str] | None = None):
        self._inner = inner
        chosen = set(kinds or (kind for line in KINDS.values() for kind in line))
        if not inner.resettable:
            chosen.discard("reset")
        self._kinds = {direction: {kind: weight for kind, weight in line.items() if kind in chosen}
                       for direction, line in KINDS.items()}
        self.faults: Counter[tuple[str, str]] = Counter()
        self.deadline: float | None = None
        self.restart(bytes_per_fault, seed)
        self._silent_until = {TO_DEVICE: 0.0, TO_HOST: 0.0}
        self._time = 0.0  # where the inner transport has no clock
        self._early = b""  # read before a reset
        self._partial = b""  # a reply that has not ended
        self._swapped = b""  # a reply that waits for the next

    def restart(self, bytes_per_fault: int, seed: int | str) -> None:
        """Go on with another rate and another sequence of faults.

        Raises
        ------
        UserError
            If the rate is negative.
        """
        if bytes_per_fault < 0:
            raise UserError(f"bytes_per_fault must be at least 0, not {bytes_per_fault}")
        self._bytes_per_fault, self._rng = bytes_per_fault, random.Random(seed)
        self._left = self._distance()

    # Bytes ---------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send ``data``, frame by frame, or what is left of it."""
        self._check()
        self._time += len(data) / self.bytes_per_second
        for frame in data.split(b"\0")[:-1]:
            self._request(frame + b"\0")
        rest = data.rpartition(b"\0")[2]
        if rest:
            self._request(rest)

    def read(self, timeout: float) -> bytes:
        """Return what arrives within ``timeout`` seconds."""
        end = self.now() + timeout
        while True:
            self._check()
            data, self._early = self._early, b""
            if not data:
                left = max(0.0, end - self.now())
                data = self._inner.read(left)
                self._time += len(data) / self.bytes_per_second if data else left
            arrived = b"".join(self._reply(frame) for frame in self._whole(data))
            if arrived:
                return arrived
            if not data or self.now() >= end:
                late, self._swapped = self._swapped, b""
                return late

    def close(self) -> None:
        """Close the inner transport."""
        self._inner.close()

    def _check(self) -> None:
        if self.deadline is not None and self.now() >= self.deadline:
            self.deadline = None  # told once
            raise Overdue(f"an operation on {self.description} did not end in time; report this "
                          f"defect with the command that shows it")

    def _whole(self, data: bytes) -> list[bytes]:
        """Return the replies that ``data`` completes; keep the beginning of the next."""
        *frames, self._partial = (self._partial + data).split(b"\0")
        return [frame + b"\0" for frame in frames]

    # Faults --------------------------------------------------------------------------------

    def _request(self, frame: bytes) -> None:
        content, copies = bytearray(frame), 1
        for place, kind in self._drawn(len(frame), TO_DEVICE):
            match kind:
                case "silence":
                    return
                case "repeat":
                    copies = self._rng.randint(2, 1 + _MOST_REPEATS)
                case "reset":
                    self._inner.write(bytes(content[:place]))
                    self._early += self._inner.read(self._rng.uniform(0, _BEFORE_RESET))
                    self._inner.reset()
                    del content[:place]
                    break
                case _:
                    self._damage(content, place, kind)
        if self.now() >= self._silent_until[TO_DEVICE]:
            self._inner.write(bytes(content) * copies)

    def _reply(self, frame: bytes) -> bytes:
        content, copies, swap = bytearray(frame), 1, False
        for place, kind in self._drawn(len(frame), TO_HOST):
            match kind:
                case "silence":
                    return b""
                case "duplicate":
                    copies = 2
                case "swap":
                    swap = True
                case "reset":
                    self._inner.reset()
                    del content[place:]
                    break
                case _:
                    self._damage(content, place, kind)
        if self.now() < self._silent_until[TO_HOST]:
            return b""
        arrived = bytes(content) * copies
        if swap and not self._swapped:
            self._swapped = arrived
            return b""
        arrived, self._swapped = arrived + self._swapped, b""
        return arrived

    def _drawn(self, size: int, direction: str) -> Iterable[tuple[int, str]]:
        """Yield places of faults in the next ``size`` bytes, last one first, and their kinds."""
        places: list[int] = []
        while self._left < size:
            places.append(int(self._left))
            self._left += self._distance()
        self._left -= size
        kinds = self._kinds[direction]
        for place in reversed(places if kinds else []):
            kind, = self._rng.choices(list(kinds), list(kinds.values()))
            self.faults[direction, kind] += 1
            if kind == "silence":
                shortest, longest = _SILENCE[self.simulated]
                self._silent_until[direction] = self.now() + shortest * (
                    (longest / shortest) ** self._rng.random())
            yield place, kind

    def _distance(self) -> float:
        mean = self._bytes_per_fault
        return max(1.0, self._rng.expovariate(1 / mean)) if mean else float("inf")

    def _damage(self, content: bytearray, place: int, kind: str) -> None:
        match kind:
            case "insert":
                content.insert(place, self._rng.randrange(256))
            case "delete":
                del content[place]
            case "flip":
                content[place] ^= 1 << self._rng.randrange(8)
            case _:
                del content[place : None if self._rng.random() < 0.5 else -1]

    # As the inner transport ----------------------------------------------------------------

    def now(self) -> float:
        """Return the inner transport's time; without one, that of the bytes and the waits."""
        time = self._inner.now()
        return self._time if time is None else time

    def reset(self) -> None:
        """Reset the device."""
        self._inner.reset()

    @property
    def resettable(self) -> bool:
        """As the inner transport."""
        return self._inner.resettable

    @property
    def description(self) -> str:
        """As the inner transport."""
        return self._inner.description

    @property
    def simulated(self) -> bool:
        """As the inner transport."""
        return self._inner.simulated

    @property
    def bytes_per_second(self) -> float:
        """As the inner transport."""
        return self._inner.bytes_per_second

    @property
    def advice(self) -> str:
        """As the inner transport."""
        return self._inner.advice

    @property
    def cycles_per_second(self) -> float | None:
        """As the inner transport."""
        return self._inner.cycles_per_second

    @property
    def generated(self) -> str | None:
        """As the inner transport."""
        return self._inner.generated

    @property
    def build_seconds(self) -> float | None:
        """As the inner transport."""
        return self._inner.build_seconds
