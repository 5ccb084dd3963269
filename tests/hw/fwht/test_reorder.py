# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The reorder buffer against the golden model's orders."""

import re

import numpy as np
import pytest

from luthier.gen.verilog import convert
from luthier.golden.fwht import Pipeline, natural_rows
from luthier.hw.fwht import Reorder
from luthier.sim.streams import simulate, sink, source

#: N and P: from one lane to as many as samples, also between P and P**2.
SHAPES = [(2, 1), (16, 1), (32, 4), (32, 8), (8, 8)]


def case(config, rng, sizes):
    """Return beats in natural order and, as tuples, in the order of ``config``."""
    beats, expected, half = [], [], 1 << config.widths[-1] - 1
    for size in map(int, sizes):
        length, bits = max(size, config.lanes), size.bit_length() - 1
        y = rng.integers(-half, half, length)
        rows = y.reshape(-1, size)[:, natural_rows(size, config.order)].reshape(-1, config.lanes)
        count = len(rows)
        for beat, (natural, row) in enumerate(zip(y.reshape(rows.shape), rows)):
            beats.append({"samples": natural.tolist(), "log2_size": bits,
                          "last": int(beat == count - 1), "index": 0})
            expected.append((row.tolist(), bits, int(beat == count - 1), beat * config.lanes))
    return beats, expected


def run(config, beats, expected, p_valid=1.0, p_ready=1.0):
    unit, received, made = Reorder(config), [], []
    simulate(unit, [source(unit.i, beats, probability=p_valid, seed=1),
                    sink(unit.o, received, len(expected), probability=p_ready, seed=2,
                         times=made)], observed=[unit.o], limit=300 + 10 * len(beats))
    assert [(list(word.samples), word.log2_size, word.last, word.index)
            for word in received] == expected
    return made


@pytest.mark.parametrize("p_valid, p_ready", [(1, 1), (0.6, 0.6)])
@pytest.mark.parametrize("order", ["dyadic", "sequency"])
@pytest.mark.parametrize("samples, lanes", SHAPES)
def test_orders(samples, lanes, order, p_valid, p_ready):
    config, rng = Pipeline(samples=samples, lanes=lanes, width=4, order=order), \
        np.random.default_rng(samples)
    sizes = 1 << np.arange(config.stages + 1)
    run(config, *case(config, rng, [*sizes, *sizes[::-1], *rng.choice(sizes, 6)]), p_valid,
        p_ready)


@pytest.mark.parametrize("samples, lanes", SHAPES)
def test_latency_and_full_rate(samples, lanes):
    config = Pipeline(samples=samples, lanes=lanes, width=4, order="sequency")
    for size in {samples, max(1, samples // 2), 1}:
        made = run(config, *case(config, np.random.default_rng(1), [size] * 4))
        assert made == [Reorder(config).latency(size) + beat for beat in range(len(made))]


@pytest.mark.parametrize("samples, lanes", SHAPES)
def test_memory(samples, lanes):
    config = Pipeline(samples=samples, lanes=lanes, width=4, order="dyadic")
    unit = Reorder(config)
    words, bits = unit.words, config.widths[-1]
    memories = re.findall(r"^  reg \[(\d+):0\] \w+ \[(\d+):0\];", convert(unit), re.M)
    assert [int(most) + 1 for most, _ in memories] == [bits] * lanes
    assert sum(int(last) + 1 for _, last in memories) == words == 2 * samples


def test_wrong_arguments():
    with pytest.raises(TypeError, match="config must be a Pipeline, not 4"):
        Reorder(4)
    with pytest.raises(ValueError, match="order must be dyadic or sequency to reorder"):
        Reorder(Pipeline(samples=8))
