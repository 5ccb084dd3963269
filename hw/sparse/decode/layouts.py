# SPDX-License-Identifier: Apache-2.0
"""What the streams of the decoders carry."""

from amaranth.hdl import unsigned
from amaranth.lib import data

from ....golden.sparse.encodings import BlockFormat, Defect, RowFormat
from ..layouts import weight_layout

__all__ = ["beat_layout", "block_command", "placed_layout", "report_layout", "row_command",
           "word_layout"]

#: Words of a packet of blocks.
block_command = data.StructLayout({"words": 32})

#: Rows of a packet, and items that a row could have: groups of 16 columns, or columns.
row_command = data.StructLayout({"rows": 16, "places": 16})

#: What was wrong with a packet; see :class:`luthier.golden.sparse.encodings.Report`.
report_layout = data.StructLayout({"errors": 16, "first": range(max(Defect) + 1)})


def beat_layout(beat_bits: int) -> data.StructLayout:
    """Return the layout of a beat of memory; ``last`` ends a packet."""
    return data.StructLayout({"data": beat_bits, "last": 1})


def word_layout(form: BlockFormat | RowFormat) -> data.StructLayout:
    """Return the layout of a word of weights."""
    return weight_layout(form.slots, form.block, form.weight_bits)


def placed_layout(form: RowFormat) -> data.StructLayout:
    """Return the layout of a word whose slots lie anywhere in a row.

    ``places`` has the number of the block of M columns in its row that each item belongs to: 16
    slots with ``bsr``, one with ``csr``. ``end`` comes with the last word of a row.
    """
    return data.StructLayout({
        "word": word_layout(form),
        "places": data.ArrayLayout(unsigned(form.place_bits), form.items),
        "end": 1,
    })
