# SPDX-License-Identifier: Apache-2.0
"""Matrices as packets of the sparse chain: what joins packer, decoder and chain.

A beat of weights is a word of the chain (:mod:`luthier.golden.sparse.words`), so that rows come in
the order in which the chain adds them up, and rows and columns are filled up with zeros to whole
row groups and blocks.
"""

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .chain import Chain
from .encodings import BlockFormat, block_words, decode_blocks, encode_blocks
from .encodings.blocks import matrix_of_words

__all__ = ["matrix_packet", "packet_beats", "packet_format", "packet_matrix", "packet_words"]


def packet_format(config: Chain, encoding: str, kept: int) -> BlockFormat:
    """Return the format whose beats of weights are words of a chain.

    Parameters
    ----------
    config : Chain
        Of 4- or 8-bit weights, one row to a slot.
    encoding : str
    kept : int
        N of every block.

    Raises
    ------
    UserError
        If there is none.
    """
    if config.slot_rows > 1:
        raise UserError("packets hold one weight to a slot; use a chain that packs tokens, or none")
    return BlockFormat(encoding=encoding, kept=kept, block=config.block,
                       weight_bits=config.weight_bits,
                       beat_bits=config.slots * config.weight_bits)


def packet_words(config: Chain, form: BlockFormat, rows: int, columns: int) -> int:
    """Return the words of a matrix: for each row group and block, ``N / least``."""
    return -(-rows // config.rows) * -(-columns // config.block) * (form.kept // config.least)


def packet_beats(form: BlockFormat, words: int) -> int:
    """Return the beats of so many words, those of their index included."""
    return words + -(-words * form.index_bits // form.beat_bits)


def matrix_packet(config: Chain, form: BlockFormat,
                  matrix: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return the packet of a matrix: shape (beats, beat_bits / 8).

    Raises
    ------
    UserError
        If a block has more weights than the format keeps; it says which.
    """
    rows, columns = matrix.shape
    wide = np.zeros((rows, -(-columns // config.block) * config.block), np.int64)
    wide[:, :columns] = matrix
    counts = (wide.reshape(rows, -1, config.block) != 0).sum(axis=2)
    if (counts > form.kept).any():
        row, block = (int(i) for i in np.argwhere(counts > form.kept)[0])
        raise UserError(
            f"a matrix that is {form.kept}:{form.block} sparse must have at most {form.kept} "
            f"weights in each {form.block} columns, not {int(counts[row, block])} as in row {row}, "
            f"block {block}; prune it first, or name a fuller pattern")
    whole = np.zeros((-(-rows // config.rows) * config.rows, wide.shape[1]), np.int64)
    whole[:rows] = wide
    span = form.kept // config.least
    # Row i * span + j of a row group goes to the i-th block of the j-th word.
    parts = whole.reshape(-1, form.blocks, span, wide.shape[1] // config.block, config.block)
    of_words = parts.transpose(0, 3, 2, 1, 4).reshape(-1, form.columns)
    return encode_blocks(form, *block_words(form, of_words))


def packet_matrix(config: Chain, form: BlockFormat, rows: int, columns: int,
                  beats: NDArray[np.uint8]) -> tuple[NDArray[np.int64], int]:
    """Return the matrix (rows, columns) that hardware makes of a packet, and its malformed words.

    Blocks with a defect have weights of zero.
    """
    found = decode_blocks(form, packet_words(config, form, rows, columns), beats)
    blocks = -(-columns // config.block)
    span = form.kept // config.least
    of_words = matrix_of_words(form, found.weights, found.positions, len(found.weights),
                               form.columns)
    parts = of_words.reshape(-1, blocks, span, form.blocks, form.block)
    whole = parts.transpose(0, 3, 2, 1, 4).reshape(-1, blocks * form.block)
    return whole[:rows, :columns], found.report.errors
