# SPDX-License-Identifier: Apache-2.0
"""Random operations for the table unit by itself: streams in, results out."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..golden.config import Configuration
from ..golden.descriptor import Descriptor, Refusal, source_words
from ..golden.engine import Engine
from ..golden.records import groups_per_tile, strip_words
from ..golden.shared import TRIT_PLANES
from ..golden.table import beats, columns_per_beat
from ..golden.weights import STRIP_ROWS, strips
from .operations import random_operation, random_program

__all__ = ["UnitCase", "unit_case", "unit_command"]


def beat_addresses(config: Configuration, d: Descriptor) -> list[int]:
    """Return the memory words that one pass of an operation takes, in their order."""
    t, found = config.table, []
    if t.shared is not None:
        count = beats(config, rows=d.rows, columns=d.columns, planes=d.planes_stored,
                      trits=d.trits)
        return list(range(d.weights, d.weights + count))
    groups = groups_per_tile(config, d.group, d.trits)
    tiles = -(-d.columns // columns_per_beat(config, d.trits))
    full = strip_words(config, STRIP_ROWS, groups, d.offsets)
    weights, scales = d.weights, d.scales
    for start in range(0, d.rows, t.row_block):
        for tile in range(tiles):
            for rows in strips(min(t.row_block, d.rows - start)):
                found += range(weights, weights + rows * d.planes_used)
                weights += rows * d.planes_stored
                if d.scaled and (d.group or tile == tiles - 1):
                    found += range(scales, scales + strip_words(config, rows, groups, d.offsets))
                    scales += full * -(-rows // STRIP_ROWS)
    return found


def unit_command(config: Configuration, d: Descriptor) -> dict[str, Any]:
    """Return an operation as :func:`luthier.hw.table.commands.table_command` has it."""
    walk = {"trits": int(d.trits), "planes": d.planes_stored, "rows": d.rows,
            "columns": d.columns}
    if not config.table.scaled:
        return {"walk": walk}
    groups = groups_per_tile(config, d.group, d.trits)
    stage = d.flags & Descriptor.SATURATE
    return {
        "walk": walk | {"used": d.planes_used, "scaled": int(d.scaled),
                        "offsets": int(d.offsets), "whole": int(not d.group),
                        "groups": groups.bit_length() - 1},
        "stage": {"multiplier": d.multiplier if stage else 1, "shift": d.shift,
                  "element": d.destination_type}}


@dataclass
class UnitCase:
    """What goes into the table unit for one operation, and what comes out.

    Attributes
    ----------
    commands : list of dict
        One for each token, or for as many as are multiplied at once.
    activations : list of list of int
    weights : list of int
    results : list of (list of int, bool)
        Values of each token, or of one where tables are in registers, and whether they are the last
        of a command.
    saturations : int
    """

    commands: list[dict[str, Any]]
    activations: list[list[int]]
    weights: list[int]
    results: list[tuple[list[int], bool]]
    saturations: int


def unit_case(config: Configuration, rng: np.random.Generator, **fixed: Any) -> UnitCase:
    """Return a random operation for the unit alone; expected is what the golden engine does."""
    d = random_operation(config, rng, **fixed | {"accumulate": False})
    program = random_program(config, rng, [d])
    d, golden = program.descriptors[0], Engine(config)
    golden.memory[: len(program.memory)] = program.memory
    golden.scratchpad[:] = program.scratchpad
    report = golden.run(0, 1, 1)
    assert report.code == Refusal.NONE, (report, d)
    case = UnitCase([], [], [], [], report.saturations)
    dtype, half = f"<i{config.activation_bytes}", 1 << config.table.activation_bits - 1
    before = program.scratchpad.view(dtype).astype(np.int64)
    words = ((before + half) & (2 * half - 1)) - half
    kind = np.dtype(f"<i{1 << d.destination_type}")
    for first_token in range(0, d.tokens, config.table.tokens):
        tokens = range(first_token, min(first_token + config.table.tokens, d.tokens))
        case.commands.append(unit_command(config, d) | (
            {"tokens": len(tokens)} if config.table.words_at_once > 1 else {}))
        starts = [d.source + token * d.source_step for token in tokens]
        starts += starts[:1] * (config.table.tokens - len(tokens))  # whose results mean nothing
        vectors = [words[start + word].tolist() for word in range(source_words(config, d))
                   for start in starts]
        at_once, blocks = config.table.words_at_once, -(-d.rows // config.table.row_block)
        if config.table.shared is not None:  # all words again for each plane
            blocks *= TRIT_PLANES if d.trits else d.planes_stored
        case.activations += blocks * [
            sum(vectors[first : first + at_once], []) for first in range(0, len(vectors), at_once)]
        case.weights += [int.from_bytes(program.memory[address].tobytes(), "little")
                         for address in beat_addresses(config, d)]
        values = []
        for token in tokens:
            start = (d.destination + token * d.destination_step) * config.word_bytes
            raw = golden.scratchpad.reshape(-1)[start : start + d.rows * kind.itemsize]
            values.append(raw.view(kind).tolist())
        case.results += _ordered(config, values)
    return case


def _ordered(config: Configuration, values: list[list[int]]) -> list[tuple[list[int], bool]]:
    """Return the results of each token in the order in which the unit has them."""
    rows, block = len(values[0]), config.table.row_block
    if config.table.shared is None:
        ordered = [list(of_tokens) for of_tokens in zip(*values, strict=True)]
    else:
        ordered = [[value] for start in range(0, rows, block) for of_token in values
                   for value in of_token[start : start + block]]
    return [(of_row, number == len(ordered) - 1) for number, of_row in enumerate(ordered)]
