# SPDX-License-Identifier: Apache-2.0
"""From a board to its bitstream: Yosys, nextpnr from several seeds, the packer."""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..gen.routing import refusal
from ..gen.synthesis import synthesise_netlist
from ..gen.tools import require_nextpnr, run_nextpnr, run_packer
from ..gen.write import write
from ..golden.config import Configuration
from ..golden.errors import CheckFailed
from .board import Board
from .constraints import constraints
from .verilog import board_verilog

__all__ = ["BITSTREAM", "Built", "build", "in_words"]

log = logging.getLogger("luthier")

BITSTREAM = {"ecp5": "luthier.bit", "ice40": "luthier.bin"}
#: What nextpnr calls the file of constraints and what it writes.
_OPTIONS = {"ecp5": ("--lpf", "--textcfg", "config"), "ice40": ("--pcf", "--asc", "asc")}


@dataclass(frozen=True)
class Built:
    """A bitstream, and what is known of it.

    Attributes
    ----------
    bitstream : Path
    build_id : bytes
        Also in the device's identification.
    seed : int
        Of the placement that was kept.
    fmax : dict
        By clock: ``achieved`` and ``constraint`` in MHz.
    speed_by_seed : dict
        Achieved over constraint of the slowest clock, by seed.
    utilization : dict
        By kind of cell: ``used`` and ``available``.
    critical_path : str
        In words.
    seconds : dict
        By step.
    """

    bitstream: Path
    build_id: bytes
    seed: int
    fmax: dict[str, dict[str, float]]
    speed_by_seed: dict[int, float]
    utilization: dict[str, dict[str, int]]
    critical_path: str
    seconds: dict[str, float]


def build(board: Board, config: Configuration, folder: Path, seeds: Sequence[int],
          advance: Callable[[], None] = lambda: None) -> Built:
    """Build a board's bitstream in a folder, which keeps what each tool said.

    Parameters
    ----------
    board : Board
        Of a family that nextpnr routes here.
    config : Configuration
        Of the device.
    folder : Path
        As for :func:`luthier.gen.write.write`.
    seeds : sequence of int
        Of the placement; the fastest is kept.
    advance : callable
        Called after each of ``len(seeds) + 3`` steps.

    Raises
    ------
    ToolMissing
        If a tool is not installed.
    UserError
        If the folder can not be used, or the design does not fit.
    CheckFailed
        If no placement is as fast as the clock.
    RuntimeError
        If a tool fails.
    """
    require_nextpnr(board.target)
    seconds: dict[str, float] = {}

    def timed(step: str, begin: float) -> None:
        seconds[step] = time.monotonic() - begin
        log.info("%s: %.0f s", step, seconds[step])
        advance()

    begin = time.monotonic()
    artefact = board_verilog(board, config)
    write(artefact, folder)
    name, text = constraints(board, config)
    (folder / name).write_text(text)
    timed("generating", begin)

    begin = time.monotonic()
    netlist = synthesise_netlist(artefact.verilog, board.target, log=folder / "yosys.log")
    (folder / "netlist.json").write_text(json.dumps(netlist))
    timed("synthesis with Yosys", begin)

    reports: dict[int, dict[str, Any]] = {}
    for seed in seeds:
        begin = time.monotonic()
        reports[seed] = _route(board, config.clock_hz, folder, name, seed)
        timed(f"placing and routing with nextpnr, seed {seed}", begin)
        log.info("seed %d: %s", seed, ", ".join(
            f"{clock} {value['achieved']:.1f} MHz of {value['constraint']:.1f}"
            for clock, value in reports[seed]["fmax"].items()))
    speed = {seed: min(value["achieved"] / value["constraint"]
                       for value in report["fmax"].values()) for seed, report in reports.items()}
    best = max(seeds, key=lambda seed: speed[seed])
    report, path = reports[best], in_words(reports[best])
    if speed[best] < 1:
        clock, value = min(report["fmax"].items(),
                           key=lambda one: one[1]["achieved"] / one[1]["constraint"])
        raise CheckFailed(
            f"{clock} reaches {value['achieved']:.1f} MHz of {value['constraint']:.1f} with the "
            f"best of {len(seeds)} seeds ({path}); try other seeds, or lower clock_hz of the "
            f"configuration {config.name}")

    begin = time.monotonic()
    bitstream = folder / BITSTREAM[board.target]
    routed = f"routed-{best}.{_OPTIONS[board.target][2]}"
    # A user code is 32 bits; the whole hashes are in the device's identification.
    code = int.from_bytes(artefact.build_id[:4], "big")
    stamp = {"ecp5": ["--compress", "--usercode", f"{code}"]}.get(board.target, [])
    if said := run_packer(board.target, [*stamp, routed, bitstream.name], folder):
        raise RuntimeError(f"the bitstream of {board.name} can not be made: {said[-500:]}")
    timed("bitstream", begin)
    return Built(bitstream, artefact.build_id, best, report["fmax"], speed,
                 report["utilization"], path, seconds)


def _route(board: Board, clock_hz: int, folder: Path, name: str,
           seed: int) -> dict[str, Any]:
    """Place and route from one seed, and return nextpnr's report."""
    given, made, suffix = _OPTIONS[board.target]
    report = f"report-{seed}.json"
    said = run_nextpnr(board.target, [
        *board.options, "--json", "netlist.json", given, name, made, f"routed-{seed}.{suffix}",
        "--report", report, "--seed", str(seed), "--freq", f"{clock_hz / 1e6:g}",
        "--log", f"nextpnr-{seed}.log", "--timing-allow-fail"], folder)
    if said:
        raise refusal(said, board.title)
    return json.loads((folder / report).read_text())


def in_words(report: dict[str, Any]) -> str:
    """Return the longest path between registers of nextpnr's report in a sentence."""
    paths = [one for one in report["critical_paths"]
             if one["from"] == one["to"] and "<async>" not in one["from"]]
    if not paths:
        return "no path goes from register to register"

    def delay(one: dict[str, Any], *kinds: str) -> float:
        return sum(part["delay"] for part in one["path"] if not kinds or part["type"] in kinds)

    longest = max(paths, key=delay)
    steps = longest["path"]
    return (f"longest path {delay(longest):.1f} ns, {delay(longest, 'routing'):.1f} of it wires, "
            f"from {steps[0]['from']['cell']} through "
            f"{sum(part['type'] == 'logic' for part in steps)} cells to "
            f"{steps[-1]['to']['cell']}")
