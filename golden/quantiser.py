# SPDX-License-Identifier: Apache-2.0
"""Golden model of the activation quantiser that follows a Walsh-Hadamard transform: integers only.

Every mode is one division, rounded once: ``q = (y - offset) * multiplier / divisor``.

============ ======================== ================== ==================== ====================
mode         offset                   multiplier         divisor              codes
============ ======================== ================== ==================== ====================
SYMMETRIC    0                        ``2**(b-1) - 1``   max of ``abs(y)``    signed, symmetric
STATIC       0                        mantissa           ``2**shift``         signed, saturated
POWER        0                        ``2**(b-2)``       ``2**exponent``      signed, saturated
ASYMMETRIC   min of y                 ``2**b - 1``       max - min            unsigned
============ ======================== ================== ==================== ====================

Maximum, minimum and exponent, floor(log2(max of ``abs(y)``)), are those of a group. The transform's
``1/sqrt(N)`` cancels in the codes of SYMMETRIC and ASYMMETRIC: it belongs into the scale.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

__all__ = ["MANTISSA_BITS", "SMALLEST_GROUP", "Mode", "Quantisation", "Quantised",
           "QuantiserShape", "Rounding", "quantise"]

#: Bits of a static scale's mantissa, unsigned, as in scale records.
MANTISSA_BITS = 16
#: Samples of the smallest group that has a scale of its own.
SMALLEST_GROUP = 16


class Mode(IntEnum):
    """Where the scale comes from."""

    SYMMETRIC = 0
    STATIC = 1
    POWER = 2
    ASYMMETRIC = 3


class Rounding(IntEnum):
    """What becomes of a quotient half-way between two codes."""

    HALF_EVEN = 0
    HALF_AWAY = 1


def _check(name: str, value: object, low: int, high: int, power: bool = False) -> None:
    kind = f"a power of two from {low} to {high}" if power else f"from {low} to {high}"
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, {kind}, not {value!r}")
    if not low <= value <= high or power and value & (value - 1):
        raise ValueError(f"{name} must be {kind}, not {value!r}")


@dataclass(frozen=True, kw_only=True)
class QuantiserShape:
    """What a quantiser is built for.

    Parameters
    ----------
    size : int
        Samples of the longest group N, a power of two from 16 to 65536.
    lanes : int
        Samples of a beat P, a power of two up to 64 and up to ``size``.
    width : int
        Bits of a sample W, 2 to 32, signed.
    bits : int
        Bits of the longest code B, 2 to 8.

    Raises
    ------
    TypeError
        If a value is no integer.
    ValueError
        If it is out of range.
    """

    size: int
    lanes: int
    width: int
    bits: int = 8

    def __post_init__(self):
        _check("size", self.size, SMALLEST_GROUP, 1 << 16, power=True)
        _check("lanes", self.lanes, 1, min(64, self.size), power=True)
        _check("width", self.width, 2, 32)
        _check("bits", self.bits, 2, 8)

    @property
    def beats(self) -> int:
        """Beats of a vector of ``size`` samples."""
        return self.size // self.lanes

    @property
    def slots(self) -> int:
        """Groups that may begin in one beat."""
        return max(1, self.lanes // SMALLEST_GROUP)

    @property
    def largest_shift(self) -> int:
        """Largest shift of a static scale: with one more, all codes would be 0."""
        return self.width + MANTISSA_BITS - 1

    def check(self, quantisation: "Quantisation") -> None:
        """Raise a ValueError if a quantiser of this shape can not do it."""
        _check("bits", quantisation.bits, 2, self.bits)
        _check("shift", quantisation.shift, 0, self.largest_shift)
        if quantisation.group is not None:
            _check("group", quantisation.group, SMALLEST_GROUP, self.size, power=True)


@dataclass(frozen=True, kw_only=True)
class Quantisation:
    """What to do with one packet.

    Parameters
    ----------
    mode : Mode
    bits : int
        Bits of a code b, 2 to 8.
    group : int or None
        Samples with a common scale, a power of two from 16 on; None for the whole packet. The last
        group of a packet may be shorter. Without meaning where the scale is static.
    rounding : Rounding
    mantissa : int
        Of a static scale, 0 to 65535.
    shift : int
        Of a static scale, 0 to 47: ``q = y * mantissa / 2**shift``.

    Raises
    ------
    TypeError
        If a value has the wrong type.
    ValueError
        If it is out of range.
    """

    mode: Mode
    bits: int = 8
    group: int | None = None
    rounding: Rounding = Rounding.HALF_EVEN
    mantissa: int = 1
    shift: int = 0

    def __post_init__(self):
        for name, kind in (("mode", Mode), ("rounding", Rounding)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"{name} must be one of {', '.join(map(str, kind))} of "
                                f"{kind.__name__}, not {value!r}")
        _check("bits", self.bits, 2, 8)
        _check("mantissa", self.mantissa, 0, (1 << MANTISSA_BITS) - 1)
        _check("shift", self.shift, 0, 32 + MANTISSA_BITS - 1)
        if self.group is not None:
            _check("group", self.group, SMALLEST_GROUP, 1 << 16, power=True)

    @property
    def range(self) -> tuple[int, int]:
        """Least and largest code."""
        if self.mode == Mode.ASYMMETRIC:
            return 0, (1 << self.bits) - 1
        top = (1 << self.bits - 1) - 1
        return -top - (self.mode == Mode.STATIC), top


@dataclass(frozen=True)
class Quantised:
    """Codes of a packet and the scales of its groups.

    Attributes
    ----------
    codes : int16 array
    scales : int64 array
        For each group: SYMMETRIC, the maximum M, ``y ~ q * M / (2**(b-1) - 1)``; POWER, the
        exponent e, ``y ~ q * 2**(e - (b-2))``; ASYMMETRIC, the range R, ``y ~ offset + q * R /
        (2**b - 1)``. 0 where all codes of a group are 0 because its samples are 0, or all the same
        with ASYMMETRIC. Empty with STATIC.
    offsets : int64 array
        For each group: the minimum with ASYMMETRIC, else 0. Empty with STATIC.
    saturated : bool array
        For each code: it was out of range.
    """

    codes: np.ndarray
    scales: np.ndarray
    offsets: np.ndarray
    saturated: np.ndarray


def quantise(y: np.ndarray, quantisation: Quantisation) -> Quantised:
    """Quantise one packet, exactly.

    Parameters
    ----------
    y : integer array, shape (samples,)
        At least one sample of up to 32 bits, signed.
    quantisation : Quantisation

    Raises
    ------
    TypeError
        If ``y`` is no integer array.
    ValueError
        If it has another shape, no samples, or larger ones.
    """
    y = np.asarray(y)
    if y.dtype.kind not in "iu":
        raise TypeError(f"y must be an array of integers, not of {y.dtype}")
    if y.ndim != 1 or not len(y):
        raise ValueError(f"y must be one vector with one sample or more, not of shape {y.shape}")
    if y.min() < -(1 << 31) or y.max() >= 1 << 31:
        raise ValueError(f"y must be samples of 32 bits, not from {y.min()} to {y.max()}")
    y, q, mode = y.astype(np.int64), quantisation, quantisation.mode
    starts = np.arange(0, len(y), q.group or len(y))
    sizes = np.diff(np.append(starts, len(y)))
    least, largest = (ufunc.reduceat(y, starts) for ufunc in (np.minimum, np.maximum))
    offsets = least if mode == Mode.ASYMMETRIC else 0 * least
    scales = largest - least if mode == Mode.ASYMMETRIC else np.maximum(largest, -least)
    divisors, top = np.maximum(scales, 1), q.range[1]
    if mode == Mode.POWER:
        scales = np.array([int(divisor).bit_length() - 1 for divisor in divisors], np.int64)
        divisors, top = 1 << scales, 1 << q.bits - 2
    elif mode == Mode.STATIC:
        divisors, top = 0 * divisors + (1 << q.shift), q.mantissa
        scales = offsets = scales[:0]
    relative = y - np.repeat(offsets, sizes) if len(offsets) else y
    divisor = np.repeat(divisors, sizes)
    quotient, rest = np.divmod(np.abs(relative) * top, divisor)
    up = (2 * rest > divisor) | (2 * rest == divisor) & (
        (quotient & 1 == 1) | (q.rounding == Rounding.HALF_AWAY))
    rounded = np.sign(relative) * (quotient + up)
    codes = np.clip(rounded, *q.range)
    return Quantised(codes.astype(np.int16), scales, offsets, codes != rounded)
