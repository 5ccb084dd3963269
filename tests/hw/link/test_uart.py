# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The serial line: rates, bits, glitches, errors, and both ends joined."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring

from luthier.gen.verilog import convert
from luthier.hw.link.uart import SHORTEST_BIT, UartReceiver, UartTransmitter, baud_divisor
from luthier.sim.streams import simulate, sink, source

CORNERS = [0x00, 0xFF, 0x55, 0xAA, 0x01, 0x80, 0x7F, 0xFE]


def levels(byte, stop=1):
    return [0, *((byte >> bit) & 1 for bit in range(8)), stop]


class Line:
    """What a receiver makes of a line."""

    def __init__(self, divisor, ready=1):
        self.dut = UartReceiver(divisor)
        self.bytes, self.times, self.framing, self.overrun = [], [], 0, 0
        self.ready, self.cycle = ready, 0

    async def drive(self, ctx, waves):
        """Put (level, cycles) on the line one after the other, and note what comes out."""
        ctx.set(self.dut.o.ready, self.ready)
        owed = 0.0  # rates need not be whole cycles
        for level, cycles in waves:
            ctx.set(self.dut.rx, level)
            owed += cycles
            while owed >= 0.5:
                _, _, valid, payload, framing, overrun = await ctx.tick().sample(
                    self.dut.o.valid, self.dut.o.payload, self.dut.framing, self.dut.overrun)
                if valid and self.ready:
                    self.bytes.append(payload)
                    self.times.append(self.cycle)
                self.framing += framing
                self.overrun += overrun
                self.cycle += 1
                owed -= 1

    def run(self, waves):
        async def bench(ctx):
            await self.drive(ctx, waves)

        simulate(self.dut, [bench])
        return self


def waves(content, bit, gap=0.0):
    found = [(1, 3 * bit)]
    for byte in content:
        found += [(level, bit) for level in levels(byte)] + [(1, gap)] * (gap > 0)
    return [*found, (1, 3 * bit)]


@pytest.mark.parametrize("divisor", [5, 6, 11])
@pytest.mark.parametrize("error", [-0.03, 0.0, 0.03])
def test_receives(divisor, error, seed):
    if divisor < 10 and error:
        error /= 2
    rng = random.Random(f"{seed} {divisor} {error}")
    content = CORNERS + [rng.randrange(256) for _ in range(8)]
    line = Line(divisor).run(waves(content, divisor * (1 + error)))
    assert (line.bytes, line.framing, line.overrun) == (content, 0, 0)


@pytest.mark.parametrize("divisor", [5, 6, 13])
def test_receiver_latency(divisor):
    line = Line(divisor).run([(1, 9)] + [(level, divisor) for level in levels(0xA5)] + [(1, 9)])
    assert (line.bytes, line.times) == ([0xA5], [9 + line.dut.latency])


def test_glitches_are_not_bytes(seed):
    divisor, rng = 12, random.Random(seed)
    found = [(1, 20)]
    for _ in range(20):  # shorter than half a bit on an idle line
        found += [(0, rng.randint(1, divisor // 2 - 2)), (1, rng.randint(3, 40))]
    assert Line(divisor).run(found).bytes == []
    found = [(1, 20)]
    content = CORNERS + [rng.randrange(256) for _ in range(8)]
    for byte in content:  # one cycle of the wrong level in each bit, anywhere behind its edge
        for level in levels(byte):
            place = rng.randint(2, divisor - 2)
            found += [(level, place), (1 - level, 1), (level, divisor - place - 1)]
        found += [(1, 2 * divisor)]
    line = Line(divisor).run(found)
    assert (line.bytes, line.framing) == (content, 0)


def test_low_stop_bit_and_break():
    divisor = 8
    bad = [(level, divisor) for level in levels(0x00, stop=0)]
    good = [(level, divisor) for level in levels(0x3C)]
    pause = [(1, 2 * divisor)]
    held = bad + [(0, 40 * divisor)]
    line = Line(divisor).run(pause + good + pause + held + pause + good + pause)
    assert (line.bytes, line.framing, line.overrun) == ([0x3C, 0x3C], 1, 0)


def test_overrun_keeps_the_first():
    line = Line(8, ready=0).run(waves([0x11, 0x22, 0x33], 8))
    assert line.overrun == 2

    async def bench(ctx):
        await line2.drive(ctx, waves([0x11, 0x22], 8))
        line2.ready = 1
        await line2.drive(ctx, waves([0x44], 8))

    line2 = Line(8, ready=0)
    simulate(line2.dut, [bench])
    assert (line2.bytes, line2.overrun) == ([0x11, 0x44], 1)


@pytest.mark.parametrize("divisor", [5, 9])
@pytest.mark.parametrize("probability", [1.0, 0.05])
def test_sends_what_is_received(divisor, probability, seed):
    rng = random.Random(f"{seed} {divisor}")
    content = CORNERS + [rng.randrange(256) for _ in range(4)]
    sender, receiver, m = UartTransmitter(divisor), UartReceiver(divisor), Module()
    m.submodules += sender, receiver
    m.d.comb += receiver.rx.eq(sender.tx)
    received, times = [], []
    simulate(m, [source(sender.i, content, probability=probability, seed=seed),
                 sink(receiver.o, received, len(content), times=times)],
             observed=[receiver.o])
    assert received == content
    if probability == 1.0:  # without gaps
        assert {b - a for a, b in zip(times, times[1:])} == {sender.interval}


def test_transmitter_latency_and_idle_level():
    divisor, dut, line = 6, UartTransmitter(6), []

    async def bench(ctx):
        for _ in range(4):
            line.append(ctx.get(dut.tx))
            await ctx.tick()
        ctx.set(dut.i.payload, 0x35)
        ctx.set(dut.i.valid, 1)
        for _ in range(12 * divisor):
            await ctx.tick()
            ctx.set(dut.i.valid, 0)
            line.append(ctx.get(dut.tx))

    simulate(dut, [bench])
    sent = [level for level in levels(0x35) for _ in range(divisor)]
    assert dut.latency == 1
    assert line == [1] * 4 + sent + [1] * (len(line) - 4 - len(sent))


def test_divisors():
    assert baud_divisor(12_000_000, 2_000_000) == 6
    assert baud_divisor(80_000_000, 3_000_000) == 27
    with pytest.raises(ValueError, match="baud must be at most 2400000 with a clock of 12000000"):
        baud_divisor(12_000_000, 3_000_000)
    with pytest.raises(ValueError, match="baud must be within 2% of 12000000 Hz over a whole"):
        baud_divisor(12_000_000, 1_850_000)
    for unit in (UartReceiver, UartTransmitter):
        with pytest.raises(ValueError, match="divisor must be an integer of at least 5, not 4"):
            unit(SHORTEST_BIT - 1)


@pytest.mark.parametrize("unit", [UartReceiver, UartTransmitter])
def test_converts_to_verilog(unit):
    assert isinstance(unit(6), wiring.Component)
    assert "module luthier" in convert(unit(6))
