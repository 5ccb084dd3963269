# SPDX-License-Identifier: Apache-2.0
"""Files that tell a tool where the ports of a board's top are."""

from collections.abc import Callable, Mapping

from ..golden.config import Configuration
from .board import Board, Pin

__all__ = ["constraints"]


def _lpf(pins: Mapping[str, Pin], hz: int) -> str:
    """Lattice preferences."""
    lines = [f'FREQUENCY PORT "clk" {hz / 1e6:g} MHZ;']
    for port, pin in pins.items():
        lines.append(f'LOCATE COMP "{port}" SITE "{pin.site}";')
        values = " ".join(f"{key}={value}" for key, value in sorted(pin.attributes.items()))
        lines.append(f'IOBUF PORT "{port}" {values};')
    return "\n".join(lines) + "\n"


def _pcf(pins: Mapping[str, Pin], hz: int) -> str:
    """IceStorm's physical constraints."""
    lines = [f"set_frequency clk {hz / 1e6:g}"]
    for port, pin in pins.items():
        pull = "-pullup yes " if pin.attributes.get("PULLUP") else ""
        lines.append(f"set_io {pull}{port} {pin.site}")
    return "\n".join(lines) + "\n"


def _xdc(pins: Mapping[str, Pin], hz: int) -> str:
    """Xilinx design constraints."""
    lines = [f"create_clock -name clk -period {1e9 / hz:.3f} [get_ports clk]"]
    for port, pin in pins.items():
        values = [("PACKAGE_PIN", pin.site), *sorted(pin.attributes.items())]
        lines.extend(f"set_property {key} {value} [get_ports {{{port}}}]" for key, value in values)
    return "\n".join(lines) + "\n"


_KINDS: dict[str, tuple[str, Callable[[Mapping[str, Pin], int], str]]] = {
    "ecp5": ("luthier.lpf", _lpf), "ice40": ("luthier.pcf", _pcf), "xc7": ("luthier.xdc", _xdc)}


def constraints(board: Board, config: Configuration) -> tuple[str, str]:
    """Return the name and the text of the constraints of a board with such a device."""
    name, write = _KINDS[board.target]
    return name, write(board.pins(sdram=config.sdram is not None), board.oscillator_hz)
