# SPDX-License-Identifier: Apache-2.0
"""What generating a text took, as tables and JSON."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .output import Output

if TYPE_CHECKING:
    from ..host import Device
    from ..host.models import Figures

__all__ = ["Generation"]


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One run.

    Attributes
    ----------
    device : Device
    figures : list of Figures
    text : str
        Without the prompt.
    check : str
        As the driver has it.
    seconds : float
        Of wall time, the prompt's characters included.
    device_seconds : float or None
        Of the transport's time, where it has a clock.
    mismatches : int
    """

    device: "Device"
    figures: "list[Figures]"
    text: str
    check: str
    seconds: float
    device_seconds: float | None
    mismatches: int

    @property
    def _passes(self) -> int:
        """Characters that went through the model, the prompt's included."""
        return max(1, *(figures.tokens for figures in self.figures))

    def _sum(self, key: str) -> Any:
        return sum(getattr(figures, key) for figures in self.figures)

    def data(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        from ..host.results import SAMPLE

        config, transport, passes = self.device.config, self.device.transport, self._passes
        cycles = self._sum("elapsed") / passes
        work = sum(figures.work for figures in self.figures)
        simulated = self.device_seconds if transport.simulated else None
        whole = None if simulated is None else simulated * config.clock_hz / passes
        checked = {"all": self._sum("results"), "never": 0,
                   "sample": SAMPLE * sum(figures.vectors for figures in self.figures)}[self.check]
        return {
            "text": self.text, "characters": len(self.text), "passes": passes,
            "characters_per_second": passes / self.seconds,
            "projected_characters_per_second": config.clock_hz / whole if whole else None,
            "projected_characters_per_second_without_link": config.clock_hz / cycles,
            "clock_hz": config.clock_hz, "results": checked, "mismatches": self.mismatches,
            "cycles": self._sum("cycles"), "declared_cycles": self._sum("declared_cycles"),
            "elapsed": self._sum("elapsed"), "late_requests": self._sum("late"),
            "cycles_per_character": cycles,
            "cycles_per_character_with_link": whole, "efficiency": work / cycles,
            "efficiency_with_link": work / whole if whole else None,
            "link_bytes": self._sum("link_bytes"), "saturations": self._sum("saturations"),
            "cycles_per_second": transport.cycles_per_second,
            "build_seconds": transport.build_seconds, "device": self.device.url,
            "layers": [{
                "layer": figures.name, "cycles_per_character": figures.cycles / passes,
                "declared_cycles": figures.declared_cycles / passes,
                "elapsed": figures.elapsed / passes, "beats": figures.beats,
                "efficiency": figures.efficiency, "link_bytes": figures.link_bytes / passes,
            } for figures in self.figures],
        }

    def show(self, output: Output) -> None:
        """Print the tables."""
        data = self.data()
        output.table(
            ("matrices", "cycles", "declared", "with fetch", "weight beats", "efficiency",
             "link bytes"),
            [(layer["layer"], f"{layer['cycles_per_character']:.0f}",
              f"{layer['declared_cycles']:.0f}", f"{layer['elapsed']:.0f}", layer["beats"],
              f"{100 * layer['efficiency']:.2f} %", f"{layer['link_bytes']:.0f}")
             for layer in data["layers"]], title="Each character")
        mega = f"{data['clock_hz'] / 1e6:g} MHz"
        rows = [
            ("characters generated", f"{data['characters']}"),
            ("cycles per character", f"{data['cycles_per_character']:.0f}"),
            ("efficiency over a character", f"{100 * data['efficiency']:.2f} %"),
            ("link bytes per character", f"{data['link_bytes'] / data['passes']:.0f}"),
        ]
        if data["cycles_per_character_with_link"] is not None:
            rows += [("cycles per character, link included",
                      f"{data['cycles_per_character_with_link']:.0f}"),
                     ("efficiency, link included", f"{100 * data['efficiency_with_link']:.2f} %")]
        rows.append(("characters per second here", f"{data['characters_per_second']:.1f}"))
        if data["projected_characters_per_second"] is not None:
            rows.append((f"projected at {mega}",
                         f"{data['projected_characters_per_second']:.0f} characters/s"))
        rows += [(f"projected at {mega}, without the link",
                  f"{data['projected_characters_per_second_without_link']:.0f} characters/s"),
                 ("results checked", f"{data['results']}"),
                 ("mismatches", f"{data['mismatches']}"),
                 ("requests beyond declared cycles", f"{data['late_requests']}")]
        if data["cycles_per_second"] is not None:
            rows.append(("simulated cycles per second", f"{data['cycles_per_second']:.3g}"))
        output.table(("whole", "value"), rows, title="Sum")
