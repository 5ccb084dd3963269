# SPDX-License-Identifier: Apache-2.0
"""Adders that synthesis keeps as one carry chain."""

from amaranth import *

__all__ = ["add_subtract"]


def add_subtract(m, name, a, b, subtract):
    """Return ``a - b`` if ``subtract`` else ``a + b`` as one carry chain.

    The carry in comes from an extra lowest bit, so that no second adder is made of it.
    """
    width = max(len(a), len(b)) + 2
    total = Signal(signed(width), name=f"sum_{name}")
    flipped = Signal(signed(len(b)), name=f"flipped_{name}")
    m.d.comb += [
        flipped.eq(b ^ subtract.as_signed()),
        total.eq(Cat(1, a).as_signed() + Cat(subtract, flipped).as_signed()),
    ]
    return total[1:].as_signed()
