# SPDX-License-Identifier: Apache-2.0
"""From accesses to an SDRAM's commands."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config_sdram import SdramConfiguration
from .banks import Banks
from .bursts import BurstReader, BurstWriter
from .layouts import access_layout, burst_of, words_of
from .pads import PadRegister
from .refresh import Refresh
from .signature import Command, SdramSignature

__all__ = ["SdramController"]


class SdramController(wiring.Component):
    """Reads and writes words of D bits of an SDRAM, in order.

    Rows stay open until another of their bank is wanted or a refresh comes. While the bursts of an
    access are on the way, the next one's row is looked up, and opened where it has to be: words in
    sequence follow each other without a gap, from row to row as well where a burst is as long as
    closing and opening takes.

    Throughput: D / ``data_bits`` cycles a word, less what refreshes take and rows that open late.

    Parameters
    ----------
    config : SdramConfiguration
    clock_hz : int
        Of the clock, which the chip has, too.
    beat_bits : int
        D.

    Members
    -------
    i : ``In(stream.Signature(access_layout(config, D)))``
    word : ``In(D)``
        What the oldest access that writes writes, until it is ``taken``.
    taken : ``Out(1)``
    value : ``Out(D)``, arrived : ``Out(1)``
        A word that was read. It can not wait.
    pins : ``Out(SdramSignature(config))``
    """

    def __init__(self, config: SdramConfiguration, clock_hz: int, beat_bits: int):
        self._config, self._hz, self._beat_bits = config, clock_hz, beat_bits
        super().__init__({
            "i": In(stream.Signature(access_layout(config, beat_bits))),
            "word": In(beat_bits),
            "taken": Out(1),
            "value": Out(beat_bits),
            "arrived": Out(1),
            "pins": Out(SdramSignature(config)),
        })

    def elaborate(self, platform):
        m = Module()
        config, bits = self._config, self._beat_bits
        burst = burst_of(config, bits)
        parts = words_of(config, bits) // burst
        m.submodules.banks = banks = Banks(config, self._hz, burst)
        m.submodules.refresh = refresh = Refresh(config, self._hz, burst)
        m.submodules.reader = reader = BurstReader(config, bits)
        m.submodules.writer = writer = BurstWriter(config, bits)
        layout = access_layout(config, bits)
        coming, current = Signal(layout, reset_less=True), Signal(layout, reset_less=True)
        busy, moves, part = Signal(), Signal(), Signal(range(max(2, parts)))

        # The access whose bursts are asked for. Data lines are free for a read, or for a write,
        # when the burst before is over, and what is read has left the lines.
        reads, writes = Signal(range(burst)), Signal(range(burst + config.cas_latency + 1))
        read, write, last = Signal(), Signal(), Signal()
        m.d.comb += [
            banks.used.eq(current.bank),
            read.eq(busy & ~current.write & banks.may_use & (reads == 0)),
            write.eq(busy & current.write & banks.may_use & (writes == 0)),
            last.eq(part == parts - 1),
            banks.read.eq(read), banks.write.eq(write),
            reader.start.eq(read), writer.start.eq(write),
        ]
        m.d.sync += [reads.eq(Mux(reads != 0, reads - 1, 0)),
                     writes.eq(Mux(writes != 0, writes - 1, 0))]
        with m.If(read | write):
            m.d.sync += [part.eq(Mux(last, 0, part + 1)), reads.eq(burst - 1),
                         writes.eq(Mux(read, burst + config.cas_latency, burst - 1))]
        ends = (read | write) & last
        with m.If(moves):
            m.d.sync += [current.eq(coming), busy.eq(1)]
        with m.Elif(ends):
            m.d.sync += busy.eq(0)

        opens, closes = self._prepare(m, banks, refresh.hold, coming, current, busy, read | write,
                                      moves, (~busy | ends) & (~coming.write | writer.idle))
        m.d.comb += [
            banks.bank.eq(coming.bank), banks.row.eq(coming.row),
            banks.open.eq(opens), banks.close.eq(closes), banks.close_all.eq(refresh.closes),
            refresh.quiet.eq(~busy & banks.may_close_all),
            writer.load.eq(moves & coming.write), writer.word.eq(self.word),
            self.taken.eq(writer.load),
            self.value.eq(reader.word), self.arrived.eq(reader.arrived),
        ]
        column = Cat(C(0, (burst - 1).bit_length()), part[: (parts - 1).bit_length()],
                     current.column)
        self._pins(m, reader, writer, [
            (read, Command.READ, current.bank, column),
            (write, Command.WRITE, current.bank, column),
            (opens, Command.ACTIVATE, coming.bank, coming.row),
            (closes, Command.PRECHARGE, coming.bank, C(0)),
            (1, refresh.command, C(0, 2), refresh.address)])
        return m

    def _prepare(self, m, banks, hold, coming, current, busy, occupied, moves, free):
        """Open the row of the next access; return whether one is opened, and closed, now.

        ``occupied``: the command of this cycle is another. ``free``: the access can move on.
        """
        opens, closes = Signal(), Signal()
        allowed = ~hold & ~occupied
        with m.FSM():
            with m.State("none"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid):
                    m.d.sync += coming.eq(self.i.payload)
                    m.next = "look"
            with m.State("look"):
                with m.If(~hold):
                    with m.If(~banks.opened):
                        m.next = "open"
                    with m.Elif(banks.same):
                        m.next = "ready"
                    with m.Else():
                        m.next = "close"
            with m.State("close"):
                m.d.comb += closes.eq(allowed & banks.may_close
                                      & ~(busy & (current.bank == coming.bank)))
                with m.If(closes):
                    m.next = "open"
                with m.Elif(hold):
                    m.next = "look"
            with m.State("open"):
                m.d.comb += opens.eq(allowed & banks.may_open)
                with m.If(opens):
                    m.next = "ready"
                with m.Elif(hold):
                    m.next = "look"
            with m.State("ready"):
                with m.If(hold):
                    m.next = "look"
                with m.Elif(free):
                    m.d.comb += [moves.eq(1), self.i.ready.eq(1)]
                    with m.If(self.i.valid):
                        m.d.sync += coming.eq(self.i.payload)
                        m.next = "look"
                    with m.Else():
                        m.next = "none"
        return opens, closes

    def _pins(self, m, reader, writer, commands):
        """Give the first command that there is, and the data, to the registers at the pins."""
        pins, config = self.pins, self._config
        command, bank, address = (Signal.like(value, name=name, init=0) for name, value in (
            ("command", pins.command), ("bank", pins.bank), ("address", pins.address)))
        for given, code, whose, where in reversed(commands):
            with m.If(given):
                m.d.comb += [command.eq(code), bank.eq(whose), address.eq(where)]
        outputs = [(Const(1), pins.clock_enable), (command, pins.command), (bank, pins.bank),
                   (address, pins.address), (Const(0, config.data_bits // 8), pins.mask),
                   (writer.value, pins.out),
                   ((~writer.drive).replicate(config.data_bits), pins.release)]
        m.submodules.out = out = PadRegister(sum(len(pin) for _, pin in outputs), "output")
        m.d.comb += [out.d.eq(Cat(value for value, _ in outputs)),
                     Cat(pin for _, pin in outputs).eq(out.q)]
        m.submodules.value = value = PadRegister(config.data_bits, "input")
        m.d.comb += [value.d.eq(pins.value), reader.value.eq(value.q)]
