# SPDX-License-Identifier: Apache-2.0
"""Golden model of the table unit: results, widths and beats."""

from .config import Configuration
from .errors import UserError
from .weights import SHORTEST_STRIP

__all__ = [
    "ACCUMULATOR_SPACING",
    "accumulator_width",
    "beats",
    "check_range",
    "columns_per_beat",
    "entry_width",
    "max_columns",
    "node_width",
    "worst_case",
]

#: Slots between two uses of one accumulator: read, register, add, write.
ACCUMULATOR_SPACING = SHORTEST_STRIP

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


def worst_case(config: Configuration, columns: int, planes: int) -> int:
    """Return the largest magnitude of a sum of so many columns and planes."""
    return (2**planes - 1) * 2 ** (config.table.activation_bits - 1) * columns


def max_columns(config: Configuration, *, planes: int) -> int:
    """Return the most columns whose worst case, all activations -2**(A-1), fits an int32 result."""
    return min((2**31 - 1) // worst_case(config, 1, planes), config.table.max_columns)


def accumulator_width(config: Configuration) -> int:
    """Return the bits of an accumulator, signed: the worst case of the largest accepted shape."""
    worst = max(worst_case(config, max_columns(config, planes=p), p) for p in range(1, 9))
    return worst.bit_length() + 1


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
