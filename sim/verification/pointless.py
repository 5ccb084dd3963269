# SPDX-License-Identifier: Apache-2.0
"""Faults that change nothing, by their construction or because a bit is never 1."""

import re

from ...golden.config import Configuration
from .coverage_data import Bit as NamedBit
from .exclusions import excluded
from .rtlil import Bit, Netlist

__all__ = ["Pointless"]


class Pointless:
    """Tells the faults that no test can find.

    - The faulty bit, or the one that decides in cnot0 and cnot1, is constant or x: a value that
      does not matter, such as the address of no write.
    - No output of the device depends on the bit: a field that is handed on and not looked at again.
    - The deciding bit alone settles what the cell puts out: a vector with a bit of 1 is not zero.
    - A bit is stuck at 0, or decided upon by one, that is never 1 according to
      :mod:`luthier.sim.verification.exclusions`, or that only goes into such bits.
    - A reset of a memory's read port, or an enable that is always 1: ports without a clock have
      none, and Yosys stops at a fault in them.
    - A multiplexer chooses between two constants that are equal in that bit.
    - A clock: behind the multiplexer of its fault it comes a simulator's step late, and its
      registers take the new values of the others, fault or none.

    Parameters
    ----------
    config : Configuration
    netlist : Netlist
    """

    def __init__(self, config: Configuration, netlist: Netlist):
        self._config, self._netlist = config, netlist
        self._known: dict[Bit, bool] = {}

    def __call__(self, fields: dict[str, str]) -> bool:
        """Whether a fault changes nothing; ``fields`` are the options of ``mutate``."""
        netlist, cell, port, mode = self._netlist, fields["cell"], fields["port"], fields["mode"]
        index = int(fields["portbit"])
        value = netlist.constant(cell, port, index)
        if port in ("RD_ARST", "RD_SRST") or (port, value) == ("RD_EN", "1"):
            return True
        if value == "x" or port.endswith("CLK") or not self._used(cell, port, index):
            return True
        if mode.startswith("const"):
            return (value == mode[-1] or self._chosen(cell, port, index) == mode[-1]
                    or mode == "const0" and self._lost(cell, port, index))
        if mode.startswith("cnot"):
            control = netlist.bit(cell, port, int(fields["ctrlbit"]))
            return (isinstance(control, str) and control != mode[-1]
                    or mode == "cnot1" and self._lost(cell, port, int(fields["ctrlbit"]))
                    or self._decided(fields))
        return False

    def _chosen(self, cell: str, port: str, index: int) -> str | None:
        """Return the constant that a multiplexer puts out, whatever it chooses; else None."""
        if (self._netlist.kind(cell), port) != ("$mux", "Y"):
            return None
        first, second = (self._netlist.constant(cell, source, index) for source in "AB")
        return first if first == second else None

    def _used(self, cell: str, port: str, index: int) -> bool:
        """Whether an output of the device depends on a bit of a port."""
        used = self._netlist.used
        return (cell, port, index) in used or self._netlist.bit(cell, port, index) in used and (
            port in ("Y", "Q", "RD_DATA"))

    def _lost(self, cell: str, port: str, index: int) -> bool:
        """Whether a 1 at this bit never is, or goes nowhere but into bits that never are 1."""
        bit = self._netlist.bit(cell, port, index)
        if self._never_one(bit):
            return True
        if port in ("Y", "Q"):
            return self._only_into_zeros(bit)
        return self._passes_to_zero(cell, port, index)

    def _passes_to_zero(self, cell: str, port: str, index: int) -> bool:
        kind = self._netlist.kind(cell)
        if (kind, port) in (("$mux", "A"), ("$mux", "B")):
            return self._only_into_zeros(self._netlist.bit(cell, "Y", index))
        return (kind, port) == ("$dff", "D") and self._never_one(
            self._netlist.bit(cell, "Q", index))

    def _only_into_zeros(self, bit: Bit) -> bool:
        if self._never_one(bit):
            return True
        if bit not in self._known:
            self._known[bit] = False  # for a loop
            readers = self._netlist.readers[bit]
            self._known[bit] = bool(readers) and all(
                self._passes_to_zero(*reader) for reader in readers)
        return self._known[bit]

    def _never_one(self, bit: Bit) -> bool:
        if isinstance(bit, str):
            return bit == "0"
        return any(self._excluded(name, index) for name, index in self._netlist.names[bit])

    def _excluded(self, name: str, index: int) -> bool:
        """Whether coverage leaves a bit out because it never is 1, by any path that it may have."""
        name = re.sub(r"^\\", "", name)
        parts = name.split(".")
        for place in range(len(parts)):
            rule = excluded(self._config, NamedBit(
                ".".join(parts[:place]), ".".join(parts[place:]), index))
            if rule is not None and rule.zero:
                return True
        return False

    def _decided(self, fields: dict[str, str]) -> bool:
        """Whether a cell's result is certain where the other bit inverts the faulty one."""
        cell, port, kind = fields["cell"], fields["port"], self._netlist.kind(fields["cell"])
        active, control = fields["mode"][-1], int(fields["ctrlbit"])
        if kind in ("$logic_not", "$reduce_or", "$reduce_bool"):
            return port == "A" and active == "1"
        if port not in "AB":
            return False
        other = "B" if port == "A" else "A"
        if kind in ("$eq", "$ne"):  # they differ in that bit already
            constant = self._netlist.constant(cell, other, control)
            return constant is not None and constant != active
        if kind in ("$gt", "$ge", "$lt", "$le"):  # it is the larger one already
            return active == "1" and all(
                self._netlist.constant(cell, other, index) == "0"
                for index in range(control, 64)
                if self._netlist.bit(cell, other, index) != "x")
        return False
