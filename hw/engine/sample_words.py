# SPDX-License-Identifier: Apache-2.0
"""Sums, codes and scales of the transform in words."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ..fwht.quantiser_ports import code_layout, scales_layout
from ..fwht.unit import sums_layout
from .scratchpad import scratchpad_write

__all__ = ["ResultWords", "ScaleWords", "result_words_command", "scale_words_command",
           "word_layout"]

#: Bits of a sum, a scale and an offset in the scratchpad.
_WIDE = 32


def word_layout(config: Configuration) -> data.StructLayout:
    """Return the layout of a word to write; ``end``: it is the last of a command."""
    return data.StructLayout({"write": scratchpad_write(config), "end": 1})


def result_words_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command.

    ``destination``, ``step``: first word, words between tokens; ``tokens``; ``codes``: they come,
    else sums; ``unsigned``: codes are.
    """
    address = range(config.scratchpad.words)
    return data.StructLayout({
        "destination": address, "step": address, "tokens": 16, "codes": 1, "unsigned": 1})


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
        With a transform; P is at most D / 32.

    Members
    -------
    command : ``In(stream.Signature(result_words_command(config)))``
        Taken with the last word.
    sums : ``In(stream.Signature(sums_layout(transform)))``
    codes : ``In(stream.Signature(code_layout(transform.quantiser)))``
    o : ``Out(stream.Signature(word_layout(config)))``
    saturated : ``Out``
        Codes that were out of range.
    """

    def __init__(self, config: Configuration):
        transform = config.transform
        assert transform is not None
        self._config, self._transform = config, transform
        super().__init__({
            "command": In(stream.Signature(result_words_command(config))),
            "sums": In(stream.Signature(sums_layout(transform))),
            "codes": In(stream.Signature(code_layout(transform.quantiser))),
            "o": Out(stream.Signature(word_layout(config))),
            "saturated": Out(range(transform.lanes + 1)),
        })

    @property
    def latency(self) -> int:
        """Cycles from the last beat of a word to its output."""
        return 1

    def elaborate(self, platform):
        m = Module()
        command, o, lanes = self.command.payload, self.o.payload, self._transform.lanes
        bits = 8 * self._config.activation_bytes * lanes  # of a beat of codes
        units, ratio = self._config.table.beat_bits // bits, _WIDE * lanes // bits
        place, token = Signal(range(units)), Signal.like(command.tokens, name="token")
        first, base = Signal(init=1), Signal.like(o.write.address, name="base")
        room, taken, last = Signal(), Signal(), Signal()
        codes, sums = self._beats(m)
        end_place = place + Mux(command.codes, 1, ratio)
        m.d.comb += [
            room.eq(self.command.valid & (~self.o.valid | (self.o.ready & ~o.end))),
            self.codes.ready.eq(room & command.codes),
            self.sums.ready.eq(room & ~command.codes),
            taken.eq(room & Mux(command.codes, self.codes.valid, self.sums.valid)),
            last.eq(Mux(command.codes, self.codes.payload.last, self.sums.payload.last)),
            self.saturated.eq(Mux(taken & command.codes, self.codes.payload.saturated, 0)),
            self.command.ready.eq(self.o.valid & self.o.ready & o.end),
        ]
        with m.If(self.o.ready):
            m.d.sync += [self.o.valid.eq(0), o.end.eq(0)]
        with m.If(taken):
            for unit in range(units):
                part = o.write.data.word_select(unit, bits)
                of_sum = place[(ratio - 1).bit_length() :] == unit // ratio
                with m.If(Mux(command.codes, place == unit, of_sum)):
                    m.d.sync += part.eq(
                        Mux(command.codes, codes, sums.word_select(unit % ratio, bits)))
                with m.Elif(place == 0):
                    m.d.sync += part.eq(0)
            m.d.sync += [
                place.eq(Mux(last, 0, end_place)),
                self.o.valid.eq(last | (end_place == units)),
                o.end.eq(last & (token + 1 == command.tokens)),
                token.eq(token + last),
                first.eq(last),
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

    def _beats(self, m):
        """Return a beat of codes and one of sums, as they lie in a word."""
        lanes, code_bits = self._transform.lanes, 8 * self._config.activation_bytes
        codes, sums = Signal(code_bits * lanes, name="codes_beat"), Signal(_WIDE * lanes)
        for lane in range(lanes):
            code, sample = self.codes.payload.codes[lane], self.sums.payload.samples[lane]
            sign = code[-1] & ~self.command.payload.unsigned
            m.d.comb += [
                codes.word_select(lane, code_bits).eq(
                    Cat(code, sign.replicate(code_bits - len(code)))),
                sums.word_select(lane, _WIDE).eq(
                    Cat(sample, sample[-1].replicate(_WIDE - len(sample)))),
            ]
        return codes, sums


class ScaleWords(wiring.Component):
    """Collect the scales of each token in words; what is behind the last one is zero.

    Latency: 1 cycle from the last scale of a word. Throughput: one scale a cycle, and a cycle for
    each word.

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
            self.scales.ready.eq(self.command.valid & ~self.o.valid),
            taken.eq(self.scales.valid & self.scales.ready),
            self.command.ready.eq(self.o.valid & self.o.ready & o.end),
        ]
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
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [self.o.valid.eq(0), o.write.address.eq(o.write.address + 1)]
            with m.If(o.end):
                m.d.sync += [begun.eq(0), token.eq(0)]
        return m
