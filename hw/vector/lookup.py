# SPDX-License-Identifier: Apache-2.0
"""Elements of a vector by their numbers."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.descriptor import Element
from ...golden.places import MOST_SAMPLES
from ..fwht.layouts import sample_layout
from ..stream import ReservedQueue

__all__ = ["Lookup", "lookup_command"]

_PLACES = 8


def lookup_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command.

    ``source``, ``step``: first word of the vector, words between tokens; ``rows``: its elements, of
    type ``element``; ``columns``: numbers of a token; ``tokens``.
    """
    address = range(config.scratchpad.words)
    return data.StructLayout({
        "source": address, "step": address, "rows": range(MOST_SAMPLES + 1),
        "columns": range(MOST_SAMPLES + 1), "element": 2, "tokens": 16})


class Lookup(wiring.Component):
    """Read the elements that numbers ask for, one a cycle.

    A number that is out of range gives 0, and so do those behind ``columns``.

    Latency: ``latency`` cycles. Throughput: one number a cycle; a cycle between commands.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    command : ``In(stream.Signature(lookup_command(config)))``
        Taken with the last number.
    i : ``In(stream.Signature(sample_layout(1, 32)))``
        Numbers; ``last`` ends those of a token.
    address : ``Out``, data : ``In(D)``
        Port of the scratchpad.
    o : ``Out(stream.Signature(sample_layout(1, 32)))``
        Elements.
    outside : ``Out(1)``
        A number was out of range.
    """

    def __init__(self, config: Configuration):
        self._config = config
        super().__init__({
            "command": In(stream.Signature(lookup_command(config))),
            "i": In(stream.Signature(sample_layout(1, 32))),
            "address": Out(range(config.scratchpad.words)),
            "data": In(config.table.beat_bits),
            "o": Out(stream.Signature(sample_layout(1, 32))),
            "outside": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from a number to its element: address, data, select, queue."""
        return 4

    def elaborate(self, platform):
        m = Module()
        command, number = self.command.payload, self.i.payload.samples[0]
        m.submodules.queue = queue = ReservedQueue(
            data.StructLayout({"value": 32, "last": 1}), _PLACES)
        base, started, place = (Signal.like(self.address, name="base"), Signal(),
                                Signal.like(command.columns, name="place"))
        token = Signal.like(command.tokens, name="token")
        taken, start = Signal(), Signal.like(self.address, name="start")
        inside, counted = Signal(), Signal()
        last = self.i.payload.last
        m.d.comb += [
            self.i.ready.eq(self.command.valid & queue.room),
            taken.eq(self.i.valid & self.i.ready),
            queue.reserve.eq(taken),
            start.eq(Mux(started, base, command.source)),
            counted.eq(place < command.columns),
            inside.eq(number.as_unsigned() < command.rows),
            self.command.ready.eq(taken & last & (token + 1 == command.tokens)),
        ]
        within = (self._config.word_bytes - 1).bit_length()  # bits of a byte's place in a word
        byte = Signal(within + len(self.address))
        with m.Switch(command.element):
            for element in Element:
                with m.Case(element):
                    m.d.comb += byte.eq(number.as_unsigned() << element.value)
        kept = [Signal(data.StructLayout({
            "place": within, "element": 2, "good": 1, "last": 1}), name=f"kept_{cycle}",
            reset_less=True) for cycle in range(2)]
        valid = Signal(3)
        m.d.sync += [
            self.address.eq(start + byte[within:]),
            kept[0].place.eq(byte[:within]), kept[0].element.eq(command.element),
            kept[0].good.eq(inside & counted), kept[0].last.eq(last),
            kept[1].eq(kept[0]),
            valid.eq(Cat(taken, valid)),
            self.outside.eq(taken & counted & ~inside),
        ]
        with m.If(taken):
            m.d.sync += place.eq(Mux(last, 0, place + 1))
            with m.If(last):
                m.d.sync += [base.eq(start + command.step), started.eq(1), token.eq(token + 1)]
        with m.If(self.command.valid & self.command.ready):
            m.d.sync += [started.eq(0), token.eq(0)]

        value = Signal(32, reset_less=True)
        ended = Signal(reset_less=True)
        m.d.sync += ended.eq(kept[1].last)
        with m.Switch(kept[1].element):
            for element in Element:
                bits = 8 * element.bytes
                chosen = self.data.word_select(kept[1].place[element.value:], bits).as_signed()
                with m.Case(element):
                    m.d.sync += value.eq(Mux(kept[1].good, chosen, 0))
        m.d.comb += [
            queue.write.eq(valid[2]),
            queue.word.value.eq(value),
            queue.word.last.eq(ended),
            self.o.valid.eq(queue.o.valid),
            queue.o.ready.eq(self.o.ready),
            self.o.payload.samples[0].eq(queue.o.payload.value),
            self.o.payload.last.eq(queue.o.payload.last),
        ]
        return m
