# SPDX-License-Identifier: Apache-2.0
"""What the parts of the table unit are told about an operation."""

from typing import Any

from amaranth import *
from amaranth.lib import data

from ...golden.config import Configuration
from ...golden.records import strip_words
from ...golden.weights import SHORTEST_STRIP, STRIP_ROWS
from ..rom import look_up

__all__ = [
    "TILE",
    "entry_bits",
    "full_strip_words",
    "most_groups",
    "part",
    "scale_command",
    "strip_word_count",
    "table_command",
    "take",
    "tile_layout",
    "walk_command",
]


#: What is said of a tile and not of its command, see :func:`tile_layout`.
TILE = ("rows", "bank", "first", "final", "last")


def part(layout: data.StructLayout, *names: str) -> data.StructLayout:
    """Return the layout of some members: what a unit still needs of a command at work."""
    return data.StructLayout({name: layout[name].shape for name in names})


def take(register, command, but: tuple[str, ...] = ()) -> list:
    """Return the assignments of a command's members to a register that holds some of them."""
    return [register[name].eq(command[name]) for name in register.shape().members
            if name not in but]


def most_groups(config: Configuration) -> int:
    """Return the groups of a tile where they are smallest: lanes of the group accumulators."""
    return config.table.beat_bits // config.table.smallest_group


def walk_command(config: Configuration) -> data.StructLayout:
    """Return the layout of what says in which order beats come.

    ``trits`` selects the alphabet, ``planes`` is 1 to 8 (1 for trits), of which the ``used`` most
    significant are read; ``rows`` and ``columns`` are the shape. ``scaled``: there are scale
    records, with ``offsets`` or without; ``whole``: one for a row, else 2**``groups`` in a tile.
    """
    layout = {
        "trits": 1,
        "planes": 4,
        "rows": range(config.table.max_rows + 1),
        "columns": range(config.table.max_columns + 1),
    }
    if config.table.scaled:
        layout |= {
            "used": 4,
            "scaled": 1,
            "offsets": 1,
            "whole": 1,
            "groups": range(max(2, most_groups(config).bit_length())),
        }
    return data.StructLayout(layout)


def tile_layout(config: Configuration) -> data.StructLayout:
    """Return the layout of what is said of a tile whose tables are built.

    What the command says of its weights, and: ``rows`` of its row block; ``bank`` of its tables;
    ``first``, ``final``: tile of the row block; ``last``: tile of the command.
    """
    layout = {name: field.shape for name, field in walk_command(config)
              if name not in ("rows", "columns")}
    return data.StructLayout(layout | {
        "rows": range(config.table.row_block + 1), "bank": 1, "first": 1, "final": 1, "last": 1})


def entry_bits(config: Configuration, table: int) -> int:
    """Return the bits that address an entry of a table: even tables hold triples of trits."""
    triples = config.table.trits and not config.table.deep and not table % 2
    return max(config.table.k - 1, 4 * triples)


def scale_command() -> data.StructLayout:
    """Return the layout of an output stage: see :class:`luthier.golden.descriptor.Descriptor`.

    ``element``: an :class:`~luthier.golden.descriptor.Element`.
    """
    return data.StructLayout({"multiplier": signed(16), "shift": 6, "element": 2})


def table_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command: one matrix times one vector, or ``tokens`` of them."""
    layout: dict[str, Any] = {"walk": walk_command(config)}
    if config.table.words_at_once > 1:
        layout["tokens"] = range(config.table.tokens + 1)
    if config.table.scaled:
        layout["stage"] = scale_command()
    return data.StructLayout(layout)


def strip_word_count(m, config: Configuration, name: str, command, rows) -> Signal:
    """Return the words of scale records of a strip of ``rows`` rows, 1 to 19.

    See :func:`luthier.golden.records.strip_words`.
    """
    bits = STRIP_ROWS.bit_length() - 1
    rest = look_up(m, f"{name}_part", [  # of the rows beyond a multiple of 16
        strip_words(config, count, 1 << groups, bool(offsets))
        for groups in _log_groups(config) for offsets in range(2) for count in range(STRIP_ROWS)
    ], Cat(rows[:bits], command.offsets, command.groups))
    full = full_strip_words(m, config, f"{name}_full", command.groups, command.offsets)
    longest = strip_words(config, STRIP_ROWS + SHORTEST_STRIP - 1, most_groups(config), True)
    words = Signal(range(longest + 1), name=name)
    m.d.comb += words.eq(rest + Mux(rows[bits:].any(), full, 0))
    return words


def full_strip_words(m, config: Configuration, name: str, groups, offsets) -> Value:
    """Return the words of scale records of 16 rows."""
    return look_up(m, name, [strip_words(config, STRIP_ROWS, 1 << number, bool(both))
                             for number in _log_groups(config) for both in range(2)],
                   Cat(offsets, groups))


def _log_groups(config: Configuration) -> range:
    """Return what a command's ``groups`` may be."""
    return range(most_groups(config).bit_length())
