# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The lane that is measured: tables of a builder, beats of weights, and NumPy's sums."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from luthier.golden.config import Configuration
from luthier.golden.table import columns_per_beat
from luthier.golden.timing import reads_lanes
from luthier.golden.weights import pack_planes, pack_trits
from luthier.hw.lut_ram import LutRams
from luthier.hw.table.builder import TableBuilder
from luthier.hw.table.handover import written
from luthier.hw.table.lanes import TableLane
from luthier.hw.table.narrow_builder import NarrowBuilder
from luthier.hw.table.row_sequencer import RowSequencer
from luthier.sim.streams import simulate


class Built(wiring.Component):
    """A lane with its builder."""

    def __init__(self, config):
        self._config = config
        narrow = reads_lanes(config)
        self.builder = (NarrowBuilder if narrow else TableBuilder)(config)
        self.lane = TableLane(config)
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.builder, m.submodules.lane = builder, lane = self.builder, self.lane
        m.d.comb += [a.eq(b) for a, b in zip(lane.entry, builder.entry, strict=True)]
        m.d.comb += lane.write_bank.eq(builder.bank)
        m.d.comb += [getattr(lane, name).eq(getattr(builder, name))
                     for name in written(self._config, In)]
        return m


BOTH = ["planes", "trits"]


@pytest.mark.parametrize("bits, scaled, table, alphabet", [
    *((bits, scaled, {}, alphabet) for bits, scaled in ((64, False), (128, False), (64, True))
      for alphabet in BOTH),
    *((128, False, {"rounds": rounds, "alphabets": alphabets, "adder_inputs": inputs}, alphabet)
      for rounds, alphabets, inputs in ((2, "both", 3), (4, "both", 2), (4, "planes", 3),
                                        (4, "trits", 3), (1, "trits", 2), (2, "trits", 3))
      for alphabet in BOTH if alphabets in ("both", alphabet)),
    *((128, scaled, {"rounds": rounds, "alphabets": "planes", "k": k, "smallest_group": group,
                     "adder_inputs": inputs}, "planes")
      for k, rounds, group, inputs, scaled in (
          (5, 1, 128, 3, False), (5, 4, 64, 3, False), (5, 4, 16, 2, False),
          (5, 2, 64, 2, True), (6, 4, 16, 2, True),
          (6, 1, 32, 3, False), (6, 2, 128, 2, True))),
    *((bits, scaled, {"store": "blockram", "k": 8, "rounds": rounds, "alphabets": alphabets,
                      "activation_bits": a, "adder_inputs": inputs}, alphabet)
      for bits, scaled, rounds, alphabets, a, inputs in (
          (64, True, 1, "both", 8, 2), (128, False, 4, "both", 8, 3), (128, True, 4, "trits", 8, 2),
          (128, False, 2, "planes", 12, 2), (256, False, 4, "trits", 4, 2))
      for alphabet in BOTH if alphabets in ("both", alphabet)),
    # Seven pairs: a node by itself takes carries, too.
    (64, False, {"alphabets": "planes", "k": 5, "smallest_group": 64, "adder_inputs": 3}, "planes"),
    *((bits, False, {"activation_bits": a, "rounds": rounds}, alphabet)
      for bits, a, rounds in ((64, 16, 4), (64, 16, 1), (256, 16, 2), (512, 5, 4), (512, 9, 1))
      for alphabet in BOTH),
])
def test_sums(bits, scaled, table, alphabet):
    trits = alphabet == "trits"
    config = Configuration.from_data({"name": "test", "table": {
        "beat_bits": bits, "row_block": 32, "max_columns": 4096, "scaled": scaled, **table}})
    columns, rows = columns_per_beat(config, trits), 24
    rng = np.random.default_rng(5)
    half = 1 << config.table.activation_bits - 1
    x = rng.integers(-half, half, columns)
    x[rng.random(columns) < 0.2] = -half
    weights = rng.choice([-1, 0, 1] if trits else [-1, 1], (rows, columns))
    weights[0] = 1
    beats = (pack_trits(weights, config.table.layout) if trits else
             pack_planes(weights, 1, config.table.layout))
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
        await ctx.tick().until(builder.tile.valid)
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


def test_tables_deeper_than_needed(monkeypatch):
    """As in cells that are: entries beyond the depth of a table do not overwrite others."""
    monkeypatch.setattr("luthier.hw.table.lanes.LutRams",
                        lambda width, depths: LutRams(width, [max(depths)] * len(depths)))
    for alphabet in BOTH:
        test_sums(64, True, {"rounds": 2}, alphabet)
    test_sums(128, False, {"rounds": 4, "alphabets": "trits", "adder_inputs": 3}, "trits")


def test_wrong_configurations():
    """What the narrow builder and the sequencer of rows are not made for."""
    config = Configuration.from_data({"name": "case", "table": {}})
    with pytest.raises(ValueError, match="config must have deep tables of trits alone, in four"):
        NarrowBuilder(config)
    with pytest.raises(ValueError, match="config must have trits alone and no scales for rows"):
        RowSequencer(config)


def test_wrong_tokens():
    config = Configuration.from_data({"name": "case", "table": {"tokens": 2}})
    with pytest.raises(ValueError, match="tokens must be 1 for a lane by itself, not 2"):
        TableLane(config)
