# SPDX-License-Identifier: Apache-2.0
"""``luthier bench density``: a run, and one sentence for each mistake."""

import json

import pytest

from luthier.cli.main import main
from luthier.gen.density import Design, Rate
from luthier.hw.baseline import SignLane


@pytest.mark.nightly
@pytest.mark.parametrize("target", ["xc7", "ecp5", "ice40"])
def test_run(target, tmp_path, capsys):
    file, plot = tmp_path / "density.json", tmp_path / "density.svg"
    assert main(["bench", "density", "--target", target, "--beat-bits", "64", "--plot", str(plot),
                 "--json", str(file)]) == 0
    rows = json.loads(file.read_text())["rows"]
    assert {row["design"] for row in rows} >= {"add or subtract", "multiply in DSPs"}
    assert any(row["store"] == "lutram" for row in rows) == (target != "ice40")
    assert all(row["lut_per_weight"] > 0 for row in rows)
    assert plot.read_text().startswith("<?xml") and "denser by" in capsys.readouterr().out


@pytest.mark.parametrize("small", [True, pytest.param(False, marks=pytest.mark.nightly)])
def test_run_with_routes(small, tmp_path, capsys, monkeypatch):
    if small:
        monkeypatch.setattr("luthier.gen.density.designs", lambda *sizes: [Design(
            "small", "unit", lambda: SignLane(columns=8, activation_bits=4),
            (Rate("planes", 1, 8),))])
    file = tmp_path / "density.json"
    assert main(["bench", "density", "--target", "ice40", "--beat-bits", "64", "--route", "--json",
                 str(file)]) == 0
    found = json.loads(file.read_text())
    assert found["device"] == "iCE40HX8K CT256" and found["seeds"] == [1, 2, 3]
    for row in found["rows"]:
        if row["part"] == "unit":
            assert row["fmax_mhz"] == sorted(row["fmax_seeds_mhz"])[1] > 50
        else:
            assert row["fmax_mhz"] is row["fmax_seeds_mhz"] is None
    out = capsys.readouterr().out
    assert "LUT/weight  MHz" in out and f"{found['rows'][0]['fmax_mhz']:.1f}" in out
    assert "MHz: of the clock on the iCE40HX8K CT256, median of 3 seeds" in out


@pytest.mark.parametrize("options, sentence", [
    (["--target", "xc9"], "--target must be xc7, ecp5, ice40 or asic, not 'xc9'"),
    (["--target", "asic"], "--target asic needs the cells: give --liberty FILE"),
    (["--liberty", "x.lib"], "--liberty is for --target asic, not xc7; leave it out"),
    (["--target", "asic", "--liberty", "no.lib"], "--liberty no.lib: there is no such file"),
    (["--route"], "--route is for --target ecp5 or ice40, not xc7; leave it out"),
    (["--plot", "x.pdf"], "--plot x.pdf: the name must end in .png or .svg"),
    (["--plot", "no/x.png"], "--plot no/x.png: there is no folder no; create it first"),
    (["--beat-bits", "96"], "table.beat_bits must be 64, 128, 256 or 512, not 96"),
    (["--activation-bits", "3"], "table.activation_bits")])
def test_mistakes(options, sentence, capsys):
    assert main(["bench", "density", *options]) == 2
    assert sentence in capsys.readouterr().err
