# SPDX-License-Identifier: Apache-2.0
"""N:M blocks to beats and back: ``dense``, ``index``, ``bitmap`` and ``pairs``."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from .bits import fields_of, interleave, packed, separate
from .checks import check_weights, refuse_length
from .defects import Defect, MalformedStream, Report, report
from .formats import PAIRS, BlockFormat

__all__ = ["BlockWords", "block_words", "decode_blocks", "encode_blocks", "fullest_block",
           "matrix_of_words", "read_blocks"]

_PAIRS = np.array(PAIRS)
#: Codes of pairs that mean something.
_CODES = 6


@dataclass(frozen=True)
class BlockWords:
    """Words of weights, as a decoder gives them to the chain.

    Attributes
    ----------
    weights, positions : int64 array, shape (words, slots)
    malformed : bool array, shape (words, blocks)
        Blocks with a defect, whose weights are zero.
    report : Report
    """

    weights: NDArray[np.int64]
    positions: NDArray[np.int64]
    malformed: NDArray[np.bool]
    report: Report


def fullest_block(matrix: NDArray[np.integer], block: int) -> NDArray[np.int64]:
    """Return how many weights of each block are not zero: shape (rows, blocks)."""
    return _in_blocks(matrix, block, block).astype(bool).sum(axis=2)


def block_words(form: BlockFormat, matrix: NDArray[np.integer]) -> tuple[
        NDArray[np.int64], NDArray[np.int64]]:
    """Return the words of a matrix, row after row: weights and positions, shape (words, slots).

    A row ends with its word: blocks beyond it are zeros. A block with fewer than N weights also has
    the first of its zeros.

    Raises
    ------
    UserError
        If a block has more than N weights, or a weight is too large; it names the first.
    """
    check_weights(matrix, form.weight_bits)
    cells = _in_blocks(matrix, form.block, form.columns)
    full = cells.astype(bool)
    counts = full.sum(axis=2)
    if (counts > form.kept).any():
        row, block = (int(i) for i in np.argwhere(counts > form.kept)[0])
        raise UserError(
            f"a matrix that is {form.kept}:{form.block} sparse must have at most {form.kept} "
            f"weights in each {form.block} columns, not {int(counts[row, block])} as in row {row}, "
            f"block {block}; prune it first, or name a fuller pattern")
    spare = (~full).cumsum(axis=2) <= (form.kept - counts)[:, :, None]
    positions = np.argsort(~(full | spare), axis=2, kind="stable")[:, :, : form.kept]
    weights = np.take_along_axis(cells, positions, axis=2)
    return weights.reshape(-1, form.slots), positions.reshape(-1, form.slots)


def _in_blocks(matrix: NDArray[np.integer], block: int, multiple: int) -> NDArray[np.int64]:
    """Return the cells of each block, rows filled up with zeros: (rows, blocks, block)."""
    rows, columns = matrix.shape
    wide = np.zeros((rows, -(-columns // multiple) * multiple), np.int64)
    wide[:, :columns] = matrix
    return wide.reshape(rows, -1, block)


def matrix_of_words(form: BlockFormat, weights: NDArray[np.int64], positions: NDArray[np.int64],
                    rows: int, columns: int) -> NDArray[np.int64]:
    """Return the matrix that :func:`block_words` was given: shape (rows, columns)."""
    cells = np.zeros((weights.size // form.kept, form.block), np.int64)
    shape = (-1, form.kept)
    np.add.at(cells, (np.arange(len(cells))[:, None], positions.reshape(shape)),
              weights.reshape(shape))
    return cells.reshape(rows, -1)[:, :columns]


def encode_blocks(form: BlockFormat, weights: NDArray[np.integer],
                  positions: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return a packet: uint8 array, shape (beats, beat_bits / 8).

    Parameters
    ----------
    form : BlockFormat
    weights, positions : integer array, shape (words, slots)

    Raises
    ------
    MalformedStream
        If the positions of a block do not ascend, or are not those of the block's columns.
    """
    shaped = positions.reshape(-1, form.kept)
    wrong = ((shaped < 0) | (shaped >= form.block)).any(axis=1)
    wrong |= (np.diff(shaped, axis=1) <= 0).any(axis=1)
    if wrong.any():
        word, block = divmod(int(np.argmax(wrong)), form.blocks)
        raise MalformedStream(
            f"positions must be different, ascending and between 0 and {form.block - 1}, not "
            f"{shaped[np.argmax(wrong)].tolist()} as in word {word}, block {block}; sort them")
    if form.encoding == "index":
        index = packed(positions, form.position_bits)
    elif form.encoding == "bitmap":
        index = np.zeros((len(shaped), form.block), np.uint8)
        np.put_along_axis(index, shaped, 1, axis=1)
        index = index.reshape(-1)
    elif form.encoding == "pairs":
        code = np.zeros((form.block, form.block), np.int64)
        code[tuple(_PAIRS[:_CODES].T)] = np.arange(_CODES)
        index = packed(code[shaped[:, 0], shaped[:, 1]], 3)
    else:
        index = np.zeros(0, np.uint8)
    return interleave(index, packed(weights, form.weight_bits), form.index_bits, form.beat_bits)


