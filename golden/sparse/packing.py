# SPDX-License-Identifier: Apache-2.0
"""Two products in one multiplier: where the lanes lie, and how many sums they stand.

Two numbers ``low`` and ``high`` that meet the same factor ``x`` are packed into one operand
``high * 2**shift + low``. A sum of its products is ``H * 2**shift + L``, where H and L are the sums
of each lane. It can be split if L stays in a window of ``2**shift`` numbers. Whichever window, the
split is exact: with ``offset`` numbers of the window below zero,

    biased = sum + offset;  H = biased >> shift;  L = biased % 2**shift - offset.

An offset of ``2**(shift - 1)`` makes L the signed low bits, and costs nothing but the carry into H.
But products of signed numbers lie unevenly about zero: -128 * -128 is 16384, the least product is
-16256. A window that is moved takes one sum more in the places where that matters: eight INT8
products of full range with a shift of 18, where the signed low bits take seven.
"""

from dataclasses import dataclass
from typing import Any

from ..errors import UserError

__all__ = ["MULTIPLIERS", "Multiplier", "Packing", "Range", "packing_of"]


@dataclass(frozen=True)
class Range:
    """Integers from ``least`` to ``most``, both reached."""

    least: int
    most: int

    @classmethod
    def of(cls, bits: int, signed: bool = True, symmetric: bool = False) -> "Range":
        """Return what so many bits hold; ``symmetric`` leaves the least signed number out."""
        if not signed:
            return cls(0, (1 << bits) - 1)
        half = 1 << bits - 1
        return cls(symmetric - half, half - 1)

    @property
    def bits(self) -> int:
        """Bits of a signed number that holds all of them."""
        return max(self.most.bit_length(), (-self.least - 1).bit_length()) + 1

    def times(self, other: "Range") -> "Range":
        """Return the range of the products of two independent numbers."""
        corners = [a * b for a in (self.least, self.most) for b in (other.least, other.most)]
        return Range(min(corners), max(corners))

    def sums(self, count: int) -> "Range":
        """Return the range of sums of so many independent numbers, or fewer."""
        return Range(min(0, count * self.least), max(0, count * self.most))

    def packed(self, shift: int) -> "Range":
        """Return the range of ``high * 2**shift + low`` with both of this range."""
        factor = (1 << shift) + 1
        return Range(factor * self.least, factor * self.most)


@dataclass(frozen=True)
class Multiplier:
    """What a multiplier takes: bits of its signed factors, and of the sum of products behind it."""

    wide: int
    narrow: int
    total: int


#: By name: ECP5's MULT18X18D (sums in fabric), DSP48E1, DSP48E2, iCE40's SB_MAC16.
MULTIPLIERS = {
    "mult18x18": Multiplier(18, 18, 48),
    "dsp48e1": Multiplier(25, 18, 48),
    "dsp48e2": Multiplier(27, 18, 48),
    "mac16": Multiplier(16, 16, 32),
}


@dataclass(frozen=True)
class Packing:
    """Two products in one multiplier.

    Attributes
    ----------
    shift : int
        Bits of the low lane.
    run : int
        Products that may be added up before the lanes are split, the most with this shift.
    signed_run : int
        The same with the signed low bits, an offset of ``2**(shift - 1)``.
    product : Range
        Of the products of a lane.
    operand : Range
        Of the packed operand.
    """

    shift: int
    run: int
    signed_run: int
    product: Range
    operand: Range

    def offset(self, count: int) -> int:
        """Return the numbers below zero in the window for sums of ``count`` products.

        Raises
        ------
        UserError
            If the low lane can overflow with so many.
        """
        if not 1 <= count <= self.run:
            raise UserError(f"a packed lane stands 1 to {self.run} sums, not {count}; split it "
                            f"after {self.run}, or make weights or activations narrower")
        half = 1 << self.shift - 1
        if self.product.least >= 0:
            return 0
        return half if count <= self.signed_run else -count * self.product.least

    def pack(self, low: Any, high: Any) -> Any:
        """Return the packed operand of two numbers or arrays."""
        return (high << self.shift) + low

    def split(self, total: Any, count: int) -> tuple[Any, Any]:
        """Return the sums of the low and of the high lane, of a sum of at most ``count``."""
        offset = self.offset(count)
        biased = total + offset
        return (biased & (1 << self.shift) - 1) - offset, biased >> self.shift


def packing_of(multiplier: Multiplier, shared: Range, packed: Range) -> Packing | None:
    """Return the packing with the longest run, or None if there is none.

    Parameters
    ----------
    multiplier : Multiplier
    shared : Range
        Of the factor that both products have.
    packed : Range
        Of the two numbers that are packed.
    """
    if shared.bits > multiplier.narrow:
        return None
    product, best = shared.times(packed), None
    for shift in range(1, multiplier.wide):
        operand = packed.packed(shift)
        if operand.bits > multiplier.wide:
            break
        window, half = 1 << shift, 1 << shift - 1
        span = product.sums(1)
        run = (window - 1) // (span.most - span.least)
        signed_run = min((half - 1) // span.most if span.most else run,
                         half // -span.least if span.least else run)
        run, signed_run = (_fitting(multiplier, product.packed(shift), count)
                           for count in (run, signed_run))
        if run and (best is None or run > best.run):
            best = Packing(shift, run, signed_run, product, operand)
    return best


def _fitting(multiplier: Multiplier, product: Range, count: int) -> int:
    """Return how many of so many products the sum's register holds, an offset included."""
    half = 1 << multiplier.total - 1
    return min(count, (half - 1) // max(product.most, -product.least, 1) - 1)
