# SPDX-License-Identifier: Apache-2.0
"""Numbered requests and their replies: credits, time limits, repeats."""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..golden.errors import DeviceError
from ..golden.protocol import IDENTIFICATION_HEAD_BYTES, Header
from .frames import OVERHEAD_BYTES, FrameReader, answers, encode
from .transports import Transport

__all__ = ["TRIES", "Conversation", "DeviceReset", "LinkError"]

log = logging.getLogger("luthier.host")

#: Times that a request is sent before the device counts as silent.
TRIES = 6
#: Seconds to wait for a reply beside the travel of its bytes, by Transport.simulated. Each further
#: try waits twice as long: what a bad line loses is soon repeated, a pause is waited for, and a
#: device that is silent is given up within five seconds.
_REPLY_SECONDS = {True: 0.001, False: 0.06}
#: Seconds of silence that end the draining of old replies.
_DRAIN_SECONDS = {True: 0.0005, False: 0.02}
#: Reads that draining may take, and bytes that may arrive without a reply among them.
_DRAIN_READS = 200
_NOISE_BYTES = 1 << 20
#: Seconds too short to wait for: less than a cycle, or lost in the rounding of a clock.
_SHORTEST = 1e-10


class LinkError(DeviceError):
    """The device did not answer in time, in spite of repeats and of a resynchronisation."""


class DeviceReset(DeviceError):
    """The device was reset; what it was doing and what was in its memory is lost."""


@dataclass
class _Request:
    """A request that was sent and not yet answered."""

    position: int
    header: Header
    wire: bytes
    tries: int = 1
    waited: float = 0.0


class Conversation:
    """Exchange requests for replies over a transport.

    Parameters
    ----------
    transport : Transport
        Open.

    Attributes
    ----------
    bytes_sent, bytes_received : int
        Bytes that went over the transport, frames of repeats included.
    ignored : int
        Frames received that were damaged or answered no open request.
    repeats : int
        Requests sent again.
    payload_bytes : int
        Most data bytes in a frame, as far as is known; it bounds the time that a reply travels.
    """

    def __init__(self, transport: Transport):
        self.transport = transport
        self.bytes_sent = self.bytes_received = 0
        self.ignored = self.repeats = 0
        self.payload_bytes = IDENTIFICATION_HEAD_BYTES
        self._seq = secrets.randbits(16)
        self._frames = FrameReader()
        #: Undamaged frames that were received since the requests under way began.
        self._valid = 0

    def drain(self) -> None:
        """Drop what arrives until there is silence, and what was read before."""
        for _ in range(_DRAIN_READS):
            if not self._receive(_DRAIN_SECONDS[self.transport.simulated]):
                break
        self._frames.clear()

    def converse(self, requests: Sequence[tuple[Header, bytes]], window: int, what: str,
                  extra: float) -> list[tuple[Header, bytes]]:
        """Send within the window, repeat on silence, and return the replies in order of requests.

        Parameters
        ----------
        requests : sequence of (Header, bytes)
            Headers whose ``seq`` is still to be chosen, and their data.
        window : int
            Most requests under way.
        what : str
            What is being done, for messages.
        extra : float
            Seconds that a reply may take beyond the travel of its bytes.

        Raises
        ------
        LinkError
            If a request was not answered after the last try.
        DeviceError
            If the connection is gone.
        """
        replies: dict[int, tuple[Header, bytes]] = {}
        waiting: dict[int, _Request] = {}  # by number, oldest first
        sent, received, self._valid = 0, self.bytes_received, 0
        while sent < len(requests) or waiting:
            # The oldest open request bounds the window: its reply must still be in the cache.
            while sent < len(requests) and (
                    not waiting or sent - next(iter(waiting.values())).position < window):
                request = self._number(sent, *requests[sent])
                waiting[request.header.seq] = request
                self.send(request.wire)
                sent += 1
            travelling = sum(len(request.wire) for request in waiting.values())
            tries = max(request.tries for request in waiting.values())
            limit = self.pause(tries) + extra + self.travel(travelling + self.frame_bytes)
            answer = self._await(waiting, limit)
            if answer is not None:
                replies[waiting.pop(answer[0].seq).position] = answer
                continue
            for request in waiting.values():
                request.waited += limit
            if tries == TRIES:
                waited = max(request.waited for request in waiting.values())
                time = " of simulated time" if self.transport.simulated else ""
                noise = 0 if self._valid else self.bytes_received - received
                raise LinkError(
                    f"{what}: {self.transport.description} gave no answer within {waited:.3g} s"
                    f"{time}, asked {TRIES} times"
                    + (f", but sent {noise} bytes that are no Luthier frames" if noise else "")
                    + ("" if what != "greeting the device" else f"; {self.transport.advice}"))
            for request in waiting.values():
                log.debug("%s: no answer within %.3g s, sending again", what, limit)
                request.tries += 1
                self.repeats += 1
                # The 00 ends what may be left of a frame whose own 00 was lost.
                self.send(b"\0" + request.wire)
        return [replies[position] for position in range(len(requests))]

    def _number(self, position: int, header: Header, data: bytes) -> _Request:
        self._seq = self._seq + 1 & 0xFFFF
        header = replace(header, seq=self._seq)
        return _Request(position, header, encode(header, data))

    def _await(self, waiting: dict[int, _Request], limit: float) -> tuple[Header, bytes] | None:
        """Return the next reply to one of ``waiting``, or None after ``limit`` seconds."""
        start, noise, left = self.transport.now(), 0, limit
        while True:
            while (frame := self._frames.take()) is not None:
                self._valid += bool(frame)
                if frame and frame[0].seq in waiting and (
                        answers(frame[0], waiting[frame[0].seq].header)):
                    return frame
                self.ignored += 1
            if left < _SHORTEST or noise > _NOISE_BYTES:
                return None
            received = self._receive(left)
            if not received:
                return None
            noise += received
            now = self.transport.now()
            if start is not None and now is not None:
                left = limit - (now - start)

    @property
    def frame_bytes(self) -> int:
        """Bytes that a frame of this device takes on the wire at most."""
        return OVERHEAD_BYTES + self.payload_bytes

    def pause(self, tries: int) -> float:
        """Return the seconds that the device may take to reply to that many tries."""
        return _REPLY_SECONDS[self.transport.simulated] * 2 ** (tries - 1)

    def travel(self, size: int) -> float:
        """Return the seconds to allow for ``size`` bytes on the line: four times what it takes."""
        return 4 * size / self.transport.bytes_per_second

    def send(self, data: bytes) -> None:
        """Write bytes to the transport and count them."""
        self.bytes_sent += len(data)
        self.transport.write(data)

    def _receive(self, timeout: float) -> int:
        """Wait for bytes, take the frames that they complete, return how many bytes came."""
        data = self.transport.read(timeout)
        self.bytes_received += len(data)
        self._frames.feed(data)
        return len(data)
