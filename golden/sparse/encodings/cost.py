# SPDX-License-Identifier: Apache-2.0
"""What an encoded matrix takes of memory, to the bit, and which format takes least."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from .blocks import fullest_block
from .formats import BlockFormat, RowFormat
from .rows import Items, matrix_items

__all__ = ["SCALE_BITS", "SCALE_GROUP", "Cost", "block_cost", "encoded_scales", "fitting_formats",
           "row_cost", "scale_count"]

#: Bits of a scale: a mantissa, whose exponent is that of the matrix.
SCALE_BITS = 16
#: Columns that have a scale, where items do not have their own.
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


def scale_count(form: BlockFormat | RowFormat, rows: int, columns: int, items: int = 0) -> int:
    """Return how many scales a matrix has.

    One for each 128 columns of a row; with ``bsr`` for each item, ``items`` of them, also those of
    zeros; with ``csr`` for each row.
    """
    if form.encoding == "bsr":
        return items
    return rows if form.encoding == "csr" else rows * -(-columns // SCALE_GROUP)


def encoded_scales(scales: NDArray[np.integer], beat_bits: int) -> NDArray[np.uint8]:
    """Return the beats of 16-bit scales, in order: shape (beats, beat_bits / 8)."""
    of_beat = beat_bits // SCALE_BITS
    padded = np.zeros(-(-len(scales) // of_beat) * of_beat, "<u2")
    padded[: len(scales)] = scales
    return padded.reshape(-1, of_beat).view(np.uint8)


def _scale_beats(count: int, beat_bits: int) -> int:
    return -(-count * SCALE_BITS // beat_bits)


def block_cost(form: BlockFormat, rows: int, columns: int) -> Cost:
    """Return what a matrix takes in a format of blocks, whatever is in it."""
    blocks = rows * -(-columns // form.block)
    words = rows * -(-columns // form.columns)
    beats = words - (-words * form.index_bits // form.beat_bits)
    payload, index = blocks * form.kept * form.weight_bits, blocks * form.entry_bits
    scales = _scale_beats(scale_count(form, rows, columns), form.beat_bits) * form.beat_bits
    return Cost(rows * columns, payload, index, beats * form.beat_bits - payload - index, scales)


def row_cost(form: RowFormat, rows: int, columns: int, items: Items) -> Cost:
    """Return what a matrix takes in a format of rows."""
    count, there = len(items.gaps), int((~items.filling).sum())
    beats = -(-count // form.items)
    total = (beats - (-beats * form.index_bits // form.beat_bits)) * form.beat_bits
    payload, index = there * form.group * form.weight_bits, there * form.entry_bits
    scales = _scale_beats(scale_count(form, rows, columns, count), form.beat_bits) * form.beat_bits
    return Cost(rows * columns, payload, index, total - payload - index, scales)


def fitting_formats(matrix: NDArray[np.integer], weight_bits: int,
                    beat_bits: int) -> list[tuple[BlockFormat | RowFormat, Cost]]:
    """Return the formats that can hold a matrix (rows, columns), the one of fewest bits first.

    Scales count. Of equals the one that is simplest to decode comes first: dense, then positions,
    bitmaps, pairs, groups, single weights.
    """
    rows, columns = matrix.shape
    found: list[tuple[BlockFormat | RowFormat, Cost]] = []
    common = {"weight_bits": weight_bits, "beat_bits": beat_bits}
    slots = beat_bits // weight_bits
    for encoding in ("dense", "index", "bitmap", "pairs"):
        for block in (4, 8, 16):
            most = max(int(fullest_block(matrix, block).max()), 1)
            kept = block if encoding == "dense" else 1 << (most - 1).bit_length()
            if (kept > slots or (encoding != "dense" and kept == block)
                    or (encoding == "pairs" and (block, most) not in ((4, 1), (4, 2)))):
                continue
            form = BlockFormat(encoding=encoding, block=block,
                               kept=2 if encoding == "pairs" else kept, **common)
            found.append((form, block_cost(form, rows, columns)))
    for encoding, gaps in (("bsr", (3, 7)), ("csr", (3, 11) if weight_bits == 4 else (7,))):
        for gap_bits in gaps:
            try:
                form = RowFormat(encoding=encoding, gap_bits=gap_bits, **common)
                found.append((form, row_cost(form, rows, columns, matrix_items(form, matrix))))
            except UserError:  # beats too narrow for a group, or too many columns
                continue
    return sorted(found, key=lambda pair: pair[1].stream + pair[1].scales)
