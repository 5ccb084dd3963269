# SPDX-License-Identifier: Apache-2.0
"""Results and scales in words."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.descriptor import Element
from ..fwht.quantiser_ports import scales_layout
from .scratchpad import scratchpad_write

__all__ = ["ResultWords", "ScaleWords", "beat_layout", "result_words_command",
           "scale_words_command", "word_layout"]

#: Bits of a sum, a scale and an offset in the scratchpad.
_WIDE = 32


def beat_layout(lanes: int) -> data.StructLayout:
    """Return the layout of a beat of results; ``last`` ends a vector."""
    return data.StructLayout({"samples": data.ArrayLayout(signed(_WIDE), lanes), "last": 1})


def word_layout(config: Configuration) -> data.StructLayout:
    """Return the layout of a word to write; ``end``: it is the last of a command."""
    return data.StructLayout({"write": scratchpad_write(config), "end": 1})


def result_words_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command.

    ``destination``, ``step``: first word, words between tokens; ``tokens``; ``element``: an
    :class:`~luthier.golden.descriptor.Element`.
    """
    address = range(config.scratchpad.words)
    return data.StructLayout({
        "destination": address, "step": address, "tokens": 16, "element": 2})


def scale_words_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command.

    ``scales``: first word; ``tokens``; ``unsigned``: behind each scale comes its offset.
    """
    return data.StructLayout({
        "scales": range(config.scratchpad.words), "tokens": 16, "unsigned": 1})


class ResultWords(wiring.Component):
    """Collect results in words; what is behind the last one of a vector is zero.

    Latency: 1 cycle from the last beat of a word. Throughput: one beat a cycle; a cycle between
    commands.

    Parameters
    ----------
    config : Configuration
    lanes : int
        P, results of a beat, at most D / 32.

    Members
    -------
    command : ``In(stream.Signature(result_words_command(config)))``
        Taken with the last word.
    i : ``In(stream.Signature(beat_layout(lanes)))``
        Results, of which the lower bits count where they are narrower.
    o : ``Out(stream.Signature(word_layout(config)))``
    """

    def __init__(self, config: Configuration, lanes: int):
        self._config, self._lanes = config, lanes
        super().__init__({
            "command": In(stream.Signature(result_words_command(config))),
            "i": In(stream.Signature(beat_layout(lanes))),
            "o": Out(stream.Signature(word_layout(config))),
        })

    @property
    def latency(self) -> int:
        """Cycles from the last beat of a word to its output."""
        return 1

    def elaborate(self, platform):
        m = Module()
        command, beat, o = self.command.payload, self.i.payload, self.o.payload
        narrowest = 8 * self._lanes  # bits of a beat
        units = self._config.table.beat_bits // narrowest
        place, token = Signal(range(units)), Signal.like(command.tokens, name="token")
        end_place = Signal(range(units + 1))
        first, base = Signal(init=1), Signal.like(o.write.address, name="base")
        taken = Signal()
        m.d.comb += [
            self.i.ready.eq(self.command.valid & (~self.o.valid | (self.o.ready & ~o.end))),
            taken.eq(self.i.valid & self.i.ready),
            end_place.eq(place + (1 << command.element)),
            self.command.ready.eq(self.o.valid & self.o.ready & o.end),
        ]
        with m.If(self.o.ready):
            m.d.sync += [self.o.valid.eq(0), o.end.eq(0)]
        with m.If(taken):
            self._place(m, narrowest, units, place)
            m.d.sync += [
                place.eq(Mux(beat.last, 0, end_place)),
                self.o.valid.eq(beat.last | (end_place == units)),
                o.end.eq(beat.last & (token + 1 == command.tokens)),
                token.eq(token + beat.last),
                first.eq(beat.last),
            ]
            # A token's first word, where its address is known, or the one behind the last.
            start = Signal.like(base, name="start")
            m.d.comb += start.eq(Mux(token == 0, command.destination, base))
            with m.If(first):
                m.d.sync += [o.write.address.eq(start), base.eq(start + command.step)]
            with m.Elif(place == 0):
                m.d.sync += o.write.address.eq(o.write.address + 1)
        with m.If(self.command.valid & self.command.ready):
            m.d.sync += token.eq(0)
        return m

    def _place(self, m, narrowest, units, place):
        """Put a beat in its place, and zeros in all others if it is the first."""
        word, element = self.o.payload.write.data, self.command.payload.element
        beats = {kind: Cat(lane[: 8 * kind.bytes] for lane in self.i.payload.samples)
                 for kind in Element}
        for unit in range(units):
            here, part = Signal(name=f"here_{unit}"), Signal(narrowest, name=f"part_{unit}")
            with m.Switch(element):
                for kind, beat in beats.items():
                    with m.Case(kind):
                        m.d.comb += [
                            here.eq(place >> kind.value == unit >> kind.value),
                            part.eq(beat.word_select(unit % kind.bytes, narrowest)),
                        ]
            with m.If(here):
                m.d.sync += word.word_select(unit, narrowest).eq(part)
            with m.Elif(place == 0):
                m.d.sync += word.word_select(unit, narrowest).eq(0)


class ScaleWords(wiring.Component):
    """Collect the scales of each token in words; what is behind the last one is zero.

    Latency: 1 cycle from the last scale of a word. Throughput: one scale a cycle; a cycle between
    commands.

    Parameters
    ----------
    config : Configuration
        With a transform.

    Members
    -------
    command : ``In(stream.Signature(scale_words_command(config)))``
        Taken with the last word.
    scales : ``In(stream.Signature(scales_layout(transform.quantiser)))``
    o : ``Out(stream.Signature(word_layout(config)))``
    """

    def __init__(self, config: Configuration):
        transform = config.transform
        assert transform is not None
        self._config = config
        super().__init__({
            "command": In(stream.Signature(scale_words_command(config))),
            "scales": In(stream.Signature(scales_layout(transform.quantiser))),
            "o": Out(stream.Signature(word_layout(config))),
        })

    @property
    def latency(self) -> int:
        """Cycles from the last scale of a word to its output."""
        return 1

    def elaborate(self, platform):
        m = Module()
        command, o = self.command.payload, self.o.payload
        scales, record = self.scales.payload, self.scales.payload.slots[0]
        places = self._config.table.beat_bits // _WIDE
        place, token = Signal(range(places)), Signal.like(command.tokens, name="token")
        taken, begun = Signal(), Signal()
        end_place = place + Mux(command.unsigned, 2, 1)
        offset = Signal(signed(_WIDE), name="offset")
        m.d.comb += [
            offset.eq(record.offset),
            self.scales.ready.eq(self.command.valid & (~self.o.valid | (self.o.ready & ~o.end))),
            taken.eq(self.scales.valid & self.scales.ready),
            self.command.ready.eq(self.o.valid & self.o.ready & o.end),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [self.o.valid.eq(0), o.write.address.eq(o.write.address + 1)]
            with m.If(o.end):
                m.d.sync += [begun.eq(0), token.eq(0)]
        with m.If(taken):
            for number in range(places):
                part = o.write.data.word_select(number, _WIDE)
                with m.If(place == number):
                    m.d.sync += part.eq(record.scale)
                with m.Elif(command.unsigned & (place + 1 == number)):
                    m.d.sync += part.eq(offset)
                with m.Elif(place == 0):
                    m.d.sync += part.eq(0)
            m.d.sync += [
                place.eq(Mux(scales.last, 0, end_place)),
                self.o.valid.eq(scales.last | (end_place == places)),
                o.end.eq(scales.last & (token + 1 == command.tokens)),
                token.eq(token + scales.last),
                begun.eq(1),
            ]
            with m.If(~begun):
                m.d.sync += o.write.address.eq(command.scales)
        return m
