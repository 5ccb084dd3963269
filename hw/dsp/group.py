# SPDX-License-Identifier: Apache-2.0
"""Multipliers in fixed cascade."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.table import levels
from ..tree import delayed
from . import dsp48, mac16, mult18

__all__ = ["DspGroup"]

#: What each family, in Amaranth's words, makes products or whole groups of.
_PRODUCTS = {"ecp5": mult18}
_CASCADES = {"series7": dsp48.SERIES7, "ultrascale": dsp48.ULTRASCALE, "ice40": mac16.MAC16}


class DspGroup(wiring.Component):
    """Multiply pairs of signed numbers and add up the products.

    Where the family has cells for it here, and the factors fit them, all registers are the cells'
    own: ``MULT18X18D`` of ECP5, whose products meet in adders outside; ``DSP48E1`` and ``DSP48E2``
    of Xilinx, where each adds its product to the sum that comes from its neighbour by ``PCIN``;
    ``SB_MAC16`` of iCE40, which do the same by their ``C`` and ``D``. In a cascade the i-th product
    is made i cycles later; the factors wait in the cells' own second registers for one of them, and
    outside for more. Elsewhere it is plain products and adders, with a register behind each.

    Latency: ``length + 2`` cycles, whatever the family. Throughput: one sum a cycle. Takes
    ``length`` multipliers; ECP5 ``length - 1`` adders, the others none.

    Parameters
    ----------
    length : int
        Products, a power of two up to 8.
    bits : int, int
        Of the factors.
    width : int
        Bits of the sum, enough for it.

    Members
    -------
    a : ``In(ArrayLayout(signed(bits[0]), length))``
    b : ``In(ArrayLayout(signed(bits[1]), length))``
    total : ``Out(signed(width))``

    Raises
    ------
    ValueError
        If ``length`` is no such number.

    Source: Lattice FPGA-TN-02205 (ECP5) and FPGA-TN-02007 (iCE40), Xilinx UG479 and UG579.
    """

    def __init__(self, length: int, bits: tuple[int, int], width: int):
        if length not in (1, 2, 4, 8):
            raise ValueError(f"length must be 1, 2, 4 or 8 products, not {length!r}")
        self._length, self._bits, self._width = length, bits, width
        super().__init__({
            "a": In(data.ArrayLayout(signed(bits[0]), length)),
            "b": In(data.ArrayLayout(signed(bits[1]), length)),
            "total": Out(signed(width)),
        })

    @property
    def length(self) -> int:
        """Products."""
        return self._length

    @property
    def latency(self) -> int:
        """Cycles from factors to the sum."""
        return self._length + 2

    def elaborate(self, platform):
        m = Module()
        family = getattr(platform, "family", None)
        if (cell := _CASCADES.get(family)) and self._fits(cell.limits, cell.total):
            self._cascade(m, cell)
        else:
            cell = _PRODUCTS.get(family)
            make = cell.product if cell and self._fits(cell.LIMITS, self._width) else _product
            products = [make(m, f"cell_{index}", self.a[index], self.b[index])
                        for index in range(self._length)]
            self._tree(m, products)
        return m

    def _fits(self, limits, total: int) -> bool:
        """Return whether factors, either way round, and the sum fit a cell."""
        return (max(self._bits) <= max(limits) and min(self._bits) <= min(limits)
                and self._width <= total)

    def _tree(self, m, products):
        """Add up products that come three cycles after their factors."""
        level = 0
        while len(products) > 1:
            level += 1
            width = min(len(products[0]) + 1, self._width)
            sums = [Signal(signed(width), name=f"sum_{level}_{index}", reset_less=True)
                    for index in range(len(products) // 2)]
            m.d.sync += [node.eq(products[2 * index] + products[2 * index + 1])
                         for index, node in enumerate(sums)]
            products = sums
        # A cascade takes a cycle for each product, a tree for each level.
        m.d.comb += self.total.eq(delayed(
            m, "total", products[0], self._length - 1 - levels(self._length, 2)))

    def _cascade(self, m, cell):
        """Chain cells, each of which adds to the sum of the one before."""
        total = None
        wide, narrow = (self.a, self.b) if self._bits[0] >= self._bits[1] else (self.b, self.a)
        for index in range(self._length):
            factors = [delayed(m, f"{name}_{index}", part[index], max(index - 1, 0))
                       for name, part in (("wide", wide), ("narrow", narrow))]
            last = index == self._length - 1
            total = cell.multiply_add(m, f"cell_{index}", *factors, total, index > 0, last)
        m.d.comb += self.total.eq(total)


def _product(m, name, a, b):
    """Return the product three cycles later, in plain logic."""
    factors = [delayed(m, f"{name}_{which}", factor) for which, factor in (("a", a), ("b", b))]
    product = Signal(signed(len(a) + len(b)), name=f"{name}_product")
    m.d.comb += product.eq(factors[0] * factors[1])
    return delayed(m, f"{name}_product", product, 2)
