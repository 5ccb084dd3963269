# SPDX-License-Identifier: Apache-2.0
"""All formats of sparse weights, and random matrices that they can hold."""

import numpy as np

from ..golden.errors import UserError
from ..golden.sparse.encodings import BlockFormat, RowFormat

__all__ = ["block_formats", "format_name", "random_matrix", "row_formats"]


def block_formats(beat_bits: int, weight_bits: int) -> list[BlockFormat]:
    """Return the formats of blocks that there are for such beats."""
    found = []
    for encoding in ("dense", "index", "bitmap", "pairs"):
        for block in (4, 8, 16):
            for kept in (1, 2, 4, 8, 16):
                try:
                    found.append(BlockFormat(encoding=encoding, kept=kept, block=block,
                                             weight_bits=weight_bits, beat_bits=beat_bits))
                except UserError:
                    continue
    return found


def row_formats(beat_bits: int, weight_bits: int) -> list[RowFormat]:
    """Return the formats of rows that there are for such beats, one block size each."""
    found = []
    for encoding, gap_bits, block in (("bsr", 3, 16), ("bsr", 7, 16), ("csr", 3, 8), ("csr", 11, 4),
                                      ("csr", 7, 16)):
        try:
            found.append(RowFormat(encoding=encoding, gap_bits=gap_bits, block=block,
                                   weight_bits=weight_bits, beat_bits=beat_bits))
        except UserError:
            continue
    return found


def format_name(form: BlockFormat | RowFormat) -> str:
    """Return a short name of a format, for messages."""
    what = (f"{form.kept}of{form.block}" if isinstance(form, BlockFormat)
            else f"gap{form.gap_bits}")
    return f"{form.encoding}-{what}-w{form.weight_bits}-d{form.beat_bits}"


def random_matrix(form: BlockFormat | RowFormat, rng: np.random.Generator, rows: int, columns: int,
                  density: float = 0.5) -> np.ndarray:
    """Return a matrix that a format can hold, with the least and the largest weights.

    Blocks have up to N weights, some none; of formats of rows a share ``density`` of items is
    there, and every fifth row is empty.
    """
    half = 1 << form.weight_bits - 1
    values = rng.choice([-half, half - 1, -1, 1, *rng.integers(-half, half, 8)], (rows, columns))
    if isinstance(form, BlockFormat):
        blocks = -(-columns // form.block)
        order = np.argsort(rng.random((rows, blocks, form.block)), axis=2)
        there = order < rng.integers(0, form.kept + 1, (rows, blocks, 1)) + form.kept // 2
        there &= order < form.kept
    else:
        there = rng.random((rows, -(-columns // form.group))) < density
        there[4::5] = False
        there = there.repeat(form.group, axis=1)
    return np.where(there.reshape(rows, -1)[:, :columns], values, 0)
