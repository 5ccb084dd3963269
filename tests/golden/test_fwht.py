# SPDX-License-Identifier: Apache-2.0
"""The Walsh-Hadamard transform against SciPy, SymPy, QMCPy and MATLAB's documentation."""

import numpy as np
import pytest
import scipy.linalg
import sympy

from luthier.golden.fwht import (
    LARGEST,
    ORDERS,
    Pipeline,
    fwht,
    lfsr_signs,
    natural_rows,
    order_index,
    transform,
)

SIZES = [1 << bit for bit in range(11)]


@pytest.mark.parametrize("size", SIZES)
def test_equals_scipys_matrix(size):
    x = np.random.default_rng(size).integers(-2**31, 2**31, (3, size))
    assert (fwht(x) == x @ scipy.linalg.hadamard(size, np.int64)).all()


@pytest.mark.parametrize("size", [1 << bit for bit in range(9)])
def test_equals_sympy(size):
    x = np.random.default_rng(size).integers(-2**15, 2**15, size)
    assert fwht(x).tolist() == [int(value) for value in sympy.fwht(x.tolist())]


def test_equals_qmcpy():
    qmcpy = pytest.importorskip("qmcpy", reason="qmcpy is not installed")
    x = np.random.default_rng(1).integers(-128, 128, 256)
    np.testing.assert_allclose(qmcpy.fwht(x.astype(float)) * 16, fwht(x), rtol=1e-12, atol=1e-9)


def test_matlabs_example():
    """The example in the documentation of MATLAB's fwht, which divides by N."""
    y = transform([19, -1, 11, -9, -7, 13, -15, 5], 8, order="sequency")
    assert y.tolist() == [8 * value for value in [2, 3, 0, 4, 0, 0, 10, 0]]


@pytest.mark.parametrize("size", [1, 2, LARGEST])
def test_twice_is_n_times_the_vector(size):
    x = np.random.default_rng(3).integers(-2**15, 2**15, size)
    assert (fwht(fwht(x)) == size * x).all()


@pytest.mark.parametrize("size", SIZES)
def test_sequency_is_the_changes_of_sign(size):
    rows = scipy.linalg.hadamard(size, np.int64)[natural_rows(size, "sequency")]
    assert (np.diff(rows, axis=1) != 0).sum(axis=1).tolist() == list(range(size))


@pytest.mark.parametrize("size", SIZES)
def test_dyadic_is_products_of_rademacher_functions(size):
    """Row s is the product of those functions, 2**bit half periods long, whose bits s has."""
    place, bits = np.arange(size), size.bit_length() - 1
    rademacher = [1 - 2 * (place >> bits - 1 - bit & 1) for bit in range(bits)]
    rows = [np.prod([rademacher[bit] for bit in range(bits) if s >> bit & 1] or [place * 0 + 1],
                    axis=0) for s in range(size)]
    natural = scipy.linalg.hadamard(size, np.int64)[natural_rows(size, "dyadic")]
    assert (natural == rows).all()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", SIZES)
def test_index_is_the_inverse_and_linear(size, order):
    index, k = order_index(size, order), np.arange(size)
    assert (natural_rows(size, order)[index] == k).all()
    for other in range(min(size, 32)):
        assert (index[k ^ other] == index ^ index[other]).all()


def test_blocks_and_signs():
    x, signs = np.arange(64) - 20, lfsr_signs(5, 32)
    h = scipy.linalg.hadamard(16, np.int64)
    flipped = x * np.tile(1 - 2 * signs.astype(int), 2)
    expected = scipy.linalg.block_diag(*[h] * 4) @ flipped
    assert (transform(x, 16, signs=signs) == expected).all()


def test_signs_are_those_of_the_polynomial():
    """By powers of the companion matrix, and 1.0e4 of them are balanced."""
    seed, n = 0xDEADBEEF, 10_000
    signs = lfsr_signs(seed, n)
    mask, state = (1 << 32) - 1, seed
    for sign in signs[:2000]:
        assert sign == state & 1
        new = (state & 0x400007).bit_count() & 1
        state = (state >> 1 | new << 31) & mask
    assert abs(int(signs.sum()) - n // 2) < 4 * np.sqrt(n) / 2


@pytest.mark.parametrize("samples, width, bits", [
    # From the research notes, one lane: largest delay first.
    (512, 8, 5101), (1024, 8, 10220), (4096, 8, 40938), (4096, 16, 73698), (16384, 8, 163816)])
def test_delay_bits(samples, width, bits):
    assert Pipeline(samples=samples, width=width).delay_bits == bits


@pytest.mark.parametrize("lanes", [1, 4])
@pytest.mark.parametrize("samples", [512 << bit for bit in range(7)])
def test_bounds(samples, lanes):
    config = Pipeline(samples=samples, lanes=lanes, width=8)
    assert config.delay_words == samples - lanes
    assert config.delay_bits <= 1.30 * (samples - lanes) * 8
    assert config.adders <= 2 * lanes * config.stages
    assert config.registers <= 2 * config.stages + 4


@pytest.mark.parametrize("width", [2, 8, 16])
@pytest.mark.parametrize("samples", [2, 64, LARGEST])
def test_widths_are_needed_and_enough(samples, width):
    """All -2**(w-1) gives the least sum in row 0 of every stage."""
    config = Pipeline(samples=samples, width=width)
    for stage, bits in enumerate(config.widths):
        worst = fwht(np.full(1 << stage, -1 << width - 1))
        assert worst.min() == -1 << bits - 1
        largest = fwht(np.where(scipy.linalg.hadamard(1 << min(stage, 6), np.int64)[-1] > 0,
                                (1 << width - 1) - 1, -1 << width - 1))
        assert largest.max() < 1 << config.width + min(stage, 6) - 1


@pytest.mark.parametrize("values, message", [
    ({"samples": 24}, "samples must be a power of two from 2 to 32768, not 24; the nearest is 16"),
    ({"samples": 1}, "samples must be .* not 1; the nearest is 2"),
    ({"samples": 65536}, "not 65536; the nearest is 32768"),
    ({"lanes": 3}, "lanes must be a power of two from 1 to 64, not 3; the nearest is 2"),
    ({"samples": 8, "lanes": 16}, "lanes must be a power of two from 1 to 8, not 16; .* is 8"),
    ({"width": 1}, "width must be between 2 and 16 bits, not 1; the nearest is 2"),
    ({"width": 17}, "width must be between 2 and 16 bits, not 17; the nearest is 16"),
    ({"order": "walsh"}, "order must be natural, dyadic or sequency, not 'walsh'"),
])
def test_wrong_value(values, message):
    with pytest.raises(ValueError, match=message):
        Pipeline(**{"samples": 256} | values)


@pytest.mark.parametrize("name", ["samples", "lanes", "width"])
@pytest.mark.parametrize("value", [2.0, "8", True, None])
def test_wrong_type(name, value):
    with pytest.raises(TypeError, match=f"^{name} must be an integer, not {value!r}$"):
        Pipeline(**{"samples": 256} | {name: value})


def test_wrong_size():
    with pytest.raises(ValueError, match="size of a transform .* 1 to 64, not 128; .* is 64"):
        Pipeline(samples=64).check(128)
    with pytest.raises(ValueError, match="a power of two of samples, not 12; pad .* 16"):
        fwht(np.zeros(12, int))


@pytest.mark.parametrize("seed", [0, -1, 1 << 32])
def test_wrong_seed(seed):
    with pytest.raises(ValueError, match=f"seed must be between 1 and .* not {seed}"):
        lfsr_signs(seed, 4)
