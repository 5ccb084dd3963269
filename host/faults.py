# SPDX-License-Identifier: Apache-2.0
"""Faults in the device memory, made on purpose: checks must find them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..golden import shared
from ..golden.weights import Layout, trit_columns, trit_values, weight_bit
from .section import Section

if TYPE_CHECKING:
    from .driver import Device

__all__ = ["flip_bit"]


def flip_bit(device: Device, section: Section, row: int, column: int, plane: int) -> None:
    """Flip a stored bit of the weight in a row of the layer, a column and a plane."""
    t, weights = device.config.table, section.weights
    within = int(np.searchsorted(section.rows, row))
    if t.shared is not None:
        beat, bit = shared.weight_bit(within, column, weights.shape[1], weights.planes,
                                      weights.trits, t.shared, plane)
    else:
        beat, bit = weight_bit(within, column, *weights.shape, weights.planes, weights.trits,
                               t.layout, plane)
    word = device.read_memory(section.weight_address + beat, 1).copy()
    if weights.trits and t.shared is None:
        bit = _telling_bit(word[0], bit // 8, column, t.layout)
    word[0, bit // 8] ^= 1 << bit % 8
    device.write_memory(section.weight_address + beat, word)


def _telling_bit(beat: NDArray[np.uint8], byte: int, column: int,
                 layout: Layout) -> int:
    """Return a bit of a byte of five trits that changes the trit of ``column``, if one does."""
    columns, means = trit_columns(layout)[byte], trit_values()
    mine = columns == column % (5 * layout.beat_bits // 8)

    def change(bit: int) -> tuple[bool, int]:
        differ = means[beat[byte] ^ (1 << bit)] != means[beat[byte]]
        return bool(differ[mine].any()), int(differ.sum())

    return 8 * byte + max(range(8), key=change)
