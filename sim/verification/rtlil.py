# SPDX-License-Identifier: Apache-2.0
"""What a port of a cell is connected to, read from the RTLIL that Yosys wrote."""

import re

__all__ = ["Netlist"]

_WIRE = re.compile(r"^  wire (?:width (\d+) )?.*?(\S+)$", re.M)
_CELL = re.compile(r"^  cell (\S+) (\S+)\n(.*?)^  end$", re.M | re.S)
_CONNECT = re.compile(r"^    connect \\(\w+) (.+)$", re.M)
_TERM = re.compile(r"(\d+)'([01xz-]*)|([\\$]\S+)(?: \[(\d+)(?::(\d+))?\])?|(-?\d+)|[{}]")


class Netlist:
    """The cells of a flattened module.

    Parameters
    ----------
    text : str
        RTLIL.
    """

    def __init__(self, text: str):
        self._width = {name: int(width or 1) for width, name in _WIRE.findall(text)}
        cells = _CELL.findall(text)
        self._ports = {name: dict(_CONNECT.findall(body)) for _, name, body in cells}
        self._kind = {name: kind for kind, name, _ in cells}

    def kind(self, cell: str) -> str:
        """Return the type of a cell, such as ``$add``; empty without such a cell."""
        return self._kind.get(cell, "")

    def connection(self, cell: str, port: str) -> str:
        """Return what is connected, empty for nothing."""
        return self._ports.get(cell, {}).get(port, "")

    def constant(self, cell: str, port: str, bit: int) -> str | None:
        """Return ``"0"``, ``"1"`` or ``"x"`` where a bit of a port is constant, else None."""
        terms = _TERM.finditer(self.connection(cell, port))
        for term in reversed(list(terms)):  # the lowest bits come last
            if term[2] is not None:
                bits = term[2].rjust(int(term[1]), term[2][:1] if term[2][:1] == "x" else "0")
                width = len(bits)
                if bit < width:
                    found = bits[width - 1 - bit]
                    return "x" if found in "xz-" else found
            elif term[3]:
                high, low = term[4], term[5]
                width = (self._width.get(term[3], 1) if high is None else
                         1 if low is None else int(high) - int(low) + 1)
                if bit < width:
                    return None
            elif term[6]:
                return str(int(term[6]) >> bit & 1)
            else:
                continue
            bit -= width
        return None
