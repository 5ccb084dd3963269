# SPDX-License-Identifier: Apache-2.0
"""Weights in the canonical form that every device multiplies: trits, or odd integers in planes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..golden import table
from ..golden.config import Configuration
from ..golden.errors import UserError
from .arguments import integers, plain_array, whole
from .weight_arguments import bits_of_rows, check_between, matrix, per_group, sign_planes
from .widening import widening

__all__ = ["Weights"]


class Weights:
    """A matrix of compressed weights: :meth:`ternary`, :meth:`integer` or :meth:`binary_coded`.

    The weight of row r and column k in group g is ``s[r, g] * values[r, k] + t[r, g]``. A device in
    plain mode multiplies ``values`` alone; :meth:`apply` does the rest. Where planes have
    coefficients of their own, they take the place of the powers of two that ``values`` stands for.

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
    coefficients : float64 array, shape (planes, rows, groups), optional
        Of each plane, where they are no powers of two.
    """

    def __init__(self, values: NDArray[np.integer], planes: int, trits: bool,
                 s: NDArray[np.float64], t: NDArray[np.float64], group: int,
                 row_planes: NDArray[np.integer] | None = None,
                 coefficients: NDArray[np.float64] | None = None):
        self._values = values.astype(np.int8 if planes < 8 else np.int16)
        self._values.flags.writeable = False
        self._planes, self._trits, self._group = planes, trits, group
        self._row_planes = (np.full(len(values), planes, np.int64) if row_planes is None
                            else row_planes.astype(np.int64))
        self._s, self._t = s.copy(), t.copy()
        self._s.flags.writeable = self._t.flags.writeable = False
        self._coefficients = None if coefficients is None else coefficients.copy()
        if self._coefficients is not None:
            self._coefficients.flags.writeable = False

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
        values = matrix(array, "ternary weights")
        check_between(values, -1, 1, "ternary weights")
        rows, columns = values.shape
        group = whole(group, "group", 0, 1 << 31)
        s = per_group(scale, rows, columns, group, "scale")
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
        q = matrix(array, "integer weights")
        rows, columns = q.shape
        row_bits = bits_of_rows(bits, rows)
        for count in np.unique(row_bits):
            check_between(q, 0, 2**int(count) - 1, f"integer weights of {count} bits",
                           row_bits == count)
        top = (1 << row_bits[:, None]) - 1
        scale = per_group(scales, rows, columns, group, "scales")
        zero = per_group(0.0 if zeros is None else zeros, rows, columns, group, "zeros")
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

    @classmethod
    def binary_coded(cls, signs: ArrayLike, coefficients: ArrayLike,
                     offsets: ArrayLike | None = None, group: int = 0) -> "Weights":
        """Take planes of signs with a coefficient for each: ``sum(coefficient * sign) + offset``.

        Planes with coefficients of their own lie side by side in device memory, so that a matrix
        takes as many columns of the device as it has columns and planes, and the driver writes the
        activations once for each plane. They need an output; coefficients are rounded as scales
        are. For coefficients that are powers of two times one, :meth:`integer` takes fewer records.

        Parameters
        ----------
        signs : integer array, shape (planes, rows, columns)
            -1 or 1; 1 to 8 planes.
        coefficients : array, shape (planes,), (planes, rows) or (planes, rows, groups)
            Of any sign.
        offsets : float or array, shape (rows,) or (rows, groups)
            Added to each weight; by default 0.
        group : int
            Columns of a group, which need not divide the columns; 0 for whole rows.

        Raises
        ------
        UserError
            One sentence, for a type, shape or value that is none of these.

        Source: LUT-GEMM (arXiv 2206.09557), binary-coding quantisation with an offset.
        """
        group = whole(group, "group", 0, 1 << 31)
        bits = sign_planes(signs)
        planes, rows, columns = bits.shape
        given = plain_array(coefficients, "coefficients")
        if not given.ndim or len(given) != planes:
            raise UserError(f"coefficients must have the shape ({planes},), ({planes}, {rows}) or "
                            f"({planes}, {rows}, groups), not {given.shape}")
        c = np.stack([per_group(of_plane, rows, columns, group, f"coefficients of plane {plane}")
                      for plane, of_plane in enumerate(given)])
        t = per_group(0.0 if offsets is None else offsets, rows, columns, group, "offsets")
        with np.errstate(over="ignore"):
            largest = abs(c).sum(axis=0) + abs(t)
        if not np.isfinite(largest).all():
            row, place = (int(i) for i in np.argwhere(~np.isfinite(largest))[0])
            raise UserError(f"coefficients and offsets must make finite weights, which they do not "
                            f"in row {row}, group {place}; make them smaller")
        values = (bits.astype(np.int64) << np.arange(planes)[:, None, None]).sum(axis=0)
        if planes == 1:
            return cls(values, 1, False, c[0], t, group)
        return cls(values, planes, False, np.ones_like(t), t, group, None, c)

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
        """The canonical integers: read-only int8 or int16 array, shape (rows, columns).

        Plane p counts 2**p, whatever its coefficient.
        """
        return self._values

    @property
    def s(self) -> NDArray[np.float64]:
        """Scales of the canonical integers: read-only, shape (rows, groups)."""
        return self._s

    @property
    def t(self) -> NDArray[np.float64]:
        """Offsets: read-only, shape (rows, groups)."""
        return self._t

    @property
    def coefficients(self) -> NDArray[np.float64] | None:
        """Coefficients of planes: read-only, (planes, rows, groups); None for powers of two."""
        return self._coefficients

    def dequantised(self) -> NDArray[np.float64]:
        """Return the real weights: float64 array, shape (rows, columns)."""
        columns = self.shape[1]
        index = np.arange(columns) // (self._group or columns)
        if self._coefficients is None:
            return self._s[:, index] * self._values + self._t[:, index]
        return sum((c[:, index] * self._signs(plane) for plane, c in enumerate(
            self._coefficients)), start=self._t[:, index])

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
            If the rows have more than one group, planes have coefficients of their own, the
            arrays are none of integers, or their shapes do not go together.
        """
        rows, columns = self.shape
        if self._coefficients is not None:
            raise UserError("the planes of these weights have coefficients of their own, and plain "
                            "results are sums over all of them; load the weights with "
                            "output=Output(...), whose results are scaled")
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

    def widened(self, config: Configuration, name: str = "") -> "Weights":
        """Return the weights that a device of this configuration multiplies.

        These, or one plane with the groups of the device and all planes side by side, if they have
        coefficients of their own. The offsets are with the groups of the first plane.

        Raises
        ------
        UserError
            If the device has no such groups in layer ``name``.
        """
        if self._coefficients is None:
            return self
        wide = widening(config, self, name)
        rows, columns = self.shape
        values = np.ones((rows, wide.width), np.int8)  # columns between planes times zero
        for plane in range(self._planes):
            start = plane * wide.pitch
            values[:, start : start + columns] = self._signs(plane)
        index = np.arange(0, wide.pitch, wide.group) // (self._group or columns)
        s = np.concatenate(self._coefficients[:, :, index], axis=1)
        t = np.zeros_like(s)
        t[:, : len(index)] = self._t[:, index]
        return Weights(values, 1, False, s, t, wide.group)

    def beats(self, config: Configuration) -> int:
        """Return the memory words that the weights take on a device, scales aside."""
        stored = self.widened(config)
        columns = stored.shape[1]
        return sum(table.beats(config, rows=len(rows), columns=columns, planes=part.planes,
                               trits=self._trits) for rows, part in stored.sections())

    def bits_per_weight(self, config: Configuration) -> float:
        """Return the bits of device memory for each weight, padding included, scales aside."""
        return self.beats(config) * config.table.beat_bits / self._values.size

    def __repr__(self) -> str:
        rows, columns = self.shape
        kind = "ternary" if self._trits else f"{self._planes}-bit"
        if self._coefficients is not None:
            kind += " binary-coded"
        if self._row_planes.min() != self._planes:
            kind = f"{self._row_planes.min()}- to {kind}"
        return f"<Weights {rows} x {columns} {kind}, {self._s.shape[1]} scales a row>"

    def _signs(self, plane: int) -> NDArray[np.int64]:
        """Return the signs of a plane: int64 array (rows, columns) of -1 and 1."""
        top = (1 << self._planes) - 1
        return 2 * ((self._values.astype(np.int64) + top) >> 1 >> plane & 1) - 1
