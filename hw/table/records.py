# SPDX-License-Identifier: Apache-2.0
"""Words of scale records to single records."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.records import EXPONENT_BITS, MANTISSA_BITS, record_bits, records_per_word
from ..stream import Queue

__all__ = ["RecordReader", "record_layout"]

#: A scale and an offset, lowest bits first; see :mod:`luthier.golden.records`.
record_layout = data.StructLayout({
    "scale": MANTISSA_BITS,
    "scale_exponent": EXPONENT_BITS,
    "offset": signed(MANTISSA_BITS),
    "offset_exponent": EXPONENT_BITS,
})


class RecordReader(wiring.Component):
    """Queue words of records and hand the records out.

    Latency: 2 cycles from a word to its first record. Throughput: one record a cycle.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    i : ``In(stream.Signature(D))``
        Words.
    begin : ``In(1)``, offsets : ``In(1)``
        A word may be begun; its records are twice as long.
    o : ``Out(stream.Signature(record_layout))``
        Records; without ``offsets``, their upper half is noise.
    skip : ``In(1)``
        With a record that is taken: it is the last one of its word.
    """

    #: Words that wait, so that a strip never waits for the scaler: at most 46, at D = 512 with two
    #: numbers in each record, 32 groups in a tile and strips of 19 rows.
    DEPTH = 48

    def __init__(self, config: Configuration):
        self._config = config
        super().__init__({
            "i": In(stream.Signature(config.table.beat_bits)),
            "begin": In(1),
            "offsets": In(1),
            "o": Out(stream.Signature(record_layout)),
            "skip": In(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from a word to its first record."""
        return 2

    def elaborate(self, platform):
        m = Module()
        bits = self._config.table.beat_bits
        m.submodules.queue = queue = Queue(bits, self.DEPTH)
        wiring.connect(m, wiring.flipped(self.i), queue.i)
        short, long = (records_per_word(self._config, offsets) for offsets in (False, True))
        held, left = Signal(bits, reset_less=True), Signal(range(short + 1))
        some, single = Signal(), Signal()  # records are left; one is
        taken, load = Signal(), Signal()
        m.d.comb += [
            self.o.valid.eq(some),
            Value.cast(self.o.payload).eq(held),
            taken.eq(self.o.valid & self.o.ready),
            load.eq(~some | (taken & (single | self.skip))),
            queue.o.ready.eq(load & self.begin),
        ]
        with m.If(load):
            m.d.sync += [
                held.eq(queue.o.payload),
                left.eq(Mux(self.offsets, long, short)),
                some.eq(queue.o.valid & self.begin),
                single.eq(Mux(self.offsets, long == 1, short == 1)),
            ]
        with m.Elif(taken):
            m.d.sync += [
                held.eq(Mux(self.offsets, held >> record_bits(True), held >> record_bits(False))),
                left.eq(left - 1),
                single.eq(left == 2),
            ]
        return m
