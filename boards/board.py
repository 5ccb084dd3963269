# SPDX-License-Identifier: Apache-2.0
"""What is known of a board, most of it read from amaranth-boards."""

import importlib
from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..golden.errors import ToolMissing

__all__ = ["Board", "Pin"]


@dataclass(frozen=True)
class Pin:
    """A pin of the device.

    Attributes
    ----------
    site : str
        Its name on the package.
    inverted : bool
        Whether the board means 1 by a low level.
    attributes : mapping
        What amaranth-boards says of it: standard, drive, pulls.
    """

    site: str
    inverted: bool
    attributes: Mapping[str, Any]


class Board(ABC):
    """A board: a thin class for each.

    Attributes
    ----------
    name : str
        On the command line; its configuration has the same.
    title : str
        For people.
    target : str
        Family, as :data:`luthier.gen.synthesis.TARGETS` has it.
    platform_class : str
        ``module:class`` of amaranth-boards.
    resources : mapping
        Places of the ports ``clk``, ``rst``, ``rx`` and ``tx`` among the platform's resources:
        name, number, and where there is one the signal in it.
    leds : tuple of tuples
        Places of heartbeat and activity.
    sdram : str or None
        Name of the resource of an SDRAM that a device's memory can be in.
    baud : int
        Of the serial line.
    loader : tuple of str
        Command that loads a bitstream, which follows it.
    options : tuple of str
        Of nextpnr: device, speed, package. Of Vivado: the part.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    target: ClassVar[str]
    platform_class: ClassVar[str]
    resources: ClassVar[Mapping[str, tuple[Any, ...]]]
    leds: ClassVar[tuple[tuple[Any, ...], ...]]
    sdram: ClassVar[str | None] = None
    baud: ClassVar[int]
    loader: ClassVar[tuple[str, ...]]
    options: ClassVar[tuple[str, ...]]

    def __init__(self):
        module, name = self.platform_class.split(":")
        try:
            platform = getattr(importlib.import_module(f"amaranth_boards.{module}"), name)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0].replace("_", "-")
            raise ToolMissing(f"the board {self.name} needs {missing}, which is not installed: "
                              f"pip install 'luthier[fpga]'") from None
        self._resources = {(r.name, r.number): r for r in platform.resources}
        self._clock_hz = int(self._resources[self.resources["clk"]].clock.frequency)

    @property
    def oscillator_hz(self) -> int:
        """Frequency of the board's oscillator."""
        return self._clock_hz

    def pins(self, *, sdram: bool = False) -> dict[str, Pin]:
        """Return the pin of each port of the board's top, ``led[0]`` and so on included.

        With ``sdram`` those of the board's SDRAM, which has to be there.
        """
        places = {**self.resources, **{f"led[{number}]": place
                                      for number, place in enumerate(self.leds)}}
        pins = {port: self._pins(*place)[0] for port, place in places.items()}
        if sdram and self.sdram is not None:
            pins |= self._sdram_pins(self.sdram)
        return pins

    def _sdram_pins(self, resource: str) -> dict[str, Pin]:
        """Return the pins of an SDRAM."""
        pins = {f"sdram__{port}": self._pins(resource, 0, signal)[0]
                for port, signal in (("clock", "clk"), ("clock_enable", "clk_en"))}
        # Strobes are low when they mean something in the device already.
        for place, signal in enumerate(("we", "cas", "ras", "cs")):
            found = self._pins(resource, 0, signal)[0]
            pins[f"sdram__command[{place}]"] = Pin(found.site, False, found.attributes)
        for port, signal in (("bank", "ba"), ("address", "a"), ("mask", "dqm"), ("data", "dq")):
            pins |= {f"sdram__{port}[{place}]": pin
                     for place, pin in enumerate(self._pins(resource, 0, signal))}
        return pins

    def _pins(self, name: str, number: int, *signals: str) -> list[Pin]:
        """Return the pins of a resource, or of a signal in it."""
        found = self._resources[name, number]
        attributes = dict(found.attrs)
        for signal in signals:
            found = next(one for one in found.ios if getattr(one, "name", None) == signal)
            attributes |= found.attrs
        pins = found.ios[0]
        return [Pin(site, pins.invert, attributes) for site in pins.names]
