# SPDX-License-Identifier: Apache-2.0
"""Weights in the canonical form that every device multiplies: trits, or odd integers in planes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..golden import table
from ..golden.config import Configuration
from ..golden.errors import UserError
from .arguments import integers, plain_array, whole

__all__ = ["Weights"]


class Weights:
    """A matrix of compressed weights; made by :meth:`ternary` or :meth:`integer`.

    The weight of row r and column k in group g is ``s[r, g] * values[r, k] + t[r, g]``. A device in
    plain mode multiplies ``values`` alone; :meth:`apply` does the rest.

    Parameters
    ----------
    values : integer array, shape (rows, columns)
        Canonical integers: trits, or odd integers of magnitude at most ``2**planes - 1``.
    planes : int
        Sign planes; 1 for trits.
    trits : bool
        Whether the values are trits.
    s, t : float64 array, shape (rows, groups)
        Scales and offsets.
    group : int
        Columns of a group, 0 for whole rows. The last group may be shorter.
    row_planes : int array, shape (rows,), optional
        Planes of each row, where they differ; ``planes`` is the largest.
    """

    def __init__(self, values: NDArray[np.integer], planes: int, trits: bool,
                 s: NDArray[np.float64], t: NDArray[np.float64], group: int,
                 row_planes: NDArray[np.integer] | None = None):
        self._values = values.astype(np.int8 if planes < 8 else np.int16)
        self._values.flags.writeable = False
        self._planes, self._trits, self._group = planes, trits, group
        self._row_planes = (np.full(len(values), planes, np.int64) if row_planes is None
                            else row_planes.astype(np.int64))
        self._s, self._t = s.copy(), t.copy()
        self._s.flags.writeable = self._t.flags.writeable = False

    @classmethod
    def ternary(cls, array: ArrayLike, scale: ArrayLike = 1.0, group: int = 0) -> "Weights":
        """Take weights of -1, 0 and 1 with one scale, or one for each row or group.

        Parameters
        ----------
        array : integer array, shape (rows, columns)
            -1, 0 or 1.
        scale : float or array, shape (rows,) or (rows, groups)
            Real value of a weight of 1.
        group : int
            Columns of a group, which need not divide the columns; 0 for whole rows.

        Raises
        ------
        UserError
            One sentence, for a type, shape or value that is none of these.
        """
        values = _matrix(array, "ternary weights")
        _check_between(values, -1, 1, "ternary weights")
        rows, columns = values.shape
        group = whole(group, "group", 0, 1 << 31)
        s = _per_group(scale, rows, columns, group, "scale")
        return cls(values, 1, True, s, np.zeros_like(s), group)

    @classmethod
    def integer(cls, array: ArrayLike, bits: int | NDArray[np.integer], scales: ArrayLike = 1.0,
                zeros: ArrayLike | None = None, group: int = 0) -> "Weights":
        """Take unsigned integers with scales and zero points: ``scale * (q - zero)``.

        Parameters
        ----------
        array : integer array, shape (rows, columns)
            q, at least 0 and less than ``2**bits``.
        bits : int or integer array, shape (rows,)
            1 to 8; mixed precision if rows differ. A device keeps rows of the same bits together,
            best in multiples of 16, and puts the results in order again.
        scales, zeros : float or array, shape (rows,) or (rows, groups)
            A zero point may have a fraction; by default it is 0.
        group : int
            Columns of a group, which need not divide the columns; 0 for whole rows.

        Raises
        ------
        UserError
            One sentence, for a type, shape or value that is none of these.
        """
        group = whole(group, "group", 0, 1 << 31)
        q = _matrix(array, "integer weights")
        rows, columns = q.shape
        row_bits = _row_bits(bits, rows)
        for count in np.unique(row_bits):
            _check_between(q, 0, 2**int(count) - 1, f"integer weights of {count} bits",
                           row_bits == count)
        top = (1 << row_bits[:, None]) - 1
        scale = _per_group(scales, rows, columns, group, "scales")
        zero = _per_group(0.0 if zeros is None else zeros, rows, columns, group, "zeros")
        values = 2 * q.astype(np.int64) - top
        with np.errstate(over="ignore", invalid="ignore"):
            s, t = scale / 2, scale / 2 * (top - 2 * zero)
            largest = abs(s) * top + abs(t)
        if not np.isfinite(largest).all():
            row, place = (int(i) for i in np.argwhere(~np.isfinite(largest))[0])
            raise UserError(
                f"scales and zeros must make finite weights, not scale {scale[row, place]} with "
                f"zero {zero[row, place]} as in row {row}, group {place}; make them smaller")
        return cls(values, int(row_bits.max()), False, s, t, group, row_bits)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self._values.shape
        return rows, columns

    @property
    def planes(self) -> int:
        """Sign planes; 1 for trits."""
        return self._planes

    @property
    def row_planes(self) -> NDArray[np.int64]:
        """Sign planes of each row: int64 array, shape (rows,)."""
        return self._row_planes

    @property
    def trits(self) -> bool:
        """Whether the weights are ternary."""
        return self._trits

    @property
    def group(self) -> int:
        """Columns of a scale group; 0 for whole rows."""
        return self._group

    @property
    def values(self) -> NDArray[np.integer]:
        """The canonical integers: read-only int8 or int16 array, shape (rows, columns)."""
        return self._values

    @property
    def s(self) -> NDArray[np.float64]:
        """Scales of the canonical integers: read-only, shape (rows, groups)."""
        return self._s

    @property
    def t(self) -> NDArray[np.float64]:
        """Offsets: read-only, shape (rows, groups)."""
        return self._t

    def dequantised(self) -> NDArray[np.float64]:
        """Return the real weights: float64 array, shape (rows, columns)."""
        columns = self.shape[1]
        index = np.arange(columns) // (self._group or columns)
        return self._s[:, index] * self._values + self._t[:, index]

    def apply(self, y: ArrayLike, x: ArrayLike) -> NDArray[np.float64]:
        """Turn a device's plain results into real ones.

        Parameters
        ----------
        y : integer array, shape (rows,) or (tokens, rows)
            ``values @ x`` for each token.
        x : integer array, shape (columns,) or (tokens, columns)
            The activations that the layer was called with.

        Returns
        -------
        float64 array, shape of ``y``
            ``dequantised() @ x``, up to rounding.

        Raises
        ------
        UserError
            If the rows have more than one group, the arrays are none of integers, or their
            shapes do not go together.
        """
        rows, columns = self.shape
        if self._s.shape[1] != 1:
            raise UserError(
                f"these weights have {self._s.shape[1]} groups of scales in a row, and plain "
                f"results are sums over whole rows, from which the groups cannot be told apart; "
                f"load the weights with group=0, or load each group of {self._group} columns as "
                f"its own layer")
        result, activations = plain_array(y, "y"), plain_array(x, "x")
        for name, array, what in (
                ("y", result, "the results that the layer returned"),
                ("x", activations, "the activations that the layer was called with")):
            if array.size:
                integers(array, name, f"integers, {what}", "pass those, before any scaling")
        tokens = result.shape[:-1]
        if (result.ndim not in (1, 2) or result.shape != (*tokens, rows)
                or activations.shape != (*tokens, columns)):
            raise UserError(
                f"y and x must have the shapes ({rows},) and ({columns},), or (tokens, {rows}) and "
                f"(tokens, {columns}), not {result.shape} and {activations.shape}")
        if (activations > 0x7FFF).any() or (activations < -0x8000).any():
            raise UserError("x must be activations of at most 16 bits, the widest that a device "
                            "takes; pass what the layer was called with")
        sums = activations.sum(axis=-1, dtype=np.int64, keepdims=True)
        return self._s[:, 0] * result + self._t[:, 0] * sums

    def sections(self) -> list[tuple[NDArray[np.intp], "Weights"]]:
        """Return the rows of each plane count, most planes first, and their weights."""
        found: list[tuple[NDArray[np.intp], Weights]] = []
        for planes in np.unique(self._row_planes)[::-1]:
            rows = np.flatnonzero(self._row_planes == planes)
            found.append((rows, Weights(self._values[rows], int(planes), self._trits,
                                        self._s[rows], self._t[rows], self._group)))
        return found

    def used(self, planes: int) -> NDArray[np.integer]:
        """Return the values that only the most significant ``planes`` planes of each row mean.

        Those left out count as zero. Values of trits stay as they are.
        """
        left_out = np.maximum(self._row_planes - planes, 0)[:, None]
        if self._trits or not left_out.any():
            return self._values
        top = (1 << self._row_planes[:, None]) - 1
        stored = (self._values.astype(np.int64) + top) >> 1
        return (2 * (stored >> left_out) - (top >> left_out)) << left_out

    def beats(self, config: Configuration) -> int:
        """Return the memory words that the weights take on a device, scales aside."""
        columns = self.shape[1]
        return sum(table.beats(config, rows=len(rows), columns=columns, planes=part.planes,
                               trits=self._trits) for rows, part in self.sections())

    def bits_per_weight(self, config: Configuration) -> float:
        """Return the bits of device memory for each weight, padding included, scales aside."""
        return self.beats(config) * config.table.beat_bits / self._values.size

    def __repr__(self) -> str:
        rows, columns = self.shape
        kind = "ternary" if self._trits else f"{self._planes}-bit"
        if self._row_planes.min() != self._planes:
            kind = f"{self._row_planes.min()}- to {kind}"
        return f"<Weights {rows} x {columns} {kind}, {self._s.shape[1]} scales a row>"


def _matrix(array: ArrayLike, what: str) -> NDArray[np.integer]:
    values = plain_array(array, what)
    if values.size:  # An empty list has the type float64, which would be said of it first.
        integers(values, what, "integers", "round and convert them first")
    if values.ndim != 2 or not values.size:
        raise UserError(f"{what} must have the shape (rows, columns), both at least 1, not "
                        f"{values.shape}" + ("" if values.size else ", which is empty"))
    return values


def _row_bits(bits: int | NDArray[np.integer], rows: int) -> NDArray[np.int64]:
    """Return the bits of each row."""
    if not isinstance(bits, np.ndarray | list | tuple):
        return np.full(rows, whole(bits, "bits", 1, 8), np.int64)
    given = integers(plain_array(bits, "bits"), "bits", "integers", "round them first")
    if given.shape != (rows,):
        raise UserError(f"bits must be one integer or have the shape ({rows},), not {given.shape}")
    if (given < 1).any() or (given > 8).any():
        row = int(np.argwhere((given < 1) | (given > 8))[0, 0])
        raise UserError(f"bits must be between 1 and 8, not {given[row]} as in row {row}")
    return given.astype(np.int64)


def _check_between(values: NDArray[np.integer], low: int, high: int, what: str,
                   rows: NDArray[np.bool] | None = None) -> None:
    wrong = (values < low) | (values > high)
    if rows is not None:
        wrong &= rows[:, None]
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise UserError(f"{what} must be between {low} and {high}, not {int(values[row, column])} "
                        f"as in row {row}, column {column}")


def _per_group(given: ArrayLike, rows: int, columns: int, group: int,
               name: str) -> NDArray[np.float64]:
    """Return scales or zero points as float64, shape (rows, groups)."""
    groups = -(-columns // group) if group else 1
    values = plain_array(given, name)
    # ml_dtypes' bfloat16 and its kin have kind V, but convert.
    if values.dtype.kind not in "iuf" and values.dtype.name not in ("bfloat16", "float16"):
        raise UserError(f"{name} must be real numbers, not {values.dtype}")
    with np.errstate(over="ignore"):  # Of long doubles: they are found below.
        real = values.astype(np.float64)
    if real.ndim == 0:
        real = np.full((rows, groups), real)
    elif real.shape == (rows,):
        real = np.repeat(real[:, None], groups, axis=1)
    elif real.shape != (rows, groups):
        also = f" or ({rows}, {groups})" if group else ""
        raise UserError(f"{name} must be a number or have the shape ({rows},){also}, not "
                        f"{real.shape}")
    if not np.isfinite(real).all():
        row, place = (int(i) for i in np.argwhere(~np.isfinite(real))[0])
        raise UserError(
            f"{name} must be finite, not {real[row, place]} as in row {row}, group {place}")
    return real
