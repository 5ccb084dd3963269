# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The network of butterflies equals the golden transform, under stalls, each cycle one."""

import numpy as np
import pytest

from luthier.gen.transforms import Design
from luthier.golden.fwht import Pipeline
from luthier.hw.baseline import ButterflyNetwork
from luthier.sim.compiled import CompiledUnit
from luthier.sim.transform_case import TransformCase


def words(case):
    lanes, widths = case.config.lanes, case.config.widths
    return [[word & (1 << lanes * bits) - 1 for word in payloads]
            for payloads, bits in ((case.beats, widths[0]), (case.results, widths[-1]))]


@pytest.mark.parametrize("samples, width", [(2, 4), (8, 16), (32, 8)])
def test_transforms(samples, width, seed):
    config = Pipeline(samples=samples, lanes=samples, width=width)
    case = TransformCase(config)
    case.add_corners(samples)
    case.add_random(np.random.default_rng(seed), [samples] * 200)
    beats, results = words(case)
    design = Design("parallel", config)
    unit = CompiledUnit(design.make())
    got, taken = unit.run({"i": beats}, {"o": len(results)})
    assert [transfer.payload for transfer in got["o"]] == results
    assert got["o"][0].cycle - taken["i"][0] == design.latency == ButterflyNetwork(config).latency
    assert got["o"][-1].cycle - got["o"][0].cycle == len(results) - 1
    for stalls in ({"p_valid": 0.5, "p_ready": 0.4, "seed": seed},
                   {"p_ready": 0.3, "reset_at": 40}):
        got, _ = unit.run({"i": beats}, {"o": len(results)}, **stalls)
        assert [transfer.payload for transfer in got["o"]] == results


def test_fewer_lanes():
    with pytest.raises(ValueError, match="lanes must be samples .8., not 4"):
        ButterflyNetwork(Pipeline(samples=8, lanes=4))
    with pytest.raises(TypeError, match="config must be a Pipeline, not 8"):
        ButterflyNetwork(8)
