# SPDX-License-Identifier: Apache-2.0
"""``luthier bench cycles``: against runs of the golden device, and one sentence for mistakes."""

import json
import re

import pytest

from luthier.cli.cycles import GOAL, REASONS, grid, operation
from luthier.cli.main import main
from luthier.golden.config import Configuration, load_configuration
from luthier.golden.descriptor import Descriptor
from luthier.golden.losses import losses

TINY = load_configuration("tiny")
KINDS = [("ternary", None), *((f"w{bits}", None) for bits in (1, 2, 4, 8)),
         ("ternary", 0), *((f"w{bits}", 0) for bits in (1, 2, 4, 8)),
         *((f"w{bits}", 32) for bits in (1, 2, 4, 8))]


def kinds(rows):
    return list(dict.fromkeys((row["format"], row["group"]) for row in rows))


@pytest.mark.parametrize("format, group", KINDS)
def test_a_measured_run(format, group, capsys):
    """The device takes these cycles for what the driver makes of such a layer."""
    rows = [row for row in grid(TINY) if (row["format"], row["group"]) == (format, group)]
    shapes = [row for row in rows if row["fits"]][::9]
    assert len(shapes) >= 3
    for row in shapes:
        command = ["bench", "gemv", "--device", "golden:tiny", "--rows", str(row["rows"]),
                   "--columns", str(row["columns"]), "--format", format, "--json", "-"]
        if group is not None:
            command += ["--output", "int8", "--group", str(group)]
        assert main(command) == 0
        measured = json.loads(capsys.readouterr().out)
        for key in ("cycles", "beats", "efficiency"):
            assert measured[key] == row[key], (row, key)


def test_json(capsys):
    assert main(["bench", "cycles", "--config", "tiny", "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["config"] == "tiny" and kinds(data["rows"]) == KINDS
    for row in data["rows"]:
        assert row["work"] + sum(row["losses"].values()) == pytest.approx(row["cycles"], abs=1e-6)
        assert row["work"] / row["cycles"] == pytest.approx(row["efficiency"])
        assert (row["reason"] is None) == (row["efficiency"] >= GOAL)
        largest = max(row["losses"], key=row["losses"].get)
        assert row["reason"] in (None, REASONS[largest])
    assert {row["rows"] for row in data["rows"]} == {1, 4, 16, 64, 256, 512}
    assert {row["columns"] for row in data["rows"]} == {16, 32, 64, 128, 256, 512}
    # Two groups a tile never keep the scaler busy.
    assert {row["reason"] for row in data["rows"]} == {None, *REASONS.values()} - {
        REASONS["scaler"]}


def test_areas_cover_what_is_below(capsys, tmp_path):
    """Each shape below 97 % is in one line of the last table, with its reason; no other is."""
    file = tmp_path / "cycles.json"
    assert main(["bench", "cycles", "--config", "tiny", "--json", str(file)]) == 0
    head, tail = capsys.readouterr().out.split("\nBelow 97 %\n")
    assert "\nw4, groups of 32\n" in head and "larger than the memories" in head
    rows = json.loads(file.read_text())["rows"]
    covered = []
    for line in tail.splitlines()[1:]:
        title, *ranges, reason = re.split(r"  +", line)
        (r0, r1), (c0, c1), (p0, p1) = ((float(text.split()[0]), float(text.split()[-1]))
                                        for text in ranges)
        for place, row in enumerate(rows):
            name = row["format"] + {None: "", 0: ", scaled rows", 32: ", groups of 32"}[
                row["group"]]
            if name == title and r0 <= row["rows"] <= r1 and c0 <= row["columns"] <= c1:
                assert row["reason"] == reason
                assert p0 <= 100 * row["efficiency"] < p1 + 0.1 and p1 < 97
                covered.append(place)
    assert sorted(covered) == [place for place, row in enumerate(rows) if row["reason"]]


@pytest.mark.parametrize("table, expected", [
    ({"alphabets": "trits"}, [("ternary", None), ("ternary", 0)]),
    ({"alphabets": "planes", "scaled": False}, KINDS[1:5]),
    ({"smallest_group": 64},
     [*KINDS[:10], *((f"w{bits}", 128) for bits in (1, 2, 4, 8))])])
def test_only_what_the_device_has(table, expected):
    rows = grid(Configuration.from_data(
        {"name": "some", "table": {**table, "max_rows": 20, "max_columns": 100}}))
    assert kinds(rows) == expected
    assert {row["rows"] for row in rows} == {1, 4, 16, 20}
    assert {row["columns"] for row in rows} == {16, 32, 64, 100}


def test_no_sum_that_leaves_int32():
    rows = grid(load_configuration("a16"))
    assert max(row["columns"] for row in rows if row["format"] == "w8") == 257
    assert max(row["columns"] for row in rows if row["format"] == "w1") == 4096


def test_operation():
    d = operation(TINY, "w4", 32, 20, 100)
    assert d.offsets and d.scaled and (d.group, d.planes_used) == (32, 4)
    assert (d.weights, d.scales, d.destination) == (8, 8 + 20 * 4 * 2, 13)
    assert not operation(TINY, "ternary", 0, 20, 100).offsets
    assert operation(TINY, "ternary", None, 20, 100).flags == Descriptor.TRITS
    assert operation(TINY, "w4", 32, 20, 32).group == 0
    assert losses(TINY, d).cycles > 160


@pytest.mark.parametrize("suffix, head", [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_plot(suffix, head, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    config = tmp_path / "small.toml"
    config.write_text('name = "small"\n[table]\nalphabets = "trits"\nmax_rows = 16\n')
    plot = tmp_path / f"cycles.{suffix}"
    assert main(["bench", "cycles", "--config", str(config), "--plot", str(plot)]) == 0
    assert plot.read_bytes().startswith(head)
    assert "ternary, scaled rows" in capsys.readouterr().out


@pytest.mark.parametrize("options, sentence", [
    (["--config", "smal"], "there is no configuration called 'smal'"),
    (["--config", "no.toml"], "cannot read the configuration no.toml"),
    (["--plot", "x.pdf"], "--plot x.pdf: the name must end in .png or .svg"),
    (["--plot", "no/x.png"], "--plot no/x.png: there is no folder no; create it first"),
    (["--json", "no/x.json"], "--json no/x.json: there is no folder no")])
def test_mistakes(options, sentence, capsys):
    assert main(["bench", "cycles", *options]) == 2
    out, err = capsys.readouterr()
    assert sentence in err and err.count("\n") == 1 and out == ""
