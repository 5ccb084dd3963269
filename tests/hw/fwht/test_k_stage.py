# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The stage of H_K against the golden model, under random stalls and at full rate."""

import re

import numpy as np
import pytest
from amaranth.hdl import Const, Fragment, MemoryInstance, ResetInserter, Shape, Signal

from luthier.gen.verilog import convert
from luthier.golden.hadamard import ORDERS, hadamard, hadamard_outer, outer_width
from luthier.hw.fwht.k_stage import KStage
from luthier.sim.compiled import CompiledUnit
from luthier.sim.streams import simulate, sink, source

SEED = 20
CASES = [(order, variant) for variant, orders in ORDERS.items() for order in orders]


def beats(packets, lanes):
    """Return payloads of ``i`` for packets (m, vector)."""
    found = []
    for m, vector in packets:
        rows = np.asarray(vector).reshape(-1, lanes).tolist()
        found += [{"samples": row, "log2_size": m, "last": int(number == len(rows) - 1)}
                  for number, row in enumerate(rows)]
    return found


def expected(packets, lanes, order, **options):
    """Return payloads of ``o`` as tuples."""
    results = [(m, hadamard_outer(vector, order, **options)) for m, vector in packets]
    return [(beat["samples"], beat["log2_size"], beat["last"]) for beat in beats(results, lanes)]


def plain(received):
    return [(list(beat.samples), beat.log2_size, beat.last) for beat in received]


def vectors(rng, order, sizes, width=8):
    half = 1 << width - 1
    return [(m, rng.integers(-half, half, order << m)) for m in sizes]


def in_python(order, packets, *, width=8, max_m=2, lanes=1, p_valid=1.0, p_ready=1.0, times=None,
              **options):
    """Run packets in Amaranth's simulator and compare."""
    print("seed", SEED)
    unit, received = KStage(order, width, max_m, lanes=lanes, **options), []
    sent = beats(packets, lanes)
    simulate(unit, [source(unit.i, sent, probability=p_valid, seed=SEED),
                    sink(unit.o, received, len(sent), probability=p_ready, seed=SEED + 1,
                         times=times)],
             observed=[unit.o], limit=30 * len(sent) + 500)
    assert plain(received) == expected(packets, lanes, order, **options)


@pytest.mark.parametrize("p_valid, p_ready", [(1, 1), (0.4, 1), (1, 0.4), (0.6, 0.6)])
@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_sizes_change(lanes, p_valid, p_ready):
    """Packets of every m, some of them alike; a size that changes waits for the unit to drain."""
    rng, least = np.random.default_rng(SEED), lanes.bit_length() - 1
    sizes = [least, least, 3, 3, 3, least + 1, 3, least, least, least + 1, least + 1]
    in_python(12, vectors(rng, 12, sizes), max_m=3, lanes=lanes, p_valid=p_valid, p_ready=p_ready)


@pytest.mark.parametrize("order, variant", [case for case in CASES if case[0] <= 44])
@pytest.mark.parametrize("transpose", [False, True])
def test_small_matrices(order, variant, transpose):
    rng = np.random.default_rng(order)
    in_python(order, vectors(rng, order, [1, 0]), max_m=1, transpose=transpose,
              variant=variant, p_valid=0.9, p_ready=0.9)


@pytest.mark.parametrize("width", [2, 8])
@pytest.mark.parametrize("order, variant", [(12, "quarot"), (12, "dao"), (20, "dao"),
                                            (28, "quarot")])
def test_largest_sums(order, variant, width):
    """Each row's own signs times the extremes reach the limits of its accumulator."""
    h, least = hadamard(order, variant), -1 << width - 1
    rows = [np.where(sign * h[row] > 0, least, -least - 1)
            for row in (0, 1, order - 1) for sign in (1, -1)]
    packets = [(0, row) for row in [np.full(order, least), np.full(order, -least - 1), *rows]]
    in_python(order, packets, max_m=0, width=width, variant=variant)


@pytest.mark.parametrize("order, m, lanes", [(12, 0, 1), (12, 1, 2), (12, 2, 4), (12, 3, 1),
                                             (20, 0, 1), (20, 2, 1), (28, 3, 2)])
