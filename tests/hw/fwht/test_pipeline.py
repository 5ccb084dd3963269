# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The Walsh-Hadamard pipeline against its golden model, in Amaranth's simulator: small shapes."""

import re

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal

from luthier.gen.verilog import convert
from luthier.golden.fwht import ORDERS, Pipeline
from luthier.hw.fwht import WalshHadamard
from luthier.hw.fwht.layouts import result_layout, sample_layout
from luthier.sim.streams import simulate, sink, source
from luthier.sim.transform_case import TransformCase

#: N, P, w.
SHAPES = [(2, 1, 4), (2, 2, 16), (4, 1, 8), (8, 2, 5), (16, 16, 8), (16, 4, 3), (32, 1, 2),
          (32, 8, 6), (64, 2, 8), (128, 1, 4)]


def beats(case):
    layout = sample_layout(case.config.lanes, case.config.width)
    return [layout.from_bits(beat) for beat in case.beats]


def run(case, *, p_valid=1.0, p_ready=1.0, seed=1):
    """Run a case, check the results and return the cycles of the inputs and of the results."""
    unit, received, taken, made = WalshHadamard(case.config), [], [], []

    async def watch(ctx):
        cycle = 0
        async for *_, valid, ready in ctx.tick().sample(unit.i.valid, unit.i.ready):
            taken.extend([cycle] * (valid & ready))
            cycle += 1

    simulate(unit, [source(unit.i, beats(case), probability=p_valid, seed=seed),
                    sink(unit.o, received, len(case.results), probability=p_ready,
                         seed=seed + 1, times=made)],
             observed=[unit.o], background=[watch],
             limit=200 + int(4 * len(case.results) / p_valid / p_ready))
    assert [word.as_bits() for word in received] == case.results, f"seed {seed}"
    return np.array(taken), np.array(made)


def sizes_of(config):
    return [1 << bit for bit in range(config.stages + 1)]


@pytest.mark.parametrize("p_valid, p_ready", [(1, 1), (0.4, 1), (1, 0.4), (0.7, 0.7)])
@pytest.mark.parametrize("samples, lanes, width", SHAPES)
def test_random_sizes(samples, lanes, width, p_valid, p_ready):
    """Packets of all sizes, in any order, each of one to three transforms."""
    seed = samples + lanes + int(10 * p_valid + 100 * p_ready)
    rng = np.random.default_rng(seed)
    case = TransformCase(Pipeline(samples=samples, lanes=lanes, width=width))
    sizes = sizes_of(case.config)
    case.add_random(rng, [*sizes[::-1], *rng.choice(sizes, 6), samples, *sizes], (1, 2, 3))
    run(case, p_valid=p_valid, p_ready=p_ready, seed=seed)


