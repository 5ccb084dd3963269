# SPDX-License-Identifier: Apache-2.0
"""The sums of whole row groups to those of a matrix's rows."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ....golden.config import Configuration
from ...fwht.layouts import sample_layout
from ...sparse.layouts import result_layout

__all__ = ["RowSums", "row_sums_command"]


def row_sums_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command: ``rows`` of the matrix, and ``tokens``."""
    return data.StructLayout({"rows": range(config.table.max_rows + 1), "tokens": 16})


class RowSums(wiring.Component):
    """Drop the sums behind the last row, which fill up its row group.

    Latency: 1 cycle. Throughput: one beat a cycle.

    Parameters
    ----------
    config : Configuration
        With a sparse chain.

    Members
    -------
    command : ``In(stream.Signature(row_sums_command(config)))``
        Taken with the last beat of the last token.
    i : ``In(stream.Signature(result_layout(chain)))``
    o : ``Out(stream.Signature(sample_layout(lanes, 32)))``
        Sums; zeros behind the last row of a token.
    """

    def __init__(self, config: Configuration):
        self._config = config
        chain = config.chain
        super().__init__({
            "command": In(stream.Signature(row_sums_command(config))),
            "i": In(stream.Signature(result_layout(chain))),
            "o": Out(stream.Signature(sample_layout(chain.lanes, 32))),
        })

    @property
    def latency(self) -> int:
        """Cycles from a beat to a beat."""
        return 1

    def elaborate(self, platform):
        m = Module()
        lanes, command, beat = self._config.chain.lanes, self.command.payload, self.i.payload
        first, beyond = Signal(init=1), Signal()  # of a token; behind the last row
        ready, taken, final = Signal(), Signal(), Signal()
        left, rest = Signal.like(command.rows), Signal.like(command.rows)
        token = Signal.like(command.tokens)
        m.d.comb += [
            ready.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(self.command.valid & (beyond | ready)),
            taken.eq(self.i.valid & self.i.ready),
            left.eq(Mux(first, command.rows, rest)),
            final.eq(left <= lanes),
        ]
        with m.If(ready):
            m.d.sync += self.o.valid.eq(taken & ~beyond)
        with m.If(taken & ~beyond):
            m.d.sync += [self.o.payload.samples[lane].eq(Mux(left > lane, beat.sums[lane], 0))
                         for lane in range(lanes)]
            m.d.sync += self.o.payload.last.eq(final)
        with m.If(taken):
            m.d.sync += [
                first.eq(beat.last),
                rest.eq(left - lanes),
                beyond.eq((beyond | final) & ~beat.last),
            ]
            with m.If(beat.last):
                m.d.comb += self.command.ready.eq(token + 1 == command.tokens)
                m.d.sync += token.eq(Mux(self.command.ready, 0, token + 1))
        return m
