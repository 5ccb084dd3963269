# SPDX-License-Identifier: Apache-2.0
"""Entries of tables that are rounded to 8 bits, and the sums that come of them.

LUT Tensor Core (arXiv 2408.06003, section 3.1.3) keeps its tables in INT8, with a scale for each
table that is found when it is made. Here all have the same power of two as their step, so that no
multiplier and no maximum is needed, and the result is the same whatever the order of the sums.

An entry e is the highest of K activations plus or minus the others. With ``drop`` = d bits too many
it is stored as q = min((e + 2**(d-1)) >> d, 127), the nearest multiple of the step, halves upwards;
a weight's sign gives +q or -q, and a result is 2**d times the sum of those. Columns that a table
lacks are activations of 0, with a weight of +1 where the highest one is lacking.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .weights import plane_bits, plane_fields

if TYPE_CHECKING:
    from .config import Configuration

__all__ = ["STORED_BITS", "dropped_bits", "entry_sums", "field_sums", "fields", "stored"]

#: Bits of a rounded entry.
STORED_BITS = 8


def dropped_bits(config: Configuration) -> int:
    """Return d, the bits that entries lose: 0 where they are stored as they are."""
    t = config.table
    width = t.activation_bits + (t.k - 1).bit_length()
    return width - STORED_BITS if t.quantisation else 0


def stored(entries: np.ndarray, dropped: int) -> np.ndarray:
    """Return what is stored of exact entries; ``dropped`` is 1 or more."""
    most = (1 << STORED_BITS - 1) - 1
    return np.minimum((entries + (1 << dropped - 1)) >> dropped, most)


def fields(config: Configuration) -> list[range]:
    """Return the columns of each table, of a tile."""
    return (plane_fields(config.table.layout) if config.table.shared is None else
            [range(config.table.k)])


def field_sums(signs: np.ndarray, x: np.ndarray, tables: Sequence[range],
               dropped: int) -> np.ndarray:
    """Multiply signs with the activations of a tile, by rounded tables.

    Parameters
    ----------
    signs : array, shape (..., rows, columns)
        -1 and +1.
    x : array, shape (..., columns, tokens)
    tables : sequence of range
        Columns of each table.
    dropped : int
        1 or more.

    Returns
    -------
    int64 array, shape (..., rows, tokens)
    """
    signs, x = signs.astype(np.float32), x.astype(np.float32)  # exact: entries have 19 bits or less
    total = np.zeros((), np.int64)
    for columns in tables:
        place = slice(columns.start, columns.stop)
        sign = signs[..., columns.stop - 1, None].astype(np.int64)
        sums = (signs[..., place] @ x[..., place, :]).astype(np.int64)
        total = total + sign * stored(sign * sums, dropped)
    return total << dropped


def entry_sums(config: Configuration, values: np.ndarray, planes: int, x: np.ndarray) -> np.ndarray:
    """Multiply a matrix with activations, by the rounded tables of a configuration.

    Parameters
    ----------
    config : Configuration
        With ``table.quantisation``.
    values : integer array, shape (rows, columns), or (rows, 1, columns)
        Odd, magnitude at most ``2**planes - 1``.
    planes : int
    x : integer array, shape (columns, tokens), or for each row (rows, columns, tokens)

    Returns
    -------
    int64 array, shape (rows, tokens), or (rows, 1, tokens)
    """
    columns, tables = values.shape[-1], fields(config)
    tile, dropped = tables[-1].stop, dropped_bits(config)
    numbers = plane_bits(values.reshape(-1, columns), planes).astype(np.int64).reshape(values.shape)
    total = np.zeros((), np.int64)
    for start in range(0, columns, tile):
        width = min(tile, columns - start)
        bits = np.full((*values.shape[:-1], tile), -1)
        bits[..., :width] = numbers[..., start : start + width]
        part = np.zeros((*x.shape[:-2], tile, x.shape[-1]), np.int64)
        part[..., :width, :] = x[..., start : start + width, :]
        for plane in range(planes):
            signs = 2 * (bits >> plane & 1) - 1
            total = total + (field_sums(signs, part, tables, dropped) << plane)
    return total
