# SPDX-License-Identifier: Apache-2.0
"""Sources of operations at the limits of token queues, of fields and of counts."""

import random
from dataclasses import replace
from typing import Any

from ...golden import table
from ...golden.config import Configuration
from ...golden.descriptor import (
    DESCRIPTOR_BYTES,
    TOKEN_LIMIT,
    TOKEN_QUEUES,
    Descriptor,
    Element,
)
from ...golden.protocol import FrameType, Header, Space
from ...golden.records import scale_words
from ...host.frames import encode
from ...host.link import Link
from .link_sources import hello
from .operation_sources import NOP, fill, write_descriptors
from .script import Recorder

__all__ = ["many", "queues", "refused_scales", "tokens"]


def tokens(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Fill and empty each queue, and all together; wait for what never comes, release too many."""
    config, link = recorder.config, Link(recorder)
    masks = [*(1 << queue for queue in range(TOKEN_QUEUES)), 0xFF,
             *(rng.getrandbits(8) | 1 for _ in range(4 * effort))]
    fill(link, config, rng)
    small = _plain(config)
    for mask in masks:
        put, take, swap = (replace(NOP, release=mask), replace(NOP, wait=mask),
                           replace(NOP, wait=mask, release=mask))
        write_descriptors(link, 0, [put] * TOKEN_LIMIT + [swap] + [take] * (TOKEN_LIMIT + 1))
        link.run(0, TOKEN_LIMIT, 1)
        link.run(0, TOKEN_LIMIT, 2)  # one too many
        link.run(0, 2 * TOKEN_LIMIT + 1, 2)  # full, swapped, empty, twice
        link.run(0, 2 * TOKEN_LIMIT + 2, 1)  # the last waits for what never comes
        other = replace(small, wait=mask, destination=small.destination + 16)
        for program in ([replace(small, release=mask), other],  # waits for an operation
                        [replace(small, release=mask), take, other],  # which another has waited for
                        [small, other], [take],
                        [replace(small, release=mask), put, replace(other, release=0xFF), swap]):
            write_descriptors(link, 0, program)
            link.run(0, len(program), 1)
            link.read(Space.SCRATCHPAD, small.destination, 20)
    write_descriptors(link, 0, [replace(NOP, release=1)])
    for bit in range(TOKEN_LIMIT.bit_length(), 32):  # one too many, however often it is to run
        link.run(0, 1, (1 << bit) + rng.randrange(TOKEN_LIMIT))


def _plain(config: Configuration) -> Descriptor:
    return Descriptor(rows=3, columns=5, source=0, destination=8, weights=64,
                      source_type=config.activation_bytes - 1, destination_step=2)


def refused_scales(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Put the fields of scaled operations to the edges of what is allowed and beyond."""
    config, link, t = recorder.config, Link(recorder), recorder.config.table
    flags = Descriptor.SATURATE | Descriptor.SCALED
    good = replace(_plain(config), flags=flags | Descriptor.OFFSETS, scales=128, multiplier=-3,
                   shift=20, destination_type=Element.INT16, planes_stored=3, planes_used=2,
                   group=t.smallest_group)
    stage = replace(_plain(config), flags=Descriptor.SATURATE, multiplier=5, shift=3)
    trits = replace(good, flags=flags | Descriptor.TRITS, planes_stored=1, planes_used=1)
    per_word = config.word_bytes // 4
    sizes = scale_words(config, rows=3, columns=5, group=good.group, trits=False, offsets=True)
    last = config.memory.words - sizes
    changes: list[tuple[Descriptor, dict[str, Any]]] = [
        (d, {"flags": d.flags ^ 1 << bit}) for d in (good, stage, trits) for bit in range(8)]
    for d in (good, trits):
        changes += [(d, {"group": group}) for group in (
            0, 1, t.smallest_group // 2, t.smallest_group + 1, t.beat_bits, 2 * t.beat_bits,
            table.columns_per_beat(config, True), 1 << rng.randrange(16))]
    changes += [(d, {"shift": value}) for d in (good, stage) for value in (0, 63, 64, 128, 255)]
    changes += [(d, {"destination_type": value}) for d in (good, stage)
                for value in (0, 1, 2, 3, 4, 128)]
    changes += [(good, {"planes_used": value}) for value in (0, 1, 3, 4, 8, 128)]
    changes += [(good, {"scales": last + delta}) for delta in (-1, 0, 1)]
    changes += [(stage, {"scales": 1}), (stage, {"group": t.smallest_group}),
                (good, {"scales": (1 << 32) - 1}), (good, {"rows": t.max_rows, "columns": 1,
                                                         "destination": 16})]
    # Results beside activations, and one word into them; tokens that add to each other.
    for name, place in (("destination", 64), ("source", 64)):
        other = {"source": "destination", "destination": "source"}[name]
        for delta in range(-2 - per_word, 3):
            changes.append((good, {name: place + delta, other: place}))
    added = replace(good, flags=good.flags | Descriptor.ACCUMULATE, rows=2 * per_word + 1,
                    destination_type=2, tokens=2, source_step=0)
    changes += [(added, {"destination_step": step}) for step in range(5)]
    changes += [(added, {"tokens": 1, "destination_step": 0})]
    for _ in range(16 * effort):
        changes.append((good, {rng.choice(["scales", "weights", "source", "destination"]):
                               rng.getrandbits(rng.choice([8, 12, 16, 32]))}))
    for columns in (8, 16, 24, 40, 64, 100):  # vectors of other lengths at the scratchpad's end
        size = -(-columns // config.activations_per_word)
        changes += [(good, {"columns": columns, "source": config.scratchpad.words - size + delta})
                    for delta in (0, 1)]
    for bit in range(47):  # each bit of the product in an address, alone
        for one, other in (("source_step", "destination_step"),
                           ("destination_step", "source_step")):
            changes.append((good, {one: 1 << min(bit, 31), other: 0,
                                   "tokens": 1 + (1 << max(0, bit - 31))}))
    fill(link, config, rng)
    for d, change in changes:
        base = rng.randrange(config.memory.words // 2, config.memory.words - 16)
        write_descriptors(link, base, [replace(d, **change)])
        link.run(base, 1, 1)
    link.read(Space.SCRATCHPAD, 0, config.scratchpad.words)


def many(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Run operations with many tokens, those with other than 0x7001 not to their end.

    And operations with as many beats as the memory holds, and powers of two of them.
    """
    config, few = recorder.config, replace(_plain(recorder.config), rows=1, columns=1)
    link = Link(recorder)
    fill(link, config, rng)
    for tokens in (1624, 0x7001):
        write_descriptors(link, 0, [replace(few, tokens=tokens, destination_step=0)])
        link.run(0, 1, 1)
    link.read(Space.SCRATCHPAD, few.destination, 2)
    most = config.memory.words - DESCRIPTOR_BYTES // config.word_bytes
    rows = min(config.table.max_rows, 512)
    for beats in (*(1 << bit for bit in range(9, 14)), most, config.memory.words):
        planes = min(8, beats // rows)
        tiles = min(beats // (rows * planes), 3)
        if beats > config.memory.words or not tiles:
            continue
        write_descriptors(link, most, [replace(
            few, rows=rows, planes_stored=planes, planes_used=planes, weights=0,
            columns=min(tiles * config.table.beat_bits, table.max_columns(config, planes=planes)),
            destination=config.scratchpad.words - rows // config.results_per_word)])
        link.run(most, 1, 1)
        link.read(Space.SCRATCHPAD, config.scratchpad.words - rows // config.results_per_word,
                  rows // config.results_per_word)
    for bit in range(16):  # what was written before the reset is written again below
        write_descriptors(Link(recorder), 0, [replace(few, tokens=1 << bit | 1,
                                                      destination_step=0)])
        recorder.cut(encode(Header(type=FrameType.RUN, seq=1, count=1, address=1 << 32)), 400)
        recorder.write(hello(rng))
    fill(Link(recorder), config, rng)


def queues(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Put tokens into each queue and take them, at any pace; then order a chain by that queue.

    Among them are operations so long that two are under way. Each operation of the chain reads what
    the one before has written, so that it is seen if a token too many is counted; and the queue
    must be empty behind it.
    """
    config, link = recorder.config, Link(recorder)
    fill(link, config, rng)
    small = _plain(config)
    long = replace(small, columns=config.table.smallest_group, planes_stored=8, planes_used=8,
                   rows=24, source=4, destination=8)
    for queue in range(TOKEN_QUEUES):
        put, take = replace(NOP, release=1 << queue), replace(NOP, wait=1 << queue)
        for _ in range(2 * effort):
            count = rng.randint(1, TOKEN_LIMIT)
            program = [d for kind in (put, take) for _ in range(count)
                       for d in ([long] * rng.randint(1, 2) + [kind] if rng.random() < 0.3 else
                                 [small, kind] if rng.random() < 0.3 else [kind])]
            for link_ in range(4):
                program.append(replace(
                    small, rows=20, columns=40, planes_stored=8, planes_used=8,
                    source=32 + 32 * link_, destination_step=0,
                    destination=64 + 32 * link_, wait=(link_ > 0) << queue, release=1 << queue))
            program += [take, take]  # the second waits for what never comes
            _run(link, config, rng, program)
            # Two under way that release different tokens, and two that wait for one each.
            other, third = rng.sample([n for n in range(TOKEN_QUEUES) if n != queue], 2)
            _run(link, config, rng, [
                replace(long, release=1 << queue), replace(
                    long, source=0, destination=64, release=1 << other),
                replace(small, source=8, destination=96, wait=1 << queue),
                replace(small, source=64, destination=128, wait=1 << other),
                replace(take, wait=1 << rng.choice([queue, other]))])  # for what never comes
            # Tokens that a program leaves are none for the next, which waits for its own.
            _run(link, config, rng, [put] * rng.randint(1, TOKEN_LIMIT))
            _run(link, config, rng, [
                replace(long, source=32, release=1 << queue),  # of activations that are new
                replace(small, source=8, destination=96, wait=1 << queue), take])
            # A long one of few activations: those behind it are fetched while it has two at work.
            most = min(config.table.max_rows, 192)
            slow = replace(small, columns=8, planes_stored=8, planes_used=8, rows=most, source=4,
                           destination=128)
            _run(link, config, rng, [
                replace(slow, release=1 << third), replace(small, release=1 << queue),
                replace(small, destination=16, release=1 << other), take,
                replace(take, wait=1 << other | 1 << third)])
            _run(link, config, rng, [replace(slow, rows=32, tokens=6, source_step=0), small])
            _run(link, config, rng, [replace(
                slow, rows=24, columns=min(3 * config.table.beat_bits, config.table.max_columns),
                source=config.scratchpad.words - 3 * config.table.beat_bits
                // config.activations_per_word), replace(small, source=1)])
            program = [d for _ in range(TOKEN_LIMIT + 1)  # the last is one too many
                       for d in ([small, put] if rng.random() < 0.4 else [put])]
            _run(link, config, rng, program)


def _run(link: Link, config: Configuration, rng: random.Random,
         program: list[Descriptor]) -> None:
    link.write(Space.SCRATCHPAD, 32, rng.randbytes(160 * config.word_bytes))
    write_descriptors(link, 1024, program)
    link.run(1024, len(program), 1)
    link.read(Space.SCRATCHPAD, 8, 184)
