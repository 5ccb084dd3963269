# SPDX-License-Identifier: Apache-2.0
"""Packed operands, and lanes apart again; see ``golden.sparse.packing``."""

from amaranth import *

from ...golden.sparse import Packing

__all__ = ["packed_operand", "split_lanes"]


def packed_operand(m, name, packing: Packing, low, high):
    """Return ``high * 2**shift + low``, where only the high part takes an adder."""
    operand = Signal(signed(packing.operand.bits), name=name)
    extended = Signal(signed(packing.shift), name=f"{name}_low")
    m.d.comb += extended.eq(low)
    upper = Signal(signed(packing.operand.bits - packing.shift), name=f"{name}_high")
    # A negative low lane takes one from the high lane.
    m.d.comb += upper.eq(high + low[-1].as_signed() if low.shape().signed else high)
    m.d.comb += operand.eq(Cat(extended, upper).as_signed())
    return operand


def split_lanes(m, name, packing: Packing, total, count: int):
    """Return the sums of the low and the high lane of a sum of ``count`` packed products.

    It takes one cycle, or two where the window of the low lane is not that of the signed low bits
    (``Chain.split_cycles``).
    """
    shift, offset = packing.shift, packing.offset(count)
    width = packing.product.sums(count).bits
    low, high = (Signal(signed(width), name=f"{name}_{lane}", reset_less=True)
                 for lane in ("low", "high"))
    if offset in (0, 1 << shift - 1):
        carry = total[shift - 1] if offset else 0
        lane = total[:shift].as_signed() if offset else total[:shift]
        m.d.sync += [low.eq(lane), high.eq(total[shift:].as_signed() + carry)]
        return low, high
    biased = Signal(signed(len(total) + 1), name=f"{name}_biased", reset_less=True)
    m.d.sync += [
        biased.eq(total + offset),
        low.eq(biased[:shift] - offset),
        high.eq(biased[shift:].as_signed()),
    ]
    return low, high
