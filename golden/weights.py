# SPDX-License-Identifier: Apache-2.0
"""Packing of weights into the beats that the table unit streams.

A beat is one row's weights for the columns of one tile: D bits, little-endian in D / 8 bytes.

*Order of beats*: row block (``row_block`` rows) > column tile > strip of 16 rows > plane, most
significant first > row. Every row has exactly ``planes`` beats in each tile; only columns are
padded. A remainder of fewer than 4 rows belongs to the strip before it, which then has 17 to 19:
planes of one row meet the same accumulator, and an accumulator needs 4 cycles.

*Sign planes*: D columns a tile, in runs of so many columns that tables never straddle a group; a
run is cut into fields of K columns, the last one shorter where K does not divide it. A field holds
its columns of one plane as ``{s, i}``. With b its bits (1 for +1, 0 for -1): s = not the highest of
b, and i are the others, inverted where s is set. The table of a field holds its highest activation
plus or minus each of the others, and s negates what is read: the symmetry of LUT Tensor Core (arXiv
2408.06003, equations 4 to 6), with the inversion of the index folded into the stored weights.

*Trits*: 5D/8 columns a tile. Byte b of a beat holds the five columns ``trit_columns(D)[b]``:
three that form a triple, two that form a pair, as ``{s, i3..i0, t, j1, j0}``. Bit 7 negates all
five. If i3..i1 are not all ones, the triple is ``HALF3[i]`` and the pair ``HALF2[j]``, negated if
t; else the pair is zero and the triple is ``HALF3[{i0, t, j1, j0}]``. ``HALF3`` and ``HALF2`` list
one of each pair of opposite vectors, in the order of a reflected ternary Gray code from the zero
vector, so that each entry of a table is the one before plus or minus one activation. All 243
vectors have a code; the 13 other bytes decode to defined values too, and :func:`unpack_trits`
rejects them.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from .errors import UserError

__all__ = [
    "HALF2",
    "HALF3",
    "SHORTEST_STRIP",
    "STRIP_ROWS",
    "Layout",
    "check_trits",
    "decode_planes",
    "decode_trits",
    "five_path",
    "pack_planes",
    "pack_trits",
    "plane_bits",
    "plane_fields",
    "strips",
    "trit_codes",
    "trit_columns",
    "trit_values",
    "unpack_planes",
    "unpack_trits",
    "weight_bit",
]

#: Rows whose planes are interleaved.
STRIP_ROWS = 16
#: A last strip of fewer rows is joined to the one before it.
SHORTEST_STRIP = 4


@dataclass(frozen=True)
class Layout:
    """Where weights are in their beats; a configuration has one.

    Parameters
    ----------
    beat_bits : int
        D.
    row_block : int
        Rows of a block.
    k : int
        Columns of a field of a sign plane.
    run : int
        Columns from one place that no field straddles to the next; divides D.
    rounds : int
        1, 2 or 4: the last D/2 columns of a tile of trits are dealt out D / (2 rounds) at a time.
    deep : bool
        A table takes a byte.
    """

    beat_bits: int
    row_block: int
    k: int = 4
    run: int = 16
    rounds: int = 1
    deep: bool = False


def _gray(digits: int) -> list[tuple[int, ...]]:
    """Return the reflected Gray code over {-1, 0, 1}; neighbours differ by 1 in one digit."""
    codes: list[tuple[int, ...]] = [()]
    for _ in range(digits):
        codes = [(value, *code) for value in (-1, 0, 1)
                 for code in (codes if value else codes[::-1])]
    return codes


#: The zero vector and one of each pair of opposite triples: 14 rows, neighbours one step apart.
HALF3 = tuple(_gray(3)[13:])
#: One of each pair of opposite pairs: 4 rows; the first is one step from zero.
HALF2 = tuple(_gray(2)[5:])


@cache
def trit_values() -> np.ndarray:
    """Return what each byte means: int8 array (256, 5), triple then pair.

    Escapes to the missing entries 14 and 15 of ``HALF3`` mean zero.
    """
    half3 = [*HALF3, (0, 0, 0), (0, 0, 0)]
    table = np.zeros((256, 5), np.int8)
    for byte in range(256):
        sign = -1 if byte & 0x80 else 1
        i, t, j = byte >> 3 & 15, byte >> 2 & 1, byte & 3
        if i >= 14:
            vector = [*half3[(i & 1) << 3 | t << 2 | j], 0, 0]
        else:
            vector = [*half3[i], *((-v if t else v) for v in HALF2[j])]
        table[byte] = [sign * value for value in vector]
    table.flags.writeable = False
    return table


@cache
def trit_codes() -> np.ndarray:
    """Return the byte for each vector: uint8 array (243,), index sum((trit + 1) * 3**position)."""
    codes = np.zeros(243, np.uint8)
    index = (trit_values().astype(np.int64) + 1) @ 3 ** np.arange(5)
    # The lowest byte wins; the 13 higher ones that repeat a vector are the unused codes.
    codes[index[::-1]] = np.arange(255, -1, -1)
    codes.flags.writeable = False
    return codes


@cache
def plane_fields(layout: Layout) -> list[range]:
    """Return the columns of each field of a plane beat, which are also its bits."""
    return [range(first, min(first + layout.k, start + layout.run))
            for start in range(0, layout.beat_bits, layout.run)
            for first in range(start, start + layout.run, layout.k)]


@cache
def _highest(layout: Layout) -> np.ndarray:
    """Return for each column the highest one of its field: int array (D,)."""
    highest = np.concatenate([np.full(len(field), field[-1]) for field in plane_fields(layout)])
    highest.flags.writeable = False
    return highest


@cache
def trit_columns(layout: Layout) -> np.ndarray:
    """Return the columns within a tile that each byte of a beat holds: int array (D/8, 5).

    The last D/2 columns of a tile are octets, of which ``D / (16 rounds)`` are built side by side.
    The even builder of an octet makes two triples of it, the odd one a pair of the two columns
    left. The first D/8 columns are pairs, which the odd builders make besides. Where tables are
    deep, there is one builder for an octet, and its second five are three columns of the octet and
    a pair. See :mod:`luthier.hw.table.builder`.
    """
    d, rounds = layout.beat_bits, layout.rounds
    octets, staying = d // (16 * rounds), d // 64
    columns = np.empty((d // 8, 5), np.int64)
    for byte, own in enumerate(columns):
        turn, octet = divmod(byte, octets)
        window, late = divmod(turn, 2)
        base = d // 8 + 8 * (window * octets + octet)
        replica, place = divmod(octet, staying)
        pair = 8 * place + 2 * (replica * rounds + window)
        if layout.deep:
            own[:] = ((base + 5, base + 6, base + 7, pair, pair + 1) if late else
                      range(base, base + 5))
        else:
            own[:] = ((base + 4, base + 5, base + 6, pair, pair + 1) if late else
                      (base, base + 1, base + 2, base + 3, base + 7))
    columns.flags.writeable = False
    return columns


@cache
def five_path() -> list[tuple[tuple[int, ...], int]]:
    """Return the 126 vectors of five trits whose bytes have no sign, and these bytes.

    The first is zero, and neighbours are one step apart: the triples of ``HALF3`` in their order,
    for each of them all pairs, there and back again; for the first, zero, from the zero pair round
    to where the way back begins.
    """
    path, pairs = [], _gray(2)
    round_zero = [(0, 0), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]
    assert round_zero[-1] == pairs[-1]
    for number, triple in enumerate(HALF3):
        for pair in (pairs[::-1] if number % 2 else pairs if number else round_zero):
            if any(pair):
                turned = pair not in HALF2
                j = HALF2.index(tuple(-v for v in pair) if turned else pair)
                path.append(((*triple, *pair), number << 3 | turned << 2 | j))
            else:
                path.append(((*triple, *pair), 0x70 | number))
    return path


def strips(rows: int) -> list[int]:
    """Return the rows of each strip of a row block."""
    full, rest = divmod(rows, STRIP_ROWS)
    sizes = [STRIP_ROWS] * full
    if rest >= SHORTEST_STRIP or not full:
        return sizes + [rest] * bool(rest)
    return [*sizes[:-1], STRIP_ROWS + rest]


def _order(rows: int, planes: int, tiles: int, row_block: int) -> np.ndarray:
    """Return the place of each (tile, plane, row) in the stream: int array (tiles, planes, rows).

    Plane 0 of the second axis is the least significant one.
    """
    row = np.arange(rows)
    block_start = row // row_block * row_block
    block_rows = np.minimum(row_block, rows - block_start)
    sizes = [size for start in range(0, rows, row_block)
             for size in strips(min(row_block, rows - start))]
    strip_rows = np.repeat(sizes, sizes)
    strip_start = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
    tile = np.arange(tiles)[:, None, None]
    step = (planes - 1 - np.arange(planes))[:, None]
    return (block_start * planes * tiles + tile * block_rows * planes
            + (strip_start - block_start) * planes + step * strip_rows + (row - strip_start))


def _check_matrix(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 2 or 0 in values.shape or values.dtype.kind not in "iu":
        raise UserError(f"weights must be a two-dimensional array of integers, not shape "
                        f"{values.shape} of {values.dtype}")
    return values


def plane_bits(values: np.ndarray, planes: int) -> np.ndarray:
    """Return q, an int64 array, for odd weights ``2 * q - (2**planes - 1)``: a bit for each plane.

    Raises
    ------
    UserError
        If a value has no such form, or they are not a matrix of integers.
    """
    values = _check_matrix(values).astype(np.int64)
    limit = 2**planes - 1
    if ((values % 2 == 0) | (abs(values) > limit)).any():
        raise UserError(
            f"weights of {planes} sign planes must be odd and between {-limit} and {limit}")
    return (values + limit) >> 1


def check_trits(values: np.ndarray) -> np.ndarray:
    """Return weights as an array; UserError if they are not a matrix of -1, 0 and 1."""
    values = _check_matrix(values)
    if (abs(values.astype(np.int64)) > 1).any():
        raise UserError("ternary weights must be -1, 0 or 1")
    return values


def pack_planes(values: np.ndarray, planes: int, layout: Layout) -> np.ndarray:
    """Pack odd integers as sign planes.

    Parameters
    ----------
    values : integer array, shape (rows, columns)
        Odd, magnitude at most ``2**planes - 1``.
    planes : int
        1 to 8.
    layout : Layout

    Returns
    -------
    uint8 array, shape (rows * planes * tiles, D / 8)

    Raises
    ------
    UserError
        If a value has no such form.
    """
    numbers = plane_bits(values, planes)
    rows, columns = numbers.shape
    d, highest = layout.beat_bits, _highest(layout)
    tiles = -(-columns // d)
    q = np.zeros((rows, tiles, d), np.uint8)
    q[..., highest] = 255  # A field that is all padding packs to zero.
    q.reshape(rows, -1)[:, :columns] = numbers
    bits = (q[None] >> np.arange(planes, dtype=np.uint8)[:, None, None, None]) & 1
    sign = bits[..., highest] ^ 1
    stored = np.where(highest == np.arange(d), sign, bits ^ sign)
    packed = np.packbits(stored, axis=-1, bitorder="little")
    beats = np.empty((rows * planes * tiles, d // 8), np.uint8)
    beats[_order(rows, planes, tiles, layout.row_block)] = packed.transpose(2, 0, 1, 3)
    return beats


def decode_planes(packed: np.ndarray, layout: Layout) -> np.ndarray:
    """Return the signs in beats of sign planes: uint8 (..., D/8) to int8 (..., D) of -1 and +1."""
    bits, highest = np.unpackbits(packed, axis=-1, bitorder="little"), _highest(layout)
    sign = bits[..., highest]
    plain = np.where(highest == np.arange(layout.beat_bits), sign ^ 1, bits ^ sign)
    return (2 * plain.astype(np.int8) - 1).astype(np.int8)


def unpack_planes(beats: np.ndarray, rows: int, columns: int, planes: int,
                  layout: Layout) -> np.ndarray:
    """Undo :func:`pack_planes`: int64 array (rows, columns)."""
    tiles = -(-columns // layout.beat_bits)
    ordered = beats[_order(rows, planes, tiles, layout.row_block)]  # (tiles, planes, rows, bytes)
    signs = decode_planes(ordered, layout).astype(np.int64)
    values = (signs * (1 << np.arange(planes))[:, None, None]).sum(axis=1)
    return values.transpose(1, 0, 2).reshape(rows, -1)[:, :columns]


def pack_trits(values: np.ndarray, layout: Layout) -> np.ndarray:
    """Pack -1, 0 and 1, five to a byte.

    Returns uint8 (rows * tiles, D / 8); see :func:`pack_planes` for the other parameters and
    errors.
    """
    values = check_trits(values)
    rows, columns = values.shape
    order = trit_columns(layout)
    tiles = -(-columns // order.size)
    padded = np.zeros((rows, tiles, order.size), np.int64)
    padded.reshape(rows, -1)[:, :columns] = values
    index = (padded[:, :, order] + 1) @ 3 ** np.arange(5)
    beats = np.empty((rows * tiles, layout.beat_bits // 8), np.uint8)
    beats[_order(rows, 1, tiles, layout.row_block)[:, 0]] = trit_codes()[index].transpose(1, 0, 2)
    return beats


def decode_trits(packed: np.ndarray, layout: Layout) -> np.ndarray:
    """Return the trits that beats hold: uint8 (..., D/8) to int8 (..., 5D/8), in column order."""
    order = trit_columns(layout)
    out = np.empty((*packed.shape[:-1], order.size), np.int8)
    out[..., order] = trit_values()[packed]
    return out


def unpack_trits(beats: np.ndarray, rows: int, columns: int, layout: Layout) -> np.ndarray:
    """Undo :func:`pack_trits`: int64 array (rows, columns); UserError for an unused code."""
    values = trit_values()[beats].astype(np.int64)
    if (trit_codes()[(values + 1) @ 3 ** np.arange(5)] != beats).any():
        raise UserError("the packed ternary weights hold a byte that is not a code for five trits")
    tiles = -(-columns // (5 * layout.beat_bits // 8))
    ordered = decode_trits(beats[_order(rows, 1, tiles, layout.row_block)[:, 0]], layout)
    return ordered.transpose(1, 0, 2).reshape(rows, -1)[:, :columns].astype(np.int64)


def weight_bit(row: int, column: int, rows: int, columns: int, planes: int, trits: bool,
               layout: Layout, plane: int = 0) -> tuple[int, int]:
    """Return (beat, bit in the beat) of a stored bit of one weight.

    For sign planes the sign bit of the weight's field in ``plane`` if the weight is the highest of
    its field, else its index bit; for trits the sign of its byte. Flipping it changes the result
    for activations that do not cancel.
    """
    per_tile = 5 * layout.beat_bits // 8 if trits else layout.beat_bits
    tile, offset = divmod(column, per_tile)
    tiles = -(-columns // per_tile)
    beat = int(_order(rows, planes, tiles, layout.row_block)[tile, 0 if trits else plane, row])
    if not trits:
        return beat, offset
    byte = int(np.argwhere(trit_columns(layout) == offset)[0, 0])
    return beat, 8 * byte + 7
