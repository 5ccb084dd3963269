# SPDX-License-Identifier: Apache-2.0
"""Tables in registers that many rows and tokens share: a tile for chips that are not FPGAs."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..adder import add
from ..tree import delayed
from .entries import stored_entry

__all__ = ["RegisterTile"]


class RegisterTile(wiring.Component):
    """Sums of ``rows`` rows for ``tokens`` tokens, of one table of each token a cycle.

    A table is made anew in every cycle, in registers, and broadcast; each row reads an entry by a
    multiplexer, and adds it to its accumulator or subtracts it. A weight of many planes takes many
    passes over the columns, the most significant plane first: an accumulator counts twice when a
    plane is done. So there is no shifter, and no time to build.

    With ``tokens`` = 2, ``rows`` = 64 and ``k`` = 4 it is the shape M2N64K4 of LUT Tensor Core
    (arXiv 2408.06003, section 3.3), which multiplies like the instruction
    ``lmma.m2n64k4.{A}{W}{accumulator}`` of its section 3.4. Others that it names: M1N64K4, M4N32K4,
    M16N8K4.

    Latency: ``latency`` cycles from activations to sums; weights come ``lead`` cycles after their
    activations. Throughput: ``tokens * rows * k`` products with one bit of weight a cycle.

    Parameters
    ----------
    tokens, rows : int
        M and N, 1 or more.
    k : int
        Columns of a table, 2 to 6.
    activation_bits : int
        A.
    width : int
        Bits of an accumulator; enough for the sums is the user's business.
    dropped : int
        Bits that entries lose: 0, or so many that 8 are left (:mod:`luthier.golden.entries`). Sums
        count steps of them.

    Members
    -------
    valid : ``In(1)``, activations : ``In(ArrayLayout(ArrayLayout(signed(A), k), tokens))``
        A beat, and its columns for each token.
    weights : ``In(ArrayLayout(k, rows))``
        A field of a sign plane for each row, as in :mod:`luthier.golden.weights`.
    first, double : ``In(1)``
        The accumulators count as zero, or twice, before this beat is added. They come with the
        weights, and are 0 where there are none.
    total : ``Out(ArrayLayout(ArrayLayout(signed(width), rows), tokens))``

    Raises
    ------
    ValueError
        If a parameter can not be.
    """

    def __init__(self, *, tokens: int, rows: int, k: int, activation_bits: int, width: int,
                 dropped: int = 0):
        if tokens < 1 or rows < 1:
            raise ValueError(f"tokens and rows must be 1 or more, not {tokens!r} and {rows!r}")
        if not 2 <= k <= 6:
            raise ValueError(f"k must be 2 to 6, not {k!r}")
        self._tokens, self._rows, self._k = tokens, rows, k
        self._bits, self._width, self._dropped = activation_bits, width, dropped
        super().__init__({
            "valid": In(1),
            "activations": In(data.ArrayLayout(
                data.ArrayLayout(signed(activation_bits), k), tokens)),
            "weights": In(data.ArrayLayout(k, rows)),
            "first": In(1),
            "double": In(1),
            "total": Out(data.ArrayLayout(data.ArrayLayout(signed(width), rows), tokens)),
        })

    @property
    def lead(self) -> int:
        """Cycles from the activations of a beat to its weights: halves of a table, then all."""
        return 2

    @property
    def latency(self) -> int:
        """Cycles from the activations of a beat to sums that have it."""
        return self.lead + 1

    def elaborate(self, platform):
        m = Module()
        valid = delayed(m, "valid_then", self.valid)
        choices = [self._choice(m, row) for row in range(self._rows)]
        for token in range(self._tokens):
            columns = [self.activations[token][column] for column in range(self._k)]
            entries = self._table(m, token, columns, valid)
            for row, (chosen, sign) in enumerate(choices):
                self._row(m, token, row, entries, chosen, sign)
        return m

    def _choice(self, m, row):
        """Decode the field of a row, for all tokens: which entry, and whether it is negated."""
        index, sign = self.weights[row][: self._k - 1], self.weights[row][self._k - 1]
        chosen = Signal(1 << self._k - 1, name=f"chosen_{row}")
        m.d.comb += chosen.eq(Cat(index == number for number in range(len(chosen))))
        return chosen, sign

    def _table(self, m, token, columns, valid):
        """Make a table in two cycles: of both halves of its columns, then of all; zero if none."""
        low = self._k // 2
        # Half a step, which rounds, comes in where it is added to the fewest entries.
        below, above = ([_register(m, f"half_{token}_{half}_{number}", entry)
                         for number, entry in enumerate(entries)]
                        for half, entries in enumerate((
                            _entries(columns[:low]),
                            _rounding(_entries(columns[low:]), self._dropped))))
        entries = []
        for number, entry in enumerate(_joined(below, above, low)):
            register = _register(m, f"entry_{token}_{number}",
                                 stored_entry(entry, self._dropped))
            with m.If(~valid):
                m.d.sync += register.eq(0)
            entries.append(register)
        return entries

    def _row(self, m, token, row, entries, chosen, sign):
        """Add an entry to the accumulator; ANDs and an OR, as gates do it."""
        total = self.total[token][row]
        entry = reduce(or_, (entry & bit.as_signed() for entry, bit in zip(entries, chosen)))
        before = (Mux(self.double, total << 1, total) & (~self.first).as_signed())[: self._width]
        m.d.sync += total.eq(add(m, f"add_{token}_{row}", [before.as_signed(), entry], self._width,
                                 complement=(0, sign), carry=(sign, 0)))


def _register(m, name: str, value):
    register = Signal(value.shape(), name=name, reset_less=True)
    m.d.sync += register.eq(value)
    return register


def _rounding(entries, dropped: int):
    """Return entries with half a step in them, as :func:`~.entries.stored_entry` has them."""
    return [entry + (1 << dropped - 1) for entry in entries] if dropped else entries


def _entries(columns):
    """Return the table of a few columns: the highest plus or minus each of the others."""
    if len(columns) == 1:
        return columns
    low = len(columns) // 2
    return _joined(_entries(columns[:low]), _entries(columns[low:]), low)


def _joined(below, above, low: int):
    """Return the table of all columns from those of the ``low`` lower and the others."""
    half = 1 << low - 1
    return [entry - below[half - 1 - index] if index < half else entry + below[index - half]
            for entry in above for index in range(2 * half)]
