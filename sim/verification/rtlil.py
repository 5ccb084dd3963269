# SPDX-License-Identifier: Apache-2.0
"""What the ports of cells are connected to, read from the RTLIL that Yosys wrote."""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

__all__ = ["Bit", "Netlist"]

#: A wire and its bit, or one of the constants ``"0"``, ``"1"`` and ``"x"``.
Bit = tuple[str, int] | str

_WIRE = re.compile(r"^  wire (?:width (\d+) )?.*?(\S+)$", re.M)
_PORT = re.compile(r"^  wire (?:width \d+ )?output \d+ (\S+)$", re.M)
_CELL = re.compile(r"^  cell (\S+) (\S+)\n(.*?)^  end$", re.M | re.S)
_CONNECT = re.compile(r"^    connect \\(\w+) (.+)$", re.M)
_ALIAS = re.compile(r"^  connect ((?:\{[^}]*\}|\S+)(?: \[[\d:]+\])?) (.+)$", re.M)
_TERM = re.compile(r"(\d+)'([01xz-]*)|([\\$]\S+)(?: \[(\d+)(?::(\d+))?\])?|(-?\d+)|[{}]")
_OUTPUTS = {"Y", "Q", "RD_DATA"}
#: Cells whose output bits depend on the input bits of the same place, and on all of the last set.
_BITWISE = {"$mux", "$dff", "$and", "$or", "$xor", "$xnor", "$not", "$pos"}
_ARITHMETIC = {"$add", "$sub", "$neg"}
_CONTROLS = {"S", "CLK"}


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
        self._read: dict[str, list[Bit]] = {}  # signals as written, by their bits
        self._outputs = _PORT.findall(text)
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
    def used(self) -> set[Bit | tuple[str, str, int]]:
        """What an output of the module depends on: nets, and bits of the inputs of cells."""
        drivers = {self.net(bit): (cell, index)
                   for cell, ports in self._ports.items()
                   for port, spec in ports.items() if port in _OUTPUTS
                   for index, bit in enumerate(self._bits(spec))}
        found: set[Bit | tuple[str, str, int]] = set()
        left = [self.net((name, index)) for name in self._outputs
                for index in range(self._width[name])]
        while left:
            net = left.pop()
            if net in found or isinstance(net, str):
                continue
            found.add(net)
            if net in drivers:
                for one in self._sources(*drivers[net]):
                    found.add(one)
                    left.append(self.bit(*one))
        return found

    def _sources(self, cell: str, index: int) -> Iterator[tuple[str, str, int]]:
        """The bits of a cell's inputs that a bit of its output depends on, or may."""
        kind = self._kind[cell]
        for port in self._ports[cell]:
            bits = range(len(self._bits(self.connection(cell, port))))
            if port in _OUTPUTS or not bits:
                continue
            if port not in _CONTROLS:
                last = min(index, bits[-1])
                if kind in _BITWISE:
                    bits = bits[last : last + 1]
                elif kind in _ARITHMETIC:
                    bits = bits[: last + 1]
            yield from ((cell, port, bit) for bit in bits)

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
        if spec not in self._read:
            self._read[spec] = self._parse(spec)
        return self._read[spec]

    def _parse(self, spec: str) -> list[Bit]:
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
