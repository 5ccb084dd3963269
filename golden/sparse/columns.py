# SPDX-License-Identifier: Apache-2.0
"""Parameters of the unit that leaves out columns; its products are ``ColumnMajor.product``."""

from dataclasses import dataclass

from ..errors import UserError
from .packing import Range

__all__ = ["ColumnUnit"]

_WIDEST = 32


@dataclass(frozen=True, kw_only=True)
class ColumnUnit:
    """Parameters.

    Parameters
    ----------
    slots : int
        Rows of a word, a multiplier each: a power of two up to 512.
    weight_bits, activation_bits : int
        2 to 16, signed.
    depth : int
        Words of a column in a row block: a power of two up to 4096.
    columns : int
        The most columns; from it follow the bits of sums.
    words : int
        Of the memory.

    Raises
    ------
    UserError
        If there is no such unit; it says what there is.
    """

    slots: int = 16
    weight_bits: int = 8
    activation_bits: int = 8
    depth: int = 64
    columns: int = 8192
    words: int = 65536

    def __post_init__(self) -> None:
        for name, most in (("slots", 512), ("depth", 4096)):
            value = getattr(self, name)
            if not 1 <= value <= most or value & value - 1:
                raise UserError(f"{name} must be a power of two up to {most}, not {value}")
        for name in ("weight_bits", "activation_bits"):
            if not 2 <= getattr(self, name) <= 16:
                raise UserError(f"{name} must be 2 to 16, not {getattr(self, name)}")
        for name in ("columns", "words"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.accumulator_bits > _WIDEST:
            raise UserError(f"sums of {self.columns} columns take {self.accumulator_bits} bits, "
                            f"more than {_WIDEST}; have fewer columns or bits")

    @property
    def accumulator_bits(self) -> int:
        """Bits of a sum: those of the worst case of so many columns."""
        weight, activation = Range.of(self.weight_bits), Range.of(self.activation_bits)
        return weight.times(activation).sums(self.columns).bits
