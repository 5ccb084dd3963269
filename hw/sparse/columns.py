# SPDX-License-Identifier: Apache-2.0
"""Dense matrices column after column, without the columns whose activation is zero."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.sparse.columns import ColumnUnit
from ..stream import Queue

__all__ = ["ColumnProduct", "column_command", "column_report", "column_request", "sums_layout"]

#: Activations that wait for their beats.
_WAITING = 16


def column_command(config: ColumnUnit) -> data.StructLayout:
    """Return the layout of a command: a row block of a matrix.

    ``base``: its first word; ``columns``; ``strips``: words of a column, at most ``depth``.
    """
    return data.StructLayout({"base": range(config.words), "columns": range(config.columns + 1),
                              "strips": range(config.depth + 1)})


def column_request(config: ColumnUnit) -> data.StructLayout:
    """Return the layout of a request: ``length`` words from ``address`` on."""
    return data.StructLayout({"address": range(config.words), "length": range(config.depth + 1)})


def sums_layout(config: ColumnUnit) -> data.StructLayout:
    """Return the layout of a beat of results, those of a word's rows; ``last`` ends the block."""
    return data.StructLayout({
        "sums": data.ArrayLayout(signed(config.accumulator_bits), config.slots), "last": 1})


#: Words that were read, and that were left out, for a command.
column_report = data.StructLayout({"read": 32, "skipped": 32})


class ColumnProduct(wiring.Component):
    """Multiply a row block of a matrix that lies column after column in memory.

    A word holds ``slots`` rows of one column, all of which meet the same activation: if that is
    zero, the column's words are never asked for. There is a multiplier for each slot, and as many
    sums as ``depth`` words have rows.

    Latency: ``latency`` cycles from the last word to the first sums, if its column is the last.
    Throughput: a word a cycle, and looking at an activation takes one, at the same time.

    Parameters
    ----------
    config : ColumnUnit

    Members
    -------
    c : ``In(stream.Signature(column_command(config)))``
        Taken when the one before has ended.
    x : ``In(stream.Signature(signed(activation_bits)))``
        Activations of the columns.
    request : ``Out(stream.Signature(column_request(config)))``
    beats : ``In(stream.Signature(slots * weight_bits))``
        The words, in the order of requests.
    o : ``Out(stream.Signature(sums_layout(config)))``
    report : ``Out(stream.Signature(column_report))``
        Behind the sums.

    Raises
    ------
    TypeError
        If ``config`` is no :class:`~luthier.golden.sparse.columns.ColumnUnit`.

    Source: ternfpga leaves out rows of down projections whose activation is zero; the layout is
    that of :class:`~luthier.golden.sparse.encodings.ColumnMajor`.
    """

    def __init__(self, config: ColumnUnit):
        if not isinstance(config, ColumnUnit):
            raise TypeError(f"config must be a ColumnUnit, not {config!r}")
        self._config = config
        super().__init__({
            "c": In(stream.Signature(column_command(config))),
            "x": In(stream.Signature(signed(config.activation_bits))),
            "request": Out(stream.Signature(column_request(config))),
            "beats": In(stream.Signature(config.slots * config.weight_bits)),
            "o": Out(stream.Signature(sums_layout(config))),
            "report": Out(stream.Signature(column_report)),
        })

    @property
    def config(self) -> ColumnUnit:
        """Parameters."""
        return self._config

    @property
    def latency(self) -> int:
        """Cycles from the last word to the first sums: product, sum, and the end noticed."""
        return 3

    @property
    def interval(self) -> int:
        """Cycles from a word to the next."""
        return 1

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.waiting = waiting = Queue(signed(config.activation_bits), _WAITING)
        strips, left = Signal(range(config.depth + 1)), Signal(range(config.columns + 1))
        address = Signal(range(config.words))
        fresh, busy, drained = Signal(), Signal(), Signal()  # no column yet; a product is under way
        report = self.report.payload
        with m.FSM(name="state"):
            with m.State("IDLE"):
                m.d.comb += self.c.ready.eq(1)
                m.d.sync += [
                    strips.eq(self.c.payload.strips), left.eq(self.c.payload.columns),
                    address.eq(self.c.payload.base), fresh.eq(1), report.read.eq(0),
                    report.skipped.eq(0)]
                with m.If(self.c.valid):
                    m.next = "WORK"
            with m.State("WORK"):
                self._scan(m, waiting, strips, left, address)
                with m.If((left == 0) & ~waiting.o.valid & ~busy):
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(drained):
                    m.next = "REPORT"
            with m.State("REPORT"):
                m.d.comb += self.report.valid.eq(1)
                with m.If(self.report.ready):
                    m.next = "IDLE"
        self._multiply(m, waiting, strips, fresh, busy, drained)
        return m

    def _scan(self, m, waiting, strips, left, address):
        """Look at one activation after the other; ask for the words of those that are not zero."""
        zero, taken = Signal(), Signal()
        report = self.report.payload
        m.d.comb += [
            zero.eq(self.x.payload == 0),
            self.x.ready.eq((left != 0) & (zero | (self.request.ready & waiting.i.ready))),
            taken.eq(self.x.valid & self.x.ready),
            self.request.valid.eq(self.x.valid & (left != 0) & ~zero & waiting.i.ready),
            self.request.payload.address.eq(address),
            self.request.payload.length.eq(strips),
            waiting.i.valid.eq(taken & ~zero),
            waiting.i.payload.eq(self.x.payload),
        ]
        with m.If(taken):
            m.d.sync += [left.eq(left - 1), address.eq(address + strips)]
            with m.If(zero):
                m.d.sync += report.skipped.eq(report.skipped + strips)
            with m.Else():
                m.d.sync += report.read.eq(report.read + strips)

    def _multiply(self, m, waiting, strips, fresh, busy, drained):
        """Add the products of each word to its sums; read these out in the end."""
        config = self._config
        bits, product_bits = config.accumulator_bits, config.weight_bits + config.activation_bits
        layout = data.ArrayLayout(signed(bits), config.slots)
        m.submodules.store = store = memory.Memory(shape=layout, depth=config.depth, init=[])
        write, read = store.write_port(), store.read_port(domain="comb")
        place, held_place = Signal(range(config.depth)), Signal(range(config.depth))
        taken, ends, first = Signal(), Signal(), Signal()
        m.d.comb += [
            self.beats.ready.eq(waiting.o.valid),
            taken.eq(self.beats.valid & self.beats.ready),
            ends.eq(place == strips - 1),
            waiting.o.ready.eq(taken & ends),
            drained.eq(self.o.valid & self.o.ready & ends),
            write.en.eq(busy), write.addr.eq(held_place),
            read.addr.eq(Mux(self.o.valid, place, held_place)),
            self.o.payload.last.eq(ends),
        ]
        m.d.sync += [busy.eq(taken), held_place.eq(place), first.eq(fresh)]
        with m.If(taken | (self.o.valid & self.o.ready)):
            m.d.sync += place.eq(Mux(ends, 0, place + 1))
        with m.If(taken & ends):
            m.d.sync += fresh.eq(0)
        for slot in range(config.slots):
            weight = self.beats.payload.word_select(slot, config.weight_bits).as_signed()
            product = Signal(signed(product_bits), name=f"product_{slot}", reset_less=True)
            m.d.sync += product.eq(weight * waiting.o.payload)
            m.d.comb += [
                write.data[slot].eq(Mux(first, 0, read.data[slot]) + product),
                self.o.payload.sums[slot].eq(Mux(fresh, 0, read.data[slot])),
            ]
