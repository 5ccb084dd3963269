# SPDX-License-Identifier: Apache-2.0
"""Sources of operations: each drives a recorder, from its own seed, with what it knows to do.

To add one, write a function of a recorder, a ``random.Random`` and an effort (1 is a fraction of a
second of simulation), and append it to :data:`SOURCES`.
"""

import random

import numpy as np

from ...golden import table
from ...golden.config import Configuration
from ...golden.errors import CheckFailed
from ...host.driver import Device
from ...host.weights import Weights
from .edge_sources import blocks, places, walks
from .limit_sources import many, queues, refused_scales, tokens
from .link_sources import bursts, damage, headers, limits, overruns, resets, status
from .operation_sources import behind, chains, corners, operations, ties
from .program_sources import counters, programs, refusals
from .script import Recorder, Source
from .vector_sources import on_vectors

__all__ = ["SLOW_SOURCES", "SOURCES", "layers"]

#: Weights are ternary (0) or have so many planes.
_FORMATS = (0, 1, 2, 3, 4, 5, 6, 7, 8)
_MOST_BEATS, _MOST_RESULTS = 1500, 600


def layers(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Load and call random layers of all formats with the host driver, several tokens at a time.

    The golden results are compared with NumPy's product, so that the script is right.
    """
    config = recorder.config
    device = Device(recorder)
    for index in range(9 * effort):
        planes = _FORMATS[index % len(_FORMATS)]
        recorder.pins = rng.choice([(0, 0), (0, 0), (40, 40)])
        rows, columns, tokens = _shape(config, rng, planes)
        numbers = np.random.default_rng(rng.getrandbits(32))
        low, top = (-1, 2) if not planes else (0, 1 << planes)
        stored = numbers.integers(low, top, size=(rows, columns))
        if index % 4 == 1:
            stored = numbers.choice([low, top - 1], size=(rows, columns))
        half = 1 << config.table.activation_bits - 1
        x = numbers.integers(-half, half, size=(tokens, columns))
        if index % 3 == 1:
            x = numbers.choice([-half, half - 1], size=(tokens, columns))
        weights = Weights.integer(stored, planes) if planes else Weights.ternary(stored)
        layer = device.load(weights)
        y = layer(x)
        if not np.array_equal(y, x @ (2 * stored - (1 << planes) + 1 if planes else stored).T):
            raise CheckFailed(f"the golden model is wrong for {weights!r}")
        if rng.random() < 0.5:
            layer.unload()  # else it stays, and the next has another address


def _shape(config: Configuration, rng: random.Random, planes: int) -> tuple[int, int, int]:
    """Return rows, columns and tokens, often at an edge of a tile, a strip or a row block."""
    per_tile = table.columns_per_beat(config, not planes)
    most = table.max_columns(config, planes=planes or 1)
    columns = rng.choice([
        1, rng.randint(1, per_tile), per_tile * rng.randint(1, 4) + rng.randint(-1, 1),
        rng.randint(1, min(most, 6 * per_tile))])
    block = config.table.row_block
    rows = rng.choice([
        1, rng.randint(1, 40), 16 * rng.randint(1, 3) + rng.randint(-1, 1),
        block * rng.randint(1, 2) + rng.randint(-17, 17)])
    columns = max(1, min(columns, most))
    words = config.scratchpad.words - -(-columns // config.activations_per_word)
    tiles = (planes or 1) * -(-columns // per_tile)
    rows = max(1, min(rows, config.table.max_rows, words * config.results_per_word,
                      _MOST_BEATS // tiles))
    return rows, columns, rng.randint(1, max(1, min(4, _MOST_RESULTS // rows)))


_KINDS: tuple[Source, ...] = (
    layers, operations, chains, corners, programs, refusals, refused_scales, tokens, bursts,
    damage, headers, limits, overruns, resets, many, queues, places, walks, blocks, behind,
    ties, on_vectors)
#: What a script is made of. The link's counters are read while they are small, and often.
SOURCES: tuple[Source, ...] = tuple(each for kind in _KINDS for each in (status, kind))
#: And what takes millions of cycles.
SLOW_SOURCES: tuple[Source, ...] = (counters,)
