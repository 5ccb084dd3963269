# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Stream building blocks, and proof that the checker of streams can fail."""

import random

import pytest
from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from luthier.hw.stream import BypassQueue, Queue, ReservedQueue, StreamRegister
from luthier.sim.streams import simulate, sink, source


class Reserving(wiring.Component):
    """A queue whose places are taken and filled in one cycle."""

    def __init__(self, *, registered):
        self._queue = ReservedQueue(8, 4, registered=registered)
        self.latency = self._queue.latency
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = self._queue
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        taken = self.i.valid & self.i.ready
        m.d.comb += [self.i.ready.eq(queue.room), queue.word.eq(self.i.payload),
                     queue.reserve.eq(taken), queue.write.eq(taken)]
        return m


UNITS = {
    "queue_1": lambda: Queue(8, 1),
    "queue_4": lambda: Queue(8, 4),
    "queue_5": lambda: Queue(8, 5),
    "bypass_1": lambda: BypassQueue(8, 1),
    "bypass_4": lambda: BypassQueue(8, 4),
    "register": lambda: StreamRegister(8),
    "reserved": lambda: Reserving(registered=False),
    "reserved_registered": lambda: Reserving(registered=True),
}


@pytest.mark.parametrize("p_valid, p_ready", [(1, 1), (0.3, 1), (1, 0.3), (0.5, 0.5)])
@pytest.mark.parametrize("make", UNITS.values(), ids=UNITS)
def test_keeps_order(make, p_valid, p_ready):
    rng, unit, received = random.Random(4), make(), []
    words = [rng.randrange(256) for _ in range(200)]
    simulate(unit, [source(unit.i, words, probability=p_valid, seed=1),
                    sink(unit.o, received, len(words), probability=p_ready, seed=2)],
             observed=[unit.o], limit=3000)
    assert received == words


@pytest.mark.parametrize("make", [
    UNITS[name] for name in ("queue_4", "bypass_1", "register", "reserved", "reserved_registered")],
    ids=["queue", "bypass", "register", "reserved", "reserved_registered"])
def test_latency_and_full_rate(make):
    unit, received, times = make(), [], []
    words = list(range(50))
    simulate(unit, [source(unit.i, words), sink(unit.o, received, 50, times=times)], limit=200)
    assert times == [unit.latency + n for n in range(50)]


def test_register_has_no_path_from_ready_to_ready():
    """With the output blocked it takes two words, and the second word's ready was not late."""
    unit, taken = StreamRegister(8), []

    async def offer(ctx):
        for word in range(4):
            ctx.set(unit.i.payload, word)
            ctx.set(unit.i.valid, 1)
            taken.append(ctx.get(unit.i.ready))
            await ctx.tick()

    simulate(unit, [offer])
    assert taken == [1, 1, 0, 0]


@pytest.mark.parametrize("depth", [0, -1, 1.5, True, "2"])
def test_wrong_depth(depth):
    with pytest.raises(ValueError, match=f"depth must be a positive integer, not {depth!r}"):
        Queue(8, depth)


@pytest.mark.parametrize("make", UNITS.values(), ids=UNITS)
def test_converts(make):
    text = verilog.convert(make(), name="dut", emit_src=False, strip_internal_attrs=True)
    assert "module dut(" in text


def test_structured_payload():
    layout = data.StructLayout({"a": 3, "b": 5})
    for unit in (Queue(layout, 2), StreamRegister(layout)):
        received = []
        simulate(unit, [source(unit.i, [{"a": 5, "b": 9}]), sink(unit.o, received, 1)])
        assert (received[0].a, received[0].b) == (5, 9)


class Broken(wiring.Component):
    """A source that breaks one rule of streams while it is stalled."""

    o: Out(stream.Signature(8))

    def __init__(self, rule):
        self._rule = rule
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        if self._rule == "payload":
            m.d.sync += self.o.payload.eq(self.o.payload + 1)
            m.d.comb += self.o.valid.eq(1)
        else:
            m.d.sync += self.o.valid.eq(~self.o.valid)
        return m


@pytest.mark.parametrize("rule, message", [
    ("payload", "payload changed while stalled"), ("valid", "valid dropped before ready")])
def test_checker_catches_broken_sources(rule, message):
    unit = Broken(rule)

    async def wait(ctx):
        for _ in range(6):
            await ctx.tick()

    with pytest.raises(AssertionError, match=message):
        simulate(unit, [wait], observed=[unit.o])


def test_watchdog():
    unit = Queue(8, 2)
    with pytest.raises(TimeoutError, match="had not ended after 50 cycles"):
        simulate(unit, [sink(unit.o, [], 1)], limit=50)
