# SPDX-License-Identifier: Apache-2.0
"""N:M patterns: at most N weights of M consecutive columns are not zero."""

import re
from dataclasses import dataclass

import numpy as np

from ..errors import UserError

__all__ = ["BLOCKS", "Pattern", "dense", "fewest", "prune"]

#: M: columns of a block, and inputs of the choice in front of a multiplier.
BLOCKS = (4, 8, 16)


@dataclass(frozen=True)
class Pattern:
    """N weights in M columns.

    Parameters
    ----------
    nonzeros : int
        N, a power of two up to M.
    block : int
        M: 4, 8 or 16.

    Raises
    ------
    UserError
        If there is no such pattern.
    """

    nonzeros: int
    block: int

    def __post_init__(self) -> None:
        if self.block not in BLOCKS:
            raise UserError(f"a block must have 4, 8 or 16 columns, not {self.block}")
        if not 1 <= self.nonzeros <= self.block or self.nonzeros & (self.nonzeros - 1):
            allowed = ", ".join(str(1 << bit) for bit in range(self.block.bit_length() - 1))
            raise UserError(f"weights in a block of {self.block} columns must be {allowed} or "
                            f"{self.block}, not {self.nonzeros}")

    @classmethod
    def parse(cls, text: str, block: int = 16) -> "Pattern":
        """Return the pattern of a text such as ``2:4``; ``dense`` is all of ``block`` columns."""
        if text == "dense":
            return dense(block)
        if not (found := re.fullmatch(r"(\d+):(\d+)", text)):
            raise UserError(f"a pattern must be dense or N:M, such as 2:4, not {text!r}")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return "dense" if self.nonzeros == self.block else f"{self.nonzeros}:{self.block}"

    def within(self, block: int) -> "Pattern":
        """Return the same density in larger blocks, which includes this pattern: 2:4 is in 8:16.

        Raises
        ------
        UserError
            If ``block`` is smaller.
        """
        if block < self.block:
            raise UserError(f"pattern {self} does not fit a chain of blocks of {block} columns; "
                            f"use block={self.block}")
        return Pattern(self.nonzeros * block // self.block, block)

    def offsets(self, block: int) -> tuple[int, ...]:
        """Return, for each slot of the larger block, the column where its own block begins.

        A position in a block of M columns and this offset make the position in ``block`` columns.
        """
        whole = self.within(block)
        return tuple(slot // self.nonzeros * self.block for slot in range(whole.nonzeros))


def dense(block: int) -> Pattern:
    """Return the pattern in which no weight need be zero."""
    return Pattern(block, block)


def fewest(weights: np.ndarray, block: int, least: int = 1) -> int:
    """Return N of the sparsest pattern in blocks of so many columns that holds the weights.

    Parameters
    ----------
    weights : np.ndarray
        Of shape (rows, multiple of ``block``).
    block : int
        M.
    least : int
        The smallest N there is, a power of two.
    """
    counts = np.count_nonzero(weights.reshape(len(weights), -1, block), axis=2)
    return max(least, 1 << max(int(counts.max(initial=0)) - 1, 0).bit_length())


def prune(weights: np.ndarray, pattern: Pattern) -> np.ndarray:
    """Return the weights without those of least magnitude in each block, by the pattern.

    Of equal ones the first stay.
    """
    blocks = weights.reshape(len(weights), -1, pattern.block)
    order = np.argsort(-np.abs(blocks.astype(np.int64)), axis=2, kind="stable")
    kept = np.zeros(blocks.shape, bool)
    np.put_along_axis(kept, order[:, :, : pattern.nonzeros], True, axis=2)
    return np.where(kept, blocks, 0).reshape(weights.shape)
