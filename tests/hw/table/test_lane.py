# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The lane that is measured: tables of a builder, beats of weights, and NumPy's sums."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring

from luthier.golden.config import Configuration
from luthier.golden.table import columns_per_beat
from luthier.golden.weights import pack_planes, pack_trits
from luthier.hw.table.builder import TableBuilder
from luthier.hw.table.lanes import TableLane
from luthier.sim.streams import simulate


class Built(wiring.Component):
    """A lane with its builder."""

    def __init__(self, config):
        self.builder, self.lane = TableBuilder(config), TableLane(config)
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.builder, m.submodules.lane = builder, lane = self.builder, self.lane
        m.d.comb += [a.eq(b) for a, b in zip(lane.entry, builder.entry, strict=True)]
        m.d.comb += [
            lane.write.eq(builder.write), lane.write_phase.eq(builder.phase),
            lane.write_bank.eq(builder.bank), lane.address_even.eq(builder.address_even),
            lane.address_odd.eq(builder.address_odd),
        ]
        return m


@pytest.mark.parametrize("trits", [False, True], ids=["planes", "trits"])
@pytest.mark.parametrize("bits, scaled", [(64, False), (128, False), (64, True)])
def test_sums(bits, scaled, trits):
    config = Configuration.from_data({"name": "test", "table": {
        "beat_bits": bits, "row_block": 32, "scaled": scaled}})
    columns, rows = columns_per_beat(config, trits), 24
    rng = np.random.default_rng(5)
    x = rng.integers(-128, 128, columns)
    weights = rng.choice([-1, 0, 1] if trits else [-1, 1], (rows, columns))
    weights[0] = 1
    beats = pack_trits(weights, bits, 32) if trits else pack_planes(weights, 1, bits, 32)
    unit, got = Built(config), []
    builder, lane, per_word = unit.builder, unit.lane, config.activations_per_word

    async def drive(ctx):
        ctx.set(builder.command.payload, {"trits": trits, "rows": 1, "columns": columns})
        ctx.set(builder.command.valid, 1)
        await ctx.tick().until(builder.command.ready)
        ctx.set(builder.command.valid, 0)
        for start in range(0, columns, per_word):
            ctx.set(builder.activations.payload, [int(v) for v in x[start : start + per_word]])
            ctx.set(builder.activations.valid, 1)
            await ctx.tick().until(builder.activations.ready)
        ctx.set(builder.activations.valid, 0)
        await ctx.tick().until(builder.ready[0])
        ctx.set(lane.trits, trits)
        for number in range(rows + lane.latency):
            ctx.set(lane.valid, number < rows)
            if number < rows:
                ctx.set(lane.weights, int.from_bytes(beats[number].tobytes(), "little"))
            if number >= lane.latency:
                got.append(ctx.get(lane.total) * (-1 if ctx.get(lane.negate) else 1))
            await ctx.tick()

    simulate(unit, [drive])
    assert got == (weights @ x).tolist()
