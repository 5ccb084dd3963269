# SPDX-License-Identifier: Apache-2.0
"""Models that the link is verified against: of the shell as the host sees it, and of the engine.

Written from docs/link.md and the ``cobs`` package, not from the hardware.
"""

import random

from cobs import cobs

from ...golden.config import Configuration
from ...golden.protocol import (
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
    seal,
)

__all__ = ["EngineModel", "LinkModel", "encode", "random_request"]


def encode(frame: bytes) -> bytes:
    """Return a frame as it goes over the wire."""
    return cobs.encode(frame) + b"\0"


class EngineModel:
    """The engine's host port: two memories, and runs that only say what they were asked to do.

    Parameters
    ----------
    config : Configuration
        Sizes of the memories.
    """

    def __init__(self, config: Configuration):
        self.spaces = {Space.SCRATCHPAD: {}, Space.MEMORY: {}}
        self.runs: list[tuple[int, int, int]] = []
        self._size = config.word_bytes

    def read(self, space: int, address: int) -> int:
        """Return a word; one never written has a value made of its place."""
        pattern = (address * 0x9E3779B97F4A7C15 + space) % (1 << 61)
        return self.spaces[Space(space)].get(address, pattern)

    def write(self, space: int, address: int, word: int) -> None:
        """Write a word."""
        self.spaces[Space(space)][address] = word

    def run(self, base: int, repeat: int, count: int) -> Report:
        """Return the report of a program; one with an odd base is refused."""
        self.runs.append((base, repeat, count))
        number = len(self.runs)
        return Report(code=base % 2 * 3, index=count, cycles=base * repeat, busy=number,
                      elapsed=(1 << 64) - number, operations=repeat)


