# SPDX-License-Identifier: Apache-2.0
"""Scale records in memory.

*Records.* A record of 20 bits is ``{s exponent, s mantissa}``, one of 40 bits ``{t exponent, t
mantissa, s exponent, s mantissa}``, the last named lowest. A word holds as many whole records as
fit, the first lowest, the bits above them zero.

*Order.* With groups: row block > column tile > strip of 16 rows > row > group of the tile. With
whole rows: strip > row. Each strip begins with a new word and takes as many words as 16 rows need.
"""

import numpy as np

from .config import Configuration
from .table import columns_per_beat
from .weights import STRIP_ROWS

__all__ = [
    "EXPONENT_BITS",
    "MANTISSA_BITS",
    "groups_per_tile",
    "pack_scales",
    "record_bits",
    "records_per_word",
    "scale_words",
    "strip_words",
    "unpack_scales",
]

MANTISSA_BITS = 16
EXPONENT_BITS = 4
_RECORD_HALF = MANTISSA_BITS + EXPONENT_BITS


def groups_per_tile(config: Configuration, group: int, trits: bool) -> int:
    """Return the groups of a tile; 1 for whole rows (``group`` 0) and for trits."""
    return 1 if trits or not group else config.table.beat_bits // group


def record_bits(offsets: bool) -> int:
    """Return the bits of a record, without or with an offset."""
    return 2 * _RECORD_HALF if offsets else _RECORD_HALF


def records_per_word(config: Configuration, offsets: bool) -> int:
    """Return the records that a word holds."""
    return config.table.beat_bits // record_bits(offsets)


def strip_words(config: Configuration, rows: int, groups: int, offsets: bool) -> int:
    """Return the words that hold the records of the first ``rows`` rows of a strip.

    ``groups`` is the number of records of a row. A joined strip of more than 16 rows begins a new
    word after the sixteenth.
    """
    per_word = records_per_word(config, offsets)
    first = -(-min(rows, STRIP_ROWS) * groups // per_word)
    if rows <= STRIP_ROWS:
        return first
    return first + -(-(rows - STRIP_ROWS) * groups // per_word)


def scale_words(config: Configuration, *, rows: int, columns: int, group: int, trits: bool,
                offsets: bool) -> int:
    """Return the memory words that the scale records of a matrix take."""
    words = strip_words(config, STRIP_ROWS, groups_per_tile(config, group, trits), offsets)
    tiles = -(-columns // columns_per_beat(config, trits)) if group else 1
    return words * -(-rows // STRIP_ROWS) * tiles


def _places(config: Configuration, rows: int, groups: int, tiles: int,
            offsets: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the word, and the place in it, of each record: int arrays (rows, tiles * groups)."""
    per_word = records_per_word(config, offsets)
    words = strip_words(config, STRIP_ROWS, groups, offsets)
    row = np.arange(rows)[:, None, None]
    tile = np.arange(tiles)[:, None]
    block = row // config.table.row_block * config.table.row_block
    strips_before = block // STRIP_ROWS
    block_strips = -(-np.minimum(config.table.row_block, rows - block) // STRIP_ROWS)
    strip = (row - block) // STRIP_ROWS
    start = (strips_before * tiles + tile * block_strips + strip) * words
    index = (row - block) % STRIP_ROWS * groups + np.arange(groups)
    shape = (rows, tiles * groups)
    return (start + index // per_word).reshape(shape), (index % per_word + 0 * tile).reshape(shape)


def pack_scales(config: Configuration, scale: tuple[np.ndarray, np.ndarray],
                offset: tuple[np.ndarray, np.ndarray] | None, *, columns: int, group: int,
                trits: bool) -> np.ndarray:
    """Pack scale records.

    Parameters
    ----------
    config : Configuration
    scale : tuple of int64 arrays, shape (rows, groups)
        Mantissas (0 to 65535) and exponents (0 to 15) of s; for whole rows one group, else a group
        for each ``group`` columns of each tile, those beyond the last column included.
    offset : tuple of int64 arrays or None
        Mantissas (-32768 to 32767) and exponents of t.
    columns : int
        Of the matrix.
    group : int
        Columns of a group, as the descriptor has it; 0 for whole rows.
    trits : bool

    Returns
    -------
    uint8 array, shape (words, D / 8)
    """
    rows, records = scale[0].shape
    groups = groups_per_tile(config, group, trits)
    word, place = _places(config, rows, groups, records // groups, offset is not None)
    bits = scale[0].astype(np.uint64) | scale[1].astype(np.uint64) << np.uint64(MANTISSA_BITS)
    if offset is not None:
        mantissa = (offset[0] & 0xFFFF).astype(np.uint64)
        bits |= (mantissa << np.uint64(_RECORD_HALF)
                 | offset[1].astype(np.uint64) << np.uint64(_RECORD_HALF + MANTISSA_BITS))
    size = record_bits(offset is not None)
    count = scale_words(config, rows=rows, columns=columns, group=group, trits=trits,
                        offsets=offset is not None)
    out = np.zeros((count, config.table.beat_bits), np.uint8)
    positions = place[..., None] * size + np.arange(size)
    out[word[..., None], positions] = bits[..., None] >> np.arange(size, dtype=np.uint64) & 1
    return np.packbits(out, axis=1, bitorder="little")


def unpack_scales(config: Configuration, words: np.ndarray, *, rows: int, columns: int, group: int,
                  trits: bool, offsets: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return s and t as integers, int64 arrays (rows, groups): undo :func:`pack_scales`."""
    groups = groups_per_tile(config, group, trits)
    tiles = -(-columns // columns_per_beat(config, trits)) if group else 1
    word, place = _places(config, rows, groups, tiles, offsets)
    size = record_bits(offsets)
    bits = np.unpackbits(words, axis=1, bitorder="little")
    record = bits[word[..., None], place[..., None] * size + np.arange(size)].astype(np.int64)
    fields = record @ (1 << np.arange(size, dtype=np.int64))
    half = fields & (1 << _RECORD_HALF) - 1
    s = (half & 0xFFFF) << (half >> MANTISSA_BITS)
    half = fields >> _RECORD_HALF
    signed = ((half & 0xFFFF) ^ 0x8000) - 0x8000
    return s, signed << (half >> MANTISSA_BITS)
