# SPDX-License-Identifier: Apache-2.0
"""The quantiser's model against exact fractions, and against floats with a derived tolerance."""

import math
from fractions import Fraction

import numpy as np
import pytest

from luthier.golden.quantiser import (
    Mode,
    Quantisation,
    QuantiserShape,
    Rounding,
    quantise,
)

SEED = 20


def by_fractions(y, q):
    """Return codes, scales, offsets and saturations from the definitions of the modes."""
    found = [], [], [], 0
    codes, scales, offsets, saturated = found
    size = q.group or len(y)
    for start in range(0, len(y), size):
        group = [int(value) for value in y[start : start + size]]
        offset, top = 0, 2 ** (q.bits - 1) - 1
        largest, low, high = max(map(abs, group)), -top, top
        if q.mode == Mode.SYMMETRIC:
            factor, scale = Fraction(top, largest) if largest else 0, largest
        elif q.mode == Mode.ASYMMETRIC:
            offset, scale = min(group), max(group) - min(group)
            low, high = 0, 2**q.bits - 1
            factor = Fraction(high, scale) if scale else 0
        elif q.mode == Mode.POWER:  # elements have b - 2 fraction bits
            scale = math.floor(math.log2(largest)) if largest else 0
            factor = Fraction(2 ** (q.bits - 2), 2**scale)
        else:
            factor, scale, low = Fraction(q.mantissa, 2**q.shift), None, -top - 1
        for value in group:
            exact = (value - offset) * factor
            if q.rounding == Rounding.HALF_EVEN:
                code = round(exact)
            else:
                code = math.floor(abs(exact) + Fraction(1, 2)) * (-1 if exact < 0 else 1)
            codes.append(min(max(code, low), high))
            saturated += codes[-1] != code
        if scale is not None:
            scales.append(scale)
            offsets.append(offset)
    return codes, scales, offsets, saturated


