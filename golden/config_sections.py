# SPDX-License-Identifier: Apache-2.0
"""The sections of a configuration: one for each part of a device."""

from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from .config_fields import Section, between, boolean, integer, one_of, power_of_two, word_of
from .fwht import LARGEST, WIDEST, Pipeline
from .hadamard import ORDERS, outer_width
from .quantiser import SMALLEST_GROUP, QuantiserShape
from .shared import SharedLayout
from .weights import Layout

__all__ = [
    "LinkConfiguration",
    "MemoryConfiguration",
    "ScratchpadConfiguration",
    "TableConfiguration",
    "TransformConfiguration",
    "VectorConfiguration",
]


def _one(value: Any) -> int:
    """Validate 1."""
    if integer(value) != 1:
        raise ValueError(f"must be 1, or left out for two banks, not {value!r}")
    return value


class TableConfiguration(Section):
    """The look-up-table matrix unit.

    Parameters
    ----------
    beat_bits : int
        D, weight bits per beat and width of every memory word: 64, 128, 256 or 512.
    k : int
        Activations per table of sign planes: 4, 5 or 6 in distributed RAM, 8 in block RAM, 4 in
        registers.
    store : str
        Where the tables live. ``"lutram"``: distributed RAM, small tables that are built fast;
        those of trits hold three and two. ``"blockram"``: 128 entries each, of eight activations or
        five trits, that take long to build. ``"registers"``: one table, made anew in every cycle,
        that D/4 rows share, for chips that are not FPGAs; there are no scale records.
    alphabets : str
        What weights may be: ``"planes"``, ``"trits"`` or ``"both"``. Trits want ``k`` = 4.
    rounds : int
        Rounds in which the tables of half a tile are built, 1, 2 or 4: more rounds need fewer
        builders and take longer.
    adder_inputs : int
        Inputs of an adder in the tree: 2, or 3 for FPGAs whose LUTs have six inputs; 3 wants
        ``scaled`` = false.
    activation_bits : int
        A, width of a signed activation, 4 to 16. Up to 8 are stored as int8, more as int16.
    tokens : int
        M, vectors that a beat of weights meets at once, 1, 2 or 4: entries and all that is behind
        them M-fold, cycles a vector by M fewer. At most D/64; with ``"registers"`` D/32, or D/64
        where activations are stored as int16.
    smallest_group : int
        S, columns that never share a table with others: 16, 32, 64 or 128, at most D.
    row_block : int
        Depth of the accumulator memory: a power of two from 16 to 4096; D/4 with ``"registers"``.
    max_rows, max_columns : int
        Largest shape of one operation.
    scaled : bool
        Whether there is hardware for scales, groups, the output stage and results other than int32;
        with ``"registers"`` for the output stage alone.
    quantisation : str or None
        ``"int8"``: entries of tables are rounded to 8 bits (:mod:`luthier.golden.entries`), and
        results are no exact products any more. Wants ``alphabets`` = "planes", ``scaled`` = false,
        a store that is not ``"blockram"``, and entries of more than 8 bits, so ``activation_bits``
        of 7 or more where ``k`` is 4.
    banks : int or None
        1: tables of ``"lutram"`` are there once, so that those of a tile are built when the tile
        before is done, and not while it is used. Fewer LUTs where the entries of one bank, but not
        of two, fit the family's memory, such as those of trits on ECP5; all other tables are there
        twice.
    """

    beat_bits: Annotated[int, one_of(64, 128, 256, 512)] = 128
    k: Annotated[int, one_of(4, 5, 6, 8)] = 4
    store: Annotated[str, word_of("lutram", "blockram", "registers")] = "lutram"
    alphabets: Annotated[str, word_of("both", "planes", "trits")] = "both"
    rounds: Annotated[int, one_of(1, 2, 4)] = 1
    adder_inputs: Annotated[int, one_of(2, 3)] = 2
    tokens: Annotated[int, one_of(1, 2, 4)] = 1
    activation_bits: Annotated[int, between(4, 16)] = 8
    smallest_group: Annotated[int, one_of(16, 32, 64, 128)] = 16
    row_block: Annotated[int, one_of(16, 32, 64, 128, 256, 512, 1024, 2048, 4096)] = 1024
    max_rows: Annotated[int, between(1, 65536)] = 16384
    max_columns: Annotated[int, between(1, 65536)] = 8192
    scaled: Annotated[bool, BeforeValidator(boolean)] = True
    quantisation: Annotated[str, word_of("int8")] | None = None
    banks: Annotated[int, BeforeValidator(_one)] | None = None

    @property
    def planes(self) -> bool:
        """Whether weights may be sign planes."""
        return self.alphabets != "trits"

    @property
    def trits(self) -> bool:
        """Whether weights may be trits."""
        return self.alphabets != "planes"

    @property
    def bank_count(self) -> int:
        """How often each table is there."""
        return self.banks or 2

    @property
    def window(self) -> int:
        """Columns whose tables are built side by side."""
        return self.beat_bits // (2 * self.rounds)

    @property
    def layout(self) -> Layout:
        """Where weights are in their beats."""
        return Layout(self.beat_bits, self.row_block, self.k,
                      min(self.smallest_group, self.window), self.rounds, self.deep)

    @property
    def deep(self) -> bool:
        """Whether a table takes a byte of a beat, of whatever weights."""
        return self.store == "blockram"

    @property
    def shared(self) -> SharedLayout | None:
        """Where weights are in beats of rows that share tables; None if they do not."""
        return SharedLayout(self.beat_bits // self.k, self.k) if self.store == "registers" else None

    @property
    def results_at_once(self) -> int:
        """Results that come side by side: those of a row, of each token."""
        return 1 if self.store == "registers" else self.tokens

    @property
    def words_at_once(self) -> int:
        """Words of activations that come side by side: one of each token; else one by one."""
        return self.tokens // self.results_at_once

    @property
    def records(self) -> bool:
        """Whether there is hardware for scale records, and for fewer planes than stored."""
        return self.scaled and self.shared is None


class ScratchpadConfiguration(Section):
    """On-chip memory for activations and results, in words of D bits (64 to 65536)."""

    words: Annotated[int, between(64, 65536)] = 2048


class MemoryConfiguration(Section):
    """Device memory for weights and programs.

    Parameters
    ----------
    words : int
        Size in words of D bits, 64 to 4194304.
    latency : int
        Cycles from a request to its first beat, 3 to 200; from 6 on there are registers around
        its banks, which large memories on fast FPGAs want. No effect with an SDRAM.
    """

    words: Annotated[int, between(64, 1 << 22)] = 65536
    latency: Annotated[int, between(3, 200)] = 3


class LinkConfiguration(Section):
    """The framed byte stream between host and device.

    Parameters
    ----------
    width : int
        Bytes per cycle: 1, 2, 4 or 8.
    payload_bytes : int
        Most data bytes in one frame: a power of two from 128 to 4096.
    window : int
        Requests the device can hold, which is the host's credit: 1, 2, 4 or 8.
    cache_depth : int
        Replies kept for repeated requests: 1, 2, 4 or 8, at least ``window``.
    """

    width: Annotated[int, one_of(1, 2, 4, 8)] = 1
    payload_bytes: Annotated[int, one_of(128, 256, 512, 1024, 2048, 4096)] = 1024
    window: Annotated[int, one_of(1, 2, 4, 8)] = 4
    cache_depth: Annotated[int, one_of(1, 2, 4, 8)] = 4


class TransformConfiguration(Section):
    """The Walsh-Hadamard pipeline and its quantiser.

    Parameters
    ----------
    samples : int
        N of the largest Walsh-Hadamard transform: a power of two from 2 to 32768.
    lanes : int
        P, samples per cycle: 1, 2, 4, 8 or 16, at most D/32 and ``samples``.
    width : int
        w, bits of a signed sample to transform, 2 to 16; what is larger in the scratchpad is
        clamped and counted.
    order : int
        K of a stage for H_K, for sizes K * 2**m; 1 for none. See :mod:`luthier.golden.hadamard`.
    order_samples : int
        Largest 2**m beside H_K, at most ``samples``; the stage holds two vectors of that size.
    order_lanes : int
        Samples per cycle of that stage: 1, 2 or 4, at most ``lanes`` and ``order_samples``.
    variant : str
        Whose H_K: ``"quarot"`` or ``"dao"``.
    transposed : bool
        Whether the stage has the transpose of H_K, the inverse but for a factor K.
    bits : int
        B, bits of the longest code, 2 to 8; at most ``table.activation_bits``.
    group : int
        Samples of the longest group with a common dynamic scale, a power of two from 16 to 65536:
        the quantiser's buffer.
    quantiser_width : int
        W, bits of a sample to quantise, to 32; what is larger in the scratchpad is clamped and
        counted. By default, and at least, those of a transform's result.
    """

    samples: Annotated[int, power_of_two(2, LARGEST)] = 1024
    lanes: Annotated[int, power_of_two(1, 16)] = 4
    width: Annotated[int, between(2, WIDEST)] = 8
    order: Annotated[int, between(1, 1 << 16)] = 1
    order_samples: Annotated[int, power_of_two(1, LARGEST)] = 64
    order_lanes: Annotated[int, power_of_two(1, 4)] = 1
    variant: Annotated[str, word_of(*ORDERS)] = "quarot"
    transposed: Annotated[bool, BeforeValidator(boolean)] = False
    bits: Annotated[int, between(2, 8)] = 8
    group: Annotated[int, power_of_two(SMALLEST_GROUP, 1 << 16)] = 1024
    quantiser_width: Annotated[int, between(2, 32)] | None = None

    @model_validator(mode="after")
    def _check_combinations(self):
        if self.lanes > self.samples:
            raise ValueError(f"lanes ({self.lanes}) must not exceed samples ({self.samples}); "
                             f"lower lanes")
        if self.order == 1:
            return self._check_quantiser()
        orders = ORDERS[self.variant]
        if self.order not in orders:
            nearest = min(orders, key=lambda order: abs(order - self.order))
            raise ValueError(f"order must be 1 or {', '.join(map(str, orders[:-1]))} or "
                             f"{orders[-1]} where variant is {self.variant!r}, not {self.order}; "
                             f"the nearest is {nearest}")
        if self.inner_width > WIDEST:
            raise ValueError(
                f"width ({self.width}) must be at most {self.width - self.inner_width + WIDEST} "
                f"where order is {self.order}, because sums of so many samples are to have "
                f"{WIDEST} bits at most; lower width")
        for key, most in (("order_samples", "samples"), ("order_lanes", "lanes"),
                          ("order_lanes", "order_samples")):
            if getattr(self, key) > getattr(self, most):
                raise ValueError(f"{key} ({getattr(self, key)}) must not exceed {most} "
                                 f"({getattr(self, most)}); lower {key}")
        return self._check_quantiser()

    def _check_quantiser(self):
        if self.quantiser_width is not None and self.quantiser_width < self.sum_width:
            raise ValueError(
                f"quantiser_width ({self.quantiser_width}) must be at least {self.sum_width}, the "
                f"bits of a transform's result; raise it or leave it out")
        return self

    @property
    def inner_width(self) -> int:
        """Bits of a sample behind H_K."""
        return outer_width(self.order, self.width) if self.order > 1 else self.width

    @property
    def pipeline(self) -> Pipeline:
        """The Walsh-Hadamard pipeline."""
        return Pipeline(samples=self.samples, lanes=self.lanes, width=self.inner_width)

    @property
    def sum_width(self) -> int:
        """Bits of a transform's result."""
        return self.pipeline.widths[-1]

    @property
    def quantiser(self) -> QuantiserShape:
        """The quantiser."""
        return QuantiserShape(size=self.group, lanes=self.lanes, bits=self.bits,
                              width=self.quantiser_width or self.sum_width)

    @property
    def largest_m(self) -> int:
        """Largest m of a size K * 2**m."""
        return self.order_samples.bit_length() - 1


class VectorConfiguration(Section):
    """The unit that rescales, adds and gathers vectors in the scratchpad.

    Parameters
    ----------
    lanes : int
        P, elements per cycle: 1, 2, 4, 8 or 16, at most D/32. Gathering takes a cycle for each.
    """

    lanes: Annotated[int, power_of_two(1, 16)] = 4
