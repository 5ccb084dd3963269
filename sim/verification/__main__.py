# SPDX-License-Identifier: Apache-2.0
"""``python -m luthier.sim.verification coverage|mutation --config NAME [--json FILE]``."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from ...golden.config import load_configuration
from ...golden.errors import LuthierError
from . import coverage, mutation
from .mutants import UNITS

__all__ = ["coverage_table", "main", "mutation_table"]


def _percent(pair: list[int]) -> str:
    reached, points = pair
    return f"{100 * reached / points:.1f} % of {points}" if points else "none"


def coverage_table(data: dict[str, Any]) -> str:
    """Return the figures of :func:`luthier.sim.verification.coverage.measure` as Markdown."""
    lines = ["| unit | line, all points | line | toggle, all bits | toggle |",
             "|---|---|---|---|---|"]
    for unit, figures in data["units"].items():
        cells = (_percent(figures[key])
                 for key in ("lines", "lines_counted", "toggles", "toggles_counted"))
        lines.append(f"| {unit} | {' | '.join(cells)} |")
    lines += ["", "Left out:"]
    lines += [f"- {number} points: {reason}" for reason, number in data["exclusions"].items()
              if number]
    return "\n".join(lines)


def mutation_table(data: dict[str, Any]) -> str:
    """Return the figures of :func:`luthier.sim.verification.mutation.measure` as Markdown."""
    lines = ["| unit | mutants | killed | rate |", "|---|---|---|---|"]
    for unit, figures in data["units"].items():
        total, killed = figures["mutants"], figures["killed"]
        lines.append(f"| {unit} | {total} | {killed} | {100 * killed / max(total, 1):.1f} % |")
    lines += ["", "Survivors:"]
    lines += [f"- {survivor['text']}" for survivor in data["survivors"]]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table, write the JSON; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m luthier.sim.verification",
                                     description="Figures on how well the hardware is verified.")
    parser.add_argument("what", choices=("coverage", "mutation"))
    parser.add_argument("--config", default="tiny", help="name or path of a configuration")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--effort", type=int, default=3, help="length of the (second) script")
    parser.add_argument("--mutants", type=int, default=100, help="of each unit")
    parser.add_argument("--units", nargs="+", choices=UNITS, default=list(UNITS))
    parser.add_argument("--missed", action="store_true", help="list what was not covered")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    begin = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - begin:6.1f} s  {text}\n")

    try:
        config = load_configuration(options.config)
        if options.what == "coverage":
            data = coverage.measure(config, seed=options.seed, effort=options.effort, say=say)
            text = coverage_table(data)
            if options.missed:
                text += "\n" + "\n".join(
                    f"missed: {name}" for unit in data["units"].values() for name in unit["missed"])
        else:
            data = mutation.measure(config, seed=options.seed, count=options.mutants,
                                    effort=options.effort, units=options.units, say=say)
            text = mutation_table(data)
    except LuthierError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"{text}\n")
    if options.json is not None:
        options.json.write_text(json.dumps(data, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
