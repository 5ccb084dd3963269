# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""On-chip memory behind the memory port."""

import random

import pytest
from amaranth.back import verilog

from luthier.hw.engine import OnChipMemory
from luthier.sim.streams import simulate, sink, source

CONTENT = [(17 * index + 3) % 2**16 for index in range(64)]


def read(latency, requests, *, p_valid=1.0, p_ready=1.0, times=None):
    """Fill the memory, then read (address, length) pairs; return the beats."""
    unit, received = OnChipMemory(beat_bits=16, words=64, longest=64, latency=latency), []
    filled = []

    async def fill(ctx):
        for address, word in enumerate(CONTENT):
            ctx.set(unit.port.write.payload, {"address": address, "data": word})
            ctx.set(unit.port.write.valid, 1)
            await ctx.tick().until(unit.port.write.ready)
        ctx.set(unit.port.write.valid, 0)
        filled.append(True)

    def after(bench):
        async def wait(ctx):
            while not filled:
                await ctx.tick()
            await bench(ctx)
        return wait

    words = [{"address": address, "length": length} for address, length in requests]
    count = sum(length for _, length in requests)
    simulate(unit, [
        fill,
        after(source(unit.port.request, words, probability=p_valid, seed=1)),
        after(sink(unit.port.beat, received, count, probability=p_ready, seed=2, times=times)),
    ], observed=[unit.port.beat], limit=20_000)
    return received


@pytest.mark.parametrize("latency", [3, 4, 6, 17, 200])
def test_latency_and_full_rate(latency):
    times = []
    assert read(latency, [(5, 20), (0, 3), (63, 1)], times=times) == [
        *CONTENT[5:25], *CONTENT[:3], CONTENT[63]]
    assert times == [latency + index for index in range(24)]


@pytest.mark.parametrize("p_valid, p_ready", [(0.3, 1), (1, 0.3), (0.5, 0.5)])
@pytest.mark.parametrize("latency", [3, 5, 6, 60])
def test_stalls(latency, p_valid, p_ready):
    rng, requests = random.Random(latency), []
    while len(requests) < 40:
        address = rng.randrange(64)
        requests.append((address, rng.randint(1, min(9, 64 - address))))
    expected = [word for address, length in requests
                for word in CONTENT[address : address + length]]
    assert read(latency, requests, p_valid=p_valid, p_ready=p_ready) == expected


def test_takes_four_requests_before_the_first_is_answered():
    unit, taken = OnChipMemory(beat_bits=16, words=64, longest=64, latency=50), []

    async def offer(ctx):
        ctx.set(unit.port.request.payload, {"address": 0, "length": 1})
        ctx.set(unit.port.request.valid, 1)
        for _ in range(20):
            _, _, ready, valid = await ctx.tick().sample(unit.port.request.ready,
                                                         unit.port.beat.valid)
            assert not valid
            taken.append(ready)

    simulate(unit, [offer])
    assert sum(taken) >= 4


def test_converts():
    unit = OnChipMemory(beat_bits=64, words=100, longest=100, latency=9)
    text = verilog.convert(unit, name="dut", emit_src=False, strip_internal_attrs=True)
    assert "module dut(" in text