@pytest.mark.parametrize("samples, lanes, width", SHAPES[:-1])
def test_corners(samples, lanes, width):
    case = TransformCase(Pipeline(samples=samples, lanes=lanes, width=width))
    case.add_corners(samples)
    case.add_corners(max(1, samples // 4))
    run(case)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("samples, lanes", [(16, 1), (32, 4), (8, 8)])
def test_index(samples, lanes, order):
    config = Pipeline(samples=samples, lanes=lanes, width=4, order=order)
    case = TransformCase(config)
    case.add_random(np.random.default_rng(1), sizes_of(config), (1, 2))
    run(case, p_ready=0.8)


@pytest.mark.parametrize("samples, lanes, width", SHAPES)
def test_full_rate_and_latency(samples, lanes, width):
    """Each size by itself: exact latency, then a beat of results every cycle."""
    config = Pipeline(samples=samples, lanes=lanes, width=width)
    for size in {samples, max(samples // 2, 1), lanes, 1}:
        case = TransformCase(config)
        case.add_random(np.random.default_rng(2), [size] * 3)
        taken, made = run(case)
        assert set(np.diff(taken)) <= {1}
        assert (made == config.latency(size) + np.arange(len(made))).all()
        unit = WalshHadamard(config)
        assert unit.latency(size) == size // lanes - 1 + unit.registers if size >= lanes else True
        assert unit.registers <= 2 * config.stages + 4
        assert unit.interval(size) == len(made) // 3


def test_smaller_sizes_leave_no_gap():
    """The input waits for B - b cycles after a larger transform, the output for none."""
    case = TransformCase(Pipeline(samples=64, lanes=2))
    case.add_random(np.random.default_rng(3), [64, 32, 32, 4, 1])
    taken, made = run(case)
    assert (np.diff(made) == 1).all()
    # The first beat of a transform waits in the input's register, the next one in front of it.
    gaps = {0: 1} | dict(enumerate(np.diff(taken).tolist(), 1))
    assert {beat: gap for beat, gap in gaps.items() if gap > 1} == {33: 1 + 32 - 16, 65: 1 + 16 - 2}


@pytest.mark.parametrize("samples, lanes", [(32, 1), (32, 4), (8, 8)])
def test_results_leave_without_input(samples, lanes):
    """Nothing comes behind, or a part of the next transform: all results leave at full rate."""
    for part in (0, samples // lanes // 2):
        config = Pipeline(samples=samples, lanes=lanes)
        case, rng = TransformCase(config), np.random.default_rng(4)
        case.add_random(rng, [samples, samples])
        whole = len(case.beats)
        case.add_random(rng, [samples])
        del case.beats[whole + part:], case.results[whole:]
        _, made = run(case)
        assert (np.diff(made) == 1).all()


@pytest.mark.parametrize("samples, lanes", [(32, 1), (32, 4), (8, 8)])
def test_reset_in_midstream(samples, lanes):
    config = Pipeline(samples=samples, lanes=lanes, width=6)
    for cut in (1, samples // lanes, 2 * samples // lanes - 1, 2 * samples // lanes + 3):
        first, second = TransformCase(config), TransformCase(config)
        rng = np.random.default_rng(cut)
        first.add_random(rng, [samples] * 4)
        second.add_random(rng, [samples // 2, samples, 1])
        unit, received, reset = WalshHadamard(config), [], Signal()

        async def bench(ctx, unit=unit, first=first, second=second, cut=cut, reset=reset,
                        received=received):
            ctx.set(unit.o.ready, 1)
            for beat in beats(first)[:cut]:
                ctx.set(unit.i.payload, beat)
                ctx.set(unit.i.valid, 1)
                await ctx.tick().until(unit.i.ready)
            ctx.set(unit.i.valid, 0)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            assert not ctx.get(unit.o.valid)
            await source(unit.i, beats(second))(ctx)

        async def collect(ctx, unit=unit, received=received, second=second, reset=reset):
            while len(received) < len(second.results):
                _, _, reset_now, valid, payload = await ctx.tick().sample(
                    reset, unit.o.valid, unit.o.payload)
                if reset_now:
                    received.clear()
                elif valid:
                    received.append(payload.as_bits())

        simulate(ResetInserter(reset)(unit), [bench, collect], limit=2000)
        assert received == second.results


def test_larger_than_the_largest_size_is_the_largest():
    case = TransformCase(Pipeline(samples=8, lanes=2, width=4))
    case.add_random(np.random.default_rng(5), [8, 8])
    shift = 2 * 4
    case.beats = [beat | 15 << shift for beat in case.beats]
    run(case)


#: A memory, or a word of a delay that is made of registers.
STORE = re.compile(r"^  reg \[(\d+):0\] (?:\w+ \[(\d+):0\];|word_\d+ =)", re.M)


@pytest.mark.parametrize("samples, lanes, width", [*SHAPES, (1024, 1, 8), (1024, 4, 8),
                                                    (4096, 16, 8), (32768, 4, 16)])
def test_delay_memory(samples, lanes, width):
    """What the Verilog's memories hold is what is declared, and the least there can be."""
    config = Pipeline(samples=samples, lanes=lanes, width=width)
    text = convert(WalshHadamard(config), name="fwht")
    found = [(int(last or 0) + 1, int(most) + 1) for most, last in STORE.findall(text)]
    assert sum(depth * bits for depth, bits in found) == config.delay_bits
    assert lanes * sum(depth for depth, _ in found) == config.delay_words == samples - lanes


@pytest.mark.parametrize("samples, lanes", [(64, 1), (64, 4), (32, 32)])
def test_adders(samples, lanes):
    """Sums and differences of samples in the Verilog, those of counters aside."""
    config = Pipeline(samples=samples, lanes=lanes)
    text = convert(WalshHadamard(config), name="fwht")
    modules = [part for part in text.split("\nmodule ")
               if part.startswith(("\\fwht.delay_", "\\fwht.lanes_"))]
    wide = [line for part in modules for line in part.splitlines()
            if line.startswith("  assign ") and "$signed" in line
            and (" + " in line or " - " in line)]
    assert len(wide) == config.adders <= 2 * lanes * config.stages


def test_converts():
    text = convert(WalshHadamard(Pipeline(samples=32, lanes=2)), name="fwht")
    assert "module fwht(" in text


def test_payloads_are_those_of_the_layouts():
    config = Pipeline(samples=16, lanes=2, width=5)
    case = TransformCase(config)
    case.add(np.array([-16, 15]), 2)
    beat = sample_layout(2, 5).from_bits(case.beats[0])
    result = result_layout(config).from_bits(case.results[0])
    assert (beat.samples[0], beat.samples[1], beat.log2_size, beat.last) == (-16, 15, 1, 1)
    assert (result.samples[0], result.samples[1], result.index) == (-1, -31, 0)


def test_wrong_config():
    with pytest.raises(TypeError, match="config must be a Pipeline, not 16"):
        WalshHadamard(16)
