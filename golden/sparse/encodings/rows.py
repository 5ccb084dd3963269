# SPDX-License-Identifier: Apache-2.0
"""Groups or single weights at gaps, row after row, to beats and back: ``bsr`` and ``csr``."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from .bits import fields_of, interleave, packed, separate
from .checks import check_weights, refuse_length
from .defects import MalformedStream, Report, report
from .formats import RowFormat

__all__ = ["Items", "RowWords", "decode_rows", "encode_rows", "matrix_items", "read_rows",
           "row_places"]

#: Rows have fewer items than this.
_MOST_PLACES = 65535


@dataclass(frozen=True)
class Items:
    """Items of a matrix in their order, those of zeros that fill gaps and rows included.

    Attributes
    ----------
    gaps : int64 array, shape (items,)
    ends : bool array, shape (items,)
        Whether an item ends its row.
    weights : int64 array, shape (items, group)
    filling : bool array, shape (items,)
        Whether it is one of zeros.
    """

    gaps: NDArray[np.int64]
    ends: NDArray[np.bool]
    weights: NDArray[np.int64]
    filling: NDArray[np.bool]


@dataclass(frozen=True)
class RowWords:
    """Words of weights, each of one row, as a decoder gives them.

    Attributes
    ----------
    weights, positions : int64 array, shape (words, slots)
    places : int64 array, shape (words, items)
        Number of the block in its row that each item's slots belong to.
    ends : bool array, shape (words,)
        Whether a row ends.
    malformed : bool array, shape (words,)
    report : Report
    """

    weights: NDArray[np.int64]
    positions: NDArray[np.int64]
    places: NDArray[np.int64]
    ends: NDArray[np.bool]
    malformed: NDArray[np.bool]
    report: Report


def row_places(form: RowFormat, columns: int) -> int:
    """Return how many items a row could have: groups, or columns.

    Raises
    ------
    UserError
        If they are too many to be counted in 16 bits.
    """
    places = -(-columns // form.group)
    if not 1 <= places <= _MOST_PLACES:
        raise UserError(f"columns of {form.encoding} must be between 1 and "
                        f"{_MOST_PLACES * form.group}, not {columns}; split the matrix")
    return places


def matrix_items(form: RowFormat, matrix: NDArray[np.integer]) -> Items:
    """Return the items of a matrix (rows, columns).

    Raises
    ------
    UserError
        If a weight is too large, or there are too many columns.
    """
    check_weights(matrix, form.weight_bits)
    rows, columns = matrix.shape
    places = row_places(form, columns)
    wide = np.zeros((rows, places * form.group), np.int64)
    wide[:, :columns] = matrix
    cells = wide.reshape(rows, places, form.group)
    there: NDArray[np.bool] = np.asarray(cells.any(axis=2))
    empty = ~np.asarray(there.any(axis=1))
    there[empty, 0] = True  # one item of zeros
    row, place = np.nonzero(there)
    first = np.ones(len(row), bool)
    first[1:] = row[1:] != row[:-1]
    gap = place - np.where(first, -1, np.roll(place, 1)) - 1
    filled = gap // (form.longest_gap + 1)
    last = np.cumsum(filled + 1) - 1  # where each item lies behind those that fill its gap
    count = int(last[-1]) + 1
    gaps = np.full(count, form.longest_gap, np.int64)
    gaps[last] = gap % (form.longest_gap + 1)
    weights = np.zeros((count, form.group), np.int64)
    weights[last] = cells[row, place]
    ends, filling = np.zeros(count, bool), np.ones(count, bool)
    ends[last] = np.roll(first, -1)
    filling[last] = empty[row]
    return Items(gaps, ends, weights, filling)


def encode_rows(form: RowFormat, items: Items) -> NDArray[np.uint8]:
    """Return a packet: uint8 array, shape (beats, beat_bits / 8)."""
    beats = -(-len(items.gaps) // form.items)
    entries = np.zeros(beats * form.items, np.int64)
    entries[: len(items.gaps)] = items.gaps | items.ends.astype(np.int64) << form.gap_bits
    weights = np.zeros((len(entries), form.group), np.int64)
    weights[: len(items.weights)] = items.weights
    if form.encoding == "csr":
        mask = (1 << form.weight_bits) - 1
        word = weights[:, 0] & mask | entries << form.weight_bits
        return interleave(np.zeros(0, np.uint8), packed(word, form.item_bits), 0, form.beat_bits)
    return interleave(packed(entries, form.entry_bits), packed(weights, form.weight_bits),
                      form.index_bits, form.beat_bits)


def _received(form: RowFormat, beats: NDArray[np.uint8]) -> tuple[
        NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return entries (items,) and weights (items, group) of the beats of weights, and places."""
    words = len(beats)  # More than there can be; those that did not come are left out.
    index, payload, places = separate(beats, words, form.index_bits, form.beat_bits)
    there = places < len(beats)
    payload, index, places = payload[there], index[there], places[there]
    if form.encoding == "csr":
        fields = payload.reshape(-1, form.item_bits)
        weights = fields_of(fields[:, : form.weight_bits].reshape(-1), form.weight_bits,
                            signed=True)
        entries = fields_of(fields[:, form.weight_bits :].reshape(-1), form.entry_bits)
    else:
        weights = fields_of(payload.reshape(-1), form.weight_bits, signed=True)
        entries = fields_of(index.reshape(-1), form.entry_bits)
    return entries, weights.reshape(-1, form.group), places


