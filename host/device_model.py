# SPDX-License-Identifier: Apache-2.0
"""A whole device in Python: the link's frames in front of the golden engine, byte for byte."""

from collections import deque

from cobs import cobs

from ..golden.config import Configuration
from ..golden.engine import Engine
from ..golden.protocol import (
    CRC_BYTES,
    HEADER_BYTES,
    IDENTIFICATION_HEAD_BYTES,
    REPLY,
    STATUS_BYTES,
    FrameType,
    Header,
    LinkCounters,
    Report,
    Space,
    Status,
    check,
    identification,
)
from .frames import encode

__all__ = ["DeviceModel"]

#: The build id of a device that was not built from Verilog.
GOLDEN_BUILD_ID = bytes(32)


class DeviceModel:
    """Take the bytes that a host sends and return those that the device of a configuration sends.

    Requests are executed as they arrive, so there is always a free slot and ``overruns`` stays 0;
    everything else is as `docs/link.md` has it, with the order of its checks. :meth:`reset` is a
    loss of power: its memories are zero afterwards.

    Parameters
    ----------
    config : Configuration
        The device.
    build_id : bytes, optional
        32 bytes to identify with; zeros by default, as there is no Verilog.
    """

    def __init__(self, config: Configuration, build_id: bytes = GOLDEN_BUILD_ID):
        self.config = config
        self._identification = identification(config, build_id)
        self._frame_limit = HEADER_BYTES + config.link.payload_bytes + CRC_BYTES
        self.reset()

    def reset(self) -> None:
        """Go back to the state after power-up."""
        self.engine = Engine(self.config)
        self.report = Report()
        self._cache: deque[tuple[int, bytes]] = deque(maxlen=self.config.link.cache_depth)
        self._counts = {"frames": 0, "damaged": 0, "repeats": 0}
        self._session = 0
        self._buffer = bytearray()
        self._hunting = True

    @property
    def counters(self) -> LinkCounters:
        """What the link counted."""
        wrapped = {name: count & 0xFFFF_FFFF for name, count in self._counts.items()}
        return LinkCounters(overruns=0, **wrapped)

    def receive(self, data: bytes) -> bytes:
        """Return the frames that answer those which ``data`` completes."""
        replies = bytearray()
        *ended, rest = data.split(b"\0")
        for piece in ended:
            self._append(piece)
            if self._hunting:
                self._hunting = False
            elif self._buffer:  # Nothing between two 00s is no frame.
                replies += self._frame(bytes(self._buffer))
            self._buffer.clear()
        self._append(rest)
        return bytes(replies)

    def _append(self, piece: bytes) -> None:
        """Collect bytes of a frame; no more than show that it is too long to be one."""
        self._buffer += piece[: max(0, 2 * self._frame_limit - len(self._buffer))]

    def _frame(self, encoded: bytes) -> bytes:
        try:
            frame = cobs.decode(encoded)
        except cobs.DecodeError:
            frame = b""
        checked = check(frame) if len(frame) <= self._frame_limit else None
        if checked is None:
            self._counts["damaged"] += 1
            return b""
        header, data = checked
        if header.type != FrameType.HELLO:
            for seq, reply in self._cache:
                if seq == header.seq:
                    self._counts["repeats"] += 1
                    return reply
            count = header.count
        else:
            self._cache.clear()
            count = self._session = self._session or header.count
        self._counts["frames"] += 1
        status, answer = self._execute(header, data)
        encoded = encode(
            Header(type=header.type | REPLY, seq=header.seq, length=len(answer), space=status,
                   count=count, address=header.address), answer)
        self._cache.append((header.seq, encoded))
        return encoded

    def _execute(self, header: Header, data: bytes) -> tuple[Status, bytes]:
        if header.type != FrameType.HELLO and not self._session:
            return Status.NO_SESSION, b""
        match header.type:
            case FrameType.HELLO:
                return Status.OK, self._identification[:IDENTIFICATION_HEAD_BYTES]
            case FrameType.READ | FrameType.WRITE:
                return self._access(header, data)
            case FrameType.RUN:
                return self._run(header)
            case _:
                return Status.UNKNOWN_TYPE, b""

    def _access(self, header: Header, data: bytes) -> tuple[Status, bytes]:
        writing = header.type == FrameType.WRITE
        word = self.config.word_bytes
        writable = (Space.SCRATCHPAD, Space.MEMORY)
        if header.space not in tuple(Space) or (writing and header.space not in writable):
            return Status.BAD_SPACE, b""
        if (not 1 <= header.count <= self.config.link.payload_bytes // word
                or header.length != (header.count * word if writing else 0)):
            return Status.BAD_COUNT, b""
        end = header.address + header.count
        if header.space in writable:
            engine = self.engine
            words = engine.scratchpad if header.space == Space.SCRATCHPAD else engine.memory
            if end > len(words):
                return Status.BAD_ADDRESS, b""
            if not writing:
                return Status.OK, words[header.address : end].tobytes()
            flat = words[header.address : end].reshape(-1)
            flat[:] = memoryview(data)
            return Status.OK, b""
        fixed = self._identification if header.space == Space.IDENTIFICATION else self._status()
        if end * word > len(fixed):
            return Status.BAD_ADDRESS, b""
        return Status.OK, fixed[header.address * word : end * word]

    def _status(self) -> bytes:
        return (self.report.pack() + self.counters.pack()).ljust(STATUS_BYTES, b"\0")

    def _run(self, header: Header) -> tuple[Status, bytes]:
        if header.length or not header.count:
            return Status.BAD_COUNT, b""
        base, repeat = header.address & 0xFFFF_FFFF, header.address >> 32
        self.report = self.engine.run(base, header.count, repeat)
        return Status.REFUSED if self.report.code else Status.OK, self.report.pack()
