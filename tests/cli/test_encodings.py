# SPDX-License-Identifier: Apache-2.0
"""``luthier bench encodings``: against bytes that are made, and one sentence for mistakes."""

import json

import numpy as np
import pytest

from luthier.cli.main import main
from luthier.host import SparseWeights, prune

SMALL = ["bench", "encodings", "--rows", "16", "--columns", "512"]


def test_json_is_what_bytes_take(capsys):
    assert main([*SMALL, "--json", "-"]) == 0
    rows = {row["pattern"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    matrix = np.full((16, 512), 5)
    for kept, block in ((2, 4), (8, 16), (2, 16)):
        row, pruned = rows[f"{kept}:{block}"], prune(matrix, kept, block)
        assert row["share"] == kept / block
        for encoding in ("index", "bitmap"):
            found = SparseWeights(pruned, 4, pattern=(kept, block), encoding=encoding)
            assert row["bits"][encoding] == 8 * found.beats.size / matrix.size
    assert rows["2:4"]["smallest"] == "pairs" and rows["8:16"]["smallest"] == "bitmap"
    assert rows["dense"]["smallest"] == "dense" and rows["1 % of weights"]["smallest"] == "csr"
    assert rows["50 % of groups"]["smallest"] == "bsr"


def test_table_and_plot(capsys, tmp_path):
    path = tmp_path / "bits.svg"
    assert main([*SMALL, "--bits", "8", "--plot", str(path)]) == 0
    assert "50 % of groups" in capsys.readouterr().out
    first = path.read_text()
    assert "<svg" in first


@pytest.mark.parametrize("options, text", [
    (["--bits", "5"], "--bits must be 4 or 8, not 5"),
    (["--beat-bits", "100"], "--beat-bits must be 64, 128, 256 or 512, not 100"),
    (["--rows", "99999"], "--rows times --columns must be at most 16777216, not 51199488"),
])
def test_mistakes(options, text, capsys):
    assert main([*SMALL, *options]) == 2
    assert text in capsys.readouterr().err
