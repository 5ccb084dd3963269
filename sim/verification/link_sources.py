# SPDX-License-Identifier: Apache-2.0
"""Sources of operations for the link: good and wrong requests, damage, overruns, resets."""

import random
import zlib
from itertools import count

from cobs import cobs

from ...golden.config import Configuration
from ...golden.protocol import REPORT_BYTES, STATUS_BYTES, FrameType, Header, Space, seal
from ...host.frames import encode
from .script import Recorder

__all__ = ["bursts", "damage", "headers", "hello", "limits", "overruns", "read_words", "resets",
           "status"]


def hello(rng: random.Random) -> bytes:
    """Return the bytes that bring a link to a known state."""
    return b"\0\0" + encode(Header(type=FrameType.HELLO, seq=0, address=rng.getrandbits(64)))


def read_words(seq: int, space: Space, address: int, words: int) -> bytes:
    """Return a READ."""
    return encode(Header(type=FrameType.READ, seq=seq, space=space, address=address, count=words))


def _write(config: Configuration, seq: int, space: Space, address: int, data: bytes) -> bytes:
    return encode(Header(type=FrameType.WRITE, seq=seq, space=space, address=address,
                         count=len(data) // config.word_bytes, length=len(data)), data)


def _most(config: Configuration) -> int:
    """Words that a frame holds."""
    return config.link.payload_bytes // config.word_bytes


def _content(rng: random.Random, size: int) -> bytes:
    """Return bytes of every kind that COBS cares for."""
    kind = rng.randrange(6)
    if kind == 0:
        return bytes(size)
    if kind == 1:
        return bytes(rng.choices(range(1, 256), k=size))
    if kind == 2:
        return bytes(rng.choices([0, 0, 255, 1], k=size))
    return rng.randbytes(size)


def request(rng: random.Random, config: Configuration, seq: int) -> bytes:
    """Return a request on the wire; every second one is wrong somewhere."""
    most, word = _most(config), config.word_bytes
    words = {Space.IDENTIFICATION: 128 // word, Space.SCRATCHPAD: config.scratchpad.words,
             Space.MEMORY: config.memory.words, Space.STATUS: STATUS_BYTES // word}
    kind = rng.choice([FrameType.READ, FrameType.WRITE, FrameType.WRITE])
    space = rng.choice(list(words)) if kind == FrameType.READ else rng.choice(
        [Space.SCRATCHPAD, Space.MEMORY])
    number = min(rng.choice([1, most, rng.randint(1, most)]), words[space])
    address = rng.choice([0, words[space] - number, rng.randint(0, words[space] - number)])
    data = _content(rng, number * word) if kind == FrameType.WRITE else b""
    fields = {"type": kind, "space": space, "count": number, "address": address}
    match rng.randrange(20):
        case 0:
            fields["type"] = rng.choice([0, 5, 7, 0x40, 0x82, 255, rng.randrange(256)])
            if fields["type"] in tuple(FrameType):
                fields["type"] = 0
        case 1:
            fields["space"] = rng.choice([4, 5, 8, 16, 32, 64, 128, 255, rng.randrange(4, 256)])
        case 2:
            fields["count"] = rng.choice([0, number + 1, most + 1, number | 1 << rng.randrange(16)])
        case 3:
            fields["address"] = rng.choice([
                words[space], words[space] - number + 1, address | 1 << rng.randrange(64)])
        case 4:
            data = data[:-1] if data and rng.random() < 0.5 else (
                data + b"\1")[: config.link.payload_bytes]
        case 5:
            fields["space"] = rng.choice([Space.IDENTIFICATION, Space.STATUS])
        case 6:
            fields = {"type": FrameType.RUN, "count": rng.choice([0, 1]), "address": 1 << 63}
            data = data if rng.random() < 0.5 and data else b""
            fields["count"] = 0 if not data else 1  # refused without a run
        case 7:
            return encode(Header(type=FrameType.HELLO, seq=seq, address=rng.getrandbits(64)))
    return encode(Header(seq=seq, length=len(data), **fields), data)


def bursts(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Send as many requests at once as the window allows, some of them again, in ragged chunks."""
    config = recorder.config
    recorder.write(hello(rng))
    sent: list[bytes] = []
    for _ in range(100 * effort):
        recorder.pins = rng.choice([(0, 0), (0, 0), (60, 0), (0, 120), (100, 100)])
        batch = []
        for _ in range(rng.randint(1, config.link.window)):
            if sent and rng.random() < 0.25:
                batch.append(rng.choice(sent[-2 * config.link.cache_depth :]))
            else:
                batch.append(request(rng, config, rng.getrandbits(16)))
                sent.append(batch[-1])
        data = b"".join(batch)
        if rng.random() < 0.2:  # in two steps, with a pause where the first has no reply
            cut = rng.randrange(len(data))
            recorder.write(data[:cut])
            recorder.write(data[cut:])
        else:
            recorder.write(data)
        if rng.random() < 0.5:  # one of the last again, alone, and again after a while
            again = rng.choice(sent[-config.link.cache_depth :])
            for _ in range(rng.randint(1, 2)):
                recorder.write(b"\0" * rng.randrange(4) + again)
        elif len(sent) >= config.link.cache_depth:  # the oldest again, and one that takes its place
            new = request(rng, config, rng.getrandbits(16))
            recorder.write(sent[-config.link.cache_depth] + new if config.link.window > 1 else new)
            sent.append(new)
            recorder.write(sent[-config.link.cache_depth])  # the oldest that is left
    recorder.pins = (0, 0)
    status(recorder, rng)


def status(recorder: Recorder, rng: random.Random, effort: int = 1) -> None:
    """Read the whole status space."""
    recorder.write(hello(rng))
    word = recorder.config.word_bytes
    for first in range(0, STATUS_BYTES // word, _most(recorder.config)):
        words = min(_most(recorder.config), STATUS_BYTES // word - first)
        recorder.write(read_words(rng.getrandbits(16), Space.STATUS, first, words))
    recorder.write(read_words(1, Space.STATUS, REPORT_BYTES // word, max(1, 16 // word)))


def damage(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Damage requests in every way, and send a good one after each."""
    config = recorder.config
    recorder.write(hello(rng))
    for seq in range(60 * effort):
        frame = bytearray(request(rng, config, 2 * seq))
        place = rng.randrange(len(frame) - 1)
        match seq % 8:
            case 0 | 1:
                frame[place] ^= 1 << rng.randrange(8)
            case 2:
                frame.insert(place, rng.randrange(256))
            case 3:
                del frame[place : place + rng.choice([1, 1, 3, 100])]
            case 4:
                frame[place] = rng.choice([0, 1, 255])
            case 5:  # too short, with a right CRC
                frame = bytearray(cobs.encode(seal(Header(type=FrameType.READ, seq=seq))[
                    : rng.randrange(20)]))
            case 6:
                frame = bytearray(rng.randbytes(rng.randrange(1, 60)))
            case 7:
                frame = bytearray(encode(
                    Header(type=FrameType.READ, seq=seq, length=rng.getrandbits(16)),
                    rng.randbytes(rng.randrange(config.link.payload_bytes + 1))))
        # Piece by piece: more than one good frame may have come of it.
        for piece in bytes(frame + b"\0").split(b"\0"):
            recorder.write(piece + b"\0")
        recorder.write(request(rng, config, 2 * seq + 1))
    status(recorder, rng)
    recorder.write(b"\1\0" * 300)
    status(recorder, rng)


def limits(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Frames as long as they may be, and longer; long groups; long silence in mid-frame."""
    config, numbers = recorder.config, count(1)
    recorder.write(hello(rng))
    most, word = config.link.payload_bytes, config.word_bytes
    for size in (most, most + word, most + 1, 2 * most, 4 * most + 300):
        for fill in (0, 1, 255):
            data = bytes([fill]) * size
            recorder.write(encode(Header(
                type=FrameType.WRITE, seq=next(numbers), length=size, space=Space.SCRATCHPAD,
                count=most // word), data))
            recorder.write(read_words(next(numbers), Space.SCRATCHPAD, 0, _most(config)))
    half = most // 2 // word * word  # zeros, then none: a slow host takes many short groups
    for data in (bytes(half) + b"\1" * (most - half), b"\1" * (most - half) + bytes(half)):
        recorder.pins = (0, 235)
        recorder.write(_write(config, next(numbers), Space.SCRATCHPAD, 0, data))
        recorder.write(read_words(next(numbers), Space.SCRATCHPAD, 0, _most(config)))
    recorder.pins = (0, 0)
    recorder.write(b"\1" * 66_000 * min(effort, 2) + b"\0")  # counts that wrap
    recorder.write(read_words(next(numbers), Space.MEMORY, 0, 1))
    for space, words in ((Space.SCRATCHPAD, config.scratchpad.words),
                         (Space.MEMORY, config.memory.words)):
        for bit in range((words - 1).bit_length()):  # every address line
            data = rng.randbytes(word)
            recorder.write(_write(config, next(numbers), space, 1 << bit, data))
        for bit in range((words - 1).bit_length()):
            recorder.write(read_words(next(numbers), space, 1 << bit, 1))
    status(recorder, rng)


def headers(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Change every bit of a header, and every two neighbours; spoil every bit of a CRC alone."""
    config, numbers = recorder.config, count(1)
    recorder.write(hello(rng))
    for name, bits in (("type", 7), ("space", 8), ("count", 16), ("address", 64), ("seq", 16)):
        for bit in range(bits):
            for change in (1 << bit, 3 << bit & (1 << bits) - 1):
                fields = {"type": int(FrameType.READ), "seq": next(numbers), "count": 1,
                          "space": int(Space.SCRATCHPAD), "address": 0}
                fields[name] ^= change
                if fields["type"] not in (FrameType.WRITE, FrameType.RUN):
                    recorder.write(encode(Header(**fields)))
        recorder.write(hello(rng))
    for name, good in (("space", range(4)), ("type", (FrameType.HELLO, FrameType.READ,
                                                      FrameType.WRITE, FrameType.RUN))):
        for value in good:
            for bit in range(max(good).bit_length(), 7):
                fields = {"type": int(FrameType.READ), "seq": next(numbers), "count": 1,
                          "space": int(Space.SCRATCHPAD)} | {name: value | 1 << bit}
                recorder.write(encode(Header(**fields)))
    for size in {1, config.link.width} | set(range(config.link.width)):
        frame = seal(Header(type=FrameType.WRITE, seq=next(numbers), length=size), bytes(size))
        for pattern in _crc_patterns(frame, config.link.width):
            spoilt = frame[:-4] + (int.from_bytes(frame[-4:], "little") ^ pattern).to_bytes(
                4, "little")
            recorder.write(cobs.encode(spoilt) + b"\0")
        recorder.write(cobs.encode(frame) + b"\0")
    status(recorder, rng)


def _crc_patterns(frame: bytes, width: int) -> list[int]:
    """Return changes of a frame's CRC, each of which changes one bit of the receiver's register.

    The receiver fills the last word with zeros, or takes a word of them.
    """
    zeros = bytes(width - len(frame) % width)
    right = zlib.crc32(frame + zeros)
    rows = []  # what a bit of the field does to the register, and which bit it is
    for bit in range(32):
        field = int.from_bytes(frame[-4:], "little") ^ 1 << bit
        changed = frame[:-4] + field.to_bytes(4, "little") + zeros
        rows.append((zlib.crc32(changed) ^ right, 1 << bit))
    for bit in range(32):  # Gauss and Jordan
        pivot = next(i for i in range(bit, 32) if rows[i][0] >> bit & 1)
        rows[bit], rows[pivot] = rows[pivot], rows[bit]
        rows = [(a ^ rows[bit][0], b ^ rows[bit][1]) if i != bit and a >> bit & 1 else (a, b)
                for i, (a, b) in enumerate(rows)]
    return [source for _, source in rows]


def overruns(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Send more than the window holds while a program runs, or while the output waits."""
    config = recorder.config
    word = config.word_bytes
    for turn in range(4 * effort):
        recorder.write(hello(rng))
        nop = bytes(64)
        for first in range(0, 64, config.link.payload_bytes):
            data = nop[first : first + config.link.payload_bytes]
            recorder.write(_write(config, 1 + first, Space.MEMORY, first // word, data))
        many = 3 * config.link.window + 3
        reads = b"".join(read_words(100 + index, Space.SCRATCHPAD, index, 1)
                         for index in range(many))
        repeat = len(reads) // 8 + 40  # a NOP takes more than 8 cycles
        run = encode(Header(type=FrameType.RUN, seq=99, count=1, address=repeat << 32))
        recorder.pins = (0, 0) if turn % 2 else (0, 100)
        recorder.send_lossy(run + reads)
        recorder.pins = (0, 0)
        recorder.write(hello(rng))
        if turn % 2:
            reads = b"".join(read_words(200 + index, Space.SCRATCHPAD, 0, _most(config))
                             for index in range(4 * (config.link.window + 2)))
            recorder.pins = (0, 235)
            recorder.send_lossy(reads)
            recorder.pins = (0, 0)
        status(recorder, rng)


def resets(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Reset in the middle of frames, replies and programs; the first 00 after it counts."""
    config = recorder.config
    for turn in range(8 * effort):
        recorder.write(hello(rng))
        frame = read_words(5, Space.SCRATCHPAD, 0, _most(config))
        match turn % 3:
            case 0:  # in mid-frame
                cut = rng.randrange(len(frame))
                recorder.cut(frame[:cut], rng.randint(1, 60))
            case 1:  # in mid-reply, or before it
                recorder.cut(frame, rng.randint(len(frame), 300))
            case 2:  # in mid-program, which changes nothing
                run = encode(Header(type=FrameType.RUN, seq=9, count=1, address=1000 << 32))
                recorder.cut(run, rng.randint(50, 600))
        recorder.write(rng.choice([b"", b"\1\2", frame[-3:-1]]) + b"\0")  # hunted over
        recorder.write(request(rng, config, 7))
        status(recorder, rng)