def vectors(rng, width, size):
    """Return corners and random vectors of one width."""
    half = 1 << width - 1
    one = np.zeros(size, np.int64)
    one[size // 2] = -half
    yield from (0 * one, one, one + half - 1, np.full(size, -half), np.full(size, half - 1),
                np.full(size, -1), np.where(np.arange(size) % 2, half - 1, -half),
                np.arange(size) % (2 * half) - half)
    for top in (1, 3, 100, half):
        yield rng.integers(-min(top, half), min(top, half), size)
    yield (rng.standard_normal(size) * half / 4).clip(-half, half - 1).astype(np.int64)


def quantisations(rng, width):
    for mode in Mode:
        for rounding in Rounding:
            for bits in range(2, 9):
                yield Quantisation(
                    mode=mode, bits=bits, rounding=rounding,
                    group=[None, 16, 32, 64][rng.integers(4)],
                    mantissa=int(rng.choice([0, 1, 65535, rng.integers(65536)])),
                    shift=int(rng.integers(width + 16)))


@pytest.mark.parametrize("width", [2, 8, 18, 32])
def test_equals_fractions(width):
    rng = np.random.default_rng(SEED + width)
    for q in quantisations(rng, width):
        for y in vectors(rng, width, int(rng.choice([64, 80, 40]))):
            got = quantise(y, q)
            expected = by_fractions(y, q)
            assert (got.codes.tolist(), got.scales.tolist(), got.offsets.tolist(),
                    got.saturated.sum()) == expected, (SEED, q, y)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_ties(bits):
    """A maximum of twice the largest code puts every odd sample half-way between two codes."""
    top = 2 ** (bits - 1) - 1
    y = np.arange(-2 * top, 2 * top + 1)
    even, away = (quantise(y, Quantisation(mode=Mode.SYMMETRIC, bits=bits, rounding=rounding))
                  for rounding in Rounding)
    assert even.codes.tolist() == np.rint(y / 2).tolist()
    assert away.codes.tolist() == (np.sign(y) * ((np.abs(y) + 1) // 2)).tolist()


@pytest.mark.parametrize("mode, top", [(Mode.SYMMETRIC, 127), (Mode.ASYMMETRIC, 255)])
def test_float_reference(mode, top):
    """Float64 rounds the factor, then the product: the two are off by less than 2**-43 of a code.

    Each rounding is off by at most 2**-53 of its value, and a product is at most 255 = 2**8: two
    of them make 2**-44 and a second-order rest. Only samples that near a tie may differ, by one.
    """
    rng = np.random.default_rng(SEED)
    near = 0
    for _ in range(200):
        y = rng.integers(-(1 << 17), 1 << 17, 1024)
        offset = int(y.min()) if mode == Mode.ASYMMETRIC else 0
        span = int((y - offset).max()) if mode == Mode.ASYMMETRIC else int(abs(y).max())
        product = (y - offset) * (top / span)
        tie = np.abs(np.abs(product - np.trunc(product)) - 0.5) < 2.0**-43
        got = quantise(y, Quantisation(mode=mode)).codes
        assert (got == np.rint(product))[~tie].all(), SEED
        assert (np.abs(got - product)[tie] <= 0.5 + 2.0**-43).all()
        near += int(tie.sum())
    print(f"seed {SEED}: {near} of 204800 samples within the tolerance of a tie")
    assert near < 200


def test_dequantised_error_is_at_most_half_a_step():
    rng = np.random.default_rng(SEED)
    y = rng.integers(-(1 << 20), 1 << 20, 4096)
    for bits in range(2, 9):
        s = quantise(y, Quantisation(mode=Mode.SYMMETRIC, bits=bits))
        top = 2 ** (bits - 1) - 1
        assert (2 * np.abs(top * y - s.codes * s.scales[0]) <= s.scales[0]).all()
        a = quantise(y, Quantisation(mode=Mode.ASYMMETRIC, bits=bits))
        top = 2**bits - 1
        assert (2 * np.abs(top * (y - a.offsets[0]) - a.codes * a.scales[0]) <= a.scales[0]).all()
        p = quantise(y, Quantisation(mode=Mode.POWER, bits=bits))
        step = 2.0 ** (p.scales[0] - (bits - 2))  # saturated: up to a whole step
        assert (np.abs(y - p.codes.astype(np.int64) * step) <= step).all()


@pytest.mark.parametrize("mode", [Mode.SYMMETRIC, Mode.POWER, Mode.ASYMMETRIC])
def test_zero_vector(mode):
    got = quantise(np.zeros(64, np.int32), Quantisation(mode=mode, group=32))
    assert not got.codes.any() and not got.offsets.any()
    assert got.scales.tolist() == [0, 0]


def test_the_most_negative_value():
    y = np.array([-(1 << 31)] * 8 + [0] * 8)
    for mode, code in [(Mode.SYMMETRIC, -127), (Mode.POWER, -64)]:
        assert quantise(y, Quantisation(mode=mode)).codes.tolist() == [code] * 8 + [0] * 8
    static = quantise(y, Quantisation(mode=Mode.STATIC, mantissa=65535))
    assert static.codes.tolist() == [-128] * 8 + [0] * 8 and static.saturated.sum() == 8


@pytest.mark.parametrize("values, error, message", [
    ({"bits": 9}, ValueError, "bits must be from 2 to 8, not 9"),
    ({"bits": True}, TypeError, "bits must be an integer, from 2 to 8, not True"),
    ({"group": 24}, ValueError, "group must be a power of two from 16 to 65536, not 24"),
    ({"group": 8}, ValueError, "group must be a power of two from 16 to 65536, not 8"),
    ({"mantissa": 65536}, ValueError, "mantissa must be from 0 to 65535, not 65536"),
    ({"shift": -1}, ValueError, "shift must be from 0 to 47, not -1"),
    ({"mode": 1}, TypeError, "mode must be one of .* of Mode, not 1"),
    ({"rounding": 0}, TypeError, "rounding must be one of .* of Rounding, not 0"),
])
def test_wrong_quantisation(values, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        Quantisation(**{"mode": Mode.STATIC} | values)


@pytest.mark.parametrize("values, error, message", [
    ({"size": 48}, ValueError, "size must be a power of two from 16 to 65536, not 48"),
    ({"lanes": 3}, ValueError, "lanes must be a power of two from 1 to 16, not 3"),
    ({"lanes": 32}, ValueError, "lanes must be a power of two from 1 to 16, not 32"),
    ({"width": 33}, ValueError, "width must be from 2 to 32, not 33"),
    ({"bits": 1}, ValueError, "bits must be from 2 to 8, not 1"),
    ({"width": 8.0}, TypeError, "width must be an integer, from 2 to 32, not 8.0"),
])
def test_wrong_shape(values, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        QuantiserShape(**{"size": 16, "lanes": 4, "width": 8} | values)


@pytest.mark.parametrize("values, message", [
    ({"bits": 5}, "bits must be from 2 to 4, not 5"),
    ({"bits": 4, "shift": 24}, "shift must be from 0 to 23, not 24"),
    ({"bits": 4, "group": 64}, "group must be a power of two from 16 to 32, not 64"),
])
def test_what_a_shape_can_not_do(values, message):
    shape = QuantiserShape(size=32, lanes=4, width=8, bits=4)
    with pytest.raises(ValueError, match=f"^{message}$"):
        shape.check(Quantisation(**{"mode": Mode.STATIC} | values))


@pytest.mark.parametrize("y, error, message", [
    (np.zeros(4), TypeError, "y must be an array of integers, not of float64"),
    (np.zeros((2, 2), int), ValueError, r"y must be one vector .*, not of shape \(2, 2\)"),
    (np.zeros(0, int), ValueError, r"y must be one vector .*, not of shape \(0,\)"),
    (np.array([1 << 31]), ValueError, "y must be samples of 32 bits, not from .* to .*"),
])
def test_wrong_samples(y, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        quantise(y, Quantisation(mode=Mode.STATIC))
