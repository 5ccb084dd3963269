# SPDX-License-Identifier: Apache-2.0
"""Line and toggle coverage of the stimulus, by unit of the hardware."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...gen.verilog import generate
from ...golden.config import Configuration
from .bench import BenchBoard
from .coverage_data import Coverage, read_coverage
from .exclusions import EXCLUSIONS, artefact, excluded
from .replay import replay
from .script import record
from .sources import SLOW_SOURCES, SOURCES
from .units import UNITS, unit_of

__all__ = ["Figures", "measure", "tally"]


@dataclass
class Figures:
    """Points of a unit: reached and all; without exclusions first, then with.

    Attributes
    ----------
    lines, toggles : list of int
        Reached and all of them.
    lines_counted, toggles_counted : list of int
        The same without what is excluded.
    missed : list of str
        What counts and was not reached.
    """

    lines: list[int] = field(default_factory=lambda: [0, 0])
    lines_counted: list[int] = field(default_factory=lambda: [0, 0])
    toggles: list[int] = field(default_factory=lambda: [0, 0])
    toggles_counted: list[int] = field(default_factory=lambda: [0, 0])
    missed: list[str] = field(default_factory=list)


def measure(config: Configuration, *, seed: int, effort: int,
            say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Run the stimulus on a board that counts and return the figures as JSON data.

    Raises
    ------
    Mismatch
        If the board is wrong.
    ToolMissing
        If a tool is missing.
    """
    artefact_ = generate(config)
    say("recording the script on the golden model")
    steps = record(config, artefact_.build_id, (*SOURCES, *SLOW_SOURCES), seed=seed,
                   effort=effort)
    say("building the board that counts, unless that was done before")
    board = BenchBoard(artefact_.verilog, config.link.width, coverage=True)
    try:
        say(f"replaying {len(steps)} steps")
        replay(board, config, steps, seed=seed)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "coverage.dat")
            board.write_coverage(path)
            found = read_coverage(path)
        cycles = board.cycles
    finally:
        board.close()
    figures, left_out = tally(config, artefact_.verilog, found)
    return {"config": config.name, "seed": seed, "effort": effort, "steps": len(steps),
            "cycles": cycles, "units": {name: asdict(value) for name, value in figures.items()},
            "exclusions": left_out}


def tally(config: Configuration, verilog: str,
          coverage: Coverage) -> tuple[dict[str, Figures], dict[str, int]]:
    """Return the figures by unit, and how many points each reason leaves out."""
    source = verilog.splitlines()
    figures = {name: Figures() for name in (*UNITS, "all")}
    empty = "the empty `if` at the head of every `always @*`, which Yosys writes"
    left_out = dict.fromkeys((empty, *(rule.reason for rule in EXCLUSIONS)), 0)

    def count(path: str, kind: str, reached: bool, reason: str | None, what: str) -> None:
        for name in (unit_of(path), "all"):
            for suffix in ("", "_counted") if reason is None else ("",):
                pair = getattr(figures[name], kind + suffix)
                pair[0] += reached
                pair[1] += 1
        if reason is not None:
            left_out[reason] += 1
        elif not reached:
            figures[unit_of(path)].missed.append(what)

    for point, reached in coverage.lines.items():
        count(point.path, "lines", reached > 0, empty if artefact(point, source) else None,
              f"{point.path} {point.kind}, line {point.line}: {source[point.line - 1].strip()}")
    for bit, both in coverage.bits.items():
        rule = excluded(config, bit)
        count(bit.path, "toggles", min(both) > 0, rule.reason if rule else None,
              f"{bit.path} {bit.signal}[{bit.index}]")
    return figures, left_out
