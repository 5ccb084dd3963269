# SPDX-License-Identifier: Apache-2.0
"""What lies between matrices: every function against exact or float arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest

from luthier.golden import vector

RESULTS = np.arange(-(1 << 15), 1 << 15)


def nearest_even(value: Fraction) -> int:
    return round(value)  # Python rounds a Fraction half to even, exactly


@pytest.fixture
def rng():
    seed = 7
    print("seed", seed)
    return np.random.default_rng(seed)


def test_sigmoid():
    got, x = vector.sigmoid(RESULTS), RESULTS / 2048
    assert np.abs(got / 65536 - 1 / (1 + np.exp(-x))).max() < 2.0**-14
    assert got[0] == 0 and got[-1] == 65536 and vector.sigmoid(np.array(0)) == 32768
    assert (np.diff(got) >= 0).all()
    inner = RESULTS[1:]
    assert (vector.sigmoid(-inner) == 65536 - vector.sigmoid(inner)).all()
    nodes = np.arange(-255, 256)  # the table's own entries are the rounded function
    assert (vector.sigmoid(128 * nodes) == np.rint(65536 / (1 + np.exp(-nodes / 16)))).all()


def test_silu():
    x = RESULTS / 2048
    assert np.abs(vector.silu(RESULTS) / 65536 - x / (1 + np.exp(-x))).max() < 2.0**-13
    assert vector.silu(RESULTS).max() == 32767 << 5
    for value in (-32768, -1234, -1, 0, 1, 999, 32767):
        exact = Fraction(value * int(vector.sigmoid(np.array(value))), 1 << 11)
        assert vector.silu(np.array(value)) == nearest_even(exact)


def test_silu_of_state():
    h = np.arange(-(1 << 15), 32767 << 5, 7)
    got = vector.silu_of_state(h) / 65536
    assert np.abs(got - h / 65536 / (1 + np.exp(-h / 65536))).max() < 2.0**-10
    assert vector.silu_of_state(np.array(32767 << 5)) == 32767 << 5  # the largest state


def test_exponential():
    for x in (0, 1, 127, 128, 5000, 32767, 65535):
        assert abs(vector.exponential(x) - 2**32 * math.exp(-x / 2048)) < 2
    assert vector.exponential(0) == 1 << 32
    assert vector.exponential(65536) == vector.exponential(1 << 40) == 0


def test_forget_gate(rng):
    x = rng.integers(-32768, 32768, 500)
    bound = rng.integers(0, 65536, 500)
    bound[:2], x[:4] = (0, 65535), (-32768, -32768, 32767, 32767)
    for gate, a, b in zip(vector.forget_gate(x, bound), x, bound, strict=True):
        product = Fraction((65536 - int(b)) * int(vector.sigmoid(a)), 65536)
        assert gate == min(65535, int(b) + nearest_even(product))
    assert vector.forget_gate(np.array([32767]), np.array([0])) == 65535


def test_decayed(rng):
    gate = rng.integers(0, 65536, 500)
    state, candidate = rng.integers(-(1 << 15), 1 << 20, (2, 500))
    gate[:2] = 0, 65535
    state[2], candidate[2], gate[2] = 1, 0, 32768  # a tie
    got = vector.decayed(gate, state, candidate)
    for f, h, c, after in zip(gate.tolist(), state.tolist(), candidate.tolist(), got.tolist(),
                              strict=True):
        assert after == nearest_even(Fraction(f * h + (65536 - f) * c, 65536))
        assert min(h, c) <= after <= max(h, c)


def test_gated(rng):
    x, result = rng.integers(-(1 << 15), 1 << 20, 300), rng.integers(-32768, 32768, 300)
    got = vector.gated(x, result)
    assert got.tolist() == [nearest_even(Fraction(int(a) * int(b), 2048))
                            for a, b in zip(x, result, strict=True)]
    assert abs(vector.gated(np.array([1 << 20]), np.array([-32768]))[0]) == 1 << 24


@pytest.mark.parametrize("largest", [1, 2, 100, 1 << 18, 1 << 32])
def test_codes(rng, largest):
    x = rng.integers(-largest, largest + 1, (20, 31))
    norm = rng.integers(-32768, 32768, 31)
    x[0], x[1, 1:] = 0, 0
    codes, peaks = vector.codes(x, norm)
    assert codes.dtype == np.int8 and codes.shape == x.shape and (codes[0] == 0).all()
    for row, got, peak in zip(x.tolist(), codes.tolist(), peaks.tolist(), strict=True):
        v = [a * b for a, b in zip(row, norm.tolist(), strict=True)]
        assert peak == max(map(abs, v))
        assert got == [nearest_even(Fraction(127 * a, peak)) if peak else 0 for a in v]


def test_ties_of_codes():
    """Of 254 steps, the odd ones lie half-way between two codes."""
    v = np.arange(-254, 255)
    codes, _ = vector.codes(v, np.ones_like(v))
    assert codes.tolist() == [round(Fraction(int(a), 2)) for a in v]


def scale_by_definition(squares, largest, gain):
    """The greatest shift up to 63 with which the multiplier has 15 bits, in exact fractions."""
    up = 0
    while (squares << 2 * up).bit_length() < 63:
        up += 1
    quotient = Fraction(gain[0] * largest << up, math.isqrt(squares << 2 * up)) / 2 ** gain[1]
    if not quotient:
        return 0, 0
    for shift in range(63, -1, -1):
        if (multiplier := nearest_even(quotient * 2**shift)) < 1 << 15:
            return multiplier, shift
    return 32767, 0


def test_token_scale(rng):
    seen = set()
    for _ in range(3000):
        squares = int(rng.integers(1, 1 << int(rng.integers(1, 64)), dtype=np.uint64))
        largest = int(rng.integers(0, 1 << int(rng.integers(1, 40))))
        gain = int(rng.integers(1, 1 << 16)), int(rng.integers(0, 60))
        got = vector.token_scale(squares, largest, gain)
        assert got == scale_by_definition(squares, largest, gain), (squares, largest, gain)
        wanted = gain[0] * 2.0 ** -gain[1] * largest / math.sqrt(squares)
        if got[0] >= 1 << 14 and got != (32767, 0):
            assert abs(got[0] * 2.0 ** -got[1] / wanted - 1) < 2.0**-14.9
        seen.add("zero" if not largest else "large" if got == (32767, 0) else
                 "small" if got[0] < 1 << 14 else "usual")
    assert seen == {"zero", "large", "small", "usual"}


@pytest.mark.parametrize("top, multiplier, shift", [
    (40001, 20000, 2), (40003, 20002, 2), (40002, 20001, 2), (65535, 16384, 1)])
def test_token_scale_of_ties(top, multiplier, shift):
    """Squares of 1 leave the quotient as it is, and a top of 16 bits leaves a half."""
    assert vector.token_scale(1, top, (1, 3)) == (multiplier, shift)


def test_token_scale_at_the_edges():
    assert vector.token_scale(4, 0, (50000, 10)) == (0, 0)
    assert vector.token_scale(1, 1 << 40, (65535, 0)) == (32767, 0)
    assert vector.token_scale(1, 32767, (1, 0)) == (32767, 0)
    assert vector.token_scale((1 << 64) - 1, 1, (32768, 60)) == (0, 63)
