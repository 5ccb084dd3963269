# SPDX-License-Identifier: Apache-2.0
"""A dense layout column after column, so that no beat of a column with a zero activation is read.

A beat holds as many rows of one column as it has slots. Rows come in row blocks, as many as there
are accumulators; within a row block column after column, and within that strips of rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bits import fields_of, packed

__all__ = ["ColumnMajor"]


@dataclass(frozen=True)
class ColumnMajor:
    """Where the weights of a matrix lie, and which of its beats a vector of activations needs.

    Attributes
    ----------
    rows, columns : int
    weight_bits, beat_bits : int
        A beat holds ``beat_bits // weight_bits`` rows of a column.
    row_block : int
        Rows whose sums are held at a time; 0 for all.
    """

    rows: int
    columns: int
    weight_bits: int
    beat_bits: int
    row_block: int = 0

    @property
    def slots(self) -> int:
        """Rows of a beat."""
        return self.beat_bits // self.weight_bits

    @property
    def beats(self) -> int:
        """Beats of the matrix."""
        return self.columns * sum(self.strips)

    @property
    def strips(self) -> list[int]:
        """Beats that a column has in each row block."""
        block = self.row_block or self.rows
        return [-(-min(block, self.rows - start) // self.slots)
                for start in range(0, self.rows, block)]

    def encode(self, matrix: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return the beats of a matrix: uint8 array, shape (beats, beat_bits / 8)."""
        block, parts = self.row_block or self.rows, []
        for number, strips in enumerate(self.strips):
            part = matrix[number * block : (number + 1) * block]
            wide = np.zeros((strips * self.slots, self.columns), np.int64)
            wide[: len(part)] = part
            parts.append(packed(wide.T, self.weight_bits))
        bits = np.concatenate(parts).reshape(-1, self.beat_bits)
        return np.packbits(bits, axis=1, bitorder="little")

    def addresses(self, x: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the numbers of the beats that activations (columns,) need, in order."""
        there, start, found = np.flatnonzero(x), 0, []
        for strips in self.strips:
            found.append((start + there[:, None] * strips + np.arange(strips)).reshape(-1))
            start += self.columns * strips
        return np.concatenate(found)

    def bytes_read(self, x: NDArray[np.integer]) -> int:
        """Return the bytes that activations (columns,) need: exactly those of their non-zeros."""
        return int(np.count_nonzero(x)) * sum(self.strips) * self.beat_bits // 8

    def product(self, beats: NDArray[np.uint8], x: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return ``matrix @ x``, shape (rows,), from the beats that are needed and no other."""
        read = beats[self.addresses(x)]
        cells = fields_of(np.unpackbits(read, axis=1, bitorder="little").reshape(-1),
                          self.weight_bits, signed=True).reshape(-1, self.slots)
        values = x[np.flatnonzero(x)].astype(np.int64)
        block, at, sums = self.row_block or self.rows, 0, []
        for number, strips in enumerate(self.strips):
            part = cells[at : at + len(values) * strips].reshape(len(values), strips * self.slots)
            at += len(values) * strips
            sums.append((values @ part)[: min(block, self.rows - number * block)])
        return np.concatenate(sums)
