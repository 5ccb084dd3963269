# SPDX-License-Identifier: Apache-2.0
"""``luthier rotate``: errors with and without a transform."""

import json

import numpy as np
import pytest
from scipy.linalg import hadamard

from luthier.cli.main import main


def errors(x, bits, group):
    """The error of ordinary rounding to a grid, in floats and by itself."""
    parts = x.astype(float).reshape(len(x), -1, group)
    top = (1 << bits - 1) - 1
    step = np.maximum(abs(parts).max(axis=2, keepdims=True), 1) / top
    lost = parts - step * np.rint(parts / step)
    return float(np.sqrt((lost**2).sum() / (parts**2).sum()))


@pytest.mark.parametrize("bits", [3, 4])
def test_errors_are_those_of_floats(tmp_path, bits, capsys):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(4, 512)) * np.where(rng.random(512) < 0.01, 40, 1)
    np.save(tmp_path / "x.npy", x)
    assert main(["rotate", "--device", "golden:rotation", "--bits", str(bits), "--activations",
                 str(tmp_path / "x.npy"), "--json", str(tmp_path / "out.json"), "--plot",
                 str(tmp_path / "out.svg")]) == 0
    assert (tmp_path / "out.svg").stat().st_size > 1000
    result = json.loads((tmp_path / "out.json").read_text())
    given = np.rint(x * (2047 / abs(x).max())).astype(np.int64)
    assert [row["group"] for row in result["rows"]] == [None, 128, 32]
    for row in result["rows"]:
        size = row["group"] or 512
        assert row["error"] == pytest.approx(errors(given, bits, size), rel=1e-6)
        assert row["error_rotated"] == pytest.approx(
            errors(given @ hadamard(512), bits, size), rel=1e-6)
    assert result["rows"][0]["factor"] > 1
    assert "scale for each" in capsys.readouterr().out


def test_random_activations_have_outliers_that_rotation_spreads(capsys):
    assert main(["rotate", "--device", "golden:rotation", "--columns", "768", "--tokens", "3"]) == 0
    assert "seed 0" in capsys.readouterr().out


@pytest.mark.parametrize("arguments, sentence", [
    (["--device", "golden:tiny"], "golden:tiny has no transform; use sim:rotation"),
    (["--columns", "3000"], "not 3000; the nearest is 3072"),
    (["--activations", "nowhere.npy"], "cannot be read: No such file"),
    (["--activations", __file__], "cannot be read: it holds no array of numbers"),
    (["--plot", "x.pdf"], "must end in .png or .svg"),
])
def test_mistakes(arguments, sentence, capsys):
    assert main(["rotate", "--device", "golden:rotation", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_activations_of_zeros(tmp_path, capsys):
    np.save(tmp_path / "zeros.npy", np.zeros((2, 16)))
    assert main(["rotate", "--device", "golden:rotation", "--activations",
                 str(tmp_path / "zeros.npy")]) == 2
    assert "finite numbers, not all of them 0" in " ".join(capsys.readouterr().err.split())
