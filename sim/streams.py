# SPDX-License-Identifier: Apache-2.0
"""Sources, sinks and a protocol checker for units in Amaranth's own simulator."""

import random
from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Assert, ClockDomain, Elaboratable, Module, Signal, Value
from amaranth.sim import Simulator

__all__ = ["StreamChecker", "byte_beats", "joined", "simulate", "sink", "source"]


class StreamChecker(Elaboratable):
    """Assert that a stream, which it only observes, holds valid and payload until the transfer."""

    def __init__(self, observed):
        self._observed = observed

    def elaborate(self, platform):
        m = Module()
        valid, ready = self._observed.valid, self._observed.ready
        payload = Value.cast(self._observed.payload)
        stalled, held = Signal(), Signal.like(payload)
        m.d.sync += [stalled.eq(valid & ~ready), held.eq(payload)]
        with m.If(stalled):
            m.d.sync += [
                Assert(valid, "valid dropped before ready"),
                Assert(payload == held, "payload changed while stalled"),
            ]
        return m


def byte_beats(content: bytes, width: int, rng: random.Random | None = None) -> list[dict]:
    """Return ``content`` as payloads of ``byte_beat(width)``: full ones, or with ``rng`` ragged."""
    beats, position = [], 0
    while position < len(content):
        count = min(rng.randint(1, width) if rng else width, len(content) - position)
        valid = content[position : position + count]
        # What is not valid may be anything.
        noise = rng.randbytes(width - count) if rng else bytes(width - count)
        beats.append({"data": int.from_bytes(valid + noise, "little"), "count": count})
        position += count
    return beats


def joined(beats: Iterable[Any]) -> bytes:
    """Return the valid bytes of payloads with ``data`` and ``count``."""
    return b"".join(
        (beat["data"] % (1 << 8 * beat["count"])).to_bytes(beat["count"], "little")
        for beat in beats)


def source(stream, words: Iterable[Any], *, probability: float = 1.0, seed: int = 0):
    """Return a test bench that sends ``words``, offering each with that probability a cycle."""
    rng = random.Random(seed)

    async def bench(ctx):
        for word in words:
            while rng.random() >= probability:
                await ctx.tick()
            ctx.set(stream.payload, word)
            ctx.set(stream.valid, 1)
            await ctx.tick().until(stream.ready)
            ctx.set(stream.valid, 0)

    return bench


def sink(stream, received: list, count: int, *, probability: float = 1.0, seed: int = 0,
         times: list[int] | None = None):
    """Return a test bench that appends ``count`` words to ``received``, ready that often.

    ``times`` collects the cycle, counted from the start of the bench, of each transfer.
    """
    rng = random.Random(seed)

    async def bench(ctx):
        cycle = 0
        while len(received) < count:
            ctx.set(stream.ready, rng.random() < probability)
            _, _, valid, ready, payload = await ctx.tick().sample(
                stream.valid, stream.ready, stream.payload)
            if valid and ready:
                received.append(payload)
                if times is not None:
                    times.append(cycle)
            cycle += 1
        ctx.set(stream.ready, 0)

    return bench


def simulate(unit, benches, *, observed=(), background=(), limit: int = 100_000):
    """Run test benches against ``unit`` until they end, with a checker on each observed stream.

    Those in ``background`` need not end.

    Raises
    ------
    TimeoutError
        If they have not ended after ``limit`` cycles.
    """
    m = Module()
    m.domains += ClockDomain("sync")  # also where the unit has no register
    m.submodules.dut = unit
    for index, stream in enumerate(observed):
        m.submodules[f"checker_{index}"] = StreamChecker(stream)

    async def watchdog(ctx):
        for _ in range(limit):
            await ctx.tick()
        raise TimeoutError(f"the test benches had not ended after {limit} cycles")

    simulator = Simulator(m)
    simulator.add_clock(1e-8)
    for bench in benches:
        simulator.add_testbench(bench)
    for bench in (*background, watchdog):
        simulator.add_testbench(bench, background=True)
    simulator.run()
