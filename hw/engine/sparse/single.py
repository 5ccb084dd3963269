# SPDX-License-Identifier: Apache-2.0
"""Packets of single weights to the sums of rows."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ....golden.config import Configuration
from ...sparse import SingleWeights
from ...sparse.decode import RowDecoder
from ...sparse.decode.layouts import beat_layout, report_layout
from ...sparse.layouts import result_layout
from ...sparse.single import single_command

__all__ = ["SingleRows", "matrix_shape"]

#: Packets at most that are read before the sums of the first have left: one for each sum that
#: waits, and what is on its way.
_PACKETS = 15


def matrix_shape(config: Configuration) -> data.StructLayout:
    """Return the layout of a shape: ``rows`` and ``columns`` of the matrix."""
    return data.StructLayout({"rows": range(config.table.max_rows + 1),
                              "columns": range(config.table.max_columns + 1)})


class SingleRows(wiring.Component):
    """Decode packets of single weights, and multiply.

    Latency: that of its decoder, and that of :class:`~luthier.hw.sparse.SingleWeights`.
    Throughput: a weight a cycle.

    Parameters
    ----------
    config : Configuration
        With ``sparse.csr``.

    Members
    -------
    command : ``In(stream.Signature(single_command(config)))``
        Taken with the last weight of the last token.
    matrix : ``In(matrix_shape(config))``
        Of the matrix; it holds from the first packet of a command to the end of the last.
    c : ``In(stream.Signature(0))``, i : ``In(stream.Signature(beat_layout(D)))``
        A packet begins; its beats.
    address : ``Out``, data : ``In(D)``
        Port of the scratchpad.
    o : ``Out(stream.Signature(result_layout(chain)))``
    errors : ``Out(16)``
        Words with a defect, in the cycle in which a packet ends; else 0.
    """

    def __init__(self, config: Configuration):
        assert config.sparse is not None
        self._config = config
        bits = config.table.beat_bits
        self._form = config.sparse.row_form(bits, config.activations_per_word)
        super().__init__({
            "command": In(stream.Signature(single_command(config))),
            "matrix": In(matrix_shape(config)),
            "c": In(stream.Signature(0)),
            "i": In(stream.Signature(beat_layout(bits))),
            "address": Out(range(config.scratchpad.words)),
            "data": In(bits),
            "o": Out(stream.Signature(result_layout(config.chain))),
            "errors": Out(report_layout["errors"].shape),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder = decoder = RowDecoder(self._form)
        m.submodules.weights = weights = SingleWeights(self._config, self._form)
        wiring.connect(m, wiring.flipped(self.i), decoder.i)
        wiring.connect(m, decoder.o, weights.words)
        wiring.connect(m, wiring.flipped(self.command), weights.command)
        self._sums(m, decoder, weights)
        m.d.comb += [
            decoder.c.valid.eq(self.c.valid), self.c.ready.eq(decoder.c.ready),
            decoder.c.payload.rows.eq(self.matrix.rows),
            decoder.c.payload.places.eq(self.matrix.columns),
            decoder.report.ready.eq(1),
            self.errors.eq(Mux(decoder.report.valid, decoder.report.payload.errors, 0)),
            self.address.eq(weights.address), weights.data.eq(self.data),
        ]
        return m

    def _sums(self, m, decoder, weights):
        """Hand sums on, the last of a packet when all of the packet is read.

        A packet that is too long goes on behind its last row.
        """
        read, leaves = Signal(range(_PACKETS + 1)), Signal()
        m.d.comb += [
            self.o.payload.eq(weights.o.payload),
            self.o.valid.eq(weights.o.valid & (~weights.o.payload.last | (read != 0))),
            weights.o.ready.eq(self.o.valid & self.o.ready),
            leaves.eq(weights.o.ready & weights.o.payload.last),
        ]
        with m.If(decoder.report.valid & ~leaves):
            m.d.sync += read.eq(read + 1)
        with m.Elif(leaves & ~decoder.report.valid):
            m.d.sync += read.eq(read - 1)
