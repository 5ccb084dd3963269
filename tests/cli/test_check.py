# SPDX-License-Identifier: Apache-2.0
"""``luthier check`` on golden devices, good and broken ones."""

import json
import re
import shlex

import numpy as np
import pytest

from luthier.cli.main import main
from luthier.cli.operations import SHAPES, random_operation
from luthier.golden import table
from luthier.golden.config import load_configuration, named_configurations
from luthier.golden.descriptor import Descriptor
from luthier.golden.engine import Engine
from luthier.golden.errors import DeviceError


@pytest.mark.parametrize("name", named_configurations())
def test_operations_cover_the_corners_and_fit(name):
    config = load_configuration(name)
    seen = [random_operation(config, 1, index) for index in range(150)]
    formats = {operation.format for operation in seen}
    assert len(formats) == 9 and {operation.shape for operation in seen} == set(SHAPES)
    rows = [operation.integers.shape[0] for operation in seen]
    columns = [operation.integers.shape[1] for operation in seen]
    assert min(rows) == min(columns) == 1 and max(rows) > config.table.row_block
    assert max(columns) > 2 * config.table.beat_bits and max(len(o.x) for o in seen) > 5
    half = 1 << config.table.activation_bits - 1
    assert any((o.x == -half).all() for o in seen)
    assert all(-half <= o.x.min() and o.x.max() < half for o in seen)
    for operation in seen:
        assert (operation.weights.values == operation.integers).all()
        table.check_range(config, columns=operation.integers.shape[1],
                          planes=operation.weights.planes, trits=operation.weights.trits)
        assert operation.weights.beats(config) < config.memory.words // 2


def test_an_operation_can_be_had_alone():
    config = load_configuration("tiny")
    one, same, other = (random_operation(config, *key) for key in ((4, 9), (4, 9), (5, 9)))
    assert str(one) == str(same) and (one.x == same.x).all() and (
        one.integers == same.integers).all()
    assert one.x.shape != other.x.shape or (one.x != other.x).any()


@pytest.mark.parametrize("name", named_configurations())
def test_json(capsys, name):
    assert main(["check", "--device", f"golden:{name}", "--operations", "40", "--seed", "3",
                 "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["operations"] == 40 and data["mismatches"] == data["cycle_mismatches"] == 0
    assert data["results"] > 500 and data["seed"] == 3 and data["schema"] == 1
    assert data["config"] == name


def test_lines(capsys):
    assert main(["check", "--device", "golden:tiny", "-n", "7"]) == 0
    out = capsys.readouterr().out
    assert "operations  7, seed 0" in out and "compared, 0 wrong" in out
    assert "0 operations took other than the declared cycles" in out


def breaks(monkeypatch, when):
    """Let the golden engine be wrong in one result of some operations."""
    real = Engine._multiply

    def wrong(self, packed, x, d: Descriptor):
        sums, of_x = real(self, packed, x, d)
        if when(d):
            sums[-1] += 1
        return sums, of_x

    monkeypatch.setattr(Engine, "_multiply", wrong)


def test_a_wrong_result_fails_and_the_command_repeats_it(capsys, monkeypatch):
    breaks(monkeypatch, lambda d: d.trits and not d.flags & Descriptor.SATURATE)
    assert main(["check", "--device", "golden:tiny", "-n", "30", "--seed", "1", "--json", "-"]) == 1
    first = capsys.readouterr()
    data = json.loads(first.out)
    assert data["operations"] == 30 and data["mismatches"] > 1 and not data["cycle_mismatches"]
    found = re.findall(r"layer operation \d+: ternary .*, row \d+, token \d+: expected (-?\d+), "
                       r"got (-?\d+); .* reproduce with: luthier (.*)", first.err)
    assert found and all(int(got) == int(expected) + 1 for expected, got, _ in found)
    assert main(shlex.split(found[0][2])) == 1
    again = capsys.readouterr()
    assert "operations  1, seed 1" in again.out and f"expected {found[0][0]}, got" in again.err


def test_wrong_cycles_fail(capsys, monkeypatch):
    real = Engine._table

    def slow(self, d):
        figures = real(self, d)
        return figures | {"cycles": figures["cycles"] + (d.rows > 20)}

    monkeypatch.setattr(Engine, "_table", slow)
    assert main(["check", "--device", "golden:tiny", "-n", "20"]) == 1
    captured = capsys.readouterr()
    assert re.search(r"took \d+ cycles, declared are \d+; reproduce with: luthier check --device "
                     r"golden:tiny --operations 1 --start \d+ --seed 0", captured.err)
    assert "compared, 0 wrong" in captured.out


def test_a_device_that_fails_says_in_which_operation(capsys, monkeypatch):
    real, count = Engine.run, [0]

    def run(self, *arguments):
        count[0] += 1
        if count[0] == 4:
            raise DeviceError("it broke")
        return real(self, *arguments)

    monkeypatch.setattr(Engine, "run", run)
    assert main(["check", "--device", "golden:tiny", "-n", "10"]) == 4
    err = capsys.readouterr().err
    assert re.search(r"operation 3 \(.*\) ended early; reproduce with: .* --start 3 ", err)
    assert "it broke" in err


def test_mistakes(capsys):
    assert main(["check", "--device", "golden:tiny", "-n", "0"]) == 2
    assert main(["check", "--device", "tiny"]) == 2
    assert "golden:CONFIG" in capsys.readouterr().err


def test_the_reference_is_independent_of_packing():
    """Canonical integers come from the definition, not from Weights."""
    operation = next(o for o in (random_operation(load_configuration("tiny"), 0, i)
                                 for i in range(50)) if o.format == "w3")
    assert operation.integers.dtype == np.int64 and (operation.integers % 2 == 1).all()
    assert abs(operation.integers).max() <= 7
