# SPDX-License-Identifier: Apache-2.0
"""What the parts of the table unit are told about an operation."""

from amaranth import *
from amaranth.lib import data

from ...golden.config import Configuration
from ...golden.scales import strip_words
from ...golden.weights import STRIP_ROWS

__all__ = ["most_groups", "scale_command", "strip_word_count", "table_command", "walk_command"]


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


def scale_command() -> data.StructLayout:
    """Return the layout of an output stage: see :class:`luthier.golden.descriptor.Descriptor`.

    ``bits``: an :class:`~luthier.golden.descriptor.Element`.
    """
    return data.StructLayout({"multiplier": signed(16), "shift": 6, "element": 2})


def table_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command: one matrix times one vector."""
    layout = {"walk": walk_command(config)}
    if config.table.scaled:
        layout["stage"] = scale_command()
    return data.StructLayout(layout)


def strip_word_count(m, config: Configuration, name: str, command, rows) -> Signal:
    """Return the words of scale records of the first ``rows`` rows, 1 to 16, of a strip."""
    words = Signal(range(1 + strip_words(config, STRIP_ROWS, most_groups(config), True)),
                   name=name)
    with m.Switch(Cat(rows, command.offsets, command.groups)):
        for groups in range(most_groups(config).bit_length()):
            for offsets in range(2):
                for count in range(1, STRIP_ROWS + 1):
                    with m.Case(groups << len(rows) + 1 | offsets << len(rows) | count):
                        m.d.comb += words.eq(
                            strip_words(config, count, 1 << groups, bool(offsets)))
    return words
