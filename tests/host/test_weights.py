# SPDX-License-Identifier: Apache-2.0
"""Weights: canonical form, real values, and a sentence for every mistake."""

import ml_dtypes
import numpy as np
import pytest

from luthier.golden.config import load_configuration
from luthier.golden.errors import UserError
from luthier.host import Weights


def test_ternary(tiny):
    w = Weights.ternary([[1, 0, -1], [0, 0, 1]], [0.5, 2])
    assert (w.shape, w.planes, w.trits, w.group) == ((2, 3), 1, True, 0)
    assert w.values.dtype == np.int8 and w.values.tolist() == [[1, 0, -1], [0, 0, 1]]
    assert w.dequantised().tolist() == [[0.5, 0, -0.5], [0, 0, 2]]
    assert w.apply([3, -1], [4, 5, 1]).tolist() == [1.5, -2]
    assert w.beats(tiny) == 2 and w.bits_per_weight(tiny) == 2 * 64 / 6
    assert "2 x 3 ternary" in repr(w)
    with pytest.raises(ValueError, match="read-only"):
        w.values[0, 0] = 0


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("group", [0, 5, 8, 40])
def test_integer_means_what_its_definition_says(bits, group):
    """Against scale * (q - zero), written as loops."""
    rng = np.random.default_rng(bits * 100 + group)
    rows, columns = 3, 21
    groups = -(-columns // group) if group else 1
    q = rng.integers(0, 2**bits, size=(rows, columns), dtype=np.uint8)
    scales, zeros = rng.normal(size=(rows, groups)), rng.uniform(0, 2**bits, size=(rows, groups))
    w = Weights.integer(q, bits, scales, zeros, group)
    assert w.planes == bits and not w.trits
    assert (w.values % 2 == 1).all() and abs(w.values.astype(int)).max() <= 2**bits - 1
    real = w.dequantised()
    for row in range(rows):
        for column in range(columns):
            g = column // group if group else 0
            expected = scales[row, g] * (int(q[row, column]) - zeros[row, g])
            # Three roundings of numbers up to scale * 2**(bits + 1).
            assert abs(real[row, column] - expected) <= (
                4 * 2.0**-52 * abs(scales[row, g]) * 2 ** (bits + 1))


def test_apply_is_the_product():
    rng = np.random.default_rng(0)
    q = rng.integers(0, 16, size=(7, 30))
    w = Weights.integer(q, 4, rng.normal(size=7), zeros=7.5)
    x = rng.integers(-128, 128, size=(5, 30))
    y = x @ w.values.T.astype(np.int64)
    # Thirty products of about 2**5 * 2**7, a handful of roundings each.
    np.testing.assert_allclose(w.apply(y, x), x @ w.dequantised().T, rtol=0, atol=1e-9)
    np.testing.assert_allclose(w.apply(y[0], x[0]), w.dequantised() @ x[0], rtol=0, atol=1e-9)


def test_apply_needs_one_group_and_matching_shapes():
    w = Weights.integer(np.zeros((2, 8), int), 4, group=4)
    with pytest.raises(UserError, match="2 groups of scales in a row.*group=0"):
        w.apply(np.zeros(2, int), np.zeros(8, int))
    w = Weights.integer(np.zeros((2, 8), int), 4)
    for y, x in [((3,), (8,)), ((2,), (7,)), ((4, 2), (3, 8)), ((1, 1, 2), (1, 1, 8))]:
        with pytest.raises(UserError, match=r"y and x must have the shapes"):
            w.apply(np.zeros(y, int), np.zeros(x, int))


def test_bits_per_weight_counts_padding():
    config = load_configuration("default")
    w = Weights.ternary(np.zeros((16, 1280), int))
    assert w.bits_per_weight(config) == 1.6
    assert Weights.integer(np.zeros((16, 130), int), 4).bits_per_weight(config) == 4 * 256 / 130


def test_scales_may_be_bfloat16():
    scales = np.array([0.5, 0.25], ml_dtypes.bfloat16)
    assert Weights.ternary([[1], [1]], scales).dequantised().tolist() == [[0.5], [0.25]]


Q = np.zeros((2, 6), int)


class NoArray:
    """What a tensor in the memory of a GPU does."""

    def __array__(self, dtype=None, copy=None):
        raise TypeError("not here")


@pytest.mark.parametrize(("y", "x", "message"), [
    ([1, 2], [0.9] * 6, "x must be integers, the activations that the layer was called with, not "
                        "float64; pass those"),
    ([1, 2], [np.nan] * 6, "x must be integers, .* not float64"),
    ([1.0, 2], [1] * 6, "y must be integers, the results that the layer returned, not float64"),
    ([True, False], [1] * 6, "y must be integers, .* not bool"),
    ([1, 2], ["a"] * 6, "x must be integers, .* not <U1"),
    ([1, 2], [[1, 2], [1]], "x must be a rectangular array, not rows of different length"),
    ([[1, 2], [1]], [1] * 6, "y must be a rectangular array"),
    ([1, 2], np.full(6, 2**64 - 1, np.uint64), "x must be activations of at most 16 bits"),
    ([1, 2], np.full(6, -40000), "x must be activations of at most 16 bits"),
    ([1, 2], np.ma.masked_equal(Q[0], 0), "x must be a plain array, not a masked one"),
    (np.ma.masked_equal([1, 2], 2), Q[0], "y must be a plain array, not a masked one"),
    ([], [], r"must have the shapes \(2,\) and \(6,\), .* not \(0,\) and \(0,\)"),
])
def test_apply_takes_only_integers(y, x, message):
    with pytest.raises(UserError, match=message):
        Weights.integer(Q, 4, zeros=7.5).apply(y, x)


def test_apply_takes_any_type_of_integers():
    w = Weights.ternary([[1, 0, -1], [0, 0, 1]], [0.5, 2])
    x = np.array([4, 5, 1], np.uint64)
    assert w.apply(np.array([3, -1], np.int32), x).tolist() == [1.5, -2]


def test_scales_and_offsets_are_read_only():
    for w in (Weights.ternary([[1]]), Weights.integer([[1]], 4, [[2.0]], [[3.0]])):
        for array in (w.values, w.s, w.t):
            with pytest.raises(ValueError, match="read-only"):
                array[0, 0] = 0


@pytest.mark.parametrize(("call", "message"), [
    (lambda: Weights.ternary(Q + 0.5), "ternary weights must be integers, not float64"),
    (lambda: Weights.ternary(Q == 0), "ternary weights must be integers, not bool"),
    (lambda: Weights.ternary([[1, 2]]),
     "ternary weights must be between -1 and 1, not 2 as in row 0, column 1"),
    (lambda: Weights.ternary(Q[0]), r"must have the shape \(rows, columns\).*not \(6,\)"),
    (lambda: Weights.ternary(Q[:0]), r"both at least 1, not \(0, 6\)"),
    (lambda: Weights.ternary([[1], [1, 0]]), "rectangular array, not rows of different length"),
    (lambda: Weights.ternary(Q, np.nan), "scale must be finite, not nan as in row 0, group 0"),
    (lambda: Weights.ternary(Q, [1, np.inf]), "scale must be finite, not inf as in row 1, group 0"),
    (lambda: Weights.ternary(Q, [1, 2, 3]),
     r"scale must be a number or have the shape \(2,\), not \(3,\)"),
    (lambda: Weights.ternary(Q, "x"), "scale must be real numbers"),
    (lambda: Weights.ternary(Q, 1j), "scale must be real numbers, not complex128"),
    (lambda: Weights.ternary(Q, [[1], [1, 2]]), "scale must be a rectangular array"),
    (lambda: Weights.integer(Q, 0), "bits must be between 1 and 8, not 0"),
    (lambda: Weights.integer(Q, 9), "bits must be between 1 and 8, not 9"),
    (lambda: Weights.integer(Q, 4.0), "bits must be an integer between 1 and 8, not 4.0"),
    (lambda: Weights.integer(Q, True), "bits must be an integer between 1 and 8, not True"),
    (lambda: Weights.integer(Q, 4, group=-1), "group must be between 0"),
    (lambda: Weights.integer(Q - 1, 4),
     "integer weights of 4 bits must be between 0 and 15, not -1 as in row 0, column 0"),
    (lambda: Weights.integer(Q + 16, 4), "must be between 0 and 15, not 16"),
    (lambda: Weights.integer(np.full((1, 1), 2**64 - 1, np.uint64), 8), "not 18446744073709551615"),
    (lambda: Weights.integer(Q, 4, np.ones((2, 3)), group=4),
     r"scales must be a number or have the shape \(2,\) or \(2, 2\), not \(2, 3\)"),
    (lambda: Weights.integer(Q, 4, zeros=[[0, np.nan], [0, 0]], group=4),
     "zeros must be finite, not nan as in row 0, group 1"),
    (lambda: Weights.integer(Q, 4, scales=1e308, zeros=1e308),
     r"must make finite weights, not scale 1e\+308 with zero 1e\+308 as in row 0, group 0; make"),
    (lambda: Weights.integer(Q, 8, scales=1.5e308, zeros=127.5), "must make finite weights"),
    (lambda: Weights.ternary([]), r"both at least 1, not \(0,\), which is empty"),
    (lambda: Weights.ternary([[]]), r"not \(1, 0\), which is empty"),
    (lambda: Weights.ternary([[2**70]]), "must be integers, not Python integers beyond 64 bits"),
    (lambda: Weights.ternary([[None]]), "must be integers, not object"),
    (lambda: Weights.ternary(np.ma.masked_equal(Q, 1)),
     "ternary weights must be a plain array, not a masked one, .*; replace the masked values"),
    (lambda: Weights.ternary([np.ma.masked_equal([1, 0], 1)]), "not a masked one"),
    (lambda: Weights.integer(np.ma.masked_equal(Q, 1), 4), "integer weights must be a plain"),
    (lambda: Weights.integer(Q, 4, np.ma.masked_equal([1, 2], 1)), "scales must be a plain array"),
    (lambda: Weights.integer(Q, 4, zeros=np.ma.masked_equal([1, 2], 1)), "zeros must be a plain"),
    (lambda: Weights.ternary(NoArray()), r"must be an array, not NoArray \(not here\); convert it"),
])
def test_mistakes(call, message):
    with pytest.raises(UserError, match=message):
        call()
