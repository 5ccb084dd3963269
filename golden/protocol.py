# SPDX-License-Identifier: Apache-2.0
"""The link protocol: constants and layouts that hardware, golden device and driver share.

A frame is ``COBS(header, data, CRC32) 00``. All integers are little-endian. The header is 16 bytes:

====== ====== ============================================================================
offset bytes  field
====== ====== ============================================================================
0      1      ``type``: a :class:`FrameType`; a reply sets bit 7
1      2      ``seq``: chosen by the host, echoed in the reply
3      2      ``length``: bytes of data after the header, at most ``link.payload_bytes``
5      1      request: ``space``, a :class:`Space`; reply: ``status``, a :class:`Status`
6      2      ``count``: words (READ, WRITE) or descriptors (RUN), echoed in the reply; the
              session (HELLO)
8      8      ``address``: first word (READ, WRITE); base | repeat << 32 (RUN);
              a nonce (HELLO); echoed in the reply
====== ====== ============================================================================

The CRC is CRC-32/ISO-HDLC (``zlib.crc32``) over header and data, little-endian. COBS: Cheshire and
Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking 7 (2), 1999.

Rules. The receiver drops everything up to a 00, then takes frames. A frame that is too long, too
short, whose ``length`` disagrees with its size, or whose CRC is wrong is dropped and counted. Every
other request gets exactly one reply with its ``seq``. A request whose ``seq`` is that of a cached
reply gets that reply again and is not executed; HELLO is always executed and empties the cache
first. Requests are executed in order of arrival. The device holds ``link.window`` requests; more
are dropped and counted, so a host never has more outstanding.

Sessions. A device that was reset has lost its replies, so that it would execute a repeated request
again, and perhaps its memories. It has session 0 then, and answers everything but HELLO with
``NO_SESSION``. A HELLO gives a device of session 0 the session in its ``count``, which the host
chooses, not 0; a device that has one keeps it. The reply's ``count`` is the session of the device,
so a host that meets another than before knows of the reset.
"""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from .config import IDENTIFICATION_HEAD_BYTES, Configuration

__all__ = [
    "CRC_BYTES",
    "HEADER_BYTES",
    "IDENTIFICATION_HEAD_BYTES",
    "MAGIC",
    "MOST_MALFORMED",
    "PROTOCOL_VERSION",
    "REPLY",
    "REPORT_BYTES",
    "STATUS_BYTES",
    "FrameType",
    "Header",
    "Identification",
    "LinkCounters",
    "Report",
    "Space",
    "Status",
    "check",
    "identification",
    "seal",
]

PROTOCOL_VERSION = 3
MAGIC = b"LUTHIER\0"
HEADER_BYTES = 16
CRC_BYTES = 4
#: Bit that a reply sets in ``type``.
REPLY = 0x80
#: Bytes of a :class:`Report`, the data of a reply to RUN.
REPORT_BYTES = 64
#: Bytes of the status space: the last report, then the link's counters.
STATUS_BYTES = 128
#: Of ``malformed`` in a report; more are not counted.
MOST_MALFORMED = 65535

_HEADER = struct.Struct("<BHHBHQ")
_HEAD = struct.Struct("<8sHHHBBI12x32s32sII24x")
_REPORT = struct.Struct("<HHIQQQQQQQ")
_COUNTERS = struct.Struct("<IIII")


class FrameType(IntEnum):
    """What a frame asks for."""

    HELLO = 1  #: begin a session; reply data: the identification head, 128 bytes
    READ = 2  #: reply data: ``count`` words
    WRITE = 3  #: data: ``count`` words
    RUN = 4  #: run a program; reply data: a report, 64 bytes, when it has ended


class Space(IntEnum):
    """Address spaces of READ and WRITE, addressed in words of D bits."""

    IDENTIFICATION = 0  #: read-only: head (128 bytes), then the canonical JSON, zero-padded
    SCRATCHPAD = 1
    MEMORY = 2
    STATUS = 3  #: read-only: last report (64 bytes), then :class:`LinkCounters`, zero-padded to 128


class Status(IntEnum):
    """Outcome in a reply."""

    OK = 0
    UNKNOWN_TYPE = 1
    BAD_SPACE = 2  #: no such space, or not writable
    BAD_COUNT = 3  #: zero, more than a frame holds, or not what ``length`` says
    BAD_ADDRESS = 4  #: the words are not all inside the space
    REFUSED = 5  #: RUN: a descriptor was refused; the report says which and why
    NO_SESSION = 6  #: the device was reset and has seen no HELLO since; nothing was done


@dataclass(frozen=True, kw_only=True)
class Header:
    """The first 16 bytes of a frame. ``space`` holds the status in a reply."""

    type: int
    seq: int
    length: int = 0
    space: int = 0
    count: int = 0
    address: int = 0

    def pack(self) -> bytes:
        """Return the 16 bytes."""
        return _HEADER.pack(self.type, self.seq, self.length, self.space, self.count, self.address)

    @classmethod
    def unpack(cls, data: bytes) -> "Header":
        """Read the first 16 bytes of ``data``; ValueError if there are fewer."""
        if len(data) < HEADER_BYTES:
            raise ValueError(f"a header has {HEADER_BYTES} bytes, not {len(data)}")
        type_, seq, length, space, count, address = _HEADER.unpack_from(data)
        return cls(type=type_, seq=seq, length=length, space=space, count=count, address=address)


def seal(header: Header, data: bytes = b"") -> bytes:
    """Return header, data and CRC: the frame before COBS."""
    body = header.pack() + data
    return body + zlib.crc32(body).to_bytes(CRC_BYTES, "little")


