# SPDX-License-Identifier: Apache-2.0
"""Packed products: all of them, and the longest runs at their boundary."""

import itertools

import numpy as np
import pytest

from luthier.golden.errors import UserError
from luthier.golden.sparse.packing import MULTIPLIERS, Multiplier, Range, packing_of

#: Shared factor and packed numbers as bits, signed, symmetric.
CASES = {
    "w4a8": ((8, True, False), (4, True, False)),
    "w4a8_symmetric": ((8, True, False), (4, True, True)),
    "w4u8": ((8, False, False), (4, True, False)),
    "w4a4": ((4, True, False), (4, True, False)),
    "u4u4": ((4, False, False), (4, False, False)),
    "w2a8": ((8, True, False), (2, True, False)),
    "w8a8": ((8, True, False), (8, True, False)),
    "w8a8_symmetric": ((8, True, False), (8, True, True)),
    "u4a8": ((8, True, False), (4, False, False)),
}


def ranges(name):
    shared, packed = CASES[name]
    return Range.of(*shared), Range.of(*packed)


def packing(multiplier, name):
    return packing_of(MULTIPLIERS[multiplier], *ranges(name))


@pytest.mark.parametrize("multiplier, name, shift, run, signed_run", [
    ("mult18x18", "w4a8", 13, 4, 3),
    ("mult18x18", "w4a8_symmetric", 14, 9, 9),
    ("mult18x18", "w4a4", 13, 68, 63),
    ("mult18x18", "w2a8", 15, 64, 63),
    ("dsp48e2", "w8a8", 18, 8, 7),
    ("dsp48e2", "w8a8_symmetric", 19, 16, 16),
    ("dsp48e1", "w8a8", 16, 2, 1),
    ("dsp48e1", "w8a8_symmetric", 17, 4, 4),
    ("mac16", "w4a8_symmetric", 12, 2, 2),
])
def test_runs(multiplier, name, shift, run, signed_run):
    """Runs that the literature and our notes give, with the signed low bits, and those derived."""
    found = packing(multiplier, name)
    assert (found.shift, found.run, found.signed_run) == (shift, run, signed_run)


@pytest.mark.parametrize("multiplier, name", [
    ("mult18x18", "w8a8"), ("mac16", "w8a8"), ("dsp48e1", "missing")])
def test_no_packing(multiplier, name):
    if name == "missing":  # the shared factor is too wide
        found = packing_of(MULTIPLIERS[multiplier], Range.of(19), Range.of(2))
    else:
        found = packing(multiplier, name)
    assert found is None


@pytest.mark.parametrize("name", ["w4a8", "w4a8_symmetric", "w4u8", "w4a4", "u4u4", "w2a8", "u4a8"])
def test_all_products(name):
    """Every product of every pair, in a multiplier of 18 bits."""
    shared, packed = ranges(name)
    found = packing("mult18x18", name)
    low, high, x = np.meshgrid(
        *(np.arange(part.least, part.most + 1) for part in (packed, packed, shared)))
    operand = found.pack(low, high)
    assert operand.min() >= -1 << 17 and operand.max() < 1 << 17
    lanes = found.split(operand * x, 1)
    assert np.array_equal(lanes[0], low * x) and np.array_equal(lanes[1], high * x)


@pytest.mark.parametrize("multiplier", MULTIPLIERS)
@pytest.mark.parametrize("name", CASES)
def test_boundary(multiplier, name):
    """All corners of lanes hold for the longest run, and one sum more fails with any offset."""
    shared, packed = ranges(name)
    found = packing(multiplier, name)
    if found is None:
        return
    corners = (found.product.least, found.product.most, 0)
    for count in {1, min(2, found.run), found.run, max(1, found.signed_run)}:
        for low, high in itertools.product(corners, repeat=2):
            total = count * found.pack(low, high)
            assert found.split(total, count) == (count * low, count * high)
            mixed = found.pack(low, high) + (count - 1) * found.pack(high, low)
            assert found.split(mixed, count) == (
                low + (count - 1) * high, high + (count - 1) * low)
    sums = found.product.sums(found.run + 1)
    if (found.run + 2) * found.pack(sums.most, sums.most) < 1 << MULTIPLIERS[multiplier].total - 1:
        # Not the sum's register ended the run: there are more sums than the window has numbers.
        assert sums.most - sums.least >= 1 << found.shift


def test_the_paper_s_eight():
    """Eight sums overflow the signed low 18 bits at -128 * -128, and only there."""
    found = packing("dsp48e2", "w8a8")
    total = 8 * found.pack(-128 * -128, 0)
    signed_low = (total + (1 << 17)) % (1 << 18) - (1 << 17)
    assert signed_low == 131072 - 262144
    assert found.split(total, 8) == (131072, 0)
    assert found.offset(7) == 1 << 17 and found.offset(8) == 8 * 128 * 127
    with pytest.raises(UserError, match="stands 1 to 8 sums, not 9; split it after 8"):
        found.offset(9)


def test_unsigned_lanes_need_no_correction():
    found = packing("mult18x18", "u4u4")
    assert found.offset(found.run) == 0
    assert found.run == (2 ** found.shift - 1) // 225


def test_total_bounds_the_run():
    """A narrow sum behind the multiplier ends a run before the lane does."""
    found = packing_of(Multiplier(18, 18, 24), Range.of(4), Range.of(4))
    assert found.run * found.product.packed(found.shift).most < 1 << 23
    assert found.run < packing("mult18x18", "w4a4").run


def test_random_runs():
    rng = np.random.default_rng(1)
    for multiplier, name in itertools.product(MULTIPLIERS, CASES):
        shared, packed = ranges(name)
        found = packing(multiplier, name)
        if found is None:
            continue
        low, high = rng.integers(packed.least, packed.most + 1, (2, 1000, found.run))
        x = rng.integers(shared.least, shared.most + 1, (1000, found.run))
        lanes = found.split((found.pack(low, high) * x).sum(axis=1), found.run)
        assert np.array_equal(lanes[0], (low * x).sum(axis=1))
        assert np.array_equal(lanes[1], (high * x).sum(axis=1))


def test_ranges():
    assert Range.of(8) == Range(-128, 127) and Range.of(8, symmetric=True) == Range(-127, 127)
    assert Range.of(4, signed=False) == Range(0, 15) and Range(0, 15).bits == 5
    assert Range(-128, 127).bits == 8 and Range(-1, 0).bits == 1 and Range(-129, 0).bits == 9
    assert Range(-2, 3).times(Range(-5, 4)) == Range(-15, 12)
