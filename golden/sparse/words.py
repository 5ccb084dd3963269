# SPDX-License-Identifier: Apache-2.0
"""Words of weights for the sparse chain, of a matrix that has zeros."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import UserError
from .chain import Chain, chain_sums
from .patterns import fewest

__all__ = ["Words", "activation_blocks", "chain_product", "pack_words"]


@dataclass(frozen=True)
class Words:
    """What the chain gets of a matrix, row group by row group.

    Attributes
    ----------
    weights : list of np.ndarray
        Of shape (words, S, slot_rows).
    positions : list of np.ndarray
        Of shape (words, S).
    counts : list of np.ndarray
        N of each block of columns.
    rows, columns : int
        Of the matrix, before it was padded to whole row groups and blocks.
    """

    weights: list[np.ndarray]
    positions: list[np.ndarray]
    counts: list[np.ndarray]
    rows: int
    columns: int

    @property
    def total(self) -> int:
        """Words of all row groups."""
        return sum(len(words) for words in self.weights)


def pack_words(config: Chain, matrix: np.ndarray,
               counts: Sequence[np.ndarray] | None = None) -> Words:
    """Bring a matrix into words.

    Word ``j`` of the ``N / least`` words of a block has, in its slots ``N i`` to ``N i + N - 1``,
    the weights of accumulator ``i N / least + j``: of that row of the row group, or, with two rows
    in a slot, of twice that row and the next one. Their positions ascend. Slots that are left over
    have weight 0 and position 0.

    Parameters
    ----------
    config : Chain
    matrix : np.ndarray
        Integers of shape (rows, columns). Rows and columns are padded with zeros.
    counts : sequence of np.ndarray, optional
        N of each block of each row group. By default, the least that holds the weights.

    Raises
    ------
    UserError
        If a weight is out of range, there are too many columns, or a block does not hold the
        weights of a row, or of two rows that share positions.
    """
    rows, columns = matrix.shape
    bounds = config.weight_range
    if matrix.size and not bounds.least <= matrix.min() <= matrix.max() <= bounds.most:
        raise UserError(f"weights must be {bounds.least} to {bounds.most}, not {matrix.min()} to "
                        f"{matrix.max()}")
    if columns > config.columns:
        raise UserError(f"a chain for {config.columns} columns can not take {columns}; generate it "
                        f"with columns={columns}, or split the matrix")
    padded = np.zeros((-(-rows // config.rows) * config.rows,
                       -(-columns // config.block) * config.block), np.int64)
    padded[:rows, :columns] = matrix
    found = Words([], [], [], rows, columns)
    for index, group in enumerate(padded.reshape(-1, config.groups, config.slot_rows,
                                                 padded.shape[1])):
        blocks = group.reshape(*group.shape[:2], -1, config.block).transpose(2, 0, 1, 3)
        chosen, weights, positions = [], [], []
        for place, block in enumerate(blocks):
            used = (block != 0).any(axis=1)
            need = fewest(used.astype(np.int64), config.block, config.least)
            count = need if counts is None else int(counts[index][place])
            if count < need or count > config.block or count & (count - 1):
                raise UserError(
                    f"block {place} of row group {index} needs {need} weights of {config.block} "
                    f"columns, not {count}; use {need}, or leave counts out")
            chosen.append(count)
            for word in _block_words(config, block, used, count):
                weights.append(word[0])
                positions.append(word[1])
        found.weights.append(np.array(weights))
        found.positions.append(np.array(positions))
        found.counts.append(np.array(chosen))
    return found


def _block_words(config: Chain, block: np.ndarray, used: np.ndarray, count: int):
    """Return weights and positions of the words of a block, of shape (groups, slot_rows, M)."""
    span = count // config.least
    # A stable sort brings the columns that are used to the front, in their order.
    order = np.argsort(~used, axis=1, kind="stable")[:, :count]
    filled = np.take_along_axis(used, order, axis=1)
    places = np.where(filled, order, 0)
    values = np.take_along_axis(block, places[:, None, :], axis=2) * filled[:, None, :]
    for word in range(span):
        yield (values[word::span].transpose(0, 2, 1).reshape(config.slots, -1),
               places[word::span].reshape(config.slots))


def chain_product(config: Chain, words: Words, activations: np.ndarray) -> np.ndarray:
    """Return the product of the matrix and activations, as the hardware makes it.

    Parameters
    ----------
    activations : np.ndarray
        Of shape (columns,), or (2, columns) where the chain takes two tokens.

    Returns
    -------
    np.ndarray
        Of shape (rows,) or (2, rows).
    """
    blocks = activation_blocks(config, activations)
    sums = np.array([chain_sums(config, *group, blocks) for group in zip(
        words.weights, words.positions, words.counts)])
    if config.tokens == 1:
        return sums.reshape(-1)[: words.rows]
    return sums.reshape(-1, config.tokens).T[:, : words.rows]


def activation_blocks(config: Chain, activations: np.ndarray) -> np.ndarray:
    """Return activations of shape (columns,) or (2, columns) as (blocks, tokens, M), padded."""
    tokens = activations.reshape(config.tokens, -1).astype(np.int64)
    padded = np.pad(tokens, ((0, 0), (0, -tokens.shape[1] % config.block)))
    return padded.reshape(config.tokens, -1, config.block).transpose(1, 0, 2)
