# SPDX-License-Identifier: Apache-2.0
"""Golden model of the table unit: results, widths and beats."""

import numpy as np

from . import shared
from .config import Configuration
from .entries import dropped_bits
from .errors import UserError
from .shared import TRIT_PLANES
from .weights import SHORTEST_STRIP, pack_planes, pack_trits, plane_fields

__all__ = [
    "ACCUMULATOR_SPACING",
    "accumulator_width",
    "beats",
    "check_range",
    "columns_per_beat",
    "entry_width",
    "group_levels",
    "group_tables",
    "group_width",
    "levels",
    "max_columns",
    "pack",
    "passes",
    "products_per_beat",
    "tables",
    "total_width",
    "tree_levels",
    "worst_case",
]

#: Slots between two uses of one accumulator: read, register, add, write.
ACCUMULATOR_SPACING = SHORTEST_STRIP

def columns_per_beat(config: Configuration, trits: bool) -> int:
    """Return the columns of a tile: D for sign planes, 5D/8 for trits, K where rows share it."""
    if config.table.shared is not None:
        return config.table.k
    return config.table.beat_bits * 5 // 8 if trits else config.table.beat_bits


def products_per_beat(config: Configuration, trits: bool) -> int:
    """Return the products of weights of one plane, or of trits, that a beat makes."""
    if config.table.shared is not None:
        return config.table.tokens * config.table.beat_bits // (TRIT_PLANES if trits else 1)
    return config.table.tokens * columns_per_beat(config, trits)


def passes(config: Configuration, tokens: int) -> int:
    """Return how often the weights are read for so many vectors."""
    return -(-tokens // config.table.tokens)


def beats(config: Configuration, *, rows: int, columns: int, planes: int, trits: bool) -> int:
    """Return the memory words that the weights of a matrix take: the beats it is read in."""
    if config.table.shared is not None:
        return shared.beats(config.table.shared, rows=rows, columns=columns, planes=planes,
                            trits=trits)
    return rows * planes * -(-columns // columns_per_beat(config, trits))


def pack(config: Configuration, values: np.ndarray, *, planes: int, trits: bool) -> np.ndarray:
    """Pack weights in the order of a configuration: uint8 array (beats, D / 8).

    See :func:`luthier.golden.weights.pack_planes`, and with ``trits``
    :func:`~luthier.golden.weights.pack_trits`, for values and errors.
    """
    layout = config.table.shared
    if layout is not None:
        return (shared.pack_trits(values, layout) if trits else
                shared.pack_planes(values, planes, layout))
    if trits:
        return pack_trits(values, config.table.layout)
    return pack_planes(values, planes, config.table.layout)


def tables(config: Configuration) -> int:
    """Return the number of tables: as many as a plane beat has fields.

    With trits, a byte takes two tables of four columns, or a deep one.
    """
    return len(plane_fields(config.table.layout))


def group_tables(config: Configuration) -> int:
    """Return the tables of a smallest group, whose sum is taken out of the tree; all if plain."""
    t = config.table
    return tables(config) // (t.beat_bits // t.smallest_group) if t.scaled else tables(config)


def entry_width(config: Configuration) -> int:
    """Return the bits of a table entry, signed.

    An entry of K sign planes is its highest activation plus or minus the others, so it lies in
    ``[-K * 2**(A-1), K * 2**(A-1) - 1]``. A triple of trits lies within 3 * 2**(A-1), five within
    5 * 2**(A-1). With ``table.quantisation`` it is what is stored.
    """
    return config.table.activation_bits + (config.table.k - 1).bit_length() - dropped_bits(config)


def levels(count: int, inputs: int) -> int:
    """Return the levels of a tree of adders with 2 or 3 inputs that adds up so many values.

    With three, the first level has two, because it applies their signs.
    """
    if inputs == 2:
        return (count - 1).bit_length()
    count, number = -(-count // 2), 1
    while count > 1:
        count, number = -(-count // 3), number + 1
    return number


def tree_levels(config: Configuration) -> int:
    """Return the levels of the adder tree, its latency."""
    t = config.table
    if not t.scaled:
        return levels(tables(config), t.adder_inputs)
    return group_levels(config) + levels(t.beat_bits // t.smallest_group, 2)


def group_levels(config: Configuration) -> int:
    """Return the levels until the sums of smallest groups, of two inputs each."""
    return levels(group_tables(config), 2)


def group_width(config: Configuration) -> int:
    """Return the bits of the sum of a smallest group, whose sign is applied later."""
    # a + b and a - b of signed w-bit words lie in [-2**w, 2**w - 1]: one bit more a level.
    return entry_width(config) + group_levels(config)


def total_width(config: Configuration) -> int:
    """Return the bits of the sum of a beat, signed."""
    if config.table.adder_inputs == 2:
        return entry_width(config) + tree_levels(config)
    # Signs are applied: every activation can be -2**(A-1), and negated.
    worst = worst_case(config, columns_per_beat(config, not config.table.planes), 1)
    return worst.bit_length() + 1 - dropped_bits(config)


def worst_case(config: Configuration, columns: int, planes: int) -> int:
    """Return the largest magnitude of a sum of so many columns and planes.

    Rounded entries can not exceed it: it is a multiple of their step in each table.
    """
    return (2**planes - 1) * 2 ** (config.table.activation_bits - 1) * columns


def max_columns(config: Configuration, *, planes: int) -> int:
    """Return the most columns whose worst case, all activations -2**(A-1), fits an int32 result."""
    return min((2**31 - 1) // worst_case(config, 1, planes), config.table.max_columns)


def accumulator_width(config: Configuration) -> int:
    """Return the bits of an accumulator, signed: the worst case of the largest accepted shape.

    It counts steps of rounded entries, where tables have such.
    """
    most = 8 if config.table.planes else 1
    worst = max(worst_case(config, max_columns(config, planes=p), p) for p in range(1, most + 1))
    return worst.bit_length() + 1 - dropped_bits(config)


def check_range(config: Configuration, *, columns: int, planes: int, trits: bool) -> None:
    """Check that no sum can leave int32.

    Raises
    ------
    UserError
        If the worst case does.
    """
    planes = 1 if trits else planes
    worst = worst_case(config, columns, planes)
    if worst > 2**31 - 1:
        raise UserError(
            f"{columns} columns of {planes} planes with {config.table.activation_bits}-bit "
            f"activations "
            f"can reach {worst}, beyond the int32 results; split the columns in parts of at most "
            f"{(2**31 - 1) // worst_case(config, 1, planes)} or use fewer planes")
