# SPDX-License-Identifier: Apache-2.0
"""Sources of operations for the engine: programs of descriptors, good ones and refused ones."""

import random
from dataclasses import fields, replace

from ...golden import table
from ...golden.config import Configuration
from ...golden.descriptor import DESCRIPTOR_BYTES, Descriptor, Element
from ...golden.protocol import STATUS_BYTES, FrameType, Header, Space
from ...host.frames import encode
from ...host.link import Link
from .exclusions import COUNTED
from .link_sources import hello, read_words
from .operation_sources import NOP, fill, independent, read_results, write_descriptors
from .script import Recorder

__all__ = ["counters", "programs", "random_descriptor", "refusals"]


def random_descriptor(config: Configuration, rng: random.Random) -> Descriptor:
    """Return a descriptor that runs, with steps and addresses of any kind."""
    trits = rng.random() < 0.3
    planes = 1 if trits else rng.randint(1, 8)
    rows = min(rng.choice([1, rng.randint(1, 30), 2 * config.table.row_block + 5]),
               config.table.max_rows)
    per_tile = table.columns_per_beat(config, trits)
    columns = min(rng.choice([1, per_tile, rng.randint(1, 3 * per_tile)]),
                  table.max_columns(config, planes=planes))
    rows = min(rows, config.memory.words // 2 // (planes * -(-columns // per_tile)))
    half = config.scratchpad.words // 2
    source_words = -(-columns // config.activations_per_word)
    result_words = -(-rows // config.results_per_word)
    source_step = rng.choice([0, source_words, source_words + 1])
    destination_step = rng.choice([0, result_words, result_words + rng.randrange(9)])
    tokens = min(rng.choice([1, 1, 2, 3]), 1 + (half - source_words) // max(1, source_step),
                 1 + (half - result_words) // max(1, destination_step))
    span = (tokens - 1) * source_step + source_words
    source = rng.choice([0, half - span, rng.randint(0, half - span)])
    span = (tokens - 1) * destination_step + result_words
    destination = rng.choice([half, 2 * half - span, rng.randint(half, 2 * half - span)])
    beats = table.beats(config, rows=rows, columns=columns, planes=planes, trits=trits)
    last = config.memory.words - beats
    weights = rng.choice([0, last, rng.randint(0, last)])
    return Descriptor(
        flags=Descriptor.TRITS * trits, source=source, destination=destination, weights=weights,
        rows=rows, columns=columns, planes_stored=planes, planes_used=planes, tokens=tokens,
        source_step=source_step, destination_step=destination_step,
        source_type=Element.INT8 if config.activation_bytes == 1 else Element.INT16)


def programs(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Run programs of several operations and NOPs, repeated, from any place in memory."""
    config, link = recorder.config, Link(recorder)
    fill(link, config, rng)
    words = DESCRIPTOR_BYTES // config.word_bytes
    for _ in range(8 * effort):
        program: list[Descriptor] = []
        wanted = rng.randint(1, 4)
        for _ in range(50):  # of which many are in each other's way
            d = random_descriptor(config, rng) if rng.random() < 0.8 else NOP
            if len(program) < wanted and independent(config, [*program, d]):
                program.append(d)
        last = config.memory.words - len(program) * words
        base = rng.choice([0, last, rng.randint(0, last)])
        write_descriptors(link, base, program)
        report = link.run(base, len(program), rng.choice([1, 1, 2, 3]))
        read_results(link, config, program[: report.operations])
    link.read(Space.SCRATCHPAD, 0, config.scratchpad.words)


def refusals(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Put every field of a good descriptor out of its range, bit by bit, and at its very edge."""
    config, link = recorder.config, Link(recorder)
    link.write(Space.MEMORY, 0, bytes(DESCRIPTOR_BYTES))
    names = [field.name for field in fields(Descriptor)]
    small = Descriptor(
        rows=3, columns=5, source_step=0, destination_step=2, destination=8,
        weights=16, source_type=Element.INT8 if config.activation_bytes == 1 else Element.INT16)

    def attempt(*program: Descriptor, count: int | None = None, repeat: int = 1) -> None:
        base = rng.randrange(config.memory.words // 4)
        write_descriptors(link, base, list(program))
        link.run(base, len(program) if count is None else count, repeat)

    for bit in range(8 * DESCRIPTOR_BYTES - 104, 8 * DESCRIPTOR_BYTES):  # those that are reserved
        base = rng.randrange(config.memory.words // 4)
        link.write(Space.MEMORY, base, (int.from_bytes(small.pack(), "little") | 1 << bit).to_bytes(
            DESCRIPTOR_BYTES, "little"))
        link.run(base, 1, 1)
    for name in names:
        size = {"B": 8, "H": 16, "I": 32}[_format(name)]
        for bit in range(size):
            value = getattr(small, name) ^ 1 << bit
            if name == "multiplier" and bit == 15:
                value = -1 << 15
            attempt(replace(small, **{name: value}))
        attempt(small, replace(small, **{name: getattr(small, name) + 1}), small)
    _nops(link, config, rng)
    # Edges of what is allowed, both sides.
    t = config.table
    for planes in range(1, 9):
        most = table.max_columns(config, planes=planes)
        for columns in (most, most + 1):
            attempt(replace(small, planes_stored=planes, planes_used=planes, columns=columns))
    for changes in (
            {"rows": t.max_rows}, {"rows": t.max_rows + 1}, {"columns": t.max_columns},
            {"columns": t.max_columns + 1}, {"tokens": 3}, {"tokens": 65535, "source_step": 0},
            {"flags": 1, "planes_stored": 2, "planes_used": 2}, {"opcode": 0}):
        attempt(replace(small, **changes))
    for space, key, step in ((config.scratchpad.words, "source", "source_step"),
                             (config.scratchpad.words, "destination", "destination_step"),
                             (config.memory.words, "weights", "source_step")):
        size = {"source": -(-5 // config.activations_per_word),
                "destination": -(-3 // config.results_per_word), "weights": 3}[key]
        for delta in (-1, 0, 1):
            attempt(replace(small, **{key: space - size + delta}))
            attempt(replace(small, tokens=2, **{step: 4, key: space - size - 4 + delta}))
    # Programs that do not lie in memory, or are empty.
    last = config.memory.words - DESCRIPTOR_BYTES // config.word_bytes
    for base, count, repeat in ((last, 1, 1), (last + 1, 1, 1), (0, 65535, 1), (2**32 - 1, 1, 1),
                                (0, 1, 0), (0, 3, 0), (last, 2, 3)):
        link.run(base, count, repeat)
    for _ in range(24 * effort):  # wide products in the check of the addresses
        attempt(replace(small, tokens=rng.getrandbits(16) | 1 << 15, **{
            rng.choice(["source_step", "destination_step"]): rng.getrandbits(32) | 1 << 31}))
    for _ in range(8 * effort):  # a refused one, however often
        attempt(small, replace(small, rows=0), repeat=rng.getrandbits(32) | 1)


def _nops(link: Link, config: Configuration, rng: random.Random) -> None:
    """Run NOPs with one bit set, each bit once: only those of the opcode may be more than refused.

    And programs of every length, at addresses that have every bit.
    """
    words = DESCRIPTOR_BYTES // config.word_bytes
    bits = range(8, 8 * DESCRIPTOR_BYTES)
    step = min(len(bits), config.memory.words // words)
    for first in range(0, len(bits), step):
        chosen = bits[first : first + step]
        link.write(Space.MEMORY, 0, b"".join(
            (1 << bit).to_bytes(DESCRIPTOR_BYTES, "little") for bit in chosen))
        for index in range(len(chosen)):
            link.run(index * words, 1)
    size = max(config.memory.words // 2, min(config.memory.words, 640 * words))
    link.write(Space.MEMORY, 0, bytes(size * config.word_bytes))
    most = size // words
    for repeat in (3, 7, 131, 515):
        link.run(0, 1, repeat)
    if most >= 640:
        link.run(0, 600, 1)
    write_descriptors(link, 0, [NOP] * 70 + [replace(NOP, opcode=2)])
    for count in (70, 71):  # the second has one that is refused far behind the first
        link.run(0, count, 1)
    write_descriptors(link, 0, [NOP] * 71)
    for bit in range(16):  # whole programs of NOPs, and those that do not fit
        link.run(rng.choice([0, 1, words]), 1 << bit, 1 if 1 << bit < most else 0)
    for bit in range(32):
        link.run(1 << bit, 1, 1 if 1 << bit < config.memory.words // 2 - words else 0)
        link.run(0, 1, min(1 << bit, 300))


def counters(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Let every counter reach the bits that coverage counts; a small program brings it back."""
    config, link = recorder.config, Link(recorder)
    fill(link, config, rng)
    columns, planes = min(table.max_columns(config, planes=8), 512), 8
    rows = min(config.table.row_block, 64, config.scratchpad.words // 2 * config.results_per_word)
    beats = table.beats(config, rows=rows, columns=columns, planes=planes, trits=False)
    scaled = config.table.scaled  # then most results saturate
    tokens = (5 << COUNTED["cycles"] - 2) // beats
    long = replace(random_descriptor(config, rng), flags=Descriptor.SATURATE * scaled,
                   source=0, weights=64, destination=config.scratchpad.words // 2, rows=rows,
                   columns=columns,
                   planes_stored=planes, planes_used=planes, tokens=tokens, source_step=0,
                   destination_step=0, multiplier=32767 * scaled, shift=0)
    write_descriptors(link, 0, [NOP, long])
    for base, count, repeat in ((0, 2, 1), (0, 1, 5 << COUNTED["operations"] - 2), (0, 1, 1)):
        link.run(base, count, repeat)
        link.read(Space.STATUS, 0, min(link.words_per_frame, STATUS_BYTES // config.word_bytes))
    events = (1 << COUNTED["events"]) + 8
    recorder.write(b"\1\0" * events)  # damaged
    for _ in range(events):
        link.read(Space.SCRATCHPAD, 0, 1)
    frame = read_words(7, Space.SCRATCHPAD, 0, 1)
    for _ in range(events):  # repeats
        recorder.write(frame)
    recorder.write(hello(rng))
    reads = b"".join(read_words(1000 + index, Space.SCRATCHPAD, 0, 1) for index in range(events))
    run = encode(Header(type=FrameType.RUN, seq=99, count=1, address=len(reads) // 8 << 32))
    recorder.send_lossy(run + reads)
    recorder.write(hello(rng))
    counters_ = 64 // config.word_bytes
    link.read(Space.STATUS, counters_, max(1, 16 // config.word_bytes))


def _format(name: str) -> str:
    """Return the struct format of a field."""
    wide = {"source", "destination", "weights", "scales", "rows", "columns", "source_step",
            "destination_step", "reserved_52", "reserved_56", "reserved_60"}
    half = {"group", "tokens", "source_stride", "destination_stride", "multiplier"}
    return "I" if name in wide else "H" if name in half else "B"
