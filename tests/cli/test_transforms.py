# SPDX-License-Identifier: Apache-2.0
"""``luthier bench fwht``: counts, theory beside them, and first results in a simulation."""

import json

import pytest

from luthier.cli.main import main


def test_a_small_grid(tmp_path, capsys):
    assert main(["bench", "fwht", "--size", "16", "--lanes", "1", "--lanes", "4", "--width", "6",
                 "--json", str(tmp_path / "f.json"), "--plot", str(tmp_path / "f.svg")]) == 0
    rows = json.loads((tmp_path / "f.json").read_text())["rows"]
    assert [(row["design"], row["n"], row["p"]) for row in rows] == [
        ("pipeline", 16, 1), ("pipeline", 16, 4), ("pipeline", 16, 16), ("parallel", 16, 16)]
    for row in rows:
        assert row["first_output"] == row["latency"]
        assert row["adders"] <= row["least_adders"] == 2 * row["p"] * 4
        assert row["sites"] == row["lut"] + 2 * row["carry"] + row["ram_lut"]
        assert row["sites_per_sample"] == row["sites"] / row["p"]
        assert row["fmax_mhz"] is None
    # Words of 7, 8, 9 and 10 bits, 8, 4, 2 and 1 of them.
    assert rows[0]["memory_bits"] == 8 * 7 + 4 * 8 + 2 * 9 + 10
    assert (rows[0]["memory_words"], rows[0]["least_bits"]) == (15, 90)
    assert (rows[1]["latency"], rows[1]["least_latency"]) == (3 + 9, 3)
    assert (tmp_path / "f.svg").stat().st_size > 1000
    table = capsys.readouterr().out
    assert "sites/sample" in table and "parallel" in table


@pytest.mark.parametrize("arguments, sentence", [
    (["--target", "asic"], "--target must be xc7 or ecp5 or ice40, not 'asic'"),
    (["--target", "xc7", "--route"], "--route is for --target ecp5 or ice40, not xc7"),
    (["--size", "100"], "a power of two from 2 to 32768, not 100; the nearest is 128"),
    (["--width", "17"], "between 2 and 16 bits, not 17; the nearest is 16"),
    (["--plot", "x.txt"], "must end in .png or .svg"),
])
def test_mistakes(arguments, sentence, capsys):
    assert main(["bench", "fwht", *arguments]) == 2
    assert sentence in capsys.readouterr().err
