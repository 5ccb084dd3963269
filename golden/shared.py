# SPDX-License-Identifier: Apache-2.0
"""Packing of weights for rows that share tables: a beat has a field of each of many rows.

A beat is one plane of K columns for N rows: N fields of K bits, the first row's lowest, each as in
:mod:`luthier.golden.weights`. N K is a multiple of 8; bytes are little-endian.

*Order of beats*: block of N rows > plane, most significant first > K columns. Rows and columns are
padded.

*Trits* take two planes that count the same: 1 is (+1, +1), -1 is (-1, -1) and 0 is (+1, -1), so
that their sum is twice the trit. (-1, +1) means 0, too, and :func:`unpack_trits` rejects it.
"""

from dataclasses import dataclass

import numpy as np

from .errors import UserError
from .weights import check_trits, plane_bits

__all__ = [
    "TRIT_PLANES",
    "SharedLayout",
    "beats",
    "pack_planes",
    "pack_trits",
    "unpack_planes",
    "unpack_signs",
    "unpack_trits",
    "weight_bit",
]

#: Planes that trits take.
TRIT_PLANES = 2


@dataclass(frozen=True)
class SharedLayout:
    """Where weights are in beats for rows that share tables.

    Parameters
    ----------
    rows : int
        N, rows of a beat.
    k : int
        K, columns of a beat.
    """

    rows: int
    k: int = 4

    @property
    def beat_bits(self) -> int:
        """D, the bits of a beat."""
        return self.rows * self.k


def beats(layout: SharedLayout, *, rows: int, columns: int, planes: int, trits: bool) -> int:
    """Return the beats that a matrix takes."""
    return -(-rows // layout.rows) * (TRIT_PLANES if trits else planes) * -(-columns // layout.k)


def pack_planes(values: np.ndarray, planes: int, layout: SharedLayout) -> np.ndarray:
    """Pack odd integers as sign planes.

    Parameters
    ----------
    values : integer array, shape (rows, columns)
        Odd, magnitude at most ``2**planes - 1``.
    planes : int
        1 to 8.
    layout : SharedLayout

    Returns
    -------
    uint8 array, shape (beats, D / 8)

    Raises
    ------
    UserError
        If a value has no such form.
    """
    q = plane_bits(values, planes)
    return _pack(q >> np.arange(planes)[::-1, None, None] & 1, layout)


def pack_trits(values: np.ndarray, layout: SharedLayout) -> np.ndarray:
    """Pack -1, 0 and 1; see :func:`pack_planes` for parameters and errors."""
    values = check_trits(values)
    return _pack(np.stack([values >= 0, values > 0]).astype(np.int64), layout)


def unpack_planes(packed: np.ndarray, rows: int, columns: int, planes: int,
                  layout: SharedLayout) -> np.ndarray:
    """Undo :func:`pack_planes`: int64 array (rows, columns)."""
    signs = unpack_signs(packed, rows, columns, planes, layout)
    return (signs << np.arange(planes)[::-1, None, None]).sum(axis=0)


def unpack_trits(packed: np.ndarray, rows: int, columns: int, layout: SharedLayout) -> np.ndarray:
    """Undo :func:`pack_trits`: int64 array (rows, columns); UserError for an unused code."""
    first, second = unpack_signs(packed, rows, columns, TRIT_PLANES, layout)
    if (first < second).any():
        raise UserError("the packed ternary weights hold a pair of signs that is no code for 0")
    return (first + second) >> 1


def weight_bit(row: int, column: int, columns: int, planes: int, trits: bool,
               layout: SharedLayout, plane: int = 0) -> tuple[int, int]:
    """Return (beat, bit in the beat) of a stored bit of one weight, of its second plane if a trit.

    The sign bit of the weight's field if the weight is the highest of its field, else its index
    bit.
    """
    planes = TRIT_PLANES if trits else planes
    (block, row), (tile, column) = divmod(row, layout.rows), divmod(column, layout.k)
    beat = (block * planes + planes - 1 - plane) * -(-columns // layout.k) + tile
    return beat, row * layout.k + column


def _pack(bits: np.ndarray, layout: SharedLayout) -> np.ndarray:
    """Pack bits (planes, rows, columns), 1 for +1."""
    planes, rows, columns = bits.shape
    blocks, tiles = -(-rows // layout.rows), -(-columns // layout.k)
    padded = np.zeros((planes, blocks * layout.rows, tiles * layout.k), np.uint8)
    padded[:, :, layout.k - 1 :: layout.k] = 1  # a field that is all padding packs to zero
    padded[:, :rows, :columns] = bits
    fields = padded.reshape(planes, blocks, layout.rows, tiles, layout.k)
    sign = fields[..., -1:] ^ 1
    stored = np.concatenate([fields[..., :-1] ^ sign, sign], axis=-1)
    ordered = stored.transpose(1, 0, 3, 2, 4).reshape(blocks * planes * tiles, -1)
    return np.packbits(ordered, axis=-1, bitorder="little")


def unpack_signs(packed: np.ndarray, rows: int, columns: int, planes: int,
                 layout: SharedLayout) -> np.ndarray:
    """Return the signs in beats: int64 array (planes, rows, columns) of -1 and +1."""
    blocks, tiles = -(-rows // layout.rows), -(-columns // layout.k)
    stored = np.unpackbits(packed, axis=-1, bitorder="little").reshape(
        blocks, planes, tiles, layout.rows, layout.k)
    sign = stored[..., -1:]
    bits = np.concatenate([stored[..., :-1] ^ sign, sign ^ 1], axis=-1)
    ordered = bits.transpose(1, 0, 3, 2, 4).reshape(planes, blocks * layout.rows, -1)
    return 2 * ordered[:, :rows, :columns].astype(np.int64) - 1
