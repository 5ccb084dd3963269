# SPDX-License-Identifier: Apache-2.0
"""Xilinx's DSP48: a product added to what comes from the neighbour."""

from dataclasses import dataclass

from amaranth import *

__all__ = ["SERIES7", "ULTRASCALE", "Dsp48"]

_TOTAL = 48


@dataclass(frozen=True)
class Dsp48:
    """One of the two cells.

    Attributes
    ----------
    cell : str
    limits : (int, int)
        Bits of its signed factors, the wide one first.
    opmode_bits : int
    """

    cell: str
    limits: tuple[int, int]
    opmode_bits: int

    @property
    def total(self) -> int:
        """Bits of the sum."""
        return _TOTAL

    def multiply_add(self, m, name, wide, narrow, addend, later, last):
        """Return the sum of a product and ``addend``, which comes from another cell, or None.

        The product is made of factors of three cycles ago, or of four with ``later``. The last
        cell's sum leaves by P, that of others by PCOUT.
        """
        a, b = Signal(signed(30), name=f"{name}_A"), Signal(signed(18), name=f"{name}_B")
        total = Signal(signed(_TOTAL), name=f"{name}_sum")
        m.d.comb += [a.eq(wide), b.eq(narrow)]
        depth = 2 if later else 1
        # X and Y are the product, Z is zero or PCIN.
        opmode = 0b000_0101 if addend is None else 0b001_0101
        enabled = ("CEA2", "CEB2", "CEM", "CEP") + (("CEA1", "CEB1") if later else ())
        pins = {f"i_{port}": Const(port in enabled, 1) for port in (
            "CEA1", "CEA2", "CEAD", "CEALUMODE", "CEB1", "CEB2", "CEC", "CECARRYIN", "CECTRL",
            "CED", "CEINMODE", "CEM", "CEP", "RSTA", "RSTALLCARRYIN", "RSTALUMODE", "RSTB", "RSTC",
            "RSTCTRL", "RSTD", "RSTINMODE", "RSTM", "RSTP", "CARRYIN")}
        if addend is not None:
            pins["i_PCIN"] = addend
        # Yosys wants P to be there. Control needs no registers, as it is constant; those of C and
        # D rest.
        m.submodules[name] = Instance(
            self.cell, p_AREG=depth, p_BREG=depth, p_ACASCREG=depth, p_BCASCREG=depth, p_MREG=1,
            p_PREG=1, p_ALUMODEREG=0, p_OPMODEREG=0, p_INMODEREG=0, p_CARRYINREG=0,
            p_CARRYINSELREG=0, p_USE_MULT="MULTIPLY", i_CLK=ClockSignal(), i_A=a, i_B=b,
            i_C=Const((1 << 48) - 1, 48), i_D=Const(0, self.limits[0]), i_ALUMODE=Const(0, 4),
            i_INMODE=Const(0, 5), i_OPMODE=Const(opmode, self.opmode_bits),
            i_CARRYINSEL=Const(0, 3), **{"o_P" if last else "o_PCOUT": total},
            **({} if last else {"o_P": Signal(_TOTAL, name=f"{name}_unused")}), **pins)
        return total


#: DSP48E1 of series 7, 25 by 18 bits.
SERIES7 = Dsp48("DSP48E1", (25, 18), 7)
#: DSP48E2 of UltraScale and UltraScale+, 27 by 18 bits.
ULTRASCALE = Dsp48("DSP48E2", (27, 18), 9)
