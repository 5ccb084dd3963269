# SPDX-License-Identifier: Apache-2.0
"""The products of a TABLE operation, from the bytes in memory."""

import numpy as np

from .config import Configuration
from .descriptor import Descriptor
from .entries import dropped_bits, field_sums, fields
from .records import groups_per_tile
from .shared import TRIT_PLANES, SharedLayout, unpack_signs
from .table import columns_per_beat
from .weights import STRIP_ROWS, decode_planes, decode_trits, strips

__all__ = ["table_products"]


def table_products(config: Configuration, packed: np.ndarray, x: np.ndarray,
                   d: Descriptor) -> tuple[np.ndarray, np.ndarray]:
    """Multiply beat by beat in stream order; ``x`` is (tokens, columns).

    Returns
    -------
    sums : int64 array, shape (tokens, rows, groups)
        Of weights times activations; one group for whole rows.
    of_x : int64 array, shape (tokens, groups)
        Of activations.
    """
    if (shared := config.table.shared) is not None:
        return _shared(config, packed, x, d, shared)
    per_tile, tokens = columns_per_beat(config, d.trits), len(x)
    tiles = -(-d.columns // per_tile)
    groups = groups_per_tile(config, d.group, d.trits)
    padded = np.zeros((tokens, tiles * per_tile), np.int64)
    padded[:, : d.columns] = x
    of_x = padded.reshape(tokens, tiles * groups, -1).sum(axis=2)
    decode = decode_trits if d.trits else decode_planes
    exact = np.float32 if _small(config, per_tile) else np.float64
    column = np.arange(per_tile)
    by_group = np.zeros((per_tile, groups, tokens), exact)
    sums = np.zeros((d.rows, tiles * groups, tokens), np.int64)
    row_block, planes, position = config.table.row_block, d.planes_stored, 0
    for start in range(0, d.rows, row_block):
        rows = min(row_block, d.rows - start)
        for tile in range(tiles):
            part = decode(packed[position : position + rows * planes],
                          config.table.layout).astype(exact)
            position += rows * planes
            by_group[column, column * groups // per_tile] = (
                padded[:, tile * per_tile : (tile + 1) * per_tile].T)
            if dropped := dropped_bits(config):
                products = field_sums(part, by_group[:, 0], fields(config), dropped)
            else:
                products = (part @ by_group.reshape(per_tile, -1)).astype(np.int64)
            sums[start : start + rows, tile * groups : (tile + 1) * groups] = _planes(
                products, rows, planes, d.planes_used).reshape(rows, groups, tokens)
    sums = sums.transpose(2, 0, 1)
    return (sums, of_x) if d.group else (sums.sum(axis=2, keepdims=True),
                                         of_x.sum(axis=1, keepdims=True))


def _shared(config: Configuration, packed: np.ndarray, x: np.ndarray, d: Descriptor,
            layout: SharedLayout) -> tuple[np.ndarray, np.ndarray]:
    """The same for beats of many rows, which have no groups."""
    if dropped := dropped_bits(config):
        return _rounded(packed, x, d, layout, dropped)
    signs = unpack_signs(packed, d.rows, d.columns, TRIT_PLANES if d.trits else d.planes_stored,
                         layout)
    weights = (1,) * TRIT_PLANES if d.trits else 1 << np.arange(d.planes_stored)[::-1]
    sums = x @ np.tensordot(weights, signs, axes=1).T
    return (sums >> d.trits)[..., None], x.sum(axis=1, keepdims=True)


def _rounded(packed: np.ndarray, x: np.ndarray, d: Descriptor, layout: SharedLayout,
             dropped: int) -> tuple[np.ndarray, np.ndarray]:
    """The same with rounded entries; the columns of padding have signs, too."""
    padded = np.zeros((-(-d.columns // layout.k) * layout.k, len(x)), np.int64)
    padded[: d.columns] = x.T
    signs = unpack_signs(packed, d.rows, len(padded), d.planes_stored, layout)
    tables = [range(start, start + layout.k) for start in range(0, len(padded), layout.k)]
    weights = 1 << np.arange(d.planes_stored)[::-1]
    sums = np.tensordot(weights, field_sums(signs, padded, tables, dropped), axes=1)
    return sums.T[..., None], x.sum(axis=1, keepdims=True)


def _small(config: Configuration, columns: int) -> bool:
    """Whether a tile's sums are exact in float32."""
    return columns << config.table.activation_bits <= 1 << 23


def _planes(sums: np.ndarray, rows: int, planes: int, used: int) -> np.ndarray:
    """Add up the sums (rows * planes, n) of one tile and row block, strip by strip."""
    weights = np.where(np.arange(planes) < used, 1 << np.arange(planes)[::-1], 0)[:, None, None]
    sizes, groups = strips(rows), sums.shape[1]
    whole = sizes.count(STRIP_ROWS) * STRIP_ROWS
    head = sums[: whole * planes].reshape(-1, planes, STRIP_ROWS, groups)
    tail = sums[whole * planes :].reshape(planes, -1, groups)
    return np.concatenate([(head * weights).sum(axis=1).reshape(-1, groups),
                           (tail * weights).sum(axis=0)])
