# SPDX-License-Identifier: Apache-2.0
"""The exact cycles of an operation."""

from .config import Configuration
from .cuts import request_cut, stage_cut, write_cut
from .descriptor import Descriptor, Element, Opcode
from .memory_timing import memory_cycles
from .records import groups_per_tile, strip_words
from .shared import TRIT_PLANES, SharedLayout
from .sparse_timing import sparse_cycles
from .table import ACCUMULATOR_SPACING, columns_per_beat, passes, tree_levels
from .transform_timing import transform_cycles
from .vector_operations import VECTOR_OPCODES
from .vector_timing import vector_cycles
from .weights import STRIP_ROWS, strips

__all__ = ["build_cycles", "cycles", "octet_steps", "plane_steps", "reads_lanes",
           "tile_slots", "walks_rows"]


# Cycles of the hardware's fixed parts.
_FIRST_LOAD = 3  # dispatch to the first activation word at the builder
_FIRST_BEAT = 2  # dispatch to the first request at the memory
_BUILD_TO_USE = 3  # last builder step to the first beat that may use the table; block RAM: 4
_LANES = 3  # what reading lanes adds to that: to read the activation, and to choose it
_USE_TO_LOAD = 1  # last beat of a tile to the first load into its bank
_ACCUMULATE = 4  # a beat to its sum, beyond the tree: address, read, shift, add; scales: queue
_RECORD = 2  # a beat of records to the first one at the scaler
_SCALE = 8  # sum to result: select, multiply, shift, add, multiply, shift, round, queue
_FIRST_ISSUE = 4  # registers: dispatch to the first beat that has its activations
_READ_TO_WORD = 2  # registers: address of the scratchpad to the word at the unit
_LEAVE = 4  # registers: the last beat of a block to its first result
_STAGE = 4  # registers: output stage and the queue behind it
_WRITE = 3  # result queue to scratchpad: take, put in place, write


def plane_steps(k: int) -> int:
    """Return the steps for a table of K sign planes: K for the first entry, then one for each."""
    return k + (1 << k - 1) - 1


def octet_steps(deep: bool) -> int:
    """Return the steps for the two tables of trits of an octet.

    A triple: the zero entry and thirteen more; five trits: two entries of bytes that are no code,
    and 126.
    """
    return 2 * (128 if deep else 14)


def reads_lanes(config: Configuration) -> bool:
    """Return whether activations for tables are read one by one from lanes of block RAM.

    Each builder has columns of the same eight lanes of every word then.
    """
    t = config.table
    return t.deep and not t.planes and t.rounds == 4 and t.activation_bits <= 8


def walks_rows(config: Configuration) -> bool:
    """Return whether each row has one beat in a tile, and there are no records between."""
    return not (config.table.planes or config.table.scaled)


def tile_slots(config: Configuration, planes: int, rows: int) -> tuple[int, int]:
    """Return the slots of a tile without records, and how many at its end are idle.

    An accumulator may be used again after ``ACCUMULATOR_SPACING`` slots. Where each row has one
    beat, short tiles, and all whose deep tables take far longer to build, end with a pause.
    """
    if walks_rows(config):
        idle = (ACCUMULATOR_SPACING - 1) * (config.table.deep or rows < STRIP_ROWS)
        return rows + idle, idle
    idle = max(0, ACCUMULATOR_SPACING - rows)
    return planes * (rows + idle), idle


