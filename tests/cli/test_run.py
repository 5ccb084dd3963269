# SPDX-License-Identifier: Apache-2.0
"""``luthier run`` on the golden device."""

import json
import re
import shlex

from luthier.cli.main import main
from luthier.golden.engine import Engine


def test_table(capsys):
    assert main(["run", "--device", "golden:default"]) == 0
    out = capsys.readouterr().out
    assert "golden:default: configuration default" in out
    assert "ternary-1024x1280" in out and "w4-1024x1024" in out and "time at 50 MHz" in out
    assert "2048 results compared with NumPy's 64-bit product: all are equal." in out


def test_json(capsys):
    assert main(["run", "--device", "golden:default", "--seed", "4", "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    ternary, w4 = data["layers"]
    assert data["results"] == 2048 and data["mismatches"] == 0 and data["seed"] == 4
    assert ternary["bits_per_weight"] == 1.6 and w4["bits_per_weight"] == 4
    assert data["cycles"] == ternary["cycles"] + w4["cycles"]
    assert min(ternary["efficiency"], w4["efficiency"]) > 0.97


def test_a_wrong_result_fails(capsys, monkeypatch):
    real = Engine._multiply

    def wrong(self, packed, x, d):
        y = real(self, packed, x, d)
        y[0][7] -= 2 * (not d.trits)
        return y

    monkeypatch.setattr(Engine, "_multiply", wrong)
    assert main(["run", "--device", "golden:default"]) == 1
    captured = capsys.readouterr()
    assert "1 DIFFER" in captured.out
    found = re.search(r"layer w4-1024x1024, row 7, .*reproduce with: luthier (.*)", captured.err)
    assert found and main(shlex.split(found[1])) == 1


def test_a_device_that_is_too_small(capsys):
    assert main(["run", "--device", "golden:tiny"]) == 2
    assert "raise table.max_rows to at least 1024" in capsys.readouterr().err
