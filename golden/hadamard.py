# SPDX-License-Identifier: Apache-2.0
"""Hadamard matrices of the sizes that models have: H_K (x) H_(2^m).

Orders and constructions, all exact (+1 and -1, H H^T = K I):

====================== ======================== ==============================================
variant                orders                   construction
====================== ======================== ==============================================
``quarot`` (default)   12 20 44 60 68 108 140   Paley I, q = K - 1
                       28 36 76 148             Paley II, q = K/2 - 1, in four blocks
                       40                       H_2 (x) H_20
                       52 156 172               Williamson
``dao``                12                       Paley II, q = 5, in blocks of two by two
                       20 28                    Williamson
                       40                       as above
====================== ======================== ==============================================

``quarot`` has the matrices of QuaRot, QuIP# and SpinQuant; 44 is SpinQuant's. 68, 76 and 148 are in
no library known to us: a model is rotated with these matrices themselves. ``dao`` has those of
Dao-AILab's fast-hadamard-transform, which Quamba uses; of its orders only 40 is the same.

Only 28, 36, 76, 148 and Dao-AILab's 12 are symmetric: elsewhere the inverse is the transpose, over
K.

Layout: a vector of K M values is seen as (K, M), M = 2^m. H_(2^m), in natural order, goes along the
inner axis and H_K along the outer one. Nothing is normalised.

Source: Paley 1933, Williamson 1944 (first rows from N. Sloane's library of Hadamard matrices);
QuaRot, arXiv 2404.00456.
"""

from typing import NamedTuple

import numpy as np

from .fwht import fwht

__all__ = [
    "ORDERS",
    "VARIANTS",
    "Factors",
    "blocks",
    "factor",
    "hadamard",
    "hadamard_outer",
    "hadamard_size",
    "outer_width",
]

#: Orders of each variant.
ORDERS = {
    "quarot": (12, 20, 28, 36, 40, 44, 52, 60, 68, 76, 108, 140, 148, 156, 172),
    "dao": (12, 20, 28, 40),
}
VARIANTS = tuple(ORDERS)

_PALEY_2 = (28, 36, 76, 148)
#: First rows of the symmetric circulants A, B, C, D: bit i is set where element i is +1.
_WILLIAMSON = {
    ("quarot", 52): (0x9E5, 0x3F1, 0x14CB, 0x121),
    ("quarot", 156): (0x6504C320A7, 0x7130A50C8F, 0x668A425167, 0x0D41DB82B1),
    ("quarot", 172): (0x0CF5D9BAF31, 0x5F8536CA1FB, 0x6B2BD0BD4D7, 0x47A4C0325E3),
    ("dao", 20): (0x01, 0x01, 0x13, 0x0D),
    ("dao", 28): (0x01, 0x43, 0x25, 0x19),
}
#: Signs of the blocks of Williamson's array; block (row, column) is the circulant row xor column.
_ARRAY = np.array([[1, 1, 1, 1], [-1, 1, -1, 1], [-1, 1, 1, -1], [-1, -1, 1, 1]])
#: Sizes up to this are looked at for the nearest.
_LARGEST_M = 24


class Factors(NamedTuple):
    """A size as ``order * 2**m``; ``order`` is 1 for powers of two."""

    order: int
    m: int