def build_cycles(config: Configuration, trits: bool) -> int:
    """Return the cycles that loading and building the tables of one tile take.

    Sign planes: ``2 rounds`` windows of ``D / (2 rounds)`` activations. Trits: ``rounds`` windows,
    and before them D/8 activations that stay. Of each of M tokens.
    """
    rounds, per_word, tokens = (config.table.rounds, config.activations_per_word,
                                config.table.tokens)
    words = tokens * (config.table.window // per_word)
    if not trits:
        return 2 * rounds * (words + plane_steps(config.table.k))
    steps = octet_steps(config.table.deep)
    return rounds * (words + steps) + tokens * (config.table.beat_bits // 8 // per_word)


def cycles(config: Configuration, d: Descriptor, lane: tuple[int, int] | None = None) -> int:
    """Return the cycles of an operation, from dispatch to its last result in the scratchpad.

    Of one that is no NOP; single weights need ``lane``, see
    :func:`luthier.golden.sparse_timing.sparse_cycles`. Exact for an operation alone, with on-chip
    memory; with an SDRAM a projection, :func:`luthier.golden.memory_timing.memory_cycles` where
    that is more.
    """
    return max(_unit_cycles(config, d, lane), memory_cycles(config, d))


def _unit_cycles(config: Configuration, d: Descriptor, lane: tuple[int, int] | None) -> int:
    """Return the exact cycles where no beat is late after the first.

    Tables of a tile are built while the tile before is used; two banks, so a build waits for the
    tile before that; with one bank for the tile before. A tile costs a slot for each beat of
    weights and records, one for the sum of its activations where there are offsets, and no cycle in
    between, if that is longer than a build, and there are two banks. The scaler takes a group a
    cycle; a strip with more groups than beats is filled up with idle slots, so that the scaler
    never falls behind by more than a strip. With M tokens at once this happens for M of them, and
    what is written of each comes a cycle after the one before.
    """
    t = config.table
    if d.opcode in VECTOR_OPCODES:
        return vector_cycles(config, d)
    if d.opcode == Opcode.SPARSE:
        return sparse_cycles(config, d, lane)
    if d.opcode != Opcode.TABLE:
        return transform_cycles(config, d)
    if t.shared is not None:
        return _shared_cycles(config, t.shared, d)
    build, groups = build_cycles(config, d.trits), groups_per_tile(config, d.group, d.trits)
    tiles = -(-d.columns // columns_per_beat(config, d.trits))
    lanes = reads_lanes(config)
    by_strips = d.scaled or d.planes_used != d.planes_stored  # requests, for which there is a walk
    scale, write = _SCALE + stage_cut(config), _WRITE + write_cut(config)
    to_scaler = tree_levels(config) + _ACCUMULATE + t.scaled
    built, released, slot, scaled = _FIRST_LOAD, [0, 0], 0, 0
    blocks = [min(t.row_block, d.rows - start) for start in range(0, d.rows, t.row_block)]
    ends = []  # when the result of the last row of a block is there
    walk = [(rows, tile) for rows in blocks for tile in range(tiles)]
    for place, (rows, tile) in enumerate(walk * passes(config, d.tokens)):
        if place % len(walk) == 0 and not d.offsets:
            scaled += 1  # the first word of records waits for the command
        built += lanes and place > 0 and place % len(walk) == 0  # a command that waited
        built = max(built, released[-t.bank_count]) + build
        slot = max(slot, built - 1 + _BUILD_TO_USE + t.deep + _LANES * lanes,
                   config.memory.latency + _FIRST_BEAT + request_cut(config) + by_strips)
        if d.offsets:
            scaled = max(scaled, slot + to_scaler) + 1
            slot += 1
        if not d.scaled or not (d.group or tile == tiles - 1):
            slots, idle = tile_slots(config, d.planes_used, rows)
            slot += slots
            released.append(slot - 1 - idle * walks_rows(config) + _USE_TO_LOAD)
            last = slot - 1 - idle + to_scaler  # nothing waits for idle slots
            ends += [last + scale * t.scaled] * (tile == tiles - 1)
            continue
        records = 0
        for strip in strips(rows):
            pass_slots = max(strip, ACCUMULATOR_SPACING)
            weights, work = d.planes_used * pass_slots, strip * groups
            records = slot + weights  # the first beat of records
            scaled = work + max(scaled, records + _RECORD, records - pass_slots + to_scaler)
            slot += max(weights + strip_words(config, strip, groups, d.offsets), work)
        released.append(records - 1 + _USE_TO_LOAD)
        ends += [scaled - 1 + scale] * (tile == tiles - 1)
    return _writer_bound(config, d, blocks, ends) + write


def _writer_bound(config: Configuration, d: Descriptor, blocks: list[int], ends: list[int]) -> int:
    """Return when the last result is taken, of the last token.

    ``ends`` says when the last row of each block is there. A word of each token is read and
    written in as many cycles: the results that begin a word, or end one, are M cycles apart. So the
    last row waits if it is alone in its word, or nearly.
    """
    at_once = config.table.results_at_once
    per_word = config.word_bytes // Element(d.destination_type).bytes
    alone = (d.rows - 1) % per_word + 1  # rows of the last word
    apart = groups_per_tile(config, d.group, d.trits) if d.scaled else 1  # cycles from row to row
    wait = max(0, at_once - alone * apart) if d.rows > per_word else 0
    taken = -d.rows
    for block in range(len(blocks) - 1, len(ends), len(blocks)):
        end = ends[block] + wait
        if blocks[-1] <= alone and wait:  # the word before ended with the block before
            end = max(ends[block], ends[block - 1] + at_once)
        taken = max(end, taken + max(d.rows + wait, at_once))
    return taken + at_once - 1


def _shared_cycles(config: Configuration, layout: SharedLayout, d: Descriptor) -> int:
    """Return the same for rows that share tables.

    All cycles are beats, but for a block that ends before the results of the one before have left:
    it waits with its last beat.
    """
    planes, at_once = TRIT_PLANES if d.trits else d.planes_stored, config.table.tokens
    beats = -(-d.columns // layout.k)  # of a plane
    per_word = config.activations_per_word // layout.k
    pass_beats = [per_word] * (beats // per_word) + [beats % per_word] * (beats % per_word > 0)
    first = max(_FIRST_ISSUE + at_once - 1,
                config.memory.latency + _FIRST_BEAT + request_cut(config))
    blocks = [min(layout.rows, d.rows - start) for start in range(0, d.rows, layout.rows)]
    results = [rows * min(at_once, d.tokens - token) for token in range(0, d.tokens, at_once)
               for rows in blocks]
    if at_once * len(pass_beats) > beats:  # reading the words of all tokens takes longer
        free = _reader_bound(results, pass_beats * planes, at_once, first)
    else:
        free = 0
        for count in results:
            last = max(first + planes * beats - 1, free)
            first, free = last + 1, last + _LEAVE + count
    stage = _STAGE + stage_cut(config) if config.table.scaled else 0
    return free - 1 + stage + _WRITE + write_cut(config)


def _reader_bound(results: list[int], block_words: list[int], tokens: int, first: int) -> int:
    """Return when the last result has left, word by word.

    ``block_words`` has the beats of each word of a block; a word of each of ``tokens`` is read in
    as many cycles, while fewer than three wait in the queue.
    """
    free, read, end, taken = 0, 0, 0, [-1] * 4
    for count in results:
        for number, beats in enumerate(block_words, start=1):
            start = read + 1
            if taken[-4] > read:  # its first token has to wait
                start = max(read + 2, taken[-3] + 1)
            if tokens > 1:
                start = max(start + 1, taken[-3] + 1) - 1
            read = start + tokens - 1
            taken = [*taken[1:], max(read + _READ_TO_WORD, end)]
            end = max(taken[-1] + beats, first - 1 + beats)
            first = 0
            if number == len(block_words):
                end = max(end, free)
                free = end + _LEAVE + count
    return free
