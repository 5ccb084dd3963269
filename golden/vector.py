# SPDX-License-Identifier: Apache-2.0
"""Golden model of what a language model does between its matrices: integers only.

=============== ================== ============ ====================================================
value           bits, signed       fraction     where
=============== ================== ============ ====================================================
matrix result   16                 11           saturated; also residual terms and logits
residual        32                 11           sum of matrix results, can not overflow
activation      32                 16           SiLU, gated products: at most 2**24
norm weight     16                 12
state           32                 16           of the recurrence, magnitude at most 2**20
gate, sigmoid   16, 17 unsigned    16           0 to 65535, 0 to 65536
code            8                  -            -127 to 127
=============== ================== ============ ====================================================

Rounding is to the nearest, half to even, unless a docstring says otherwise. A vector's RMS norm
cancels in its codes, which are relative to its largest element; it comes back in the token's scale
(BitNet b1.58, arXiv 2402.17764, and MatMul-free LM, arXiv 2406.02528, compute both in float).
"""

from decimal import Decimal, localcontext
from functools import cache
from math import isqrt

import numpy as np

from .descriptor import LARGEST_SHIFT
from .scales import round_half_even

__all__ = [
    "ACTIVATION_FRACTION", "GATE_FRACTION", "LARGEST_CODE", "NORM_FRACTION", "RESULT_FRACTION",
    "STATE_FRACTION", "codes", "decayed", "exponential", "forget_gate", "gated", "sigmoid", "silu",
    "silu_of_state", "token_scale",
]

RESULT_FRACTION = 11
ACTIVATION_FRACTION = 16
STATE_FRACTION = 16
GATE_FRACTION = 16
NORM_FRACTION = 12
LARGEST_CODE = 127
#: Bits of the multiplier of a token's scale: as the output stage has, its sign aside.
_MULTIPLIER_BITS = 15

# Sigmoid and exponential ------------------------------------------------------------------------

#: Units of 2**-11 between two entries of the sigmoid's table: 1/16.
_SEGMENT = 128
_ONE = 1 << GATE_FRACTION


def _rounded(value: Decimal) -> int:
    return int(value.to_integral_value())  # half to even, the default