def hadamard(order: int, variant: str = "quarot") -> np.ndarray:
    """Return H_K as int64.

    Parameters
    ----------
    order : int
        One of ``ORDERS[variant]``.
    variant : str
        Whose matrix: one of :data:`VARIANTS`.

    Raises
    ------
    ValueError
        If there is no such matrix.
    """
    _check(order, variant)
    if (variant, order) in _WILLIAMSON:
        return _williamson(_WILLIAMSON[variant, order], order // 4)
    if order == 40:
        return np.kron([[1, 1], [1, -1]], hadamard(20))
    if variant == "dao":
        return (np.kron(_conference(5), [[1, 1], [1, -1]])
                + np.kron(np.eye(6, dtype=np.int64), [[1, -1], [-1, -1]]))
    if order in _PALEY_2:
        c = _conference(order // 2 - 1)
        one = np.eye(order // 2, dtype=np.int64)
        return np.block([[c + one, c - one], [c - one, -c - one]])
    h = np.ones((order, order), np.int64)
    h[0, 1:] = -1
    h[1:, 1:] = _characters(order - 1) + np.eye(order - 1, dtype=np.int64)
    return h


def blocks(order: int, variant: str = "quarot") -> tuple[int, ...]:
    """Return sizes of rows, and of columns, that cut H_K and its transpose into circulants.

    Within a circulant each column is the one before, rotated down by one, so that hardware rotates
    a register where it would otherwise need K x K bits of ROM. A block that is one row high or one
    column wide may have a sign for each of its elements or, along a longer side, one for all.
    """
    _check(order, variant)
    if (variant, order) in _WILLIAMSON:
        return (order // 4,) * 4
    if (variant, order) == ("dao", 12):
        return (1,) * order
    if order in (*_PALEY_2, 40):
        return (1, order // 2 - 1) * 2
    return (1, order - 1)


def factor(size: int, variant: str = "quarot") -> Factors:
    """Return which H_K and which power of two make a size, as the library of the variant has it.

    Raises
    ------
    ValueError
        If none do; the nearest size that can be is named.
    """
    _check_variant(variant)
    if not isinstance(size, int) or isinstance(size, bool):
        raise TypeError(f"size must be an integer, not {size!r}")
    for order in (1, *reversed(ORDERS[variant])):
        power, rest = divmod(size, order)
        if size > 0 and not rest and not power & (power - 1):
            return Factors(order, power.bit_length() - 1)
    sizes = [order << m for order in (1, *ORDERS[variant]) for m in range(_LARGEST_M)]
    nearest = min(sizes, key=lambda other: (abs(other - size), other))
    raise ValueError(f"size must be a power of two, or one times {_listed(variant)}, not {size}; "
                     f"the nearest is {nearest}")


def outer_width(order: int, width: int) -> int:
    """Return bits of a sum of ``order`` signed words of ``width`` bits, each added or subtracted.

    It is ``width + ceil(log2 order)``. The largest magnitude, ``order * 2**(width - 1)``, occurs
    with both signs; the positive one fits because no order here is a power of two.
    """
    return width + (order - 1).bit_length()


def hadamard_outer(x: np.ndarray, order: int, *, variant: str = "quarot",
                   transpose: bool = False) -> np.ndarray:
    """Apply H_K, or its transpose, along the outer index of the last axis, exactly, as int64."""
    h = hadamard(order, variant)
    x = np.asarray(x, np.int64)
    if x.shape[-1] % order:
        raise ValueError(f"the size of x must be a multiple of {order}, not {x.shape[-1]}; the "
                         f"nearest is {max(1, round(x.shape[-1] / order)) * order}")
    columns = x.reshape(*x.shape[:-1], order, -1)
    return ((h.T if transpose else h) @ columns).reshape(x.shape)


def hadamard_size(x: np.ndarray, *, variant: str = "quarot", transpose: bool = False) -> np.ndarray:
    """Apply H_K (x) H_(2^m), or its transpose, along the last axis, exactly, as int64.

    Raises
    ------
    ValueError
        If there is no such matrix of this size.
    """
    x = np.asarray(x, np.int64)
    order, m = factor(x.shape[-1], variant)
    columns = fwht(x.reshape(*x.shape[:-1], order, 1 << m)).reshape(x.shape)
    if order == 1:
        return columns
    return hadamard_outer(columns, order, variant=variant, transpose=transpose)


def _characters(q: int) -> np.ndarray:
    """Return Jacobsthal's matrix chi(i - j): 1 for squares mod the prime q, -1 for others, 0 for 0.
    """
    chi = np.full(q, -1)
    chi[np.arange(1, q) ** 2 % q] = 1
    chi[0] = 0
    index = np.arange(q)
    return chi[(index[:, None] - index) % q]


def _conference(q: int) -> np.ndarray:
    """Return the symmetric conference matrix of order q + 1, q = 1 mod 4."""
    c = np.ones((q + 1, q + 1), np.int64)
    c[0, 0], c[1:, 1:] = 0, _characters(q)
    return c


def _williamson(rows: tuple[int, ...], n: int) -> np.ndarray:
    index = (np.arange(n) - np.arange(n)[:, None]) % n
    circulants = [2 * np.array([row >> bit & 1 for bit in range(n)])[index] - 1 for row in rows]
    return np.block([[_ARRAY[row, column] * circulants[row ^ column] for column in range(4)]
                     for row in range(4)])


def _check_variant(variant: str) -> None:
    if variant not in ORDERS:
        raise ValueError(f"variant must be {' or '.join(map(repr, VARIANTS))}, not {variant!r}")


def _check(order: int, variant: str) -> None:
    _check_variant(variant)
    if not isinstance(order, int) or isinstance(order, bool):
        raise TypeError(f"order must be an integer, not {order!r}")
    if order not in ORDERS[variant]:
        nearest = min(ORDERS[variant], key=lambda other: abs(other - order))
        raise ValueError(f"order must be {_listed(variant)} with variant {variant!r}, "
                         f"not {order!r}; the nearest is {nearest}")


def _listed(variant: str) -> str:
    *most, last = ORDERS[variant]
    return f"{', '.join(map(str, most))} or {last}"
