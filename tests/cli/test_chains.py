# SPDX-License-Identifier: Apache-2.0
"""``luthier bench sparse``."""

import json

import pytest
from typer.testing import CliRunner

from luthier.cli.main import app
from luthier.golden.errors import CheckFailed
from luthier.golden.sparse import Chain
from luthier.hw.sparse import SparseChain
from luthier.sim.busy_chain import BusyChain


def rows_of(tmp_path, *options):
    path = tmp_path / "sparse.json"
    result = CliRunner().invoke(app, ["bench", "sparse", *options, "--json", str(path), "--plot",
                                      str(tmp_path / "sparse.png")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "sparse.png").stat().st_size
    return json.loads(path.read_text())["rows"]


def check(rows):
    for row in rows:
        assert row["dsp_busy"] >= 0.97
        assert row["dsp"] == row["slots"]
        if row["pattern"] != "mixed":
            kept, _, _ = row["pattern"].partition(":")
            share = 1 if kept == "dense" else row["block"] / int(kept)
            packed = 2 if row["packing"] == "rows" else 1
            assert row["macs_per_dsp_per_cycle"] == pytest.approx(share * packed, rel=0.03)


def test_grid(tmp_path):
    rows = rows_of(tmp_path, "--slots", "4", "--blocks", "4", "--precisions", "w4a8")
    assert [(row["design"], row["pattern"]) for row in rows] == [
        ("dense", "dense"), *(("sparse", name) for name in ("1:4", "2:4", "dense", "mixed"))]
    assert {"precision", "bits_per_weight", "lut", "fmax_mhz"} <= set(rows[0])
    check(rows)


@pytest.mark.nightly
@pytest.mark.parametrize("target", ["ecp5", "xc7"])
def test_whole_grid(tmp_path, target):
    """64 multipliers: busy, and as many dense products as declared, whatever the pattern."""
    check(rows_of(tmp_path, "--target", target))


@pytest.mark.parametrize("options, message", [
    (["--blocks", "5"], "M must be 4, 8 or 16, not 5"),
    (["--precisions", "w3a3"], "a precision must be w8a8, w4a8, w4a4, not 'w3a3'"),
    (["--slots", "12"], "slots must be a power of two"),
    (["--target", "asic"], "--target must be ecp5 or xc7, not 'asic'"),
])
def test_wrong_options(options, message):
    result = CliRunner().invoke(app, ["bench", "sparse", *options])
    assert result.exit_code != 0
    assert message in f"{result.output}{result.exception}"


def test_wrong_sums_are_found(monkeypatch):
    chain = BusyChain(SparseChain(Chain(slots=4, block=4, least=2, lanes=2)), cycles=8)
    monkeypatch.setattr("luthier.sim.chain_case.chain_sums", lambda config, *rest: [1] * 4)
    with pytest.raises(CheckFailed, match="sums are not those of the golden model"):
        chain.run((2,))
