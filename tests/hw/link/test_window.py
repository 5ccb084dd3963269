# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The window on a ragged byte stream."""

import random

import pytest
from amaranth.back import verilog

from luthier.hw.link.window import Window
from luthier.sim.streams import byte_beats, simulate, source

WIDTHS = (1, 2, 4, 8)


def taker(dut, received, count, rng, probability):
    """Take random amounts until ``count`` bytes have come."""
    async def bench(ctx):
        while len(received) < count:
            level, data = ctx.get(dut.level), ctx.get(dut.data)
            take = rng.randint(0, level) if rng.random() < probability else 0
            received.extend(data.to_bytes(8, "little")[:take])
            ctx.set(dut.take, take)
            await ctx.tick()
            ctx.set(dut.take, 0)

    return bench


@pytest.mark.parametrize("probability", [1.0, 0.5])
@pytest.mark.parametrize("width", WIDTHS)
def test_keeps_every_byte(width, probability):
    rng = random.Random(width)
    content, received = rng.randbytes(600), bytearray()
    dut = Window(width)
    simulate(dut, [
        source(dut.i, byte_beats(content, width, rng), probability=probability),
        taker(dut, received, len(content), rng, probability)])
    assert received == content


@pytest.mark.parametrize("width", WIDTHS)
def test_full_rate_and_latency(width):
    content, received, cycles = random.Random(1).randbytes(64 * width), bytearray(), []
    dut = Window(width)

    async def take_all(ctx):
        cycle = 0
        while len(received) < len(content):
            level = ctx.get(dut.level)
            if level:
                received.extend(ctx.get(dut.data).to_bytes(8, "little")[:level])
                cycles.append(cycle)
            ctx.set(dut.take, level)
            await ctx.tick()
            ctx.set(dut.take, 0)
            cycle += 1

    simulate(dut, [source(dut.i, byte_beats(content, width)), take_all])
    assert received == content
    # The first beat is accepted in cycle 0.
    assert cycles == list(range(dut.latency, dut.latency + 64))


@pytest.mark.parametrize("width", WIDTHS)
def test_converts(width):
    text = verilog.convert(Window(width), name="window", emit_src=False, strip_internal_attrs=True)
    assert "module window(" in text


@pytest.mark.parametrize("width", [0, 3, 16, True, "1"])
def test_bad_width_is_named(width):
    with pytest.raises(ValueError, match=r"^width must be 1, 2, 4 or 8, not"):
        Window(width)
