# SPDX-License-Identifier: Apache-2.0
"""What the streams of the sparse chain carry: the contract between decoders and the chain."""

from amaranth.hdl import Shape, unsigned
from amaranth.lib import data

__all__ = ["weight_layout"]


def weight_layout(slots: int, block: int, weight_bits: int) -> data.StructLayout:
    """Return the layout of a word of weights; ``last`` comes with the last word of a packet.

    A slot's weight meets the activation ``positions[slot]`` of its block of M columns. An empty
    slot has weight 0; its position may be anything. N consecutive slots are a block.

    Parameters
    ----------
    slots : int
        S.
    block : int
        M.
    weight_bits : int
    """
    return data.StructLayout({
        "weights": data.ArrayLayout(Shape(weight_bits, True), slots),
        "positions": data.ArrayLayout(unsigned(block.bit_length() - 1), slots),
        "last": 1,
    })
