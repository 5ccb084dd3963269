# SPDX-License-Identifier: Apache-2.0
"""Weights for rows that share tables: there and back, and the bits against their description."""

import numpy as np
import pytest

from luthier.golden.errors import UserError
from luthier.golden.shared import (
    SharedLayout,
    beats,
    pack_planes,
    pack_trits,
    unpack_planes,
    unpack_trits,
)
from luthier.golden.weights import Layout
from luthier.golden.weights import pack_planes as pack_rows

LAYOUTS = [SharedLayout(64), SharedLayout(16), SharedLayout(8, 5), SharedLayout(4, 6)]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (64, 4), (65, 31), (130, 100)], ids=str)
@pytest.mark.parametrize("planes", [0, 1, 2, 5, 8])
def test_there_and_back(layout, shape, planes):
    rng = np.random.default_rng(planes)
    if planes:
        values = 2 * rng.integers(0, 2**planes, shape) + 1 - 2**planes
        packed = pack_planes(values, planes, layout)
        back = unpack_planes(packed, *shape, planes, layout)
    else:
        values = rng.integers(-1, 2, shape)
        packed = pack_trits(values, layout)
        back = unpack_trits(packed, *shape, layout)
    assert np.array_equal(back, values)
    assert packed.shape == (beats(layout, rows=shape[0], columns=shape[1], planes=planes,
                                  trits=not planes), layout.beat_bits // 8)


def test_fields_are_those_of_beats_of_one_row():
    """Field f of row r in beat t is field t of the beat that the other order has for the row."""
    values = 2 * np.random.default_rng(1).integers(0, 2, (64, 64)) - 1
    shared = pack_planes(values, 1, SharedLayout(64))  # 16 beats of 64 fields
    single = pack_rows(values, 1, Layout(64, 64))  # 64 beats of 16 fields

    def fields(packed):
        return np.stack([packed & 15, packed >> 4], axis=-1).reshape(len(packed), -1)

    assert np.array_equal(fields(shared), fields(single).T)


def test_order_is_block_plane_columns():
    layout = SharedLayout(4, 2)
    values = np.full((8, 4), 3)  # both planes +1: fields are all index bits, no sign
    plain = pack_planes(values, 2, layout)
    for row, column, plane, beat in ((0, 0, 1, 0), (0, 2, 1, 1), (0, 0, 0, 2), (4, 3, 0, 7)):
        other = values.copy()
        other[row, column] -= 2 << plane
        assert np.flatnonzero((pack_planes(other, 2, layout) != plain).any(axis=1)) == [beat]


def test_what_can_not_be():
    with pytest.raises(UserError, match="2 sign planes must be odd and between -3 and 3"):
        pack_planes(np.array([[5]]), 2, SharedLayout(8))
    with pytest.raises(UserError, match="ternary weights must be -1, 0 or 1"):
        pack_trits(np.array([[2]]), SharedLayout(8))
    packed = pack_trits(np.array([[0]]), SharedLayout(2))
    swapped = packed[::-1]
    with pytest.raises(UserError, match="no code for 0"):
        unpack_trits(swapped, 1, 1, SharedLayout(2))
