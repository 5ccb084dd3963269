# SPDX-License-Identifier: Apache-2.0
"""Sources of operations of all kinds, alone and in chains that tokens order."""

import random
from dataclasses import replace
from itertools import combinations, product
from typing import Any

import numpy as np

from ...golden import table
from ...golden.config import Configuration
from ...golden.descriptor import (
    DESCRIPTOR_BYTES,
    LARGEST_SHIFT,
    TOKEN_QUEUES,
    Descriptor,
    result_words,
    source_words,
)
from ...golden.protocol import Space
from ...golden.records import groups_per_tile, pack_scales, scale_words
from ...host.link import Link
from ..operations import random_operation, random_program
from .script import Recorder

__all__ = [
    "NOP",
    "behind",
    "chains",
    "corners",
    "fill",
    "independent",
    "operations",
    "read_results",
    "ties",
    "write_descriptors",
]

NOP = Descriptor.unpack(bytes(DESCRIPTOR_BYTES))


def write_descriptors(link: Link, address: int, descriptors: list[Descriptor]) -> None:
    """Put a program into the device memory."""
    link.write(Space.MEMORY, address, b"".join(d.pack() for d in descriptors))


def fill(link: Link, config: Configuration, rng: random.Random) -> None:
    """Put anything into both memories: weights of any operation, and activations."""
    for space, words in ((Space.SCRATCHPAD, config.scratchpad.words),
                         (Space.MEMORY, min(config.memory.words, 4096))):
        size = words * config.word_bytes
        # COBS has less to do with few zeros; the link's own sources care for those.
        link.write(space, 0, rng.randbytes(size))
        link.write(space, 0, rng.randbytes(min(size, 1024)))


def _results(config: Configuration, d: Descriptor) -> range:
    """Return the words from an operation's first result to its last."""
    size = result_words(config, d)
    return range(d.destination, d.destination + (d.tokens - 1) * d.destination_step + size)


def _activations(config: Configuration, d: Descriptor) -> range:
    size = source_words(config, d)
    return range(d.source, d.source + (d.tokens - 1) * d.source_step + size)


def _share(a: range, b: range) -> bool:
    return a.start < b.stop and b.start < a.stop


def independent(config: Configuration, program: list[Descriptor]) -> bool:
    """Whether no operation's results share a word with another operation's vectors.

    Without tokens, the results are only defined then, because operations overlap.
    """
    return not any(
        _share(_results(config, a), words)
        for pair in combinations([d for d in program if d.opcode], 2)
        for a, b in (pair, pair[::-1])
        for words in (_results(config, b), _activations(config, b)))


def read_results(link: Link, config: Configuration, program: list[Descriptor]) -> None:
    """Read what a program of good operations has written, and what stands between."""
    for d in program:
        if d.opcode:
            words = _results(config, d)
            link.read(Space.SCRATCHPAD, words.start, len(words))


def _numpy(rng: random.Random) -> np.random.Generator:
    return np.random.default_rng(rng.getrandbits(32))


