# SPDX-License-Identifier: Apache-2.0
"""The section of a configuration for the sparse chain."""

from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from .config_fields import Section, boolean, integer, one_of, power_of_two
from .config_sections import TableConfiguration
from .sparse.encodings import BlockFormat, RowFormat, smallest_format

__all__ = ["SparseConfiguration"]

#: Rows and columns at most with single weights.
_MOST_SINGLE = (1 << 16) - 1


def _counts(value: Any) -> tuple[int, ...]:
    """Validate how many weights blocks may have."""
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"must be a list of numbers of weights, such as [2], not {value!r}")
    counts = tuple(integer(count) for count in value)
    if any(count < 1 or count & count - 1 for count in counts) or any(
            one >= other for one, other in zip(counts, counts[1:])):
        raise ValueError(f"must be different powers of two that ascend, not {list(counts)}")
    return counts


class SparseConfiguration(Section):
    """The sparse chain of multipliers, as many as a memory word has weights.

    Parameters
    ----------
    block : int
        M, columns of a block: 4, 8 or 16; so many activations must lie in a scratchpad word.
    kept : list of int
        The numbers of weights, N, that blocks of an operation may have: powers of two up to
        ``block``, ascending. Each has a decoder of its own.
    weight_bits : int
        4 or 8.
    lanes : int
        Results per cycle: 1, 2, 4, 8 or 16, at most D/32.
    csr : bool
        Whether there is, besides, a multiplier for single weights at gaps, one a cycle: scattered
        outliers and sparse adapters.
    """

    block: Annotated[int, one_of(4, 8, 16)] = 4
    kept: Annotated[tuple[int, ...], BeforeValidator(_counts)] = (2,)
    weight_bits: Annotated[int, one_of(4, 8)] = 8
    lanes: Annotated[int, power_of_two(1, 16)] = 4
    csr: Annotated[bool, BeforeValidator(boolean)] = False

    @model_validator(mode="after")
    def _check_combinations(self):
        if self.kept[-1] > self.block:
            raise ValueError(f"kept ({list(self.kept)}) must not exceed block ({self.block}); "
                             f"lower kept or raise block")
        return self

    def check_beside(self, t: TableConfiguration, activations_per_word: int) -> None:
        """Raise ValueError if the chain can not be in a device with such tables."""
        if self.block > activations_per_word:
            raise ValueError(
                f"sparse.block ({self.block}) must be at most {activations_per_word}, the "
                f"activations of a scratchpad word, of which one is read a cycle; lower "
                f"sparse.block or widen table.beat_bits")
        for name, size in (("max_rows", t.max_rows), ("max_columns", t.max_columns)):
            if self.csr and size > _MOST_SINGLE:
                raise ValueError(
                    f"table.{name} ({size}) must be at most {_MOST_SINGLE} with sparse.csr, which "
                    f"counts rows and columns in 16 bits; lower it, or set sparse.csr to false")
        most = ((1 << 31) - 1 >> self.weight_bits + t.activation_bits - 2) & -self.block
        if t.max_columns > most:
            raise ValueError(
                f"table.max_columns ({t.max_columns}) must be at most {most}, so that sums "
                f"of {self.weight_bits}-bit weights and {t.activation_bits}-bit activations "
                f"have 32 bits; lower it, or have weights or activations of fewer bits")

    @property
    def least(self) -> int:
        """Multipliers in fixed cascade: as many as the emptiest blocks have weights, up to 4."""
        return min(self.kept[0], 4)

    def form(self, kept: int, beat_bits: int) -> BlockFormat:
        """Return the encoding of blocks with so many weights: that which takes the fewest bits."""
        return smallest_format(kept, self.block, self.weight_bits, beat_bits)

    def row_form(self, beat_bits: int, activations_per_word: int) -> RowFormat:
        """Return the encoding of single weights: the longest gaps, for few of them."""
        return RowFormat(encoding="csr", weight_bits=self.weight_bits,
                         gap_bits=11 if self.weight_bits == 4 else 7, beat_bits=beat_bits,
                         block=min(activations_per_word, 16))
