# SPDX-License-Identifier: Apache-2.0
"""One process for each register: the text, and that it is the same design."""

import pytest

from luthier.gen import verilog
from luthier.gen.processes import merge_processes, wake_constants
from luthier.gen.tools import run_yosys
from luthier.golden.config import load_configuration
from luthier.hw.engine.results import ResultWriter
from luthier.hw.engine.tokens import TokenQueues
from luthier.hw.link.scanner import GroupScanner
from luthier.hw.table.sequencer import Sequencer

TINY = load_configuration("tiny")
COMPONENTS = {
    "tokens": TokenQueues,
    "results": lambda: ResultWriter(TINY),
    "sequencer": lambda: Sequencer(TINY),
    "scanner": lambda: GroupScanner(2),
}

BEFORE = r"""module top(clk);
  reg \$auto$verilog_backend.cc:2355:dump_module$1  = 0;
  reg [3:0] \$1 ;
  reg [3:0] \$2 ;
  reg \$3 ;
  reg [3:0] \a$7  = 4'h0;
  reg [3:0] b;
  reg c;
  always @(posedge clk)
    \a$7  <= \$1 ;
  always @(posedge clk)
    b <= \$2 ;
  always @* begin
    if (\$auto$verilog_backend.cc:2355:dump_module$1 ) begin end
    \$1  = \a$7 ;
    if (e) begin
      \$1 [1:0] = b[1:0];
    end
  end
  always @* begin
    if (\$auto$verilog_backend.cc:2355:dump_module$1 ) begin end
    \$2  = \a$7 ;
    if (e) begin
      \$2  = 4'h3;
    end
  end
endmodule
"""
AFTER = r"""module top(clk);
  reg \$3 ;
  reg [3:0] \a$7  = 4'h0;
  reg [3:0] b;
  reg c;
  always @(posedge clk) begin
    if (e) begin
      \a$7 [1:0] <= b[1:0];
    end
  end
  always @(posedge clk) begin
    b <= \a$7 ;
    if (e) begin
      b <= 4'h3;
    end
  end
endmodule
"""


def test_text():
    assert merge_processes(BEFORE) == AFTER


def test_a_variable_that_others_read_stays():
    read = BEFORE.replace("endmodule", "  assign d = \\$2 ;\nendmodule")
    merged = merge_processes(read)
    assert "b <= \\$2 ;" in merged and "\\$2  = 4'h3;" in merged and "reg [3:0] \\$2 ;" in merged
    assert "\\a$7 [1:0] <= b[1:0];" in merged


def test_modules_have_variables_of_their_own():
    """The same number in another module is another variable."""
    assert merge_processes(BEFORE + BEFORE.replace("top", "two")) == AFTER + AFTER.replace(
        "top", "two")


def compare(folder, name, monkeypatch, change=lambda text: text):
    """Return what Yosys says of both forms of a component; nothing if they are the same design."""
    merged = verilog.convert(COMPONENTS[name](), name=name)
    with monkeypatch.context() as patch:
        patch.setattr(verilog, "merge_processes", lambda text: text)
        plain = verilog.convert(COMPONENTS[name](), name=name)
    assert merged.count("always @") < plain.count("always @")
    (folder / "merged.v").write_text(change(merged))
    (folder / "plain.v").write_text(plain)
    script = "".join(f"read_verilog {kind}.v; prep -flatten -top {name}; memory_map; opt_clean; "
                     f"design -stash {kind}; " for kind in ("plain", "merged"))
    return run_yosys(
        f"{script} design -copy-from plain -as gold {name}; "
        f"design -copy-from merged -as gate {name}; equiv_make gold gate same; "
        "equiv_simple -undef; "
        "equiv_induct -undef; equiv_status -assert", folder)


@pytest.mark.parametrize("name", COMPONENTS)
def test_same_design(name, monkeypatch, tmp_path):
    """Each register's next value and each output are the same, for any state and input."""
    assert compare(tmp_path, name, monkeypatch) == ""


def test_comparison_can_fail(monkeypatch, tmp_path):
    def lost(text):
        return text.replace("oldest <= youngest;", "oldest <= oldest;")

    assert "unproven" in compare(tmp_path, "tokens", monkeypatch, lost)


def test_bits_that_never_change_are_set():
    """A simulator does not run a process in which nothing can change."""
    lines = ["  always @*", "    \\a$7 [55] = 1'h1;", "  always @*", "    b[7:4] = 4'ha;",
             "  always @*", "    b[3:0] = c;", "endmodule", ""]
    woken = wake_constants("\n".join(lines))
    assert woken.split("\n") == [
        r"  reg \$constant$1 = 0;", "  always @* begin", r"    if (\$constant$1 ) begin end",
        r"    \a$7 [55] = 1'h1;", "  end",
        r"  reg \$constant$2 = 0;", "  always @* begin", r"    if (\$constant$2 ) begin end",
        "    b[7:4] = 4'ha;", "  end",
        "  always @*", "    b[3:0] = c;", "endmodule", ""]