def operations(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Run operations of every kind, one at a time, on whatever weights and scales are in memory.

    Every fourth has contents of its own, made for its shape.
    """
    config, link = recorder.config, Link(recorder)
    fill(link, config, rng)
    filled = min(config.memory.words, 4096)
    for index in range(64 * effort):
        recorder.pins = rng.choice([(0, 0), (0, 0), (0, 0), (60, 60)])
        d = random_operation(config, _numpy(rng))
        if d.tokens == 1:  # which makes the steps meaningless
            d = replace(d, source_step=rng.getrandbits(32), destination_step=rng.getrandbits(32))
        if index % 4 == 0:
            _with_contents(link, config, rng, [d])
            continue
        beats, scales = _sizes(config, d)
        base = rng.randrange(config.memory.words - DESCRIPTOR_BYTES // config.word_bytes)
        d = replace(d, weights=rng.randint(0, max(0, filled - beats)),
                    scales=rng.randint(0, max(0, filled - scales)) if d.scaled else 0)
        if rng.random() < 0.2:
            d = replace(d, weights=config.memory.words - beats,
                        scales=config.memory.words - scales if d.scaled else 0)
        write_descriptors(link, base, [d])
        link.run(base, 1, 1)
        read_results(link, config, [d])
    link.read(Space.SCRATCHPAD, 0, config.scratchpad.words)


def _sizes(config: Configuration, d: Descriptor) -> tuple[int, int]:
    """Return the words of an operation's weights and of its scale records."""
    beats = table.beats(config, rows=d.rows, columns=d.columns, planes=d.planes_stored,
                        trits=d.trits)
    return beats, scale_words(config, rows=d.rows, columns=d.columns, group=d.group,
                              trits=d.trits, offsets=d.offsets) if d.scaled else 0


def _with_contents(link: Link, config: Configuration, rng: random.Random,
                   descriptors: list[Descriptor], repeat: int = 1) -> None:
    """Run a program on weights, scales and activations made for it, anywhere in the memory."""
    program = random_program(config, _numpy(rng), descriptors)
    base = rng.randint(0, config.memory.words - len(program.memory))
    moved = [replace(d, weights=d.weights + base, scales=d.scales + base if d.scaled else 0)
             if d.opcode else d for d in program.descriptors]
    raw = b"".join(d.pack() for d in moved)
    link.write(Space.MEMORY, base, raw + program.memory.tobytes()[len(raw):])
    for d in moved:
        for words in (_activations(config, d), _results(config, d)) if d.opcode else ():
            link.write(Space.SCRATCHPAD, words.start,
                       program.scratchpad[words.start : words.stop].tobytes())
    link.run(base, len(moved), repeat)
    read_results(link, config, moved)


def corners(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Make sums and products as large as they get, of both signs, with every shift."""
    config, link = recorder.config, Link(recorder)
    if not config.table.scaled:
        return
    columns = table.max_columns(config, planes=8)
    shape: dict[str, Any] = {
        "rows": 2, "columns": columns, "trits": False, "planes_stored": 8, "planes_used": 8,
        "tokens": 1, "saturate": True, "scaled": config.table.records}
    half = 1 << config.table.activation_bits - 1
    lengths = np.array([-half, half - 1], f"<i{config.activation_bytes}")
    for index in range(8 * effort):
        numbers = _numpy(rng)
        d = random_operation(
            config, numbers, **shape, offsets=index % 4 != 3, accumulate=index % 2 == 1,
            destination_type=index % 3, multiplier=rng.choice([-32768, 32767, 1, -1]),
            shift=rng.choice([0, 24, 32, 40, 46, 47, 48, 56, LARGEST_SHIFT]),
            group=rng.choice([0, config.table.smallest_group, config.table.beat_bits]))
        program = random_program(config, numbers, [d])
        d = program.descriptors[0]
        stored = np.full((d.rows, d.columns), rng.choice([0, 255]))
        if index % 4 == 2:  # every column of a sign of its own
            stored[:] = numbers.choice([0, 255], d.columns)
        weights = table.pack(config, 2 * stored - 255, planes=8, trits=False)
        program.memory[d.weights : d.weights + len(weights)] = weights
        if d.scaled:
            size = (d.rows, groups_per_tile(config, d.group, False) * (
                -(-columns // table.columns_per_beat(config, False)) if d.group else 1))
            largest = np.full(size, 0xFFFF), np.full(size, 15)
            offset = np.full(size, rng.choice([-0x8000, 0x7FFF])), largest[1]
            program.memory[d.scales :] = pack_scales(
                config, largest, offset if d.offsets else None, columns=columns, group=d.group,
                trits=False)
        write_descriptors(link, 0, [d])
        link.write(Space.MEMORY, d.weights, program.memory[d.weights :].tobytes())
        count = source_words(config, d) * config.activations_per_word
        x = numbers.choice(lengths, count) if index % 4 == 1 else np.full(
            count, lengths[(stored[0, 0] == 0) ^ index % 2])
        if index % 4 == 2:  # of the weights' signs, or against them
            x[: d.columns] = lengths[np.where(stored[0] == 255, index >> 2 & 1,
                                              1 - (index >> 2 & 1))]
        link.write(Space.SCRATCHPAD, d.source, x.astype(lengths.dtype).tobytes())
        link.run(0, 1, 1)
        read_results(link, config, [d])


def behind(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Run operations whose scaler is the slowest: few planes, small groups, many strips."""
    config, link = recorder.config, Link(recorder)
    t = config.table
    if not t.records:
        return
    fill(link, config, rng)
    rows = min(t.row_block, 64)
    for planes, group, offsets in product(
            (1, 2), (t.smallest_group, 2 * t.smallest_group), (False, True)):
        if group > t.beat_bits:
            continue
        for used in range(1, planes + 1) if effort > 1 else (1,):
            d = random_operation(
                config, _numpy(rng), trits=False, saturate=True, scaled=True, offsets=offsets,
                planes_stored=planes, planes_used=used, group=group, tiles=8, rows=rows, tokens=1,
                columns=min(8 * t.beat_bits, table.max_columns(config, planes=planes)))
            _with_contents(link, config, rng, [d])
    for last in (4, 9, 15, 19):  # rows of the last strip, which has a slot more for its records
        d = random_operation(
            config, _numpy(rng), trits=False, saturate=True, scaled=True, offsets=False,
            planes_stored=1, planes_used=1, group=t.beat_bits, tokens=1, tiles=2,
            columns=2 * t.beat_bits, rows=last if t.row_block == 16 else 16 + last)
        _with_contents(link, config, rng, [d])


def ties(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Make products that are exactly half of a result's unit, with and without one lower bit."""
    config, link = recorder.config, Link(recorder)
    t = config.table
    if not t.records:
        return
    groups = groups_per_tile(config, t.smallest_group, False)
    rows = 8
    x = np.zeros(config.activations_per_word, f"<i{config.activation_bytes}")
    x[0] = 1
    weights = table.pack(config, np.ones((rows, 1), np.int64), planes=1, trits=False)
    for shift in range(1, 43):
        # A sum of 1, times an odd number << up, times 1 << factor.
        factor = rng.randint(max(0, shift - 1 - 27), min(14, shift - 1))
        up = shift - 1 - factor
        exponent = rng.randint(max(0, up - 12), min(15, up))
        mantissas = np.zeros((rows, groups), np.int64)
        mantissas[:, 0] = [odd << up - exponent for odd in (1, 3, 5, 7) * 2]
        lower = np.zeros((2, rows, groups), np.int64)  # one bit of the offset, for the second half
        for row in range(rows // 2, rows) if up else ():
            bit = rng.randrange(up)
            lower[1, row, 0] = rng.randint(max(0, bit - 14), min(15, bit))
            lower[0, row, 0] = rng.choice([-1, 1]) << bit - lower[1, row, 0]
        d = Descriptor(
            flags=Descriptor.SATURATE | Descriptor.SCALED | Descriptor.OFFSETS, rows=rows,
            columns=1, source=0, destination=8, weights=32, scales=64, group=t.smallest_group,
            source_type=config.activation_bytes - 1, destination_type=2,
            multiplier=rng.choice([-1, 1]) << factor, shift=shift)
        write_descriptors(link, 0, [d])
        link.write(Space.MEMORY, d.weights, weights.tobytes())
        link.write(Space.MEMORY, d.scales, pack_scales(
            config, (mantissas, np.full((rows, groups), exponent)), (lower[0], lower[1]),
            columns=1, group=d.group, trits=False).tobytes())
        link.write(Space.SCRATCHPAD, d.source, x.tobytes())
        link.run(0, 1, 1)
        read_results(link, config, [d])


def chains(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Run operations that wait for those before them, on each other's words.

    And some that need not wait. Tokens go through any queues, and some are left over.
    """
    config, link = recorder.config, Link(recorder)
    fill(link, config, rng)
    for index in range(12 * effort):
        program = [NOP if rng.random() < 0.25 else _small(config, rng)
                   for _ in range(rng.randint(2, 6))]
        if index % 3:
            program = _ordered(rng, program)
            repeat = 1
        else:
            for _ in range(100):
                if independent(config, program):
                    break
                program = [NOP if rng.random() < 0.25 else _small(config, rng) for _ in program]
            else:
                program = program[:1]
            repeat = 1 if any(d.accumulate for d in program) else rng.choice([1, 2, 3])
        recorder.pins = rng.choice([(0, 0), (0, 0), (0, 0), (60, 60)])
        _with_contents(link, config, rng, program, repeat)


def _small(config: Configuration, rng: random.Random) -> Descriptor:
    return random_operation(config, _numpy(rng), rows=rng.choice([1, 2, 5, rng.randint(1, 40)]),
                            columns=rng.randint(1, table.columns_per_beat(config, False)))


def _ordered(rng: random.Random, program: list[Descriptor]) -> list[Descriptor]:
    """Let each operation wait for the one before, and perhaps for tokens of any other before."""
    held, ordered, queue = [0] * TOKEN_QUEUES, [], None
    for d in program:
        wait = 0 if queue is None else 1 << queue
        wait |= sum(1 << q for q in range(TOKEN_QUEUES) if held[q] and rng.random() < 0.3)
        for q in range(TOKEN_QUEUES):
            held[q] -= wait >> q & 1
        queue = rng.randrange(TOKEN_QUEUES)
        release = 1 << queue | rng.getrandbits(TOKEN_QUEUES) & rng.getrandbits(TOKEN_QUEUES)
        for q in range(TOKEN_QUEUES):
            held[q] += release >> q & 1
        ordered.append(replace(d, wait=wait, release=release))
    return ordered
