# SPDX-License-Identifier: Apache-2.0
"""Random matrix products for ``luthier check``."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..golden import table
from ..golden.config import Configuration
from .options import FORMATS

if TYPE_CHECKING:
    from ..host import Output, SparseWeights, Weights

__all__ = ["Operation", "random_operation"]

#: Shapes by turns, so that every corner comes up in a short run too.
SHAPES = ("any", "one row", "one column", "row blocks", "tile edge", "strip edge", "tokens")
#: Limits of one operation, which keep a simulated board quick.
_MOST_BEATS, _MOST_RESULTS = 4096, 8192


@dataclass(frozen=True)
class Operation:
    """One matrix product.

    Attributes
    ----------
    shape : str
        Which of :data:`SHAPES` it is.
    format : str
    weights : Weights or SparseWeights
    integers : int64 array, shape (rows, columns)
        What the weights mean, found without the code under test.
    x : int64 array, shape (tokens, columns)
    output : Output or None
        None for plain sums.
    planes : int or None
        Planes to use, if not all.
    onto : integer array, shape (tokens, rows), or None
        What results are added to.
    """

    shape: str
    format: str
    weights: "Weights | SparseWeights"
    integers: np.ndarray
    x: np.ndarray
    output: "Output | None" = None
    planes: int | None = None
    onto: np.ndarray | None = None

    def __str__(self) -> str:
        rows, columns = self.integers.shape
        scaled = ""
        if self.output is not None:
            scaled = (f", groups of {self.weights.group or columns}, {self.output.dtype} of "
                      f"{self.output.scale:.3g}" + ", added" * (self.onto is not None))
        return (f"{self.format} {rows} x {columns}, {len(self.x)} tokens ({self.shape})"
                + (f", {self.planes} planes" if self.planes else "") + scaled)


def random_operation(config: Configuration, seed: int, index: int) -> Operation:
    """Return operation ``index`` of the sequence that ``seed`` starts; each can be had alone."""
    from ..host import Weights

    rng = np.random.default_rng([seed, index])
    format = FORMATS[rng.integers(len(FORMATS))]
    trits = format == "ternary"
    planes = 1 if trits else int(format[1:])
    shape = SHAPES[index % len(SHAPES)]
    rows, columns, tokens = _sizes(config, rng, shape, planes, trits)
    size = (rows, columns)
    low, top = (-1, 2) if trits else (0, 1 << planes)
    match rng.integers(4):
        case 0:  # the extremes alone
            stored = rng.choice([low, top - 1], size=size)
        case 1:
            stored = np.full(size, rng.choice([low, top - 1]))
        case _:
            stored = rng.integers(low, top, size=size)
    half = 1 << config.table.activation_bits - 1
    match rng.integers(4):
        case 0:
            x = rng.choice([-half, half - 1], size=(tokens, columns))
        case 1:
            x = np.full((tokens, columns), -half)
        case _:
            x = rng.integers(-half, half, size=(tokens, columns))
    odd = stored if trits else 2 * stored - (1 << planes) + 1
    if not config.table.scaled or rng.random() < 0.5:
        weights = Weights.ternary(stored) if trits else Weights.integer(stored, planes)
        return Operation(shape, format, weights, odd, x)
    weights = _scaled_weights(config, rng, stored, planes, trits)
    return _scaled(config, rng, weights, Operation(shape, format, weights, odd, x))


def _scaled_weights(config: Configuration, rng: np.random.Generator, stored: np.ndarray,
                    planes: int, trits: bool) -> "Weights":
    """Return the same weights with scales of some kind."""
    from ..host import Weights

    t, (rows, columns) = config.table, stored.shape
    if not t.records:
        scale = float(rng.uniform(0.1, 1))
        return (Weights.ternary(stored, scale) if trits else
                Weights.integer(stored, planes, scale, ((1 << planes) - 1) / 2))
    if trits:
        group = int(rng.choice([0, 1, 2])) * table.columns_per_beat(config, True)
    else:
        group = int(rng.choice([0, 1, 2, 3, t.beat_bits // t.smallest_group])) * t.smallest_group
    groups = -(-columns // group) if group else 1
    scales = rng.uniform(0.1, 1, (rows, groups)) * rng.choice([-1, 1, 1, 1], (rows, groups))
    if rng.random() < 0.2:
        scales = scales[0, 0]
    if trits:
        return Weights.ternary(stored, scales, group)
    zeros = rng.uniform(0, 1 << planes, (rows, groups)) if rng.random() < 0.6 else (
        ((1 << planes) - 1) / 2)
    bits = planes
    if rng.random() < 0.2:  # mixed precision, by strips
        bits = np.repeat(rng.integers(1, planes + 1, -(-rows // 16)), 16)[:rows]
        stored = stored >> (planes - bits)[:, None]
    return Weights.integer(stored, bits, scales, zeros, group)


def _scaled(config: Configuration, rng: np.random.Generator, weights: "Weights",
            plain: Operation) -> Operation:
    """Return the operation with an output that now and then saturates."""
    from ..host import Output

    dtype = ("int8", "int16", "int32")[rng.integers(3)]
    # Sums may cancel, but the device can multiply by scales up to about 2**30 times the output's.
    largest = max(float(abs(plain.x @ weights.dequantised().T).max()),
                  8 * float(abs(weights.s).max()), 8 * float(abs(weights.t).max()))
    bits = {"int8": min(8, config.table.activation_bits), "int16": 16, "int32": 32}[dtype]
    scale = (largest or 1.0) / 2 ** (bits - 1) * float(rng.choice([0.5, 1, 3]))
    if not config.table.records:  # a multiplier reaches less far
        scale = max(scale, float(abs(weights.s).max()) / 2**14)
    planes = weights.planes
    info, onto = np.iinfo(dtype), None
    if rng.random() < 0.3:
        onto = rng.integers(info.min, info.max + 1, (len(plain.x), len(plain.integers)))
    return replace(
        plain, output=Output(dtype, scale), onto=onto,
        integers=weights.values.astype(np.int64),
        planes=int(rng.integers(1, planes + 1)) if (
            rng.random() < 0.25 and config.table.records) else None)


def _sizes(config: Configuration, rng: np.random.Generator, shape: str, planes: int,
           trits: bool) -> tuple[int, int, int]:
    """Return rows, columns and tokens that the device can hold."""
    t = config.table
    most_columns = table.max_columns(config, planes=planes)
    per_beat = table.columns_per_beat(config, trits)
    rows, columns, tokens = _spread(rng, 300), _spread(rng, min(2000, most_columns)), 1
    match shape:
        case "one row":
            rows = 1
        case "one column":
            columns = 1
        case "row blocks":
            rows = t.row_block * int(rng.integers(1, 4)) + int(rng.integers(-17, 18))
        case "tile edge":
            columns = per_beat * int(rng.integers(1, 6)) + int(rng.integers(-1, 2))
        case "strip edge":
            rows = 16 * int(rng.integers(1, 9)) + int(rng.integers(-1, 2))
        case "tokens":
            tokens = _spread(rng, 40)
    columns = min(max(columns, 1), most_columns)
    beats = min(_MOST_BEATS, config.memory.words // 4)
    source_words = -(-columns // config.activations_per_word)
    while columns > 1 and (planes * -(-columns // per_beat) > beats
                           or source_words >= config.scratchpad.words):
        columns = columns // 2
        source_words = -(-columns // config.activations_per_word)
    rows = min(max(rows, 1), t.max_rows, beats // (planes * -(-columns // per_beat)),
               (config.scratchpad.words - source_words) * config.results_per_word)
    return rows, columns, min(tokens, max(1, _MOST_RESULTS // rows))


def _spread(rng: np.random.Generator, most: int) -> int:
    """Return a size from 1 to ``most``, small ones as likely as large ones."""
    return min(most, int(np.exp(rng.uniform(0, np.log(most + 1)))))
