# SPDX-License-Identifier: Apache-2.0
"""Faults that are not drawn: each kind, and its neighbour that is."""

import pytest

from luthier.golden.config import load_configuration
from luthier.sim.verification.pointless import Pointless
from luthier.sim.verification.rtlil import Netlist

RTLIL = r"""
module \luthier
  wire width 40 \engine.control.cycles
  wire width 40 $next
  wire width 40 $sum
  wire width 4 \engine.a
  wire width 4 \engine.b
  wire \engine.clk
  wire width 4 $unused
  wire output 1 \engine.c
  wire output 2 \engine.d
  wire output 3 \engine.e
  wire width 4 output 4 \engine.f
  wire width 40 output 5 \report
  cell $add $flatten\engine.$add$1
    connect \A \engine.control.cycles
    connect \B 1'1
    connect \Y $sum
  end
  cell $mux $flatten\engine.$mux$2
    connect \A { 36'0 \engine.a }
    connect \B $sum
    connect \S \engine.b [0]
    connect \Y $next
  end
  cell $dff $flatten\engine.$dff$3
    connect \CLK \engine.clk
    connect \D $next
    connect \Q \engine.control.cycles
  end
  cell $eq $flatten\engine.$eq$4
    connect \A \engine.a
    connect \B 4'0101
    connect \Y \engine.c
  end
  cell $logic_not $flatten\engine.$not$5
    connect \A \engine.b
    connect \Y \engine.d
  end
  cell $gt $flatten\engine.$gt$6
    connect \A \engine.a
    connect \B 4'0011
    connect \Y \engine.e
  end
  cell $mem_v2 \engine.store
    connect \RD_DATA \engine.f
    connect \WR_CLK \engine.clk
    connect \WR_ADDR { 2'xx \engine.b [1:0] }
  end
  cell $dff $flatten\engine.$dff$7
    connect \CLK \engine.clk
    connect \D \engine.a
    connect \Q $unused
  end
  cell $xor $flatten\engine.$xor$8
    connect \A $unused
    connect \B 4'0011
    connect \Y \engine.g
  end
  cell $add $flatten\engine.$add$9
    connect \A \engine.b
    connect \B 4'0001
    connect \Y $more
  end
  wire width 4 output 6 \chosen
  cell $mux $flatten\engine.$mux$10
    connect \A 4'1000
    connect \B 4'1101
    connect \S \engine.g
    connect \Y \chosen
  end
  wire width 4 $more
  connect \engine.same \engine.b
  connect \report [39:4] \engine.control.cycles [39:4]
  connect \report [3:0] { \engine.control.cycles [3:2] $more [1:0] }
end
"""
POINTLESS = Pointless(load_configuration("tiny"), Netlist(RTLIL))


def fault(mode, cell, port, bit, control=None):
    name = "engine.store" if cell == "store" else f"$flatten\\engine.${cell}"
    fields = {"mode": mode, "cell": name, "port": port, "portbit": str(bit)}
    return fields if control is None else fields | {"ctrlbit": str(control)}


@pytest.mark.parametrize("changes_nothing, changes_something", [
    (("const0", "mux$2", "A", 4), ("const1", "mux$2", "A", 4)),  # a constant bit
    (("inv", "store", "WR_ADDR", 3), ("inv", "store", "WR_ADDR", 1)),  # a value without meaning
    (("inv", "dff$3", "CLK", 0), ("inv", "dff$3", "D", 0)),
    (("inv", "store", "WR_CLK", 0), ("inv", "store", "RD_DATA", 0)),
    (("inv", "store", "RD_ARST", 0), ("inv", "store", "RD_DATA", 1)),
    (("const0", "mux$10", "Y", 1), ("const0", "mux$10", "Y", 0)),  # both are 0
    (("const1", "mux$10", "Y", 3), ("const0", "mux$10", "Y", 3)),  # both are 1
    (("const0", "dff$3", "Q", 39), ("const0", "dff$3", "Q", 3)),  # a counter that stays below
    (("const0", "mux$2", "B", 39), ("const0", "mux$2", "B", 3)),
    (("const0", "add$1", "Y", 39), ("const1", "add$1", "Y", 39)),
    (("cnot1", "add$1", "A", 0, 39), ("cnot0", "add$1", "A", 0, 39)),
    (("cnot1", "eq$4", "A", 0, 1), ("cnot1", "eq$4", "A", 0, 2)),  # it differs anyway
    (("cnot0", "eq$4", "A", 0, 2), ("cnot0", "eq$4", "A", 0, 1)),
    (("cnot1", "not$5", "A", 0, 2), ("cnot0", "not$5", "A", 0, 2)),  # it is not zero anyway
    (("cnot1", "gt$6", "A", 0, 3), ("cnot1", "gt$6", "A", 0, 1)),  # it is larger anyway
    (("cnot1", "mux$2", "B", 2, 39), ("cnot1", "mux$2", "B", 2, 3)),
    (("cnot1", "dff$3", "D", 2, 39), ("cnot0", "dff$3", "D", 2, 39)),
    (("inv", "dff$7", "D", 1), ("inv", "dff$3", "D", 1)),  # nobody looks at it
    (("const1", "xor$8", "Y", 1), ("const1", "eq$4", "Y", 0)),
    (("inv", "add$9", "A", 2), ("inv", "add$9", "A", 1)),
    (("cnot1", "mux$2", "A", 0, 5), ("cnot0", "mux$2", "A", 0, 5))])
def test_faults(changes_nothing, changes_something):
    assert POINTLESS(fault(*changes_nothing))
    assert not POINTLESS(fault(*changes_something))


def test_wires_that_are_one():
    netlist = Netlist(RTLIL)
    assert netlist.net((r"\engine.same", 0)) == netlist.net((r"\engine.b", 0))
    assert netlist.kind("engine.store") == "$mem_v2"
    with pytest.raises(KeyError):
        netlist.kind("engine.nothing")
