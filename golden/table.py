# SPDX-License-Identifier: Apache-2.0
"""Golden model of the table unit in plain mode: results, widths, beats and cycles."""

import numpy as np

from .config import Configuration
from .errors import UserError
from .weights import SHORTEST_STRIP

__all__ = [
    "ACCUMULATOR_SPACING",
    "accumulator_width",
    "beats",
    "build_cycles",
    "check_range",
    "columns_per_beat",
    "cycles",
    "entry_width",
    "max_columns",
    "multiply",
    "node_width",
]

#: Slots between two uses of one accumulator: read, register, add, write.
ACCUMULATOR_SPACING = SHORTEST_STRIP

# Cycles of the hardware's fixed parts, see :func:`cycles`.
_FIRST_LOAD = 3  # dispatch to the first activation word at the builder
_BUILD_PLANES = 11  # four additions for the first entry, seven Gray steps
_BUILD_TRITS = 14  # the zero entry and thirteen steps
_BUILD_TO_USE = 3  # last builder step to the first beat that may use the table
_USE_TO_LOAD = 1  # last beat of a tile to the first load into its bank
_ACCUMULATE = 5  # beyond the tree: address, read, shift, add, queue
_WRITE = 2  # result queue to scratchpad


def columns_per_beat(config: Configuration, trits: bool) -> int:
    """Return the columns of a tile: D for sign planes, 5D/8 for trits."""
    return config.table.beat_bits * 5 // 8 if trits else config.table.beat_bits


def beats(config: Configuration, *, rows: int, columns: int, planes: int, trits: bool) -> int:
    """Return the memory words that the weights of a matrix take: the beats it is read in."""
    return rows * planes * -(-columns // columns_per_beat(config, trits))


def entry_width(activation_bits: int) -> int:
    """Return the bits of a table entry, signed.

    An entry of K = 4 sign planes is ``x3 +- x2 +- x1 +- x0`` with x3 always added, so it lies in
    ``[-4 * 2**(A-1), 4 * 2**(A-1) - 1]``: A + 2 bits. A triple of trits lies within 3 * 2**(A-1).
    """
    return activation_bits + 2


def node_width(activation_bits: int, level: int) -> int:
    """Return the bits of a node of the adder tree, signed; level 0 is a table entry.

    ``a + b`` and ``a - b`` of signed w-bit words lie in ``[-2**w, 2**w - 1]``: one bit more a
    level.
    """
    return entry_width(activation_bits) + level


def _worst_case(config: Configuration, columns: int, planes: int) -> int:
    return (2**planes - 1) * 2 ** (config.table.activation_bits - 1) * columns


def max_columns(config: Configuration, *, planes: int) -> int:
    """Return the most columns whose worst case, all activations -2**(A-1), fits an int32 result."""
    return min((2**31 - 1) // _worst_case(config, 1, planes), config.table.max_columns)


def accumulator_width(config: Configuration) -> int:
    """Return the bits of an accumulator, signed: the worst case of the largest accepted shape."""
    worst = max(_worst_case(config, max_columns(config, planes=p), p) for p in range(1, 9))
    return worst.bit_length() + 1


def check_range(config: Configuration, *, columns: int, planes: int, trits: bool) -> None:
    """Check that no sum can leave int32.

    Raises
    ------
    UserError
        If the worst case does.
    """
    planes = 1 if trits else planes
    worst = _worst_case(config, columns, planes)
    if worst > 2**31 - 1:
        raise UserError(
            f"{columns} columns of {planes} planes with {config.table.activation_bits}-bit "
            f"activations "
            f"can reach {worst}, beyond the int32 results; split the columns in parts of at most "
            f"{(2**31 - 1) // _worst_case(config, 1, planes)} or use fewer planes")


def multiply(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the exact product of integer weights and activations.

    Parameters
    ----------
    values : integer array, shape (rows, columns)
        Canonical weights: odd integers or trits.
    x : integer array, shape (columns,) or (tokens, columns)

    Returns
    -------
    int32 array, shape (rows,) or (tokens, rows)

    Raises
    ------
    UserError
        If a result leaves int32.
    """
    # Below 2**53 every product and partial sum is exact in float64, whose product is much faster.
    left, right = np.asarray(x), np.asarray(values).T
    bound = float(abs(left.astype(np.float64)).max(initial=0)) * float(
        abs(right.astype(np.float64)).max(initial=0)) * right.shape[0]
    exact = np.float64 if bound < 2**53 else np.int64
    y = (left.astype(exact) @ right.astype(exact)).astype(np.int64)
    if (y != y.astype(np.int32)).any():
        raise UserError("a result does not fit int32; use fewer planes or split the columns")
    return y.astype(np.int32)


def build_cycles(config: Configuration, trits: bool) -> int:
    """Return the cycles that loading and building the tables of one tile take.

    Sign planes: twice D/2 activations and 11 steps. Trits: 5D/8 activations and twice 14 steps.
    """
    words = config.activation_bytes  # for D/8 activations
    return 5 * words + 2 * _BUILD_TRITS if trits else 2 * (4 * words + _BUILD_PLANES)


def _idle(rows: int) -> int:
    """Return the slots behind each plane of a row block so small that it meets itself too soon."""
    return max(0, ACCUMULATOR_SPACING - rows)


def cycles(config: Configuration, *, rows: int, columns: int, planes: int, trits: bool,
           tokens: int = 1) -> int:
    """Return the exact cycles of an operation, from dispatch to its last result in the scratchpad.

    With on-chip memory, so that no beat is late after the first. Tables of a tile are built while
    the tile before is used; two banks, so a build waits for the tile before that. A tile costs its
    rows * planes beats where that is longer than a build, and no cycle in between.
    """
    t = config.table
    build = build_cycles(config, trits)
    tiles = -(-columns // columns_per_beat(config, trits))
    blocks = [min(t.row_block, rows - start) for start in range(0, rows, t.row_block)]
    steps = [planes * (block + _idle(block)) for block in blocks for _ in range(tiles)] * tokens
    first_beat = config.memory.latency + 1
    built, ends = _FIRST_LOAD, [-_USE_TO_LOAD, -_USE_TO_LOAD]
    for slots in steps:
        built = max(built, ends[-2] + _USE_TO_LOAD) + build
        start = max(ends[-1] + 1, built - 1 + _BUILD_TO_USE, first_beat)
        ends.append(start + slots - 1)
    # Nothing waits for the idle slots behind the last row.
    last_beat = ends[-1] - _idle(blocks[-1])
    tree = (t.beat_bits // t.k).bit_length() - 1
    return last_beat + tree + _ACCUMULATE + _WRITE
