# SPDX-License-Identifier: Apache-2.0
"""Golden model of the sparse chain: its parameters, what they make of time, and its sums.

The chain has S slots, a multiplier each. All of them choose among the same M activations, a block
of columns, at a time; N slots that follow each other hold the weights of one row in that block, so
a word of S weights has ``S / N`` rows. A *row group* is as many rows as a word has where N is
least. Its sums stay in accumulators while its blocks pass, each of which takes ``N / least`` words.
So N may change from block to block, all slots work in all of them, and the choice has M inputs
whatever N is.
"""

from dataclasses import dataclass

import numpy as np

from ..errors import UserError
from .packing import MULTIPLIERS, Packing, Range, packing_of
from .patterns import BLOCKS

__all__ = ["PACKINGS", "Chain", "chain_sums"]

#: One product a multiplier; two rows that have the same activation; two tokens, the same weight.
PACKINGS = ("none", "rows", "tokens")
_MOST_SLOTS, _MOST_BITS, _ACCUMULATOR_BITS = 512, 16, 32


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Parameters of a sparse chain.

    Parameters
    ----------
    slots : int
        S, multipliers: a multiple of M that is a power of two, at most 512.
    block : int
        M, 4, 8 or 16: columns of a block.
    least : int
        The smallest N, 1, 2 or 4, at most M: multipliers in fixed cascade, a *DSP group*.
    weight_bits, activation_bits : int
        2 to 16.
    weight_signed, activation_signed : bool
    symmetric : bool
        The least signed weight never occurs, such as -8 of 4 bits: lanes stand longer runs.
    packing : str
        ``none``; ``rows``: each slot has weights of two rows, which share positions; ``tokens``:
        each weight meets activations of two tokens.
    multiplier : str
        What the packing is made for, a key of ``MULTIPLIERS``.
    columns : int
        The most columns of a row group, a multiple of M; from it follow the accumulators' bits.
    lanes : int
        Sums in a beat of results, a power of two up to those of a row group.

    Raises
    ------
    UserError
        If there is no such chain; it says what there is.
    """

    slots: int = 16
    block: int = 16
    least: int = 2
    weight_bits: int = 8
    activation_bits: int = 8
    weight_signed: bool = True
    activation_signed: bool = True
    symmetric: bool = False
    packing: str = "none"
    multiplier: str = "mult18x18"
    columns: int = 4096
    lanes: int = 4

    def __post_init__(self) -> None:
        for name in ("slots", "block", "least", "weight_bits", "activation_bits", "columns",
                     "lanes"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{name} must be an integer, not {value!r}")
        if self.block not in BLOCKS:
            raise UserError(f"block must be 4, 8 or 16 columns, not {self.block}")
        if not _power(self.slots) or not self.block <= self.slots <= _MOST_SLOTS:
            raise UserError(f"slots must be a power of two from block={self.block} to "
                            f"{_MOST_SLOTS}, not {self.slots}")
        if self.least not in (1, 2, 4) or self.least > self.block:
            raise UserError(f"least must be 1, 2 or 4 weights of a block, not {self.least}")
        for name in ("weight_bits", "activation_bits"):
            if not 2 <= getattr(self, name) <= _MOST_BITS:
                raise UserError(f"{name} must be 2 to {_MOST_BITS}, not {getattr(self, name)}")
        if self.packing not in PACKINGS:
            raise UserError(f"packing must be none, rows or tokens, not {self.packing!r}")
        if self.multiplier not in MULTIPLIERS:
            raise UserError(f"multiplier must be one of {', '.join(MULTIPLIERS)}, not "
                            f"{self.multiplier!r}")
        if self.columns < self.block or self.columns % self.block:
            raise UserError(f"columns must be a multiple of block={self.block}, not "
                            f"{self.columns}")
        if self.accumulator_bits > _ACCUMULATOR_BITS:
            raise UserError(f"sums of {self.columns} columns take {self.accumulator_bits} bits, "
                            f"more than {_ACCUMULATOR_BITS}; have fewer columns or bits")
        if not _power(self.lanes) or self.lanes > self.sums:
            raise UserError(f"lanes must be a power of two up to {self.sums}, the sums of a row "
                            f"group, not {self.lanes}")
        self._check_factors()

    def _check_factors(self) -> None:
        limits = MULTIPLIERS[self.multiplier]
        if self.packing == "none":
            narrow, wide = sorted((self.weight_range.bits, self.activation_range.bits))
            if wide > limits.wide or narrow > limits.narrow:
                raise UserError(f"{self.multiplier} multiplies {limits.wide} by {limits.narrow} "
                                f"bits, signed, not {wide} by {narrow}")
        elif (found := self.packed) is None or self.least > found.run:
            stands = "no two products" if found is None else f"a run of {found.run}"
            raise UserError(
                f"{self.multiplier} stands {stands} of {self.weight_bits} by "
                f"{self.activation_bits} bits with packing={self.packing!r}, not a run of "
                f"least={self.least}; use packing='none', or fewer bits")

    @property
    def weight_range(self) -> Range:
        """Of a weight."""
        return Range.of(self.weight_bits, self.weight_signed, self.symmetric)

    @property
    def activation_range(self) -> Range:
        """Of an activation."""
        return Range.of(self.activation_bits, self.activation_signed)

    @property
    def packed(self) -> Packing | None:
        """Where two products lie in a multiplier; None without packing, or if there is no way."""
        ranges = self.weight_range, self.activation_range
        limits = MULTIPLIERS[self.multiplier]
        if self.packing == "rows":
            return packing_of(limits, ranges[1], ranges[0])
        return packing_of(limits, *ranges) if self.packing == "tokens" else None

    @property
    def products(self) -> int:
        """Products of a multiplier: 2 if they are packed."""
        return 1 if self.packing == "none" else 2

    @property
    def slot_rows(self) -> int:
        """Weights of a slot, of as many rows."""
        return 2 if self.packing == "rows" else 1

    @property
    def tokens(self) -> int:
        """Activations of a column."""
        return 2 if self.packing == "tokens" else 1

    @property
    def groups(self) -> int:
        """DSP groups, and accumulators of a lane: S / least."""
        return self.slots // self.least

    @property
    def rows(self) -> int:
        """Rows of a row group."""
        return self.groups * self.slot_rows

    @property
    def sums(self) -> int:
        """Sums of a row group: two for a row if there are two tokens."""
        return self.groups * self.products

    @property
    def levels(self) -> int:
        """log2(M / least): reduction nodes that a sum of a dense row passes."""
        return (self.block // self.least).bit_length() - 1

    @property
    def accumulator_bits(self) -> int:
        """Bits of a sum: those of the worst case of so many columns, not one more."""
        return self.weight_range.times(self.activation_range).sums(self.columns).bits

    @property
    def split_cycles(self) -> int:
        """Cycles that it takes to split packed lanes: two if their window is not the usual one."""
        if (packed := self.packed) is None:
            return 0
        return 1 if packed.offset(self.least) in (0, 1 << packed.shift - 1) else 2

    @property
    def beats(self) -> int:
        """Beats of a row group's results."""
        return self.sums // self.lanes

    @property
    def latency(self) -> int:
        """Cycles from a row group's last word to its first results.

        Two for the words' registers and the choice; as many and two more as multipliers of a
        group; those to split packed lanes; one for each reduction node, the tap, the accumulator,
        the results' register and the queue.
        """
        return 2 + (self.least + 2) + self.split_cycles + self.levels + 4

    @property
    def places(self) -> int:
        """Row groups whose results are on their way at full rate, at most: one every ``beats``."""
        return -(-(self.latency + self.beats + 1) // self.beats)

    def words(self, counts: np.ndarray) -> int:
        """Return the words of blocks with so many weights (N) in a row each."""
        return int(np.sum(np.asarray(counts) // self.least))

    def cycles(self, words: list[int]) -> int:
        """Return the cycles from the first word to the last result, at full rate.

        A row group's last word waits until the results of the one before have moved on, a beat a
        cycle, so that row groups of fewer words than that take longer.

        Parameters
        ----------
        words : list of int
            Of each row group.
        """
        accepted = words[0] + sum(max(count, self.beats) for count in words[1:])
        return accepted - 1 + self.latency + self.beats


def _power(value: int) -> bool:
    return value > 0 and not value & (value - 1)


def chain_sums(config: Chain, weights: np.ndarray, positions: np.ndarray, counts: np.ndarray,
               activations: np.ndarray) -> np.ndarray:
    """Return the sums of one row group, as the hardware makes them.

    Packed products are packed, added up in runs and split; sums wrap at the accumulators' bits.

    Parameters
    ----------
    config : Chain
    weights : np.ndarray
        Of shape (words, S, slot_rows).
    positions : np.ndarray
        Of shape (words, S).
    counts : np.ndarray
        N of each block.
    activations : np.ndarray
        Of shape (blocks, tokens, M).

    Returns
    -------
    np.ndarray
        Of shape (sums,): accumulator by accumulator, two products of each if they are packed.
    """
    total = np.zeros((config.groups, config.products), np.int64)
    word = 0
    for count, block in zip(counts, activations.astype(np.int64)):
        span = int(count) // config.least
        for place in range(span):
            taps = _group_sums(config, weights[word].astype(np.int64), block[:, positions[word]])
            taps = taps.reshape(-1, span, config.products).sum(axis=1)
            total[place::span] += taps
            word += 1
    half = 1 << config.accumulator_bits - 1
    return ((total + half) % (2 * half) - half).reshape(-1)


def _group_sums(config: Chain, weights: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the sums of each DSP group, of shape (groups, products).

    Parameters
    ----------
    weights : np.ndarray
        Of shape (S, slot_rows).
    chosen : np.ndarray
        Activations of shape (tokens, S).
    """
    if (packed := config.packed) is None:
        return (weights[:, 0] * chosen[0]).reshape(-1, config.least).sum(axis=1)[:, None]
    if config.packing == "rows":
        products = packed.pack(weights[:, 0], weights[:, 1]) * chosen[0]
    else:
        products = packed.pack(chosen[0], chosen[1]) * weights[:, 0]
    return np.stack(packed.split(products.reshape(-1, config.least).sum(axis=1), config.least), 1)
