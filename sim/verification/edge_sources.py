# SPDX-License-Identifier: Apache-2.0
"""Sources at edges that random fields seldom meet: places that just fit, and any tokens at all."""

import random
from dataclasses import replace

import numpy as np

from ...golden import table
from ...golden.config import Configuration
from ...golden.descriptor import TOKEN_QUEUES, Descriptor, result_words, source_words
from ...golden.protocol import Space
from ...golden.records import scale_words
from ...host.link import Link
from ..operations import random_operation
from .operation_sources import NOP, fill, read_results, write_descriptors
from .script import Recorder

__all__ = ["blocks", "places", "walks"]

#: Words of memory that hold anything; the programs come behind them.
_FILLED = 4096


def places(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Put one vector or matrix of a random operation to where it just fits, and some words on.

    One word, or a power of two of them: what a single bit of a comparison decides. In turn: the
    end of the last token's activations, results, of the weights and of the scales, and either
    vector beside the other.
    """
    config, link = recorder.config, Link(recorder)
    fill(link, config, rng)
    base = config.memory.words // 2
    for index in range(60 * effort):
        d = random_operation(config, np.random.default_rng(rng.getrandbits(32)),
                             rows=rng.randint(1, 40))
        d = replace(d, source_step=rng.choice([0, 1, d.source_step, rng.randint(0, 40)]),
                    destination_step=d.destination_step + rng.choice([0, 1, rng.randint(0, 40)]))
        for delta in (0, 1, 1 << rng.randrange(1, 32)):
            moved = _at_an_edge(config, d, index % 6, delta)
            addresses = moved.source, moved.destination, moved.weights, moved.scales
            if min(addresses) < 0 or max(addresses) >> 32:
                continue
            write_descriptors(link, base, [moved])
            if not link.run(base, 1, 1).code:
                read_results(link, config, [moved])
    link.read(Space.SCRATCHPAD, 0, config.scratchpad.words)


def _at_an_edge(config: Configuration, d: Descriptor, which: int, delta: int) -> Descriptor:
    last, memory, words = d.tokens - 1, config.memory.words, config.scratchpad.words
    source = last * d.source_step + source_words(config, d)
    result = last * d.destination_step + result_words(config, d)
    shape = {"rows": d.rows, "columns": d.columns, "trits": d.trits}
    if which == 0:
        return replace(d, source=words - source + delta, destination=0)
    if which == 1:
        return replace(d, destination=words - result + delta, source=0)
    if which == 2:
        return replace(d, weights=memory + delta - table.beats(
            config, planes=d.planes_stored, **shape))
    if which == 3 and d.scaled:
        return replace(d, scales=memory + delta - scale_words(
            config, group=d.group, offsets=d.offsets, **shape))
    # One begins where the other ends, or a word before.
    if which == 4:
        return replace(d, source=0, destination=source - delta)
    return replace(d, destination=0, source=result - delta)


def blocks(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Run several tokens through whole row blocks, and as many rows more as each power of two."""
    config, link = recorder.config, Link(recorder)
    fill(link, config, rng)
    block = config.table.row_block
    base = min(_FILLED, config.memory.words // 2)
    for bit in range(block.bit_length()):
        for rows in (block, 1 << bit, block + (1 << bit)):
            d = random_operation(
                config, np.random.default_rng(rng.getrandbits(32)), rows=rows, trits=False,
                planes_stored=1, planes_used=1, tiles=rng.randint(1, 2), tokens=rng.randint(2, 3))
            write_descriptors(link, base, [d])
            link.run(base, 1, 1)
            read_results(link, config, [d])


def walks(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Run programs whose operations and NOPs wait for and release any tokens, right or wrong.

    Masks are chosen so that programs come far before they are refused: mostly tokens that are
    there. Operations are the same but for their length, so that they may overlap.
    """
    config, link = recorder.config, Link(recorder)
    fill(link, config, rng)
    base = min(_FILLED, config.memory.words // 2)
    for _ in range(30 * effort):
        held, program = [0] * TOKEN_QUEUES, list[Descriptor]()
        queues = rng.sample(range(TOKEN_QUEUES), rng.choice([1, 2, 3, TOKEN_QUEUES]))
        eager = rng.random()
        for _ in range(rng.randint(4, 40)):
            wait = release = 0
            for queue in queues:
                if held[queue] and rng.random() < 0.5 or rng.random() < 0.01:
                    wait |= 1 << queue
                if rng.random() < eager:
                    release |= 1 << queue
                held[queue] += (release >> queue & 1) - (wait >> queue & 1)
            d = NOP if rng.random() < 0.5 else Descriptor(
                rows=rng.choice([1, 2, 9, 33]), columns=5, source=0, destination=8, weights=64,
                source_type=config.activation_bytes - 1)
            program.append(replace(d, wait=wait, release=release))
        write_descriptors(link, base, program)
        link.run(base, len(program), rng.choice([1, 1, 2, 7]))
    link.read(Space.SCRATCHPAD, 0, config.scratchpad.words)
