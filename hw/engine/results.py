# SPDX-License-Identifier: Apache-2.0
"""Results from the unit to the scratchpad."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.cuts import write_cut
from ...golden.descriptor import Element
from ..stream import Queue
from ..table.commands import part, take
from ..table.ports import results_layout
from ..table.stage import result_layout, saturated
from ..tree import delayed
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

    Latency: a word is written two cycles after its last result, with ``short_paths`` six; that of
    each further token, where results of several come side by side, one more. Throughput: one result
    a cycle, of each. Then results that begin a word, or end one, are taken as many cycles apart as
    there are tokens.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    command : ``In(stream.Signature(result_command(config)))``
        Two are queued.
    i : ``In(stream.Signature(results_layout(config)))``
        Results, taken while there is a command for them: rows of a token, and then of the next; or
        with ``table.tokens`` = M those of M tokens side by side, or where tables are in registers
        for each row block those of one token after the other, of M.
    address : ``Out``, data : ``In(D)``
        Port of the scratchpad: what is there.
    write : ``Out(scratchpad_write(config))``, write_valid : ``Out(1)``
        Port of the scratchpad.
    done : ``Out(1)``
        The last word of a command is written in this cycle.
    saturated : ``Out``
        Results that were out of range.
    """

    def __init__(self, config: Configuration):
        self._config = config
        self._lanes = config.table.results_at_once
        super().__init__({
            "command": In(stream.Signature(result_command(config))),
            "i": In(stream.Signature(results_layout(config))),
            "address": Out(range(config.scratchpad.words)),
            "data": In(config.table.beat_bits),
            "write": Out(scratchpad_write(config)),
            "write_valid": Out(1),
            "done": Out(1),
            "saturated": Out(range(self._lanes + 1)),
        })

    @property
    def latency(self) -> int:
        """Cycles from the last result of a word to its write, of the last token's."""
        return 2 + write_cut(self._config) + self._lanes - 1

    def elaborate(self, platform):
        m = Module()
        t, size = self._config.table, self._config.word_bytes
        m.submodules.commands = commands = Queue(result_command(self._config), 2)
        wiring.connect(m, wiring.flipped(self.command), commands.i)
        command = Signal(part(result_command(self._config), "step", "element", "accumulate",
                              *(("rows",) if t.words_at_once > 1 else ())))
        active = Signal()
        place = Signal(range(size))  # byte of the word
        address = Signal.like(self.address) if self._lanes > 1 else self.address
        base = Signal.like(self.address)
        tokens_left = Signal(16)

        # Take a result and ask for what is there.
        layout = self._item_layout()
        taken, full, end, token_end = Signal(), Signal(), Signal(), Signal()
        step = Signal(3)
        item, valid = Signal(layout, reset_less=True), Signal()
        results = list(self.i.payload) if self._lanes > 1 else [self.i.payload]
        row_end = results[0].last
        m.d.comb += [
            step.eq(1 << command.element),
            self.i.ready.eq(active),
            taken.eq(self.i.valid & active),
            full.eq((place + step == size) | row_end | token_end),
            end.eq(taken & row_end & (tokens_left <= t.tokens)),
        ]
        m.d.sync += valid.eq(taken)
        with m.If(taken):
            m.d.sync += [
                item.result.eq(results[0]),
                item.address.eq(address),
                item.place.eq(place),
                item.first.eq(place == 0),
                item.full.eq(full),
                item.end.eq(end),
                item.element.eq(command.element),
                item.accumulate.eq(command.accumulate),
                place.eq(Mux(full, 0, place + step)),
            ]
            with m.If(full):
                m.d.sync += address.eq(address + 1)
            with m.If(row_end):
                following = base + (command.step << t.tokens.bit_length() - 1)
                m.d.sync += [
                    base.eq(following),
                    address.eq(following),
                    tokens_left.eq(tokens_left - t.tokens),
                ]
        with m.If(end | ~active):
            m.d.comb += commands.o.ready.eq(1)
            m.d.sync += [
                active.eq(commands.o.valid),
                take(command, commands.o.payload),
                base.eq(commands.o.payload.destination),
                address.eq(commands.o.payload.destination),
                tokens_left.eq(commands.o.payload.tokens),
            ]
        if t.words_at_once > 1:
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
                m.d.sync += address.eq(places.target)
        if self._lanes > 1:
            self._stagger(m, command, item, valid, results, address, taken, place == 0, full,
                          tokens_left)
        else:
            word, saturated, item, valid = self._put(m, "word", item, valid)
            m.d.comb += [self.write.data.eq(word), self.saturated.eq(saturated)]
            m.d.sync += [self.write_valid.eq(valid & item.full), self.done.eq(valid & item.end)]
            with m.If(valid):
                m.d.sync += self.write.address.eq(item.address)
        return m

    def _item_layout(self):
        """Return the layout of a result on its way, and of where it goes."""
        layout = {
            "result": result_layout, "address": range(self._config.scratchpad.words),
            "place": range(self._config.word_bytes), "first": 1, "full": 1, "end": 1, "element": 2,
            "accumulate": 1}
        return data.StructLayout(layout)

    def _stagger(self, m, command, item, valid, results, address, taken, first, full, tokens_left):
        """Put the results of each token in their place a cycle after those of the one before.

        So each has the ports of the scratchpad for itself, once a word.
        """
        lanes, recent = self._lanes, []
        for name, event in (("first", first), ("full", full)):
            before = [taken & event]
            for number in range(1, lanes):
                before.append(Signal(name=f"{name}_before_{number}"))
                m.d.sync += before[-1].eq(before[-2])
            recent.append(before[1:])
            with m.If(event & Cat(before[1:]).any()):
                m.d.comb += [self.i.ready.eq(0), taken.eq(0)]
        m.d.comb += self.address.eq(address)
        left = Signal.like(tokens_left)
        values = [Signal(result_layout, name=f"result_{lane}", reset_less=True)
                  for lane in range(1, lanes)]
        with m.If(taken):
            m.d.sync += left.eq(tokens_left)
            m.d.sync += [value.eq(result) for value, result in zip(values, results[1:])]
        words, saturations, writes = [], [], []
        reading, following = address, command.step
        for lane in range(lanes):
            if lane:
                # Where it is read, a cycle before the result comes.
                place, reach = Signal.like(address, name=f"address_{lane}"), following
                following = Signal.like(reach, name=f"step_{lane}")
                m.d.sync += [place.eq(reading + reach), following.eq(reach)]
                reading = place
                with m.If(recent[0][lane - 1]):
                    m.d.comb += self.address.eq(reading)
                later = Signal.like(item, name=f"item_{lane}", reset_less=True)
                here, mine = Signal(name=f"valid_{lane}"), Signal(name=f"valid_{lane}_mine")
                behind = Signal.like(left, name=f"left_{lane}")
                m.d.sync += [here.eq(valid), later.eq(item), later.address.eq(reading),
                             later.result.eq(values[0]), behind.eq(left)]
                waiting = []
                for number, value in enumerate(values[1:], start=1):
                    waiting.append(Signal(result_layout, name=f"result_{lane}_{number}",
                                          reset_less=True))
                    m.d.sync += waiting[-1].eq(value)
                values, valid, item, left = waiting, here, later, behind
                m.d.comb += mine.eq(here & (behind > lane))
            else:
                mine = valid
            word, saturated, placed, putting = self._put(m, f"word_{lane}", item, mine)
            write = Signal(name=f"write_{lane}")
            m.d.sync += write.eq(putting & placed.full)
            with m.If(putting & placed.full):
                m.d.sync += self.write.address.eq(placed.address)
            words.append(word)
            saturations.append(saturated)
            writes.append(write)
        done = valid & item.end
        for step in range(write_cut(self._config)):
            done, before = Signal(name=f"done_{step}"), done
            m.d.sync += done.eq(before)
        m.d.sync += self.done.eq(done)
        m.d.comb += [self.write_valid.eq(Cat(writes).any()), self.saturated.eq(sum(saturations))]
        for word, write in zip(words, writes):
            with m.If(write):
                m.d.comb += self.write.data.eq(word)

    def _put(self, m, name, item, valid):
        """Add to what is there, put the result in its place.

        What is there comes with the first result of a word.

        Returns
        -------
        word, saturated, item, valid
            The word from the cycle after the others on.
        """
        size, adds = self._config.word_bytes, self._config.table.scaled
        words = [Signal(32, name=f"{name}_{number}", reset_less=True)
                 for number in range(size // 4)]
        there, result = self.data, item.result
        if write_cut(self._config):
            there, item, valid = self._step(m, f"{name}_read", there, item, valid)
            element = delayed(m, f"{name}_element", self._element(m, item, there))
            there, item, valid = self._step(m, f"{name}_chosen", there, item, valid)
            total = delayed(m, f"{name}_total", item.result.value + element)
            there, item, valid = self._step(m, f"{name}_added", there, item, valid)
            result = self._saturated(m, name, item, total) if adds else item.result
            result = delayed(m, f"{name}_saturated", result)
            there, item, valid = self._step(m, f"{name}_put", there, item, valid)
        else:
            if self._lanes > 1:  # the port is another token's, but for the first result of a word
                there = Mux(item.first, there, Cat(words))
            if adds:
                total = item.result.value + self._element(m, item, there)
                result = self._saturated(m, name, item, total)
        with m.If(valid):
            with m.If(item.first):
                m.d.sync += Cat(words).eq(there)
            with m.Switch(item.place[2:]):
                for number, word in enumerate(words):
                    with m.Case(number):
                        with m.Switch(item.element):
                            with m.Case(Element.INT8):
                                m.d.sync += word.word_select(item.place[:2], 8).eq(result.value)
                            with m.Case(Element.INT16):
                                m.d.sync += word.word_select(item.place[1], 16).eq(result.value)
                            with m.Default():
                                m.d.sync += word.eq(result.value)
        return Cat(words), valid & result.saturated, item, valid

    def _step(self, m, name, there, item, valid):
        """Return what is there, the result and its place, and whether they are, a cycle later."""
        later = Signal.like(there, name=f"{name}_there", reset_less=True)
        passes = Signal(name=f"{name}_valid")
        m.d.sync += passes.eq(valid)
        with m.If(valid & item.first):
            m.d.sync += later.eq(there)
        return later, delayed(m, f"{name}_item", item), passes

    def _element(self, m, item, present):
        """Return what is in the place of a result."""
        word, there = Signal(32), Signal(signed(32))
        with m.Switch(item.place[2:]):
            for number in range(self._config.word_bytes // 4):
                with m.Case(number):
                    m.d.comb += word.eq(present.word_select(number, 32))
        with m.Switch(item.element):
            with m.Case(Element.INT8):
                m.d.comb += there.eq(word.word_select(item.place[:2], 8).as_signed())
            with m.Case(Element.INT16):
                m.d.comb += there.eq(word.word_select(item.place[1], 16).as_signed())
            with m.Default():
                m.d.comb += there.eq(word.as_signed())
        return there

    def _saturated(self, m, name, item, total):
        """Return the result; where it is to be added, the sum, saturated."""
        result = Signal(result_layout, name=f"{name}_result")
        m.d.comb += result.eq(item.result)
        value, outside = saturated(m, self._config, name, total, item.element)
        with m.If(item.accumulate):
            m.d.comb += [result.value.eq(value),
                         result.saturated.eq(item.result.saturated | outside)]
        return result
