# SPDX-License-Identifier: Apache-2.0
"""Dyadic scales: exact sums, and the output stage.

The scaled result of a row is ``sum_g(s[g] * p[g] + t[g] * x[g])`` with p the sum of the weights of
group g times their activations and x the sum of those activations. A scale is ``mantissa <<
exponent``: 16 and 4 bits, unsigned for s, the mantissa signed for t. All of it is integer and
exact; the output stage then multiplies by a signed 16-bit number, shifts right once, rounding half
to even, and saturates.
"""

import numpy as np

from .config import Configuration
from .records import EXPONENT_BITS, MANTISSA_BITS
from .table import max_columns, worst_case

__all__ = [
    "dyadic",
    "exact_sums",
    "lane_width",
    "output_stage",
    "product_width",
    "round_half_even",
    "sum_width",
    "sums_of_pairs",
]


def sum_width(config: Configuration) -> int:
    """Return the bits of the exact sum of a row, signed: at most 64.

    The worst case is that of the largest shape which :func:`~luthier.golden.table.max_columns`
    accepts, all scales and offsets as large as records can say.
    """
    largest = worst_case(config, 1, 1) * config.table.max_columns << (
        MANTISSA_BITS - 1 + (1 << EXPONENT_BITS) - 1)
    top = max(worst_case(config, max_columns(config, planes=p), p) for p in range(1, 9))
    largest += top * ((1 << MANTISSA_BITS) - 1) << (1 << EXPONENT_BITS) - 1
    return largest.bit_length() + 1


def lane_width(config: Configuration) -> int:
    """Return the bits of the sum of one smallest group over all planes, signed."""
    t = config.table
    return worst_case(config, t.smallest_group, 8).bit_length() + 1


def product_width(config: Configuration) -> int:
    """Return the bits of the sum times the output stage's signed 16-bit multiplier."""
    return sum_width(config) + 16


def dyadic(values: np.ndarray, shift: int, *, signed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return mantissas and exponents of ``values * 2**shift``, rounded half to even.

    Parameters
    ----------
    values : float64 array
        At least 0 unless ``signed``. The largest must fit: ``values * 2**shift`` less than about
        ``65535 << 15``, half of that where ``signed``.
    shift : int
    signed : bool
        Whether the mantissa has a sign.

    Returns
    -------
    mantissas : int64 array
    exponents : int64 array
        0 to 15: the smallest with which the mantissa fits.

    Raises
    ------
    ValueError
        If a value does not fit.
    """
    top = (1 << MANTISSA_BITS - signed) - 1
    scaled = np.ldexp(np.asarray(values, np.float64), shift)
    low = -top - 1 if signed else 0
    exponents = np.zeros(scaled.shape, np.int64)
    for _ in range((1 << EXPONENT_BITS) - 1):
        rounded = np.rint(np.ldexp(scaled, -exponents))
        exponents += (rounded > top) | (rounded < low)
    rounded = np.rint(np.ldexp(scaled, -exponents))
    if ((rounded > top) | (rounded < low)).any():
        raise ValueError(f"scales must lie between {low} and {top} times {1 << 15}")
    return rounded.astype(np.int64), exponents


def _grouped(array: np.ndarray, size: int) -> np.ndarray:
    """Return (rows, columns) as (rows, groups, size), padded with zeros."""
    rows, columns = array.shape
    groups = -(-columns // size)
    padded = np.zeros((rows, groups * size), array.dtype)
    padded[:, :columns] = array
    return padded.reshape(rows, groups, size)


def exact_sums(values: np.ndarray, x: np.ndarray, s: np.ndarray | None, t: np.ndarray | None,
               size: int) -> np.ndarray:
    """Return the exact scaled sums of a matrix for each token: int64 array (tokens, rows).

    Parameters
    ----------
    values : integer array, shape (rows, columns)
        Canonical weights.
    x : integer array, shape (tokens, columns)
    s, t : int64 arrays, shape (rows, groups), or None
        What sums of weights and of activations are multiplied by; None for 1 and 0. Groups
        beyond the last column are ignored.
    size : int
        Columns of a group.
    """
    # Sums of products stay far below 2**53, where float64 is exact, and its product much faster.
    weights = _grouped(values, size).astype(np.float64).transpose(1, 2, 0)
    activations = _grouped(x, size).astype(np.float64).transpose(1, 0, 2)
    total = np.zeros((len(x), len(values)), np.int64)
    for group, (of_weights, of_x) in enumerate(zip(weights, activations, strict=True)):
        sums = (of_x @ of_weights).astype(np.int64)
        if s is None or t is None:
            total += sums
        else:
            total += s[:, group] * sums + t[:, group] * of_x.sum(axis=1).astype(np.int64)[:, None]
    return total


def sums_of_pairs(values: np.ndarray, x: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of n rows times n vectors, and of the vectors: int64 arrays (n, groups)."""
    grouped = _grouped(x.astype(np.int64), size)
    return (_grouped(values.astype(np.int64), size) * grouped).sum(axis=2), grouped.sum(axis=2)


def round_half_even(values: np.ndarray, shift: int | np.ndarray) -> np.ndarray:
    """Return ``values / 2**shift`` rounded half to even: integer or object array, same type."""
    quotient = values >> shift
    rest = values - (quotient << shift)
    half = 1 << np.maximum(shift, 1) - 1  # more than any rest without a shift
    return quotient + ((rest > half) | ((rest == half) & (quotient & 1 == 1)))


def output_stage(total: np.ndarray, multiplier: int | np.ndarray, shift: int | np.ndarray,
                 bits: int, onto: np.ndarray | None = None) -> tuple[np.ndarray, int]:
    """Multiply, shift, saturate and, on request, add and saturate again.

    Parameters
    ----------
    total : int64 array
        Exact sums.
    multiplier, shift : int or int64 array
        -32768 to 32767, and 0 to 63; arrays broadcast against the sums.
    bits : int
        Of a signed result.
    onto : int64 array, optional
        What the rounded and saturated results are added to.

    Returns
    -------
    results : int64 array
    saturated : int
        Results that were out of range before or after the addition.
    """
    if np.abs(total.astype(np.float64)).max(initial=0) * np.abs(multiplier).max() >= 2.0**62:
        total = total.astype(object)  # up to 80 bits
    rounded = round_half_even(total * multiplier, shift)
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    clipped = np.clip(rounded, low, high)
    wrong = clipped != rounded
    results = clipped.astype(np.int64)
    if onto is not None:
        added = results + onto
        results = np.clip(added, low, high)
        wrong |= results != added
    return results, int(wrong.sum())

