# SPDX-License-Identifier: Apache-2.0
"""coverage.dat, by hand, and what is made of it."""

import re

import pytest

from luthier.golden.config import load_configuration
from luthier.sim.verification.__main__ import coverage_table
from luthier.sim.verification.coverage import tally
from luthier.sim.verification.coverage_data import Bit, LinePoint, read_coverage
from luthier.sim.verification.exclusions import EXCLUSIONS, excluded
from luthier.sim.verification.units import unit_of

CONFIG = load_configuration("tiny")


def entry(page, line, name, path, count):
    fields = {"f": "luthier.v", "l": line, "n": 5, "t": page, "page": f"v_{page}/m", "o": name,
              "h": f"TOP.luthier{path}"}
    return "C '" + "".join(f"\1{key}\2{value}" for key, value in fields.items()) + f"' {count}\n"


DATA = [
    "# SystemC::Coverage-3\n",
    entry("line", 1, "block", "__02eshell__02eexecutor", 7),
    entry("branch", 2, "if", ".shell.executor", 0),
    entry("branch", 3, "if", ".shell", 0),
    entry("toggle", 4, "level[3]:0->1", ".shell", 2),
    entry("toggle", 4, "level[3]:1->0", ".shell", 0),
    entry("toggle", 4, "i___05Fvalid:0->1", "", 1),
    entry("toggle", 4, "i___05Fvalid:1->0", "", 1),
    entry("toggle", 4, "cycles[39]:0->1", ".engine.control", 0),
    entry("toggle", 4, "cycles[3]:0->1", ".engine.control", 5),
    entry("toggle", 4, "cycles[3]:1->0", ".engine.control", 5),
]
VERILOG = "always\nif (\\$auto$verilog_backend.cc:1:x ) begin end\nif (a)\nreg b;\n"


def test_parser():
    coverage = read_coverage(DATA)
    assert coverage.lines == {
        LinePoint("shell.executor", 1, 5, "block"): 7, LinePoint("shell.executor", 2, 5, "if"): 0,
        LinePoint("shell", 3, 5, "if"): 0}
    assert coverage.bits[Bit("shell", "level", 3)] == (2, 0)
    assert coverage.bits[Bit("", "i__valid", 0)] == (1, 1)


@pytest.mark.parametrize("line", ["nonsense\n", "C 'x\n"])
def test_other_files_are_refused(line):
    with pytest.raises(ValueError, match=re.escape(f"not a line of coverage.dat: {line!r}")):
        read_coverage([line])


def test_tally():
    figures, left_out = tally(CONFIG, VERILOG, read_coverage(DATA))
    link = figures["link"]
    assert (link.lines, link.lines_counted, link.toggles) == ([1, 3], [1, 2], [0, 1])
    assert link.missed == ["shell if, line 3: if (a)", "shell level[3]"]
    engine = figures["engine"]
    assert (engine.toggles, engine.toggles_counted) == ([1, 2], [1, 1])
    assert figures["all"].toggles == [2, 4]
    assert figures["top"].toggles == [1, 1]
    assert sorted(left_out.values())[-3:] == [0, 1, 1]
    table = coverage_table({"units": {"link": vars(link)}, "exclusions": left_out})
    assert "| link | 33.3 % of 3 | 50.0 % of 2 | 0.0 % of 1 | 0.0 % of 1 |" in table


def test_units():
    assert [unit_of(path) for path in ("engine.table.tree", "engine.tables", "memory", "shell.x",
                                       "", "receive")] == [
        "table", "engine", "engine", "link", "top", "top"]


def test_exclusions_have_reasons_and_leave_the_rest():
    assert all(rule.reason for rule in EXCLUSIONS)
    assert excluded(CONFIG, Bit("engine.control", "cycles", 20))
    for bit in (Bit("engine.control", "cycles", 19), Bit("shell", "level", 0),
                Bit("engine.table.tree", "total", 3), Bit("shell.executor", "$12", 40)):
        assert excluded(CONFIG, bit) is None
