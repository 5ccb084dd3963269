# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Signs of a randomised Hadamard transform, by themselves and in front of the pipeline."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from luthier.gen.verilog import convert
from luthier.golden.fwht import Pipeline, lfsr_signs, transform
from luthier.hw.fwht import Signs, WalshHadamard
from luthier.hw.fwht.layouts import result_layout, sample_layout
from luthier.sim.streams import simulate, sink, source

SHAPES = [(8, 1, 4), (32, 4, 8), (8, 8, 5), (32, 32, 3)]


class Randomised(wiring.Component):
    """Signs and a pipeline that is a bit wider."""

    def __init__(self, config, seed):
        self.signs = Signs(config, seed=seed)
        wide = Pipeline(samples=config.samples, lanes=config.lanes, width=config.width + 1)
        self.pipeline = WalshHadamard(wide)
        super().__init__({"i": In(stream.Signature(sample_layout(config.lanes, config.width))),
                          "o": Out(stream.Signature(result_layout(wide)))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.signs, m.submodules.pipeline = self.signs, self.pipeline
        wiring.connect(m, wiring.flipped(self.i), self.signs.i)
        wiring.connect(m, self.signs.o, self.pipeline.i)
        wiring.connect(m, self.pipeline.o, wiring.flipped(self.o))
        return m


def packets(config, rng):
    """Return packets of (samples, size): shorter than the pattern, as long, and longer."""
    half, found = 1 << config.width - 1, []
    for count in (1, 1, 3):
        for size in (config.samples, max(1, config.samples // 4)):
            length = count * max(size, config.lanes)
            found.append((rng.integers(-half, half, length), size))
    found.append((np.full(config.samples, -half), config.samples))
    return found


def beats(config, cases):
    found = []
    for x, size in cases:
        rows = x.reshape(-1, config.lanes).tolist()
        found += [{"samples": row, "log2_size": size.bit_length() - 1,
                   "last": int(beat == len(rows) - 1)} for beat, row in enumerate(rows)]
    return found


@pytest.mark.parametrize("p_valid, p_ready", [(1, 1), (0.5, 0.6)])
@pytest.mark.parametrize("seed", [None, 1, 0xC0FFEE])
@pytest.mark.parametrize("samples, lanes, width", SHAPES)
def test_randomised_transform(samples, lanes, width, seed, p_valid, p_ready):
    config, rng = Pipeline(samples=samples, lanes=lanes, width=width), np.random.default_rng(7)
    unit, received = Randomised(config, seed), []
    signs = rng.integers(0, 2, samples) if seed is None else lfsr_signs(seed, samples)
    cases = packets(config, rng)
    words = [sum(int(bit) << lane for lane, bit in enumerate(row))
             for row in signs.reshape(-1, lanes)]

    async def bench(ctx):
        if seed is None:
            await source(unit.signs.pattern, words)(ctx)
        await source(unit.i, beats(config, cases), probability=p_valid, seed=1)(ctx)

    expected = [(row, size.bit_length() - 1) for x, size in cases
                for row in transform(x, size, signs=signs).reshape(-1, lanes).tolist()]
    simulate(unit, [bench, sink(unit.o, received, len(expected), probability=p_ready, seed=2)],
             observed=[unit.signs.o, unit.o], limit=5000)
    assert [(list(word.samples), word.log2_size) for word in received] == expected


@pytest.mark.parametrize("seed", [None, 3])
def test_latency_and_full_rate(seed):
    config = Pipeline(samples=16, lanes=2, width=6)
    unit, received, times = Signs(config, seed=seed), [], []
    sent = beats(config, [(np.arange(32) - 20, 16)])
    simulate(unit, [source(unit.i, sent), sink(unit.o, received, 16, times=times)], limit=100)
    assert times == [unit.latency + beat for beat in range(16)]


@pytest.mark.parametrize("seed", [None, 3])
def test_converts(seed):
    text = convert(Signs(Pipeline(samples=16, lanes=2), seed=seed), name="signs")
    assert "module signs(" in text and ("pattern__payload" in text) == (seed is None)


def test_wrong_arguments():
    with pytest.raises(TypeError, match="config must be a Pipeline, not 4"):
        Signs(4)
    with pytest.raises(ValueError, match="seed must be between 1 and .*, not 0"):
        Signs(Pipeline(samples=8), seed=0)
    with pytest.raises(ValueError, match="width must be at most 15 bits in front of signs, not 16"):
        Signs(Pipeline(samples=8, width=16))
    with pytest.raises(TypeError, match="seed must be an integer, not 1.5"):
        Signs(Pipeline(samples=8), seed=1.5)