def test_full_rate_and_latency(order, m, lanes):
    """Four packets without a gap at the input come out without one, from the first's end on."""
    packets = vectors(np.random.default_rng(1), order, [m] * 4)
    unit = KStage(order, 8, 3, lanes=lanes)
    interval, sent = unit.interval(m), beats(packets, lanes)
    first, whole = unit.latency(m), unit.packet_latency(m)
    received, taken, times = [], [], []

    async def watch(ctx):
        cycle = 0
        while True:
            _, _, valid, ready = await ctx.tick().sample(unit.i.valid, unit.i.ready)
            if valid and ready:
                taken.append(cycle)
            cycle += 1

    simulate(unit, [source(unit.i, sent), sink(unit.o, received, len(sent), times=times)],
             background=[watch], limit=4000)
    assert np.array_equal(np.diff(taken), np.ones(len(sent) - 1))
    assert times[0] - taken[0] == first
    assert times[interval - 1] - taken[0] == whole
    assert times[interval - 1 :] == [times[interval - 1] + n
                                     for n in range(len(sent) - interval + 1)]


@pytest.mark.parametrize("sizes", [[2, 2, 2, 2], [2, 1, 1, 1, 1]])
def test_fills_up(sizes):
    """While the output waits both buffers fill, and not a word more is taken than has a place."""
    packets = vectors(np.random.default_rng(SEED), 12, sizes)
    unit, received, sent, opened = KStage(12, 8, 2), [], beats(packets, 1), []

    async def late(ctx):
        await ctx.tick().repeat(500)
        if sizes[0] != sizes[1]:  # the larger first packet leaves, others follow
            await sink(unit.o, received, 48)(ctx)
            await ctx.tick().repeat(500)
        opened.append(len(taken))
        await sink(unit.o, received, len(sent))(ctx)

    taken = []

    async def watch(ctx):
        while True:
            _, _, valid, ready = await ctx.tick().sample(unit.i.valid, unit.i.ready)
            if valid and ready:
                taken.append(1)

    simulate(unit, [source(unit.i, sent), late], background=[watch], observed=[unit.o])
    assert plain(received) == expected(packets, 1, 12)
    size = 12 << sizes[-1]
    held = opened[0] - (48 if sizes[0] != sizes[1] else 0)
    # Two buffers, the shift register or the accumulators, and the queue at the output.
    assert 2 * size <= held <= 2 * size + 2 * 12 + 8


def test_drains_without_further_input():
    in_python(12, vectors(np.random.default_rng(3), 12, [2]))


@pytest.mark.parametrize("cycles", [1, 40, 60, 75, 90])
def test_reset_in_midstream(cycles):
    """After a reset at any time the next packet is right, of whatever size."""
    rng = np.random.default_rng(SEED)
    before, after = vectors(rng, 12, [2, 2, 2]), vectors(rng, 12, [1, 1, 2])
    unit, reset, received = KStage(12, 8, 2), Signal(), []
    sent, wanted = beats(after, 1), expected(after, 1, 12)

    async def bench(ctx):
        ctx.set(unit.o.ready, 1)
        for number, beat in zip(range(cycles), beats(before, 1)):
            ctx.set(unit.o.ready, number % 3 != 0)
            ctx.set(unit.i.payload, beat)
            ctx.set(unit.i.valid, 1)
            await ctx.tick().until(unit.i.ready)
        ctx.set(unit.i.valid, 0)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        await source(unit.i, sent)(ctx)

    async def collect(ctx):
        while len(received) < len(wanted):
            _, _, valid, ready, payload, active = await ctx.tick().sample(
                unit.o.valid, unit.o.ready, unit.o.payload, reset)
            if active:
                received.clear()
                ctx.set(unit.o.ready, 1)
            elif valid and ready:
                received.append(payload)

    simulate(ResetInserter(reset)(unit), [bench, collect], limit=2000)
    assert plain(received) == wanted


@pytest.mark.parametrize("asked, lanes, m", [(7, 1, 4), (5, 4, 4), (0, 4, 2), (1, 4, 2)])
def test_nearest_size(asked, lanes, m):
    packets, received = vectors(np.random.default_rng(1), 12, [m, m]), []
    unit, sent = KStage(12, 8, 4, lanes=lanes), beats(packets, lanes)
    for beat in sent:
        beat["log2_size"] = asked
    simulate(unit, [source(unit.i, sent), sink(unit.o, received, len(sent))])
    assert plain(received) == expected(packets, lanes, 12)


