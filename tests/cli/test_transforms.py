# SPDX-License-Identifier: Apache-2.0
"""``luthier bench fwht``: a run, and one sentence for each mistake."""

import json

import pytest

from luthier.cli.main import main
from luthier.gen.transforms import designs

SMALL = ["bench", "fwht", "--sizes", "4", "--lanes", "1,16", "--widths", "3"]


@pytest.mark.parametrize("target", ["ecp5", pytest.param("xc7", marks=pytest.mark.nightly)])
def test_run(target, tmp_path, capsys):
    file, plot = tmp_path / "fwht.json", tmp_path / "fwht.svg"
    assert main([*SMALL, "--target", target, "--plot", str(plot), "--json", str(file)]) == 0
    rows = json.loads(file.read_text())["rows"]
    assert [(row["design"], row["n"], row["p"], row["width"]) for row in rows] == [
        ("pipeline", 4, 1, 3), ("pipeline", 4, 4, 3), ("parallel", 4, 4, 3)]
    for row in rows:
        assert row["first_result"] == row["declared_first_result"]
        assert row["adders"] <= row["bound_adders"] == 2 * row["p"] * 2
        assert row["memory_bits"] >= row["bound_bits"] * (row["design"] == "pipeline")
        assert row["lut_per_sample"] == row["sites"] / row["p"] > 0
        assert row["fmax_mhz"] is None and not row["block_ram"]
    _, pipeline, parallel = rows
    assert parallel["sites"] < pipeline["sites"]
    # A register of each result of each level, and of valid and last.
    assert parallel["ff"] == 4 * (4 + 5) + 2 * 2
    assert plot.read_text().startswith("<?xml") and "LUT/sample" in capsys.readouterr().out


@pytest.mark.nightly
def test_run_with_routes(tmp_path, capsys):
    file = tmp_path / "fwht.json"
    assert main([*SMALL, "--route", "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    assert all(row["fmax_mhz"] == sorted(row["fmax_seeds_mhz"])[1] > 50 for row in found["rows"])
    assert f"MHz: of the clock on the {found['device']}, median of 3" in capsys.readouterr().out


def test_designs_of_equal_throughput():
    chosen = designs([64, 1024], [1, 4], [8])
    assert [(design.name, design.config.samples, design.config.lanes) for design in chosen] == [
        ("pipeline", 64, 1), ("pipeline", 64, 4), ("pipeline", 64, 64), ("parallel", 64, 64),
        ("pipeline", 1024, 1), ("pipeline", 1024, 4)]


@pytest.mark.parametrize("options, sentence", [
    (["--target", "ice40"], "--target must be ecp5 or xc7, not 'ice40'"),
    (["--target", "xc7", "--route"], "--route is for --target ecp5 or ice40, not xc7; leave it"),
    (["--sizes", "16,x"], "--sizes must be numbers with commas, such as 4,8, not '16,x'"),
    (["--lanes", ""], "--lanes must be numbers with commas, such as 4,8, not ''"),
    (["--sizes", "48"], "samples must be a power of two from 2 to 32768, not 48"),
    (["--lanes", "3"], "lanes must be a power of two from 1 to 64, not 3"),
    (["--widths", "17"], "width must be between 2 and 16 bits, not 17; the nearest is 16"),
    (["--plot", "x.pdf"], "--plot x.pdf: the name must end in .png or .svg")])
def test_mistakes(options, sentence, capsys):
    assert main(["bench", "fwht", *options]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