def check(frame: bytes) -> tuple[Header, bytes] | None:
    """Return header and data of a frame after COBS decoding, or None if it is damaged."""
    if len(frame) < HEADER_BYTES + CRC_BYTES:
        return None
    body, crc = frame[:-CRC_BYTES], frame[-CRC_BYTES:]
    header = Header.unpack(body)
    damaged = zlib.crc32(body) != int.from_bytes(crc, "little")
    if damaged or header.length != len(body) - HEADER_BYTES:
        return None
    return header, body[HEADER_BYTES:]


@dataclass(frozen=True, kw_only=True)
class Identification:
    """What a device says of itself in the first 128 bytes of the identification space.

    ====== ====== =================================================
    offset bytes  field
    ====== ====== =================================================
    0      8      magic ``LUTHIER\\0``
    8      2      protocol version
    10     2      D, bits per word
    12     2      ``link.payload_bytes``
    14     1      ``link.window``
    15     1      ``link.cache_depth``
    16     4      bytes of the canonical JSON, which follows the head
    20     12     zero
    32     32     configuration hash
    64     32     build id: SHA-256 of the Verilog with this field zero
    96     4      words of the scratchpad
    100    4      words of the device memory
    104    24     zero
    ====== ====== =================================================
    """

    protocol: int
    beat_bits: int
    payload_bytes: int
    window: int
    cache_depth: int
    json_bytes: int
    config_hash: bytes
    build_id: bytes
    scratchpad_words: int
    memory_words: int

    def pack(self) -> bytes:
        """Return the 128 bytes."""
        return _HEAD.pack(
            MAGIC, self.protocol, self.beat_bits, self.payload_bytes, self.window,
            self.cache_depth, self.json_bytes, self.config_hash, self.build_id,
            self.scratchpad_words, self.memory_words)

    @classmethod
    def unpack(cls, data: bytes) -> "Identification":
        """Read the first 128 bytes of ``data``.

        Raises
        ------
        ValueError
            If there are fewer bytes or the magic is another.
        """
        if len(data) < _HEAD.size:
            raise ValueError(f"an identification has {_HEAD.size} bytes, not {len(data)}")
        magic, *fields = _HEAD.unpack_from(data)
        if magic != MAGIC:
            raise ValueError(f"the identification begins with {magic!r}, not {MAGIC!r}")
        names = ("protocol", "beat_bits", "payload_bytes", "window", "cache_depth", "json_bytes",
                 "config_hash", "build_id", "scratchpad_words", "memory_words")
        return cls(**dict(zip(names, fields, strict=True)))


def identification(config: Configuration, build_id: bytes) -> bytes:
    """Return the whole identification space: head and JSON, zero-padded to words.

    ``build_id`` has 32 bytes.
    """
    text = config.canonical_json().encode()
    head = Identification(
        protocol=PROTOCOL_VERSION, beat_bits=config.table.beat_bits,
        payload_bytes=config.link.payload_bytes, window=config.link.window,
        cache_depth=config.link.cache_depth, json_bytes=len(text), config_hash=config.hash,
        build_id=build_id, scratchpad_words=config.scratchpad.words,
        memory_words=config.memory.words)
    content = head.pack() + text
    return content + bytes(-len(content) % config.word_bytes)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a RUN did: the 64 bytes of its reply.

    ====== ====== ==========================================================================
    offset bytes  field
    ====== ====== ==========================================================================
    0      2      ``code``: 0, or why a descriptor was refused (``descriptor.Refusal``)
    2      2      ``malformed``: words of sparse weights with a defect, up to 65535
    4      4      ``index``: of the refused descriptor; else descriptors completed
    8      8      ``cycles``: sum over operations, dispatch to last result written
    16     8      ``busy``: cycles in which the unit took a weight beat
    24     8      ``starved``: cycles in which the unit waited for a weight beat
    32     8      ``blocked``: cycles in which the unit waited for room for results
    40     8      ``saturations``
    48     8      ``elapsed``: cycles from RUN to the end, descriptor fetch included
    56     8      ``operations`` completed
    ====== ====== ==========================================================================
    """

    code: int = 0
    malformed: int = 0
    index: int = 0
    cycles: int = 0
    busy: int = 0
    starved: int = 0
    blocked: int = 0
    saturations: int = 0
    elapsed: int = 0
    operations: int = 0

    def pack(self) -> bytes:
        """Return the 64 bytes."""
        return _REPORT.pack(self.code, self.malformed, self.index, self.cycles, self.busy,
                            self.starved, self.blocked, self.saturations, self.elapsed,
                            self.operations)

    @classmethod
    def unpack(cls, data: bytes) -> "Report":
        """Read the first 64 bytes of ``data``."""
        return cls(**dict(zip(
            ("code", "malformed", "index", "cycles", "busy", "starved", "blocked", "saturations",
             "elapsed", "operations"), _REPORT.unpack_from(data), strict=True)))


@dataclass(frozen=True, kw_only=True)
class LinkCounters:
    """Bytes 64 to 79 of the status space: four u32 that wrap, zero after reset."""

    frames: int = 0  #: good requests executed
    damaged: int = 0  #: frames dropped: COBS, size, length or CRC
    overruns: int = 0  #: good frames dropped because no slot was free
    repeats: int = 0  #: requests answered from the cache

    def pack(self) -> bytes:
        """Return the 16 bytes."""
        return _COUNTERS.pack(self.frames, self.damaged, self.overruns, self.repeats)

    @classmethod
    def unpack(cls, data: bytes) -> "LinkCounters":
        """Read the first 16 bytes of ``data``."""
        frames, damaged, overruns, repeats = _COUNTERS.unpack_from(data)
        return cls(frames=frames, damaged=damaged, overruns=overruns, repeats=repeats)
