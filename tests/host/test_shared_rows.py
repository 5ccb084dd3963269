# SPDX-License-Identifier: Apache-2.0
"""Devices with tables in registers: what they can not do is said, and faults are found."""

import numpy as np
import pytest

from luthier.golden.errors import UserError
from luthier.host import Output, ResultMismatch, Weights, connect

RNG = np.random.default_rng(8)


@pytest.fixture
def device():
    with connect("golden:registers", check="all") as opened:
        yield opened


def test_one_scale_for_the_matrix(device):
    q = RNG.integers(0, 16, (70, 90))
    weights = Weights.integer(q, 4, 0.03, 7.5)
    x = RNG.integers(-128, 128, (3, 90))
    y = device.load(weights, output=Output("int16", 0.5))(x)
    assert abs(0.5 * y - x @ weights.dequantised().T).max() < 0.5


@pytest.mark.parametrize("weights", [
    Weights.integer(RNG.integers(0, 4, (8, 64)), 2, RNG.uniform(1, 2, 8), 1.5),
    Weights.integer(RNG.integers(0, 4, (8, 64)), 2, 0.1, 1),
    Weights.ternary(RNG.integers(-1, 2, (8, 320)), RNG.uniform(1, 2, (8, 2)), 160),
], ids=["rows", "offset", "groups"])
def test_records_are_refused(device, weights):
    with pytest.raises(UserError, match="scales for each row or group, or offsets, which "
                       "configuration 'registers' has no hardware for; set table.store to "
                       "'lutram' or 'blockram', not 'registers', or give one scale"):
        device.load(weights, output=Output("int16", 1.0))


def test_fewer_planes_are_refused(device):
    layer = device.load(Weights.integer(RNG.integers(0, 8, (8, 64)), 3))
    with pytest.raises(UserError, match="'registers' cannot leave planes out; set table.store to"):
        layer(np.ones(64, int), planes=2)


@pytest.mark.parametrize("planes", [0, 1, 3])
def test_flipped_bits_are_found(device, planes):
    rows, columns = 130, 61
    if planes:
        weights = Weights.integer(RNG.integers(0, 1 << planes, (rows, columns)), planes)
    else:
        weights = Weights.ternary(RNG.integers(-1, 2, (rows, columns)))
    layer, x = device.load(weights), 1 << np.arange(columns) % 7
    for row, column, plane in ((0, 0, 0), (129, 60, 0), (64, 30, max(planes - 1, 0))):
        layer.flip_weight_bit(row, column, plane)
        with pytest.raises(ResultMismatch, match=f"row {row}"):
            layer(x)
        layer.flip_weight_bit(row, column, plane)
        layer(x)
