# SPDX-License-Identifier: Apache-2.0
"""What an encoded matrix takes of memory, to the bit, and which format takes least."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from .blocks import fullest_block
from .formats import BLOCK_ENCODINGS, GROUP, ROW_ENCODINGS, BlockFormat, RowFormat
from .rows import Items, matrix_items

__all__ = ["SCALE_BITS", "SCALE_GROUP", "Cost", "block_cost", "encoded_scales", "fitting_formats",
           "pattern_formats", "row_cost", "scale_count"]

#: Bits of a scale: a mantissa, whose exponent is that of the matrix.
SCALE_BITS = 16
#: Columns that have a scale, unless something else is asked for.
SCALE_GROUP = 128


@dataclass(frozen=True)
class Cost:
    """Bits that an encoded matrix takes.

    Attributes
    ----------
    weights : int
        Of the matrix, zeros included.
    payload : int
        Weights that are stored; a block's zeros among its N are.
    index : int
        What says where they are.
    padding : int
        Rest of beats, blocks beyond the ends of rows, items that fill gaps or rows.
    scales : int
        Of the scales, in whole beats of their own.
    """

    weights: int
    payload: int
    index: int
    padding: int
    scales: int = 0

    @property
    def stream(self) -> int:
        """Bits of the packet."""
        return self.payload + self.index + self.padding

    @property
    def bits_per_weight(self) -> float:
        """Bits for each weight of the matrix, scales left out."""
        return self.stream / self.weights

    @property
    def scaled_bits_per_weight(self) -> float:
        """The same with scales."""
        return (self.stream + self.scales) / self.weights


def scale_count(form: BlockFormat | RowFormat, rows: int, columns: int,
                scale_group: int = SCALE_GROUP, items: int = 0) -> int:
    """Return how many scales a matrix has: one for each ``scale_group`` columns, 0 a whole row.

    Groups that are those of ``bsr`` have one for each item, ``items`` of them, also those of zeros:
    what is dropped has none.
    """
    if form.encoding == "bsr" and scale_group == GROUP:
        return items
    return rows * (-(-columns // scale_group) if scale_group else 1)


def encoded_scales(scales: NDArray[np.integer], beat_bits: int) -> NDArray[np.uint8]:
    """Return the beats of 16-bit scales, in order: shape (beats, beat_bits / 8)."""
    of_beat = beat_bits // SCALE_BITS
    padded = np.zeros(-(-len(scales) // of_beat) * of_beat, "<u2")
    padded[: len(scales)] = scales
    return padded.reshape(-1, of_beat).view(np.uint8)


def _scale_bits(form: BlockFormat | RowFormat, count: int) -> int:
    return -(-count * SCALE_BITS // form.beat_bits) * form.beat_bits


def block_cost(form: BlockFormat, rows: int, columns: int,
               scale_group: int = SCALE_GROUP) -> Cost:
    """Return what a matrix takes in a format of blocks, whatever is in it."""
    blocks = rows * -(-columns // form.block)
    words = rows * -(-columns // form.columns)
    beats = words - (-words * form.index_bits // form.beat_bits)
    payload, index = blocks * form.kept * form.weight_bits, blocks * form.entry_bits
    scales = _scale_bits(form, scale_count(form, rows, columns, scale_group))
    return Cost(rows * columns, payload, index, beats * form.beat_bits - payload - index, scales)


def row_cost(form: RowFormat, rows: int, columns: int, items: Items,
             scale_group: int = SCALE_GROUP) -> Cost:
    """Return what a matrix takes in a format of rows."""
    count, there = len(items.gaps), int((~items.filling).sum())
    beats = -(-count // form.items)
    total = (beats - (-beats * form.index_bits // form.beat_bits)) * form.beat_bits
    payload, index = there * form.group * form.weight_bits, there * form.entry_bits
    scales = _scale_bits(form, scale_count(form, rows, columns, scale_group, count))
    return Cost(rows * columns, payload, index, total - payload - index, scales)


def pattern_formats(kept: int, block: int, shape: tuple[int, int], weight_bits: int, beat_bits: int,
                    scale_group: int = SCALE_GROUP) -> list[tuple[BlockFormat, Cost]]:
    """Return the formats of N:M blocks for a matrix of this shape, the one of fewest bits first."""
    encodings = ["dense"] if kept == block else ["index", "bitmap"]
    if (kept, block) == (2, 4):
        encodings.append("pairs")
    if kept > beat_bits // weight_bits:
        return []
    forms = [BlockFormat(encoding=encoding, kept=kept, block=block, weight_bits=weight_bits,
                         beat_bits=beat_bits) for encoding in encodings]
    return sorted(((form, block_cost(form, *shape, scale_group)) for form in forms), key=_total)


def fitting_formats(matrix: NDArray[np.integer], weight_bits: int, beat_bits: int,
                    scale_group: int = SCALE_GROUP) -> list[tuple[BlockFormat | RowFormat, Cost]]:
    """Return the formats that can hold a matrix (rows, columns), the one of fewest bits first.

    Scales count. Of equals the one that is simplest to decode comes first: dense, then positions,
    bitmaps, pairs, groups, single weights.
    """
    rows, columns = matrix.shape
    found: list[tuple[BlockFormat | RowFormat, Cost]] = []
    for block in (16, 8, 4):
        most = max(int(fullest_block(matrix, block).max()), 1)
        for kept in sorted({block, 1 << (most - 1).bit_length()}):
            found += pattern_formats(kept, block, (rows, columns), weight_bits, beat_bits,
                                     scale_group)
    for encoding, gaps in (("bsr", (3, 7)), ("csr", (3, 11) if weight_bits == 4 else (7,))):
        for gap_bits in gaps:
            try:
                form = RowFormat(encoding=encoding, gap_bits=gap_bits, weight_bits=weight_bits,
                                 beat_bits=beat_bits)
                items = matrix_items(form, matrix)
            except UserError:  # beats too narrow for a group, or too many columns
                continue
            found.append((form, row_cost(form, rows, columns, items, scale_group)))
    order = (*BLOCK_ENCODINGS, *ROW_ENCODINGS)
    return sorted(found, key=lambda pair: (_total(pair), order.index(pair[0].encoding)))


def _total(pair: tuple[BlockFormat | RowFormat, Cost]) -> int:
    return pair[1].stream + pair[1].scales
