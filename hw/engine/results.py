# SPDX-License-Identifier: Apache-2.0
"""Results from the unit to the scratchpad."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.descriptor import Element, element_bits
from ..stream import Queue
from ..table.commands import part, take
from ..table.stage import result_layout
from .places import BlockPlaces
from .scratchpad import scratchpad_write

__all__ = ["ResultWriter", "result_command"]


def result_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command.

    ``destination``, ``step``: first word, words between tokens; ``tokens``: vectors; ``rows`` of
    the matrix; ``element``: an :class:`~luthier.golden.descriptor.Element`; ``accumulate``: add to
    what is there.
    """
    address = range(config.scratchpad.words)
    return data.StructLayout({
        "destination": address, "step": address, "tokens": 16,
        "rows": range(config.table.max_rows + 1), "element": 2, "accumulate": 1})


class ResultWriter(wiring.Component):
    """Collect results in words and write them; bytes beyond the last row stay as they are.

    Latency: a word is written two cycles after its last result. Throughput: one result a cycle.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    command : ``In(stream.Signature(result_command(config)))``
        Two are queued.
    i : ``In(stream.Signature(result_layout))``
        Results, taken while there is a command for them: rows of a token, and then of the next; or
        with ``table.tokens`` = M for each row block those of one token after the other, of M.
    address : ``Out``, data : ``In(D)``
        Port of the scratchpad: what is there.
    write : ``Out(scratchpad_write(config))``, write_valid : ``Out(1)``
        Port of the scratchpad.
    done : ``Out(1)``
        The last word of a command is written in this cycle.
    saturated : ``Out(1)``
        A result was out of range.
    """

    def __init__(self, config: Configuration):
        self._config = config
        super().__init__({
            "command": In(stream.Signature(result_command(config))),
            "i": In(stream.Signature(result_layout)),
            "address": Out(range(config.scratchpad.words)),
            "data": In(config.table.beat_bits),
            "write": Out(scratchpad_write(config)),
            "write_valid": Out(1),
            "done": Out(1),
            "saturated": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from the last result of a word to its write."""
        return 2

    def elaborate(self, platform):
        m = Module()
        size = self._config.word_bytes
        m.submodules.commands = commands = Queue(result_command(self._config), 2)
        wiring.connect(m, wiring.flipped(self.command), commands.i)
        command = Signal(part(result_command(self._config), "step", "element", "accumulate",
                              *(("rows",) if self._config.table.tokens > 1 else ())))
        active = Signal()
        place = Signal(range(size))  # byte of the word
        base = Signal.like(self.address)
        tokens_left = Signal(16)

        # Take a result and ask for what is there.
        layout = data.StructLayout({
            "result": result_layout, "address": range(self._config.scratchpad.words),
            "place": range(size), "first": 1, "full": 1, "end": 1, "element": 2, "accumulate": 1})
        taken, full, end, token_end = Signal(), Signal(), Signal(), Signal()
        step = Signal(3)
        item, valid = Signal(layout, reset_less=True), Signal()
        m.d.comb += [
            step.eq(1 << command.element),
            self.i.ready.eq(active),
            taken.eq(self.i.valid & active),
            full.eq((place + step == size) | self.i.payload.last | token_end),
            end.eq(taken & self.i.payload.last & (tokens_left <= self._config.table.tokens)),
        ]
        m.d.sync += valid.eq(taken)
        with m.If(taken):
            m.d.sync += [
                item.result.eq(self.i.payload),
                item.address.eq(self.address),
                item.place.eq(place),
                item.first.eq(place == 0),
                item.full.eq(full),
                item.end.eq(end),
                item.element.eq(command.element),
                item.accumulate.eq(command.accumulate),
                place.eq(Mux(full, 0, place + step)),
            ]
            with m.If(full):
                m.d.sync += self.address.eq(self.address + 1)
            with m.If(self.i.payload.last):
                following = base + (command.step << self._config.table.tokens.bit_length() - 1)
                m.d.sync += [
                    base.eq(following),
                    self.address.eq(following),
                    tokens_left.eq(tokens_left - self._config.table.tokens),
                ]
        with m.If(end | ~active):
            m.d.comb += commands.o.ready.eq(1)
            m.d.sync += [
                active.eq(commands.o.valid),
                take(command, commands.o.payload),
                base.eq(commands.o.payload.destination),
                self.address.eq(commands.o.payload.destination),
                tokens_left.eq(commands.o.payload.tokens),
            ]
        if self._config.table.tokens > 1:
            m.submodules.places = places = BlockPlaces(self._config)
            fresh, loading = commands.o.payload, end | ~active
            m.d.comb += [
                places.load.eq(loading),
                places.destination.eq(fresh.destination),
                places.tokens.eq(fresh.tokens),
                *(getattr(places, name).eq(Mux(loading, fresh[name], command[name]))
                  for name in ("step", "rows", "element")),
                places.taken.eq(taken),
                token_end.eq(places.row_end),
            ]
            with m.If(taken & places.row_end & ~end):
                m.d.sync += self.address.eq(places.target)
        self._store(m, item, valid)
        return m

    def _store(self, m, item, valid):
        """Add to what is there, put the result in its place, write a word that is full."""
        size = self._config.word_bytes
        value, saturated = Signal(signed(32)), Signal()
        m.d.comb += [value.eq(item.result.value), saturated.eq(item.result.saturated)]
        if self._config.table.scaled:
            with m.If(item.accumulate):
                self._add(m, item, value, saturated)
        m.d.comb += self.saturated.eq(valid & saturated)

        words = [Signal(32, name=f"word_{number}", reset_less=True) for number in range(size // 4)]
        m.d.comb += self.write.data.eq(Cat(words))
        m.d.sync += [self.write_valid.eq(valid & item.full), self.done.eq(valid & item.end)]
        with m.If(valid):
            with m.If(item.first):
                m.d.sync += Cat(words).eq(self.data)
            with m.Switch(item.place[2:]):
                for number, word in enumerate(words):
                    with m.Case(number):
                        with m.Switch(item.element):
                            with m.Case(Element.INT8):
                                m.d.sync += word.word_select(item.place[:2], 8).eq(value)
                            with m.Case(Element.INT16):
                                m.d.sync += word.word_select(item.place[1], 16).eq(value)
                            with m.Default():
                                m.d.sync += word.eq(value)
            m.d.sync += self.write.address.eq(item.address)

    def _add(self, m, item, value, saturated):
        """Saturating sum of the result and the element in its place."""
        word, there = Signal(32), Signal(signed(32))
        with m.Switch(item.place[2:]):
            for number in range(self._config.word_bytes // 4):
                with m.Case(number):
                    m.d.comb += word.eq(self.data.word_select(number, 32))
        with m.Switch(item.element):
            with m.Case(Element.INT8):
                m.d.comb += there.eq(word.word_select(item.place[:2], 8).as_signed())
            with m.Case(Element.INT16):
                m.d.comb += there.eq(word.word_select(item.place[1], 16).as_signed())
            with m.Default():
                m.d.comb += there.eq(word.as_signed())
        total = Signal(signed(33))
        m.d.comb += total.eq(item.result.value + there)
        with m.Switch(item.element):
            for element in Element:
                bits = element_bits(self._config, element)
                with m.Case(element):
                    outside = total != total[:bits].as_signed()
                    m.d.comb += [
                        saturated.eq(item.result.saturated | outside),
                        value.eq(Mux(outside, Mux(total[-1], -(1 << bits - 1), (1 << bits - 1) - 1),
                                     total)),
                    ]
