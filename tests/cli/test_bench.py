# SPDX-License-Identifier: Apache-2.0
"""``luthier bench gemv`` on golden devices."""

import json
import re
import shlex

import numpy as np
import pytest

from luthier.cli.main import main
from luthier.cli.options import FORMATS, random_weights
from luthier.golden.config import load_configuration
from luthier.host import Layer

SMALL = ["bench", "gemv", "--device", "golden:tiny", "--rows", "30", "--columns", "100"]


@pytest.mark.parametrize("format", FORMATS)
def test_random_weights_mean_what_they_say(format):
    weights, integers = random_weights(np.random.default_rng(3), format, 9, 50)
    assert (weights.values == integers).all() and weights.trits == (format == "ternary")
    top = 1 if format == "ternary" else 2 ** int(format[1:]) - 1
    assert (integers.max(), integers.min()) == (top, -top) or format in ("w7", "w8")


@pytest.mark.parametrize("format", FORMATS)
def test_json(capsys, format):
    assert main([*SMALL, "--format", format, "--tokens", "2", "--seed", "5", "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["results"] == 60 and data["mismatches"] == 0 and data["seed"] == 5
    assert data["cycles"] == data["declared_cycles"] > data["beats"] > 0
    assert 0 < data["efficiency"] < 1 and data["link_bytes"] > 0 and data["upload_bytes"] > 0
    planes = 1 if format == "ternary" else int(format[1:])
    beats = 30 * planes * -(-100 // (40 if format == "ternary" else 64))
    assert data["bits_per_weight"] == beats * 64 / 3000 and data["beats"] == 2 * beats
    assert data["projected_seconds"] == data["cycles"] / data["clock_hz"]
    assert data["config_hash"] == load_configuration("tiny").hash.hex()
    assert data["cycles_per_second"] is None and data["build_seconds"] is None


def test_table(capsys, tmp_path):
    assert main([*SMALL, "--json", str(tmp_path / "out.json")]) == 0
    out = capsys.readouterr().out
    for text in ("golden:tiny: configuration tiny, hash ae6b5da4", "ternary-30x100", "mismatches",
                 "efficiency", "bits per weight in memory", "time at 50 MHz"):
        assert text in out
    assert json.loads((tmp_path / "out.json").read_text())["rows"] == 30


@pytest.mark.parametrize("format", ["ternary", "w1", "w4", "w8"])
def test_a_flipped_bit_fails_and_the_command_repeats_it(capsys, format):
    command = [*SMALL, "--format", format, "--seed", "2", "--flip-weight-bit", "17,99"]
    assert main([*command, "--json", "-"]) == 1
    first = capsys.readouterr()
    assert json.loads(first.out)["mismatches"] == 1
    found = re.search(rf"error: layer {format}-30x100, row 17, token 0: expected -?\d+, got -?\d+; "
                      r"1 of 30 results compared differ; reproduce with: luthier (.*)", first.err)
    assert found
    assert main(shlex.split(found[1])) == 1
    assert found[0] in capsys.readouterr().err


def test_a_flip_without_effect_is_the_users_mistake(capsys, monkeypatch):
    monkeypatch.setattr(Layer, "flip_weight_bit", lambda self, row, column: None)
    assert main([*SMALL, "--flip-weight-bit", "0,99"]) == 2
    assert "row 0, column 99 changes no result" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "code", "message"), [
    (["--format", "w9"], 2, "--format must be ternary or w1 to w8, not 'w9'"),
    (["--flip-weight-bit", "3"], 2, "--flip-weight-bit must be ROW,COLUMN, such as 17,100, not "
                                    "'3'"),
    (["--flip-weight-bit", "3,-1"], 2, "must be ROW,COLUMN"),
    (["--flip-weight-bit", "30,0"], 2, "row must be between 0 and 29 in layer ternary-30x100"),
    (["--rows", "0"], 2, "--rows"),
    (["--rows", "100000", "--columns", "100000"], 2, "layer ternary-100000x100000 has 100000 rows, "
                                                     "99488 more than table.max_rows (512)"),
    (["--tokens", "100000000"], 2, "--tokens must be at most 1032444 with 30 rows and 100 columns, "
                                   "not 100000000"),
    (["--columns", "513"], 2, "1 more than table.max_columns (512)"),
    (["--device", "golden:none"], 2, "no configuration called 'none'"),
    (["--device", "other"], 2, "socket://HOST:PORT, not 'other'"),
    (["--device", "serial:/dev/ttyNOWHERE"], 4, "there is no serial port /dev/ttyNOWHERE"),
    (["--json", "/nowhere/x"], 2, "there is no folder /nowhere"),
])
def test_mistakes(capsys, arguments, code, message):
    assert main([*SMALL, *arguments]) == code
    assert message in capsys.readouterr().err


def test_help(capsys):
    assert main(["bench", "gemv", "--help"]) == 0
    assert "--flip-weight-bit" in capsys.readouterr().out


@pytest.mark.parametrize("format, group, type", [
    ("ternary", None, "int8"), ("ternary", "0", "int16"), ("w4", "16", "int8"),
    ("w3", "64", "int32"), ("w8", "0", "int16")])
def test_scaled(capsys, format, group, type):
    command = [*SMALL, "--format", format, "--output", type, "--tokens", "2", "--json", "-"]
    assert main(command + ([] if group is None else ["--group", group])) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["results"], data["mismatches"], data["output"]) == (60, 0, type)
    assert data["group"] == int(group or 0) and data["cycles"] == data["declared_cycles"]
    plain = {"ternary": 3, "w3": 6, "w4": 8, "w8": 16}[format] * 30 * 64 / 3000
    assert data["bits_per_weight"] == plain if group is None else data["bits_per_weight"] > plain


def test_a_flipped_bit_in_scaled_results(capsys):
    command = [*SMALL, "--format", "w4", "--output", "int32", "--group", "32",
               "--flip-weight-bit", "17,99"]
    assert main(command) == 1
    err = capsys.readouterr().err
    assert "row 17" in err and "--output int32 --group 32 --flip-weight-bit 17,99" in err


def test_chain(capsys):
    command = ["bench", "chain", "--device", "golden:tiny", "--rows", "60", "--columns", "80",
               "--layers", "3", "--json", "-"]
    assert main(command) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["results"], data["mismatches"], data["operations"]) == (60, 0, 3)
    assert data["bytes_between_layers"] == 0 < data["link_bytes"] < 400
    assert 0.3 < data["efficiency"] < 1


@pytest.mark.parametrize(("options", "message"), [
    (["gemv", "--output", "int4"], "--output must be int8, int16 or int32, not 'int4'"),
    (["gemv", "--group", "16"], "--group is for scaled results; give --output TYPE, too"),
    (["gemv", "--rows", "9", "--columns", "99", "--group", "8", "--output", "int8", "--format",
      "w2"], "must be multiples of table.smallest_group"),
    (["chain", "--format", "w9"], "--format must be ternary or w1 to w8, not 'w9'"),
    (["chain", "--rows", "600", "--columns", "100"], "88 more than table.max_rows"),
    (["chain"], "the size of an input must be between 1 and 512 (table.max_columns of configurat"),
])
def test_mistakes_with_scales(capsys, options, message):
    assert main(["bench", options[0], "--device", "golden:tiny", *options[1:]]) == 2
    assert message in capsys.readouterr().err