@cache
def _sigmoid_table() -> np.ndarray:
    """Return the sigmoid of every 16-bit argument, negative ones at negative places."""
    with localcontext() as context:  # Decimal's exp is correctly rounded, on every computer
        context.prec = 40
        nodes = np.array([_rounded(_ONE / (1 + (Decimal(-k) / 16).exp())) for k in range(258)])
    magnitude = np.arange(1 << 15 | 1)
    node, rest = magnitude // _SEGMENT, magnitude % _SEGMENT
    rise = (nodes[node + 1] - nodes[node]) * rest
    positive = nodes[node] + round_half_even(rise, _SEGMENT.bit_length() - 1)
    table = np.concatenate([positive[:-1], _ONE - positive[:0:-1]])
    table.flags.writeable = False
    return table


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return the logistic function, 16 fraction bits: int64 array, 0 to 65536.

    Linear between entries of a table 1/16 apart, each ``2**16 / (1 + exp(-k / 16))`` rounded;
    ``sigmoid(-x)`` is ``1 - sigmoid(x)``, exactly. The largest error is below 2**-14.

    Parameters
    ----------
    x : integer array
        11 fraction bits, -32768 to 32767.
    """
    return _sigmoid_table()[x]


@cache
def _exponential_tables() -> tuple[list[int], list[int]]:
    with localcontext() as context:
        context.prec = 40
        high = [_rounded((Decimal(-k) / 16).exp() * (1 << 32)) for k in range(512)]
        low = [_rounded((Decimal(-k) / 2048).exp() * (1 << 32)) for k in range(_SEGMENT)]
    return high, low


def exponential(x: int) -> int:
    """Return ``exp(-x)`` with 32 fraction bits: 0 to 2**32.

    The product of two table entries, for multiples of 1/16 and for the rest, cut off.

    Parameters
    ----------
    x : int
        At least 0, 11 fraction bits; the result is 0 from 32.0.
    """
    high, low = _exponential_tables()
    if x >= len(high) * _SEGMENT:
        return 0
    return high[x // _SEGMENT] * low[x % _SEGMENT] >> 32


# Activations ------------------------------------------------------------------------------------


def silu(x: np.ndarray) -> np.ndarray:
    """Return ``x * sigmoid(x)`` of matrix results: int64 array, 16 fraction bits."""
    return round_half_even(x * sigmoid(x), RESULT_FRACTION + GATE_FRACTION - ACTIVATION_FRACTION)


def silu_of_state(h: np.ndarray) -> np.ndarray:
    """Return SiLU of states: their sigmoid is that of the state rounded to 11 fraction bits.

    A state lies between SiLUs of matrix results, so that it fits 16 bits when rounded.
    """
    argument = round_half_even(h, STATE_FRACTION - RESULT_FRACTION)
    return round_half_even(h * sigmoid(argument),
                           STATE_FRACTION + GATE_FRACTION - ACTIVATION_FRACTION)


def gated(x: np.ndarray, result: np.ndarray) -> np.ndarray:
    """Return activations times matrix results: int64 array, 16 fraction bits."""
    return round_half_even(x * result, RESULT_FRACTION)


# The recurrence ---------------------------------------------------------------------------------


def forget_gate(x: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """Return ``bound + (1 - bound) * sigmoid(x)``: int64 array, 0 to 65535, saturated.

    Parameters
    ----------
    x : integer array
        Matrix results.
    bound : integer array
        Least values of the gates, 16 fraction bits, 0 to 65535.
    """
    gate = bound + round_half_even((_ONE - bound) * sigmoid(x), GATE_FRACTION)
    return np.minimum(gate, _ONE - 1)


def decayed(gate: np.ndarray, state: np.ndarray, candidate: np.ndarray) -> np.ndarray:
    """Return the next state ``gate * state + (1 - gate) * candidate``, rounded once: int64.

    Parameters
    ----------
    gate : integer array
        0 to 65535.
    state, candidate : integer array
        16 fraction bits. Between the two lies the result.
    """
    return round_half_even(gate * state + (_ONE - gate) * candidate, GATE_FRACTION)


# Quantisation -----------------------------------------------------------------------------------


def codes(x: np.ndarray, norm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``127 * v / max|v|`` of ``v = x * norm``, rounded half to even, and the maxima.

    Parameters
    ----------
    x : integer array, shape (..., size)
        Magnitude at most 2**32.
    norm : integer array, shape (..., size) or (size,)
        Norm weights.

    Returns
    -------
    codes : int8 array, shape (..., size)
        All 0 where v is.
    largest : int64 array, shape (...)
        Magnitudes of v.
    """
    v = x.astype(np.int64) * norm
    largest = np.abs(v).max(axis=-1)
    divisor = np.maximum(largest, 1)[..., None]
    # Floor of twice the quotient plus one, halved, rounds half up; a tie with an odd result is one
    # too high.
    doubled = 2 * LARGEST_CODE * v + divisor
    quotient = doubled // (2 * divisor)
    quotient -= (doubled == quotient * (2 * divisor)) & (quotient & 1)
    return quotient.astype(np.int8), largest


def token_scale(squares: int, largest: int, gain: tuple[int, int]) -> tuple[int, int]:
    """Return the output stage's multiplier and shift for one vector's codes.

    ``multiplier * 2**-shift`` is ``gain * largest / sqrt(squares)``. The root is that of
    ``squares`` shifted left by an even number of bits until it has 63 or 64, cut off to 32 bits;
    the quotient is rounded half to even to 15 bits.

    Parameters
    ----------
    squares : int
        Sum of squares of the vector before its norm, stated epsilon included: 1 to 2**64 - 1.
    largest : int
        The vector's largest magnitude after the norm, as :func:`codes` returns it.
    gain : tuple of int
        Mantissa, positive, and exponent: ``mantissa * 2**-exponent`` is the weights' scale times
        all constants.

    Returns
    -------
    multiplier, shift : int
        0 to 32767, and 0 to 63. (0, 0) for a zero vector; (32767, 0) where the quotient is larger
        than that; a quotient below 2**-49 loses bits.
    """
    up = (64 - squares.bit_length()) // 2
    root, (mantissa, exponent) = isqrt(squares << 2 * up), gain
    top, scale = mantissa * largest, up - exponent
    if not top:
        return 0, 0
    shift = _MULTIPLIER_BITS - (top.bit_length() - root.bit_length()) - scale
    while (multiplier := _quotient(top, root, shift + scale)) >> _MULTIPLIER_BITS:
        shift -= 1
    if shift < 0:
        return (1 << _MULTIPLIER_BITS) - 1, 0
    if shift > LARGEST_SHIFT:
        shift = LARGEST_SHIFT
        multiplier = _quotient(top, root, shift + scale)
    return multiplier, shift


def _quotient(top: int, bottom: int, shift: int) -> int:
    """Return ``top * 2**shift / bottom``, rounded half to even."""
    if shift >= 0:
        top <<= shift
    else:
        bottom <<= -shift
    quotient, rest = divmod(2 * top + bottom, 2 * bottom)
    return quotient - (not rest and quotient & 1)