@pytest.mark.parametrize("wrong", [5, 23, None])
def test_misplaced_last(wrong):
    unit, received, flags = KStage(12, 8, 1), [], []
    packets = vectors(np.random.default_rng(1), 12, [1, 1])
    sent = beats(packets, 1)
    if wrong is not None:
        sent[wrong]["last"] ^= 1

    async def look(ctx):
        await sink(unit.o, received, len(sent))(ctx)
        flags.append(ctx.get(unit.misplaced))

    simulate(unit, [source(unit.i, sent), look])
    assert flags == [int(wrong is not None)]
    assert plain(received) == expected(packets, 1, 12)


COMPILED = {
    "k28_four_lanes": (28, 6, 4, {"variant": "dao"}),
    "k172_transposed": (172, 3, 1, {"transpose": True}),
}


def compiled(order, max_m, lanes, sizes, options, count=3):
    """Run packets of each size in the compiled unit: at full rate, and with waits on both sides."""
    print("seed", SEED)
    unit = KStage(order, 8, max_m, lanes=lanes, **options)
    shapes = [port.payload.shape() for port in (unit.i, unit.o)]
    fast, rng = CompiledUnit(unit), np.random.default_rng(SEED)

    def run(packets, **rates):
        sent = beats(packets, lanes)
        words = [Const(beat, shapes[0]).as_value().value % (1 << shapes[0].size) for beat in sent]
        outputs, taken = fast.run({"i": words}, {"o": len(sent)}, **rates)
        received = [shapes[1].from_bits(made.payload) for made in outputs["o"]]
        assert plain(received) == expected(packets, lanes, order, **options)
        return taken["i"], [made.cycle for made in outputs["o"]]

    for m in sizes:
        packets = vectors(rng, order, [m] * count)
        packets[1] = (m, np.full(order << m, -128))
        taken, made = run(packets)
        interval = unit.interval(m)
        assert taken[-1] - taken[0] == count * interval - 1
        assert made[0] - taken[0] == unit.latency(m)
        assert made[interval - 1] - taken[0] == unit.packet_latency(m)
        assert made[-1] - made[interval - 1] == (count - 1) * interval
        for number, (p_valid, p_ready) in enumerate([(0.5, 0.9), (0.9, 0.5), (0.25, 0.25)]):
            run(packets, seed=SEED + number, p_valid=p_valid, p_ready=p_ready)
    mixed = rng.permutation([*sizes, *sizes, *sizes]).tolist()
    run(vectors(rng, order, mixed), seed=SEED, p_valid=0.7, p_ready=0.7)


@pytest.mark.parametrize("order, max_m, lanes, options", COMPILED.values(), ids=COMPILED)
def test_compiled(order, max_m, lanes, options):
    compiled(order, max_m, lanes, (lanes.bit_length() - 1, max_m), options)


@pytest.mark.nightly
@pytest.mark.parametrize("order, variant", CASES)
@pytest.mark.parametrize("transpose, lanes", [(False, 1), (True, 4)])
def test_every_matrix(order, variant, transpose, lanes):
    least = lanes.bit_length() - 1
    compiled(order, 6, lanes, (least, 3, 6), {"variant": variant, "transpose": transpose}, count=4)


@pytest.mark.parametrize("order, width, max_m, lanes", [(172, 8, 6, 1), (28, 8, 9, 4),
                                                        (12, 4, 0, 1)])
def test_declared_memory_and_adders(order, width, max_m, lanes):
    """The buffers are what the elaborated unit has, but for the queue of eight words."""
    unit = KStage(order, width, max_m, lanes=lanes)
    words = unit.interval(max_m)
    declared, adders, total_width = unit.memory_bits, unit.adders, unit.sum_width
    assert total_width == outer_width(order, width)
    sizes, found = [], [0]

    def count(fragment):
        if isinstance(fragment, MemoryInstance):
            sizes.append(fragment._data.depth
                         * Shape.cast(fragment._data.shape).width)
        for child, name, _location in fragment.subfragments:
            found[0] += name is not None and re.match(r"adder_\d+_\d+$", name) is not None
            count(child)

    count(Fragment.get(unit, None))
    sizes.remove(8 * (lanes * total_width + 1))
    assert sum(sizes) == declared and found[0] == adders == order * lanes
    exact = words * lanes * (width + total_width)
    assert exact <= declared < 2.2 * exact
    if order == 172:
        assert declared <= 310_000 and declared < 1.03 * exact


def test_converts():
    for target in (None, "ecp5", "xc7"):
        text = convert(KStage(12, 8, 2, lanes=2), name="stage", target=target)
        assert "module stage(" in text and ("DP16KD" in text) == (target == "ecp5")