def decode_rows(form: RowFormat, rows: int, places: int, beats: NDArray[np.uint8]) -> RowWords:
    """Return what the hardware decoder makes of a packet, whatever it is.

    A word holds the items of one beat that belong to one row, each in its place in the beat; the
    other slots are zero, also those of an item beyond the row's end. As many rows end as are asked
    for: an empty word ends each that the packet lacks.

    Parameters
    ----------
    form : RowFormat
    rows : int
        That the packet should have.
    places : int
        Items that a row could have.
    beats : uint8 array, shape (beats, beat_bits / 8)
    """
    entries, weights, at = _received(form, beats)
    ends = entries >> form.gap_bits == 1
    row = np.cumsum(ends) - ends
    kept = row < rows
    entries, weights, ends, row = entries[kept], weights[kept], ends[kept], row[kept]
    number = np.arange(len(entries))
    steps = np.cumsum((entries & form.longest_gap) + 1)
    before = np.concatenate([[0], steps[ends]])
    place = steps - 1 - before[row]
    out = place >= places
    place[out], weights[out] = 0, 0
    beat, lane = np.divmod(number, form.items)
    starts = (lane == 0) | (np.roll(ends, 1) & (number > 0))
    word = np.cumsum(starts) - 1
    found = int(ends.sum())
    filled = int(word[-1]) + 1 if len(word) else 0
    count = filled + rows - found
    values, positions, numbers = (np.zeros((count, size), np.int64) for size in (
        form.slots, form.slots, form.items))
    values.reshape(count, form.items, form.group)[word, lane] = weights
    if form.encoding == "bsr":
        positions[:] = np.tile(np.arange(form.group), form.items)
        numbers[word, lane] = place
    else:
        positions[word, lane] = place & form.block - 1
        numbers[word, lane] = place >> form.position_bits
    closing, malformed = np.zeros(count, bool), np.zeros(count, bool)
    closing[word[ends]] = closing[filled:] = malformed[word[out]] = True
    # The packet should end with the beat in which the last row does.
    expected = int(at[beat[-1]]) + 1 if found == rows else len(beats) + 1
    return RowWords(values, positions, numbers, closing, malformed,
                    report(int(malformed.sum()), form.defect, len(beats), expected))


def read_rows(form: RowFormat, rows: int, columns: int,
              beats: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the matrix in a packet: shape (rows, columns).

    Raises
    ------
    MalformedStream
        If the packet has a defect; it says which and where.
    """
    found = decode_rows(form, rows, row_places(form, columns), beats)
    row = np.cumsum(found.ends) - found.ends
    if found.malformed.any():
        raise MalformedStream(
            f"a stream of {form.encoding} rows must not go beyond column {columns - 1}, as in row "
            f"{row[np.argmax(found.malformed)]}; encode the matrix again")
    refuse_length(found.report, len(beats), f"{form.encoding} rows", rows, columns)
    shape = (-1, form.items, form.group)
    block = found.places[:, :, None] * form.block + found.positions.reshape(shape)
    matrix = np.zeros((rows, row_places(form, columns) * form.group), np.int64)
    np.add.at(matrix, (row[:, None, None], block), found.weights.reshape(shape))
    if matrix[:, columns:].any():
        raise MalformedStream(
            f"a stream of {form.encoding} rows must not go beyond column {columns - 1}, as in row "
            f"{int(np.argwhere(matrix[:, columns:])[0, 0])}; encode the matrix again")
    return matrix[:, :columns]