class LinkModel:
    """The shell: bytes in, frames out. It is never busy; ``overruns`` is the caller's to count.

    Parameters
    ----------
    config : Configuration
        Sizes.
    identification : bytes
        Content of the identification space.
    engine : EngineModel
        What is behind the seam.
    """

    def __init__(self, config: Configuration, identification: bytes, engine: EngineModel):
        self._config, self._identification, self.engine = config, identification, engine
        self._pending: bytes | None = None  # None: hunting
        self._cache: list[tuple[int, bytes]] = []
        self._report = bytes(64)
        self.session = 0
        self.frames = self.damaged = self.overruns = self.repeats = 0

    def feed(self, content: bytes) -> list[bytes]:
        """Take bytes from the host and return the replies, sealed but not encoded."""
        replies = []
        for byte in content:
            if byte:
                if self._pending is not None:
                    self._pending += bytes([byte])
                continue
            if self._pending:
                reply = self._frame(self._pending)
                replies.extend([reply] if reply else [])
            self._pending = b""
        return replies

    def _frame(self, encoded: bytes) -> bytes | None:
        try:
            request = check(cobs.decode(encoded))
        except cobs.DecodeError:
            request = None
        if request is None or request[0].length > self._config.link.payload_bytes:
            self.damaged += 1
            return None
        header, data = request
        count = header.count
        if header.type == FrameType.HELLO:
            self._cache = []
            self.session = count = self.session or count
        for seq, reply in self._cache:
            if seq == header.seq:
                self.repeats += 1
                return reply
        self.frames += 1
        status, content = self._execute(header, data)
        reply = seal(Header(type=header.type | REPLY, seq=header.seq, length=len(content),
                            space=status, count=count, address=header.address), content)
        self._cache = [*self._cache, (header.seq, reply)][-self._config.link.cache_depth :]
        return reply

    def _space(self, space: int) -> bytes:
        if space == Space.IDENTIFICATION:
            return self._identification
        if space == Space.STATUS:
            counters = LinkCounters(frames=self.frames, damaged=self.damaged,
                                    overruns=self.overruns, repeats=self.repeats)
            return (self._report + counters.pack()).ljust(STATUS_BYTES, b"\0")
        return b""

    def _execute(self, header: Header, data: bytes) -> tuple[Status, bytes]:
        size, most = self._config.word_bytes, self._config.link.payload_bytes
        if not self.session and header.type != FrameType.HELLO:
            return Status.NO_SESSION, b""
        match header.type:
            case FrameType.HELLO:
                return Status.OK, self._identification[:IDENTIFICATION_HEAD_BYTES]
            case FrameType.READ | FrameType.WRITE:
                writing = header.type == FrameType.WRITE
                engine = header.space in (Space.SCRATCHPAD, Space.MEMORY)
                if header.space not in set(Space) or (writing and not engine):
                    return Status.BAD_SPACE, b""
                if (not 1 <= header.count <= most // size
                        or len(data) != (header.count * size if writing else 0)):
                    return Status.BAD_COUNT, b""
                content = self._space(header.space)
                words = {Space.SCRATCHPAD: self._config.scratchpad.words,
                         Space.MEMORY: self._config.memory.words}.get(
                             Space(header.space), len(content) // size)
                if header.address + header.count > words:
                    return Status.BAD_ADDRESS, b""
                places = range(header.address, header.address + header.count)
                if writing:
                    for index, place in enumerate(places):
                        word = int.from_bytes(data[index * size : (index + 1) * size], "little")
                        self.engine.write(header.space, place, word)
                    return Status.OK, b""
                if engine:
                    return Status.OK, b"".join(
                        self.engine.read(header.space, place).to_bytes(size, "little")
                        for place in places)
                return Status.OK, content[places.start * size : places.stop * size]
            case FrameType.RUN:
                if header.length or not header.count:
                    return Status.BAD_COUNT, b""
                report = self.engine.run(header.address % (1 << 32), header.address >> 32,
                                          header.count)
                self._report = report.pack()
                return Status.REFUSED if report.code else Status.OK, self._report
        return Status.UNKNOWN_TYPE, b""


def random_request(rng: random.Random, config: Configuration, seq: int) -> bytes:
    """Return a sealed request: most are in order, the others wrong in one field."""
    size, most = config.word_bytes, config.link.payload_bytes
    kind = rng.choice([FrameType.HELLO, *2 * [FrameType.READ], *2 * [FrameType.WRITE],
                       FrameType.RUN])
    if kind == FrameType.HELLO:
        return seal(Header(type=kind, seq=seq, count=rng.choice([0, rng.getrandbits(16)]),
                           address=rng.getrandbits(64)))
    if kind == FrameType.RUN:
        return seal(Header(type=kind, seq=seq, count=rng.choice([1, 2, 65535]),
                           address=rng.getrandbits(64)))
    space = rng.choice([1, 2]) if kind == FrameType.WRITE else rng.choice([0, 1, 1, 2, 2, 3])
    words = {0: 128 // size, 1: config.scratchpad.words, 2: config.memory.words, 3: 128 // size}
    count = rng.choice([1, min(most // size, words[space]), rng.randint(1, most // size)])
    count = min(count, words[space])
    address = rng.choice([0, words[space] - count, rng.randint(0, words[space] - count)])
    data = b""
    if kind == FrameType.WRITE:
        data = bytes(rng.choice([0, 0, 255, rng.randrange(256)]) if rng.random() < 0.1
                     else rng.randint(1, 255) for _ in range(count * size))
    match rng.randrange(16):
        case 0:
            kind = rng.choice([0, 5, 7, 0x82, 255])
        case 1:
            space = rng.choice([0, 3, 4, 6, 255])
        case 2:
            count = rng.choice([0, count + 1, most // size + 1, 0x8001])
        case 3:
            address = rng.choice([words[space], words[space] - count + 1, 1 << 32, 1 << 63])
        case 4:
            data = data[:-1] if data and rng.random() < 0.5 else (data + b"\1")[:most]
    return seal(Header(type=kind, seq=seq, length=len(data), space=space, count=count,
                       address=address), data)
