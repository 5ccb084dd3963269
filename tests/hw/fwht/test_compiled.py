# SPDX-License-Identifier: Apache-2.0
"""The Walsh-Hadamard pipeline against its golden model, compiled: all shapes, long runs."""

import numpy as np
import pytest

from luthier.golden.fwht import ORDERS, Pipeline
from luthier.hw.fwht import WalshHadamard
from luthier.sim.compiled import CompiledUnit
from luthier.sim.transform_case import TransformCase


def shapes():
    """Return a parameter for each shape: N, P, w; the widths in turn."""
    found = [(1 << bits, 1 << lane_bits) for bits in range(1, 13) for lane_bits in range(5)
             if lane_bits <= bits]
    found += [(8192, 2), (16384, 4), (32768, 1), (32768, 8), (256, 64), (64, 32), (64, 64)]
    for number, (samples, lanes) in enumerate(found):
        # One with block RAM, LUT RAM and registers is for every day.
        marks = [] if (samples, lanes) == (256, 2) else pytest.mark.nightly
        yield pytest.param(samples, lanes, 4 + number % 13, marks=marks,
                           id=f"{samples}-{lanes}-{4 + number % 13}")


def check(unit, case, seed, **options):
    """Compare the results; return when beats were taken and results were made."""
    outputs, taken = unit.run({"i": case.beats}, {"o": len(case.results)}, seed=seed,
                              limit=2000 + 80 * len(case.results), **options)
    assert [made.payload for made in outputs["o"]] == case.results, f"seed {seed}"
    return np.array(taken["i"]), np.array([made.cycle for made in outputs["o"]])


@pytest.mark.parametrize("samples, lanes, width", list(shapes()))
def test_shape(samples, lanes, width):
    """Sizes in any order, with random stalls and without; corners; full rate; rest, and reset."""
    config = Pipeline(samples=samples, lanes=lanes, width=width, order=ORDERS[width % 3])
    unit, rng = CompiledUnit(WalshHadamard(config)), np.random.default_rng(samples + lanes)
    sizes = [1 << bits for bits in range(config.stages + 1)]
    few = max(2, min(30, 20000 // samples))
    for seed, (p_valid, p_ready) in enumerate([(1, 1), (0.3, 1), (1, 0.3), (0.6, 0.6), (0.9, 0.8)]):
        case = TransformCase(config)
        case.add_random(rng, [*sizes[::-1], *rng.choice(sizes, few), samples, *sizes], (1, 1, 2, 5))
        check(unit, case, seed, p_valid=p_valid, p_ready=p_ready)
    case = TransformCase(config)
    case.add_corners(samples)
    case.add_corners(max(1, samples // 2))
    case.add_corners(lanes)
    check(unit, case, 1)
    for size in (samples, max(1, samples // 2), lanes, 1):
        case = TransformCase(config)
        case.add_random(rng, [size] * 3)
        taken, made = check(unit, case, 1)
        assert (made - taken[0] == config.latency(size) + np.arange(len(made))).all()
        assert (np.diff(taken) == 1).all()
        # Reset in mid-stream: what was under way is gone.
        check(unit, case, 2, p_valid=0.8, p_ready=0.7, reset_at=3 + len(case.beats) // 2)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(4))
def test_long_random_runs(seed):
    """A million cycles of packets of any size, at any rate."""
    config = Pipeline(samples=512, lanes=2, width=8)
    unit, rng, cycles = CompiledUnit(WalshHadamard(config)), np.random.default_rng(seed), 0
    while cycles < 1_000_000:
        case = TransformCase(config)
        case.add_random(rng, 1 << rng.integers(0, config.stages + 1, 200), (1, 2, 3))
        p_valid, p_ready = rng.choice([1.0, 0.9, 0.5, 0.2], 2)
        _, made = check(unit, case, int(rng.integers(1 << 30)), p_valid=p_valid, p_ready=p_ready)
        cycles += int(made[-1])
