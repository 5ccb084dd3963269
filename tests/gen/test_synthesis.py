# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""What synthesis counts, of designs whose cells are known, and the rows made of it."""

import gzip
import os
from pathlib import Path

import pytest

from luthier.gen.density import designs, measure
from luthier.gen.synthesis import TARGETS, synthesise, synthesise_cells
from luthier.golden.errors import UserError

ADDER = """module luthier(input clk, input [15:0] a, b, output reg [15:0] y);
always @(posedge clk) y <= a + b;
endmodule
"""
PRODUCT = """module luthier(input clk, input signed [8:0] a, b, output reg signed [17:0] y);
always @(posedge clk) y <= a * b;
endmodule
"""
TABLE = """module luthier(input clk, we, input [3:0] w, r, input [3:0] d, output [3:0] q);
reg [3:0] memory [15:0];
always @(posedge clk) if (we) memory[w] <= d;
assign q = memory[r];
endmodule
"""
GATES = """module luthier(input clk, input a, b, output reg y);
always @(posedge clk) y <= !(a & b);
endmodule
"""
#: A cell library of the user's, for example the one of IHP's SG13G2.
LIBERTY = os.environ.get("LUTHIER_LIBERTY")


@pytest.mark.parametrize("target, lut, carry, carry_lut", [
    ("xc7", 16, 4, 0), ("ecp5", 0, 8, 16), ("ice40", 16, 15, 0)])
def test_adder(target, lut, carry, carry_lut):
    found = synthesise(ADDER, target)
    assert (found.lut, found.carry_lut, found.ram_lut, found.ff) == (lut, carry_lut, 0, 16)
    assert abs(found.carry - carry) <= 1
    assert found.sites == lut + carry_lut


@pytest.mark.parametrize("target", ["xc7", "ecp5"])
def test_products_go_where_they_may(target):
    assert synthesise(PRODUCT, target).dsp == 1
    without = synthesise(PRODUCT, target, dsp=False)
    assert without.dsp == 0 and without.sites > 40


@pytest.mark.parametrize("target, blocked", [("xc7", 4), ("ecp5", 6)])
def test_distributed_memory_counts_the_sites_that_it_blocks(target, blocked):
    assert synthesise(TABLE, target).ram_lut == blocked


@pytest.mark.skipif(not LIBERTY, reason="LUTHIER_LIBERTY names no Liberty file")
@pytest.mark.parametrize("packed", [False, True])
def test_gates_are_the_smallest_nand(tmp_path, packed):
    path = Path(str(LIBERTY))
    if packed:
        path = tmp_path / "cells.lib.gz"
        path.write_bytes(gzip.compress(Path(str(LIBERTY)).read_bytes()))
    area = synthesise_cells(GATES, path)
    assert area.area_um2 > 0 and 3 < area.gates < 20  # a NAND and a flip-flop


def test_library_without_a_nand(tmp_path):
    path = tmp_path / "cells.lib"
    path.write_text("library(small) { cell(inv) { area : 2; } }")
    with pytest.raises(UserError, match=r"cells\.lib has no cell with nand2 in its name"):
        synthesise_cells(GATES, path)


def test_file_that_is_no_library(tmp_path):
    path = tmp_path / "cells.lib.gz"
    path.write_bytes(b"not packed")
    with pytest.raises(UserError, match=r"cells\.lib\.gz can not be read as a Liberty file"):
        synthesise_cells(GATES, path)


def cells(*names):
    """Return a small library: the cells of these names."""
    def gate(function, *inputs):
        pins = "".join(f"pin({name}) {{ direction : input; }}\n" for name in inputs)
        return pins + f'pin(Y) {{ direction : output; function : "{function}"; }}'

    known = {
        "buf": (4, gate("A", "A")), "inv": (1, gate("!A", "A")),
        "nand2": (2, gate("!(A&B)", "A", "B")),
        "dff": (10, """
            ff(IQ, IQN) { clocked_on : "C"; next_state : "D"; }
            pin(C) { direction : input; clock : true; } pin(D) { direction : input; }
            pin(Q) { direction : output; function : "IQ"; }"""),
    }
    return "library(small) {" + "".join(
        f"cell({name}) {{ area : {known[name][0]}; {known[name][1]} }}\n" for name in names) + "}"


CHAIN = """module luthier(input clk, input a, b, c, d, output reg y);
reg x;
always @(posedge clk) x <= !(!(!(a & b) & c) & d);
always @(posedge clk) y <= !x;
endmodule
"""


@pytest.mark.parametrize("flip_flops", [True, False])
def test_cells_are_added_up(tmp_path, flip_flops):
    path = tmp_path / "cells.lib"
    path.write_text(cells("buf", "inv", "nand2", *["dff"] * flip_flops))
    area = synthesise_cells(CHAIN, path)
    assert (area.ff, area.ff_in_area, area.levels) == (2, flip_flops, 3)
    assert area.area_um2 == 3 * 2 + 1 + 2 * 10 * flip_flops
    assert area.gates == area.area_um2 / 2


def test_library_without_enough_gates(tmp_path):
    path = tmp_path / "cells.lib"
    path.write_text(cells("nand2"))
    with pytest.raises(UserError, match="it needs a Liberty file with a buffer, an inverter and"):
        synthesise_cells(GATES, path)


@pytest.mark.nightly
def test_tiles(tmp_path):
    """Each row is one of the tile's, and the denser one of two that multiply is the yardstick."""
    path = tmp_path / "cells.lib"
    path.write_text(cells("buf", "inv", "nand2", "dff"))
    rows = measure(designs(64, 4, "asic"), "asic", path)
    assert {(row["part"], row["tokens"]) for row in rows} == {("tile", 2), ("unit", 2)}
    tables = {row["bits"]: row for row in rows
              if row["store"] == "registers" and row["part"] == "tile"}
    assert sorted(tables) == [1, 2, 4] and len({row["gates"] for row in tables.values()}) == 1
    for bits, table in tables.items():
        others = [row["gates_per_weight"] for row in rows
                  if row["bits"] == bits and row["store"] is None]
        assert table["weights_per_cycle"] == 64 // bits
        assert table["gates_per_weight"] == table["gates"] * bits / 128
        assert table["factor"] == min(others) / table["gates_per_weight"]


def test_rows():
    assert TARGETS == ("xc7", "ecp5", "ice40")
    chosen = [design for design in designs(64, 4, "xc7") if design.part == "lane" and (
        design.name == "add or subtract" or (design.name, design.store) == ("table of both",
                                                                            "lutram"))]
    rows = measure(chosen, "xc7")
    kinds = {(row["design"], row["alphabet"], row["bits"]): row for row in rows}
    table, adders = (kinds[name, "planes", 1] for name in ("table of both", "add or subtract"))
    assert adders["factor"] == 1 and adders["store"] is None and adders["weights_per_cycle"] == 64
    assert table["factor"] == adders["lut_per_weight"] / table["lut_per_weight"]
    assert table["tables"] == 16 and table["k"] == 4 and table["ram_lut"] > 0
    assert table["lut_per_weight"] == (table["lut"] + table["ram_lut"]) / 64
    assert kinds["table of both", "planes", 4]["lut_per_weight"] == 4 * table["lut_per_weight"]
    assert kinds["table of both", "trits", 1]["weights_per_cycle"] == 40
    assert kinds["table of both", "trits", 1]["factor"] is None  # its baseline was not measured
