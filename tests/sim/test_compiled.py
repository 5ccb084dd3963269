# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Compiled units: what goes in comes out, and what breaks the rules of streams is caught."""

import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from luthier.hw.stream import Queue, StreamRegister
from luthier.sim.compiled import CompiledUnit


class Streams(wiring.Component):
    """A queue without its level: all ports are streams."""

    def __init__(self, width):
        self._width = width
        super().__init__({"i": In(stream.Signature(width)), "o": Out(stream.Signature(width))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = Queue(self._width, 3)
        wiring.connect(m, wiring.flipped(self.i), queue.i)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        return m


class Broken(wiring.Component):
    """Passes words on, and breaks one rule while it is stalled."""

    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))

    def __init__(self, rule):
        self._rule = rule
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.i.ready.eq(1)
        if self._rule == "payload":
            m.d.comb += self.o.valid.eq(1)
            m.d.sync += self.o.payload.eq(self.o.payload + 1)
        else:
            m.d.sync += self.o.valid.eq(~self.o.valid)
        return m


@pytest.mark.parametrize("width", [40, 65])
def test_words_of_any_width(width):
    unit = CompiledUnit(Streams(width))
    words = [(n * 0x9E3779B97F4A7C15F39CC0605CEDC834) % (1 << width) for n in range(50)]
    for how in ({}, {"p_valid": 0.5, "p_ready": 0.4, "seed": 3, "reset_at": 30}):
        got, taken = unit.run({"i": words}, {"o": len(words)}, **how)
        assert [transfer.payload for transfer in got["o"]] == words
        assert len(taken["i"]) == len(words)


def test_cycles():
    got, taken = CompiledUnit(StreamRegister(8)).run({"i": range(20)}, {"o": 20})
    assert [transfer.cycle - before for transfer, before in zip(got["o"], taken["i"])] == [1] * 20


@pytest.mark.parametrize("rule, message", [
    ("payload", "o: payload changed while stalled"), ("valid", "o: valid dropped before ready")])
def test_checker_catches_broken_units(rule, message):
    with pytest.raises(RuntimeError, match=f"seed 2: {message} in cycle"):
        CompiledUnit(Broken(rule)).run({"i": [1]}, {"o": 1000}, p_ready=0.5, seed=2)


def test_watchdog():
    with pytest.raises(RuntimeError, match="seed 1: unit: not ended in cycle 3000"):
        CompiledUnit(StreamRegister(8)).run({"i": [1]}, {"o": 2}, limit=3000)


def test_wrong_streams():
    with pytest.raises(ValueError, match=r"streams must be \['i'\] and \['o'\], not \['x'\]"):
        CompiledUnit(StreamRegister(8)).run({"x": []}, {"o": 0})


class Marked(wiring.Component):
    """Passes words on, above which there is a bit that never changes, and one that may."""

    i: In(stream.Signature(6))
    o: Out(stream.Signature(8))

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [
            self.o.valid.eq(self.i.valid), self.i.ready.eq(self.o.ready),
            self.o.payload[7].eq(1),
        ]
        with m.If(self.i.payload[0]):
            m.d.comb += self.o.payload[6].eq(self.i.payload[1])
        with m.If(self.i.valid):
            m.d.comb += self.o.payload[:6].eq(self.i.payload)
        return m


def test_bits_that_never_change():
    """Verilog's ``always @*`` alone would never set them."""
    got, _ = CompiledUnit(Marked()).run({"i": [0, 1, 3]}, {"o": 3})
    assert [transfer.payload for transfer in got["o"]] == [0x80, 0x81, 0xC3]
