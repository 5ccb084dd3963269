# SPDX-License-Identifier: Apache-2.0
"""Run the stimulus on each mutant and count those that it kills."""

import json
import os
import select
import signal
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from ...gen.verilog import generate
from ...golden.config import Configuration
from .bench import BenchBoard
from .mutants import UNITS, Mutant, insert_mutants
from .replay import Mismatch, replay
from .script import Step, record
from .sources import SOURCES

__all__ = ["Script", "kill", "measure"]

#: Seconds of wall time after which a mutant counts as hanging, beyond the simulated limits.
_WATCHDOG = 120.0

#: A script and the seed of the pins' waits.
Script = tuple[Sequence[Step], int]


def kill(board: BenchBoard, config: Configuration, number: int, scripts: Sequence[Script], *,
         watchdog: float = _WATCHDOG) -> str | None:
    """Run scripts on a mutant, in a child process, until one kills it.

    Each script gets a device as new: the child's copy of ``board``, which nothing may have been
    done to.

    Returns
    -------
    str or None
        Why it died; None if it survived.
    """
    for steps, seed in scripts:
        if reason := _attempt(board, config, number, steps, seed, watchdog):
            return reason
    return None


def _attempt(board: BenchBoard, config: Configuration, number: int, steps: Sequence[Step],
             seed: int, watchdog: float) -> str | None:
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of NumPy, which rest
        child = os.fork()
    if not child:
        _child(board, config, number, steps, seed, writing)
    os.close(writing)
    try:
        ready, _, _ = select.select([reading], [], [], watchdog)
        answer = os.read(reading, 4096) if ready else b""
        if not ready:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(reading)
        _, status = os.waitpid(child, 0)
    if not ready:
        return f"ran longer than {watchdog:g} s"
    if not answer:
        return f"the simulation ended with status {status}"
    return json.loads(answer)


def _child(board: BenchBoard, config: Configuration, number: int, steps: Sequence[Step],
           seed: int, writing: int) -> None:
    """Replay, say what came of it, and end without any clean-up."""
    try:
        # Verilator reports on these, which the parent does not want.
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        board.select_fault(number)
        board.reset()
        try:
            replay(board, config, steps, seed=seed)
            reason = None
        except Mismatch as mismatch:
            reason = str(mismatch)[:300]
        os.write(writing, json.dumps(reason).encode())
    finally:
        os._exit(0)


def measure(config: Configuration, *, seed: int, count: int, effort: int = 3,
            units: Sequence[str] = UNITS,
            say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Insert mutants, run all of them, and return the figures as JSON data.

    A short script goes first, which most do not survive; then a longer one.

    Raises
    ------
    Mismatch
        If the netlist is wrong without a fault.
    ToolMissing
        If a tool is missing.
    """
    artefact = generate(config)
    say(f"inserting {count} mutants into each unit")
    verilog, mutants = insert_mutants(config, artefact.verilog, count=count, seed=seed, units=units)
    say("recording the scripts on the golden model")
    scripts: list[Script] = [
        (record(config, artefact.build_id, SOURCES, seed=seed + work, effort=work), seed + work)
        for work in sorted({1, effort})]
    say("building the board with the mutants, unless that was done before")
    board = BenchBoard(verilog, config.link.width)
    begin = time.monotonic()
    survivors: list[Mutant] = []
    deaths: dict[int, str] = {}
    try:
        if reason := kill(board, config, 0, scripts):
            raise Mismatch(f"without a fault: {reason}")
        for mutant in mutants:
            reason = kill(board, config, mutant.number, scripts)
            if reason is None:
                survivors.append(mutant)
                say(f"survived: {mutant}")
            else:
                deaths[mutant.number] = reason
            if mutant.number % 50 == 0:
                say(f"{mutant.number} of {len(mutants)}, {len(survivors)} survived, "
                    f"{time.monotonic() - begin:.0f} s")
    finally:
        board.close()
    found: dict[str, dict[str, int]] = {}
    for unit in dict.fromkeys(mutant.unit for mutant in mutants):
        total = sum(mutant.unit == unit for mutant in mutants)
        left = sum(mutant.unit == unit for mutant in survivors)
        found[unit] = {"mutants": total, "killed": total - left}
    return {"config": config.name, "seed": seed, "effort": effort, "units": found,
            "seconds": time.monotonic() - begin,
            "survivors": [asdict(mutant) | {"text": str(mutant)} for mutant in survivors],
            "deaths": [{"text": str(mutant), "reason": deaths[mutant.number]}
                       for mutant in mutants if mutant.number in deaths]}
