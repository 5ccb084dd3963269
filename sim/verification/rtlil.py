# SPDX-License-Identifier: Apache-2.0
"""What the ports of cells are connected to, read from the RTLIL that Yosys wrote."""

import re
from collections import defaultdict
from functools import cached_property

__all__ = ["Bit", "Netlist"]

#: A wire and its bit, or one of the constants ``"0"``, ``"1"`` and ``"x"``.
Bit = tuple[str, int] | str

_WIRE = re.compile(r"^  wire (?:width (\d+) )?.*?(\S+)$", re.M)
_CELL = re.compile(r"^  cell (\S+) (\S+)\n(.*?)^  end$", re.M | re.S)
_CONNECT = re.compile(r"^    connect \\(\w+) (.+)$", re.M)
_ALIAS = re.compile(r"^  connect ((?:\{[^}]*\}|\S+)(?: \[[\d:]+\])?) (.+)$", re.M)
_TERM = re.compile(r"(\d+)'([01xz-]*)|([\\$]\S+)(?: \[(\d+)(?::(\d+))?\])?|(-?\d+)|[{}]")
_OUTPUTS = {"Y", "Q", "RD_DATA"}


class Netlist:
    """The cells of a flattened module.

    Parameters
    ----------
    text : str
        RTLIL.

    Raises
    ------
    KeyError
        From its methods, for a cell that there is not.
    """

    def __init__(self, text: str):
        self._width = {name: int(width or 1) for width, name in _WIRE.findall(text)}
        # Yosys' commands write public names without their backslash.
        cells = [(kind, name.removeprefix("\\"), body) for kind, name, body in _CELL.findall(text)]
        self._ports = {name: dict(_CONNECT.findall(body)) for _, name, body in cells}
        self._kind = {name: kind for kind, name, _ in cells}
        self._same: dict[Bit, Bit] = {}
        for left, right in _ALIAS.findall(text):
            for one, other in zip(self._bits(left), self._bits(right)):
                self._same[self.net(one)] = self.net(other)

    def kind(self, cell: str) -> str:
        """Return the type of a cell, such as ``$add``."""
        return self._kind[cell]

    def connection(self, cell: str, port: str) -> str:
        """Return what is connected, empty for nothing."""
        return self._ports[cell].get(port, "")

    def net(self, bit: Bit) -> Bit:
        """Return the one bit that stands for all that are connected to this one."""
        while (other := self._same.get(bit, bit)) != bit:
            bit = other
        return bit

    def bit(self, cell: str, port: str, index: int) -> Bit:
        """Return the net at a bit of a port; ``"x"`` beyond its end."""
        bits = self._bits(self.connection(cell, port))
        return self.net(bits[index]) if index < len(bits) else "x"

    def constant(self, cell: str, port: str, bit: int) -> str | None:
        """Return ``"0"``, ``"1"`` or ``"x"`` where a bit of a port is constant, else None."""
        found = self.bit(cell, port, bit)
        return found if isinstance(found, str) else None

    @cached_property
    def readers(self) -> dict[Bit, list[tuple[str, str, int]]]:
        """The inputs of cells, by net: cell, port and bit."""
        found = defaultdict[Bit, list[tuple[str, str, int]]](list)
        for cell, ports in self._ports.items():
            for port, spec in ports.items():
                if port not in _OUTPUTS:
                    for index, bit in enumerate(self._bits(spec)):
                        found[self.net(bit)].append((cell, port, index))
        return found

    @cached_property
    def names(self) -> dict[Bit, list[tuple[str, int]]]:
        """All wires and bits by the net that stands for them."""
        found = defaultdict[Bit, list[tuple[str, int]]](list)
        for name, width in self._width.items():
            for index in range(width):
                found[self.net((name, index))].append((name, index))
        return found

    def _bits(self, spec: str) -> list[Bit]:
        """Return the bits of a signal as written, the lowest first."""
        bits: list[Bit] = []
        for term in reversed(list(_TERM.finditer(spec))):  # the lowest come last
            if term[2] is not None:
                digits = term[2].rjust(int(term[1]), "x" if term[2][:1] == "x" else "0")
                bits += ["x" if digit in "xz-" else digit for digit in reversed(digits)]
            elif term[3]:
                low = int(term[5] or term[4] or 0)
                high = int(term[4]) if term[4] else self._width.get(term[3], 1) - 1
                bits += [(term[3], index) for index in range(low, high + 1)]
            elif term[6]:
                bits += [str(int(term[6]) >> index & 1) for index in range(32)]
        return bits
