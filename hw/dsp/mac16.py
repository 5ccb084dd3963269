# SPDX-License-Identifier: Apache-2.0
"""iCE40's multiplier: a product added to a word that comes over the fabric."""

from amaranth import *

__all__ = ["MAC16"]

_BITS = 16


class Mac16:
    """``SB_MAC16`` as 16 by 16 bits with its adder of 32."""

    @property
    def limits(self) -> tuple[int, int]:
        """Bits of the signed factors."""
        return (_BITS, _BITS)

    @property
    def total(self) -> int:
        """Bits of the sum."""
        return 2 * _BITS

    def multiply_add(self, m, name, wide, narrow, addend, later, last):
        """Return the sum of a product and ``addend``, which comes from another cell, or None.

        The product is made of factors of three cycles ago, or of four with ``later``.
        """
        a, b = (Signal(signed(_BITS), name=f"{name}_{port}") for port in "AB")
        total = Signal(signed(2 * _BITS), name=f"{name}_sum")
        m.d.comb += [a.eq(wide), b.eq(narrow)]
        word = Const(0, 2 * _BITS) if addend is None else addend
        low = {f"i_{port}": Const(0, 1) for port in (
            "AHOLD", "BHOLD", "CHOLD", "DHOLD", "IRSTTOP", "IRSTBOT", "ORSTTOP", "ORSTBOT",
            "OLOADTOP", "OLOADBOT", "ADDSUBTOP", "ADDSUBBOT", "OHOLDTOP", "OHOLDBOT", "CI",
            "ACCUMCI", "SIGNEXTIN")}
        # The registers between partial products are there or not; the one behind their sum is.
        middle = {f"p_{register}": Const(later, 1) for register in (
            "TOP_8x8_MULT_REG", "BOT_8x8_MULT_REG", "PIPELINE_16x16_MULT_REG1")}
        # Both halves add the product (2) to C and D (1); the carry of the lower half goes to the
        # upper (2), and what leaves is registered (1).
        adder = {}
        for half, carry in (("TOP", 2), ("BOT", 0)):
            adder |= {f"p_{half}ADDSUB_LOWERINPUT": Const(2, 2),
                      f"p_{half}ADDSUB_UPPERINPUT": Const(1, 1),
                      f"p_{half}ADDSUB_CARRYSELECT": Const(carry, 2),
                      f"p_{half}OUTPUT_SELECT": Const(1, 2)}
        m.submodules[name] = Instance(
            "SB_MAC16", p_NEG_TRIGGER=Const(0, 1), p_MODE_8x8=Const(0, 1), p_A_REG=Const(1, 1),
            p_B_REG=Const(1, 1), p_C_REG=Const(0, 1), p_D_REG=Const(0, 1),
            p_PIPELINE_16x16_MULT_REG2=Const(1, 1), p_A_SIGNED=Const(1, 1),
            p_B_SIGNED=Const(1, 1), i_CLK=ClockSignal(), i_CE=Const(1, 1), i_A=a, i_B=b,
            i_C=word[_BITS:], i_D=word[:_BITS], o_O=total, **low, **middle, **adder)
        return total


MAC16 = Mac16()