def decode_blocks(form: BlockFormat, words: int, beats: NDArray[np.uint8]) -> BlockWords:
    """Return what the hardware decoder makes of a packet, whatever it is.

    As many words come out as are asked for. One whose beat did not come has weights of zero, and
    the positions of an index of zero bits.

    Parameters
    ----------
    form : BlockFormat
    words : int
        That the packet should have.
    beats : uint8 array, shape (beats, beat_bits / 8)
    """
    index, payload, places = separate(beats, words, form.index_bits, form.beat_bits)
    weights = fields_of(payload, form.weight_bits, signed=True).reshape(-1, form.kept)
    positions, wrong = _positions(form, index)
    wrong &= np.repeat(places < len(beats), form.blocks)
    weights[wrong] = 0
    malformed = wrong.reshape(words, form.blocks)
    expected = int(places[-1]) + 1 if words else 0
    return BlockWords(
        weights.reshape(words, form.slots), positions.reshape(words, form.slots), malformed,
        report(int(malformed.any(axis=1).sum()), form.defect, len(beats), expected))


def _positions(form: BlockFormat, index: NDArray[np.uint8]) -> tuple[
        NDArray[np.int64], NDArray[np.bool]]:
    """Return positions (blocks, kept), and which blocks have none that can be."""
    count = len(index) * form.blocks
    if form.encoding == "index":
        positions = fields_of(index.reshape(-1), form.position_bits).reshape(count, form.kept)
        return positions, np.asarray((np.diff(positions, axis=1) <= 0).any(axis=1))
    if form.encoding == "bitmap":
        bitmap = index.reshape(count, form.block)
        before = bitmap.cumsum(axis=1) - bitmap
        positions = np.zeros((count, form.kept), np.int64)
        for slot in range(form.kept):  # where slots before and after leave room for it
            for place in range(slot, form.block - form.kept + slot + 1):
                positions[:, slot] |= np.where(
                    bitmap[:, place] & (before[:, place] == slot), place, 0)
        return positions, bitmap.sum(axis=1) != form.kept
    if form.encoding == "pairs":
        codes = fields_of(index.reshape(-1), 3)
        return _PAIRS[codes], codes >= _CODES
    return np.tile(np.arange(form.block), (count, 1)), np.zeros(count, bool)


def read_blocks(form: BlockFormat, rows: int, columns: int,
                beats: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the matrix in a packet: shape (rows, columns).

    Raises
    ------
    MalformedStream
        If the packet has a defect; it says which and where.
    """
    words_of_row = -(-columns // form.columns)
    found = decode_blocks(form, rows * words_of_row, beats)
    if found.malformed.any():
        word, block = (int(i) for i in np.argwhere(found.malformed)[0])
        what = {Defect.ORDER: "positions that do not ascend",
                Defect.COUNT: f"a bitmap that has not exactly {form.kept} bits set",
                Defect.CODE: "a code of a pair above 5"}[form.defect]
        place = word % words_of_row * form.blocks + block
        raise MalformedStream(f"a stream of {form.encoding} blocks must not have {what}, as in row "
                              f"{word // words_of_row}, block {place}; encode the matrix again")
    refuse_length(found.report, len(beats), f"{form.encoding} blocks", rows, columns)
    return matrix_of_words(form, found.weights, found.positions, rows, columns)
