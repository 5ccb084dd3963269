# SPDX-License-Identifier: Apache-2.0
"""Make a matrix sparse by magnitude, and see whether it is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..golden.errors import UserError
from ..golden.sparse import Pattern
from ..golden.sparse import prune as prune_pattern
from ..golden.sparse.encodings import GROUP
from .arguments import whole
from .weight_arguments import matrix

__all__ = ["check_pattern", "prune", "prune_groups", "read_pattern"]


def read_pattern(pattern: Sequence[int]) -> tuple[int, int]:
    """Return N and M, or UserError."""
    if isinstance(pattern, str) or len(pattern) != 2:
        raise UserError(f"pattern must be two integers, N and M, such as (2, 4), not {pattern!r}")
    block = whole(pattern[1], "M of the pattern")
    if block not in (4, 8, 16):
        raise UserError(f"M of the pattern must be 4, 8 or 16, not {block}")
    kept = whole(pattern[0], "N of the pattern", 1, block)
    if kept & (kept - 1):
        raise UserError(f"N of the pattern must be a power of two, not {kept}; the next is "
                        f"{1 << kept.bit_length()}")
    return kept, block


def check_pattern(values: NDArray[np.integer], kept: int, block: int) -> None:
    """Do nothing if each block has at most N weights; else UserError names the first."""
    rows, columns = values.shape
    wide = np.zeros((rows, -(-columns // block) * block), bool)
    wide[:, :columns] = values != 0
    counts = wide.reshape(rows, -1, block).sum(axis=2)
    if (counts > kept).any():
        row, place = (int(i) for i in np.argwhere(counts > kept)[0])
        raise UserError(f"a block of a {kept}:{block} matrix must have at most {kept} weights that "
                        f"are not zero, not {int(counts[row, place])} as in row {row}, block "
                        f"{place} (columns {place * block} to {place * block + block - 1}); prune "
                        f"it with prune(array, {kept}, {block})")


def prune(array: ArrayLike, kept: int, block: int) -> NDArray[np.integer]:
    """Return a copy in which only the N largest magnitudes of each M columns are left.

    Of equals the first stays. Columns at the end that fill no block are one of their own.

    Raises
    ------
    UserError
        If the array is not one of integers (rows, columns), or there is no such pattern.
    """
    values = matrix(array, "weights to be pruned")
    kept, block = read_pattern((kept, block))
    columns = values.shape[1]
    whole_blocks = np.pad(values, ((0, 0), (0, -columns % block)))
    return prune_pattern(whole_blocks, Pattern(kept, block))[:, :columns].astype(values.dtype)


def prune_groups(array: ArrayLike, share: float) -> NDArray[np.integer]:
    """Return a copy in which that share of the groups of 16 of each row is zero, the least ones.

    A group counts as the sum of its magnitudes; of equals the first stays.

    Raises
    ------
    UserError
        If the array is not one of integers (rows, columns), or the share not between 0 and 1.

    Source: GQSA (arXiv 2412.17560), whose importance is another one.
    """
    values = matrix(array, "weights to be pruned")
    if not 0 <= share <= 1:
        raise UserError(f"the share of groups to be dropped must be between 0 and 1, not {share!r}")
    rows, columns = values.shape
    groups = -(-columns // GROUP)
    sums = np.zeros((rows, groups * GROUP), np.int64)
    sums[:, :columns] = abs(values.astype(np.int64))
    sums = sums.reshape(rows, groups, GROUP).sum(axis=2)
    left = _largest(sums, groups - round(share * groups))
    return np.where(left.repeat(GROUP, axis=1)[:, :columns], values, 0).astype(values.dtype)


def _largest(values: NDArray[np.int64], count: int) -> NDArray[np.bool]:
    """Return which are the largest so many along the last axis; of equals the first."""
    left = np.zeros(values.shape, bool)
    order = np.argsort(-values, axis=-1, kind="stable")[..., :count]
    np.put_along_axis(left, order, True, axis=-1)
    return left
