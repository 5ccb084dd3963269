# SPDX-License-Identifier: Apache-2.0
"""Sparse weights: a matrix of integers packed in the encoding that takes least memory."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..golden.errors import UserError
from ..golden.sparse.encodings import (
    BLOCK_ENCODINGS,
    GROUP,
    ROW_ENCODINGS,
    SCALE_BITS,
    SCALE_GROUP,
    BlockFormat,
    Cost,
    MalformedStream,
    RowFormat,
    block_words,
    encode_blocks,
    encode_rows,
    encoded_scales,
    fitting_formats,
    matrix_items,
    pattern_formats,
    read_blocks,
    read_rows,
    row_places,
)
from .arguments import whole
from .pruning import check_pattern, read_pattern
from .weight_arguments import check_between, matrix, per_group

__all__ = ["SparseWeights", "read_sparse"]


class SparseWeights:
    """A sparse matrix, encoded: the weight of row r and column k is ``scale * values[r, k]``.

    Parameters
    ----------
    array : integer array, shape (rows, columns)
        Signed, of at most ``bits`` bits. Zeros are what is not stored.
    bits : int
        4 or 8.
    pattern : (int, int), optional
        N and M: at most N of each M columns are not zero, which is checked, and the encoding is one
        of blocks of M. By default what is in the array counts.
    encoding : str, optional
        ``dense``, ``index``, ``bitmap``, ``pairs``, ``bsr`` or ``csr``; by default the one with
        which weights and scales take the fewest bits. A device packs anew in what it has, in the
        fewest cycles; with ``csr`` it takes single weights, if ``sparse.csr`` is set.
    scales : float or array, shape (rows,) or (rows, groups)
        At least 0. They are stored as 16-bit mantissas with one exponent for the matrix.
    group : int
        Columns that share a scale; 0 for whole rows. With 16, ``bsr`` stores no scales for groups
        that it drops.
    beat_bits : int
        Bits of a memory word of the device: 64, 128, 256 or 512.

    Raises
    ------
    UserError
        One sentence, for a type, shape, value or pattern that is none of these; it names the first
        row and block.
    """

    def __init__(self, array: ArrayLike, bits: int = 8, *, pattern: Sequence[int] | None = None,
                 encoding: str | None = None, scales: ArrayLike = 1.0, group: int = SCALE_GROUP,
                 beat_bits: int = 128):
        values = matrix(array, "sparse weights")
        if bits not in (4, 8):
            raise UserError(f"bits of sparse weights must be 4 or 8, not {bits!r}")
        if beat_bits not in (64, 128, 256, 512):
            raise UserError(f"beat_bits must be 64, 128, 256 or 512, not {beat_bits!r}")
        check_between(values, -1 << bits - 1, (1 << bits - 1) - 1, f"sparse weights of {bits} bits")
        self._values = values.astype(np.int8)
        self._values.flags.writeable = False
        self._group = whole(group, "group", 0, 1 << 31)
        rows, columns = self.shape
        real = per_group(scales, rows, columns, self._group, "scales")
        if (real < 0).any():
            row, place = (int(i) for i in np.argwhere(real < 0)[0])
            raise UserError(f"scales must be at least 0, not {real[row, place]} as in row {row}, "
                            f"group {place}; negate the weights of that group")
        self._encoding = encoding
        self._shift = SCALE_BITS - int(np.frexp(real.max())[1])
        self._mantissas = np.minimum(np.rint(np.ldexp(real, self._shift)),
                                     (1 << SCALE_BITS) - 1).astype(np.int64)
        self._form, self._cost = self._choose(bits, pattern, encoding, beat_bits)
        if isinstance(self._form, BlockFormat):
            self._beats = encode_blocks(self._form, *block_words(self._form, self._values))
            self._scales = encoded_scales(self._mantissas.reshape(-1), beat_bits)
        else:
            items = matrix_items(self._form, self._values)
            self._beats = encode_rows(self._form, items)
            of_items = self._form.encoding == "bsr" and self._group == GROUP
            self._scales = encoded_scales(
                self._item_scales(items.ends, items.gaps) if of_items
                else self._mantissas.reshape(-1), beat_bits)

    def _choose(self, bits: int, pattern: Sequence[int] | None, encoding: str | None,
                beat_bits: int) -> tuple[BlockFormat | RowFormat, Cost]:
        known = (*BLOCK_ENCODINGS, *ROW_ENCODINGS)
        if encoding is not None and encoding not in known:
            raise UserError(f"encoding must be {', '.join(known[:-1])} or {known[-1]}, or none for "
                            f"the smallest, not {encoding!r}")
        found: list[tuple[BlockFormat | RowFormat, Cost]]
        if pattern is None:
            found = fitting_formats(self._values, bits, beat_bits, self._group)
        else:
            kept, block = read_pattern(pattern)
            check_pattern(self._values, kept, block)
            if encoding in ROW_ENCODINGS:
                raise UserError(f"pattern must be left out with encoding {encoding!r}, which has "
                                f"no blocks; or choose one of {', '.join(BLOCK_ENCODINGS)}")
            found = [*pattern_formats(
                kept, block, self.shape, bits, beat_bits, self._group)]
        found = [(form, cost) for form, cost in found if encoding in (None, form.encoding)]
        if not found:
            asked = "" if encoding is None else f" in encoding {encoding!r}"
            given = "" if pattern is None else f" of pattern {pattern[0]}:{pattern[1]}"
            raise UserError(f"sparse weights{given} of {bits} bits cannot be stored{asked} in "
                            f"beats of {beat_bits} bits; choose another encoding, or wider beats")
        return found[0]

    def _item_scales(self, ends: NDArray[np.bool], gaps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the mantissa of each item of ``bsr``."""
        row, steps = np.cumsum(ends) - ends, np.cumsum(gaps + 1)
        starts = np.concatenate([[0], steps[ends]])
        return self._mantissas[row, steps - 1 - starts[row]]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self._values.shape
        return rows, columns

    @property
    def values(self) -> NDArray[np.int8]:
        """The integers: read-only int8 array, shape (rows, columns)."""
        return self._values

    @property
    def group(self) -> int:
        """Columns that share a scale; 0 for whole rows."""
        return self._group

    @property
    def form(self) -> BlockFormat | RowFormat:
        """The encoding and its parameters."""
        return self._form

    @property
    def encoding(self) -> str | None:
        """The encoding that was asked for; None for that of the fewest bits."""
        return self._encoding

    @property
    def beats(self) -> NDArray[np.uint8]:
        """Memory words of the weights: shape (beats, beat_bits / 8)."""
        return self._beats

    @property
    def scale_beats(self) -> NDArray[np.uint8]:
        """Memory words of the scales' mantissas: shape (beats, beat_bits / 8)."""
        return self._scales

    @property
    def shift(self) -> int:
        """A scale is its mantissa times ``2**-shift``."""
        return self._shift

    @property
    def cost(self) -> Cost:
        """Bits of payload, index, padding and scales."""
        return self._cost

    @property
    def bits_per_weight(self) -> float:
        """Bits of memory for each weight of the matrix, scales and padding included."""
        return self._cost.scaled_bits_per_weight

    @property
    def command(self) -> dict[str, int]:
        """What the decoder has to know of the packet."""
        rows, columns = self.shape
        if isinstance(self._form, BlockFormat):
            return {"words": rows * -(-columns // self._form.columns)}
        return {"rows": rows, "places": row_places(self._form, columns)}

    def one_scale(self) -> float | None:
        """Return the scale of all weights, as it is stored; None if they have several."""
        first = self._mantissas.flat[0]
        if (self._mantissas != first).any():
            return None
        return float(np.ldexp(float(first), -self._shift))

    def unpacked(self) -> NDArray[np.int64]:
        """Return the integers that the beats hold, read back: shape (rows, columns)."""
        return read_sparse(self._form, self.shape, self._beats)

    def dequantised(self) -> NDArray[np.float64]:
        """Return the real weights, with scales as they are stored: shape (rows, columns)."""
        index = np.arange(self.shape[1]) // (self._group or self.shape[1])
        scales = np.ldexp(self._mantissas[:, index].astype(np.float64), -self._shift)
        return np.multiply(scales, self._values, dtype=np.float64)

    def __repr__(self) -> str:
        rows, columns = self.shape
        return (f"<SparseWeights {rows} x {columns} {self._form.encoding} of "
                f"{self._form.weight_bits} bits, {self.bits_per_weight:.3f} bits a weight>")


def read_sparse(form: BlockFormat | RowFormat, shape: tuple[int, int],
                stream: NDArray[np.uint8] | bytes) -> NDArray[np.int64]:
    """Return the matrix (rows, columns) in the bytes of an encoded one.

    Raises
    ------
    MalformedStream
        If no encoder made them: too many or too few, positions out of order or out of range,
        counts that disagree, codes without a meaning. One sentence says which and where.
    """
    flat = np.frombuffer(stream, np.uint8) if isinstance(stream, bytes) else stream.reshape(-1)
    size = form.beat_bits // 8
    if len(flat) % size:
        raise MalformedStream(f"a stream of {form.encoding} weights must be whole beats of {size} "
                              f"bytes, not {len(flat)} bytes; it was cut, or made for other beats")
    beats = flat.reshape(-1, size)
    if isinstance(form, BlockFormat):
        return read_blocks(form, *shape, beats)
    return read_rows(form, *shape, beats)
