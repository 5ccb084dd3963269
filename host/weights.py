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
    """

    def __init__(self, values: NDArray[np.integer], planes: int, trits: bool,
                 s: NDArray[np.float64], t: NDArray[np.float64], group: int):
        self._values = values.astype(np.int8 if planes < 8 else np.int16)
        self._values.flags.writeable = False
        self._planes, self._trits, self._group = planes, trits, group
        self._s, self._t = s.copy(), t.copy()
        self._s.flags.writeable = self._t.flags.writeable = False

    @classmethod
    def ternary(cls, array: ArrayLike, scale: ArrayLike = 1.0) -> "Weights":
        """Take weights of -1, 0 and 1 with one scale, or one for each row.

        Parameters
        ----------
        array : integer array, shape (rows, columns)
            -1, 0 or 1.
        scale : float or array, shape (rows,)
            Real value of a weight of 1.

        Raises
        ------
        UserError
            One sentence, for a type, shape or value that is none of these.
        """
        values = _matrix(array, "ternary weights")
        _check_between(values, -1, 1, "ternary weights")
        rows, columns = values.shape
        s = _per_group(scale, rows, columns, 0, "scale")
        return cls(values, 1, True, s, np.zeros_like(s), 0)

    @classmethod
    def integer(cls, array: ArrayLike, bits: int, scales: ArrayLike = 1.0,
                zeros: ArrayLike | None = None, group: int = 0) -> "Weights":
        """Take unsigned integers with scales and zero points: ``scale * (q - zero)``.

        Parameters
        ----------
        array : integer array, shape (rows, columns)
            q, at least 0 and less than ``2**bits``.
        bits : int
            1 to 8.
        scales, zeros : float or array, shape (rows,) or (rows, groups)
            A zero point may have a fraction; by default it is 0.
        group : int
            Columns of a group, which need not divide the columns; 0 for whole rows.

        Raises
        ------
        UserError
            One sentence, for a type, shape or value that is none of these.
        """
        bits = whole(bits, "bits", 1, 8)
        group = whole(group, "group", 0, 1 << 31)
        q = _matrix(array, "integer weights")
        top = 2**bits - 1
        _check_between(q, 0, top, f"integer weights of {bits} bits")
        rows, columns = q.shape
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
        return cls(values, bits, False, s, t, group)

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

    def beats(self, config: Configuration) -> int:
        """Return the memory words that the weights take on a device."""
        rows, columns = self.shape
        return table.beats(config, rows=rows, columns=columns, planes=self._planes,
                           trits=self._trits)

    def bits_per_weight(self, config: Configuration) -> float:
        """Return the bits of device memory for each weight, padding included."""
        return self.beats(config) * config.table.beat_bits / self._values.size

    def __repr__(self) -> str:
        rows, columns = self.shape
        kind = "ternary" if self._trits else f"{self._planes}-bit"
        return f"<Weights {rows} x {columns} {kind}, {self._s.shape[1]} scales a row>"


def _matrix(array: ArrayLike, what: str) -> NDArray[np.integer]:
    values = plain_array(array, what)
    if values.size:  # An empty list has the type float64, which would be said of it first.
        integers(values, what, "integers", "round and convert them first")
    if values.ndim != 2 or not values.size:
        raise UserError(f"{what} must have the shape (rows, columns), both at least 1, not "
                        f"{values.shape}" + ("" if values.size else ", which is empty"))
    return values


def _check_between(values: NDArray[np.integer], low: int, high: int, what: str) -> None:
    wrong = (values < low) | (values > high)
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
