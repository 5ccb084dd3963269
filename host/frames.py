# SPDX-License-Identifier: Apache-2.0
"""Frames on the wire: requests to bytes, and bytes to replies."""

from collections import deque

from cobs import cobs

from ..golden.protocol import CRC_BYTES, HEADER_BYTES, REPLY, FrameType, Header, check, seal

__all__ = ["OVERHEAD_BYTES", "FrameReader", "answers", "encode"]

#: Bytes that a frame adds to its data: header, CRC, and at most this much of COBS.
OVERHEAD_BYTES = HEADER_BYTES + CRC_BYTES + 32
#: Longest encoded frame that any configuration allows.
_LONGEST_FRAME = 4096 + OVERHEAD_BYTES


def encode(header: Header, data: bytes = b"") -> bytes:
    """Return the bytes of a frame on the wire, its closing 00 included."""
    return cobs.encode(seal(header, data)) + b"\0"


def answers(reply: Header, request: Header) -> bool:
    """Whether ``reply`` is one to ``request``: type, number and all that a reply repeats."""
    return (reply.type, reply.seq, reply.address) == (
        request.type | REPLY, request.seq, request.address) and (
        reply.count == request.count or request.type == FrameType.HELLO)


class FrameReader:
    """Split a byte stream into frames; ``()`` stands for a damaged one."""

    def __init__(self):
        self._buffer = bytearray()
        self._frames: deque[tuple[Header, bytes] | tuple[()]] = deque()

    def feed(self, data: bytes) -> None:
        """Take bytes that arrived."""
        *ended, rest = data.split(b"\0")
        for piece in ended:
            self._append(piece)
            if self._buffer:  # Nothing between two 00s is no frame.
                self._frames.append(self._decode(bytes(self._buffer)))
            self._buffer.clear()
        self._append(rest)

    def take(self) -> tuple[Header, bytes] | tuple[()] | None:
        """Return the next frame, ``()`` for a damaged one, None if there is none yet."""
        return self._frames.popleft() if self._frames else None

    def clear(self) -> None:
        """Forget all bytes."""
        self._frames.clear()
        self._buffer.clear()

    def _append(self, piece: bytes) -> None:
        """Collect bytes of a frame; no more than show that it is too long to be one."""
        self._buffer += piece[: max(0, _LONGEST_FRAME + 1 - len(self._buffer))]

    @staticmethod
    def _decode(encoded: bytes) -> tuple[Header, bytes] | tuple[()]:
        try:
            return check(cobs.decode(encoded)) or ()
        except cobs.DecodeError:
            return ()
