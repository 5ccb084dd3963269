# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The transform with all butterflies at once: results, latency, rate, reset, and its adders."""

import re

import numpy as np
import pytest
from scipy.linalg import hadamard

from luthier.gen.verilog import convert
from luthier.golden.fwht import Pipeline, fwht
from luthier.hw.baseline import ParallelTransform
from luthier.hw.baseline.butterflies import parallel_layout
from luthier.sim.compiled import CompiledUnit
from luthier.sim.streams import simulate, sink, source

SHAPES = [(2, 4), (2, 16), (4, 8), (8, 5), (16, 8)]


def whole(samples, width):
    return Pipeline(samples=samples, lanes=samples, width=width)


def case(samples, width, seed, count=40):
    """Return vectors, shape (count, N), the corners first, and which of them are the last ones."""
    rng, half = np.random.default_rng(seed), 1 << width - 1
    signs = hadamard(samples)
    corners = np.concatenate([np.where(signs > 0, -half, half - 1),
                              np.where(signs > 0, half - 1, -half)])
    return (np.concatenate([corners, rng.integers(-half, half, (count, samples))]),
            rng.integers(0, 2, len(corners) + count))


def payloads(x, last, width):
    layout = parallel_layout(x.shape[1], width)
    return [layout.const({"samples": row.tolist(), "last": int(end)}).as_bits()
            for row, end in zip(x, last)]


@pytest.mark.parametrize("p_valid, p_ready", [(1, 1), (0.4, 1), (1, 0.4), (0.7, 0.7)])
@pytest.mark.parametrize("samples, width", SHAPES)
def test_results(samples, width, p_valid, p_ready):
    """Corners and random vectors, with stalls and without; then exact latency and full rate."""
    unit, received, made = ParallelTransform(whole(samples, width)), [], []
    x, last = case(samples, width, seed=samples)
    y = fwht(x)
    assert (y == x @ hadamard(samples)).all()
    layout = parallel_layout(samples, width)
    simulate(unit, [source(unit.i, map(layout.from_bits, payloads(x, last, width)),
                           probability=p_valid, seed=samples),
                    sink(unit.o, received, len(x), probability=p_ready, seed=2, times=made)],
             observed=[unit.o], limit=200 + int(4 * len(x) / p_valid / p_ready))
    grown = whole(samples, width).widths[-1]
    assert [word.as_bits() for word in received] == payloads(y, last, grown)
    if p_valid == p_ready == 1:
        assert made == list(range(unit.latency, unit.latency + len(x))) and unit.interval == 1


@pytest.mark.parametrize("samples, width", [
    (16, 8), pytest.param(32, 16, marks=pytest.mark.nightly),
    pytest.param(64, 8, marks=pytest.mark.nightly)])
def test_compiled(samples, width):
    config = whole(samples, width)
    unit = CompiledUnit(ParallelTransform(config))
    x, last = case(samples, width, seed=7, count=2000)
    beats, expected = payloads(x, last, width), payloads(fwht(x), last, config.widths[-1])
    for p_valid, p_ready, reset_at in ((1, 1, 0), (0.6, 0.5, 0), (0.8, 0.7, 50)):
        outputs, taken = unit.run({"i": beats}, {"o": len(beats)}, p_valid=p_valid,
                                  p_ready=p_ready, seed=3, reset_at=reset_at)
        assert [made.payload for made in outputs["o"]] == expected
        if p_valid == p_ready == 1:
            assert {made.cycle - cycle for made, cycle in zip(outputs["o"], taken["i"])} == {
                config.stages}


@pytest.mark.parametrize("samples", [4, 32])
def test_adders(samples):
    config = whole(samples, 8)
    text = convert(ParallelTransform(config), name="parallel")
    assert len(re.findall(r"^  assign .*\$signed.* [+-] ", text, re.M)) == config.adders
    assert config.adders == samples * config.stages


def test_mistakes():
    with pytest.raises(TypeError, match="config must be a Pipeline, not 16"):
        ParallelTransform(16)
    with pytest.raises(ValueError, match="lanes must be all 16 samples of the transform, not 4"):
        ParallelTransform(Pipeline(samples=16, lanes=4))
