# SPDX-License-Identifier: Apache-2.0
"""Units with streams, compiled by Verilator: for runs too long for Amaranth's simulator."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from amaranth.lib import wiring

from ..gen.tools import find_compiler, find_verilator
from ..gen.verilog import convert, ports
from .board import Tools
from .board_cache import fetch

__all__ = ["CompiledUnit", "Transfer"]

_SHELL = Path(__file__).with_name("compiled.cpp")
_PROGRAM = "unit"
_FLAGS = ("--cc", "--no-assert", "--no-timing", "--x-assign", "unique", "--x-initial", "unique",
          "--top-module", "luthier", "--prefix", "Vunit", "-Wno-lint", "-Wno-style",
          "-Wno-UNOPTFLAT", "-fno-table", "--output-split", "0")


@dataclass(frozen=True)
class Transfer:
    """A payload that moved, and the cycle in which it did."""

    cycle: int
    payload: int


class CompiledUnit:
    """A component all of whose ports are streams, as a program of its own.

    The program stops with an error if an output takes back valid, or changes a payload that has
    not been taken.

    Parameters
    ----------
    component : wiring.Component
        Elaborated, and so used up.
    target : str or None
        A family whose cells are used, as in :func:`luthier.gen.verilog.convert`.
    models : sequence of Path
        Verilog of those cells.
    verilog : str, optional
        To compile this in place of the component, which only says what the streams are.

    Raises
    ------
    ToolMissing
        If Verilator or the C++ compiler is missing or does not work.
    """

    def __init__(self, component: wiring.Component, *, target: str | None = None,
                 models: Sequence[Path] = (), verilog: str | None = None):
        directions = {path[:-2]: direction for path, direction in (
            (name.replace("__payload", "||"), direction)
            for name, _, direction in ports(component)) if path.endswith("||")}
        self._inputs = [name for name, kind in directions.items() if kind == "input"]
        self._outputs = [name for name, kind in directions.items() if kind == "output"]
        if verilog is None:
            verilog = convert(component, target=target)
        verilog += "".join(path.read_text() for path in models)
        tools = Tools(find_verilator(), find_compiler())
        header = "".join(
            f"#define {kind}S(X) {' '.join(f'X({name})' for name in names)}\n"
            for kind, names in (("INPUT", self._inputs), ("OUTPUT", self._outputs)))
        shell = header + _SHELL.read_text()

        def build(folder: Path) -> None:
            (folder / "luthier.v").write_text(verilog)
            subprocess.run([str(tools.verilator.binary), *_FLAGS, "--Mdir", ".", "luthier.v"],
                           cwd=folder, env=tools.verilator.environment(), check=True,
                           capture_output=True)
            (folder / "shell.cpp").write_text(shell)
            objects = tools.model(folder)
            subprocess.run([tools.compiler.command, "-o", _PROGRAM, *objects,
                            str(tools.runtime()), "-pthread"], cwd=folder, check=True)

        self._program, _ = fetch(tools.key("unit", verilog, shell, *_FLAGS), _PROGRAM, build)

    def run(self, inputs: Mapping[str, Sequence[int]], expected: Mapping[str, int], *,
            p_valid: float = 1.0, p_ready: float = 1.0, seed: int = 1, reset_at: int = 0,
            limit: int = 10_000_000) -> tuple[dict[str, list[Transfer]], dict[str, list[int]]]:
        """Run until so many payloads came out of each stream, and 100 cycles more.

        Parameters
        ----------
        inputs : mapping of str to sequence of int
            Payloads of each stream.
        expected : mapping of str to int
            How many each output gives.
        p_valid, p_ready : float
            How often a payload is offered, or can be taken.
        seed : int
        reset_at : int
            Reset in this cycle, if it is not 0; everything then begins anew.
        limit : int
            Cycles.

        Returns
        -------
        outputs : dict of str to list of Transfer
            Since the reset. One too many shows an error of the unit.
        taken : dict of str to list of int
            For each input, the cycles in which payloads were taken.

        Raises
        ------
        RuntimeError
            If the unit breaks a rule of streams, or has not ended after ``limit`` cycles.
        """
        if sorted(inputs) != sorted(self._inputs) or sorted(expected) != sorted(self._outputs):
            raise ValueError(f"streams must be {self._inputs} and {self._outputs}, not "
                             f"{sorted(inputs)} and {sorted(expected)}")
        lines = [f"{round(p_valid * 65536)} {round(p_ready * 65536)} {seed} {reset_at} {limit}"]
        for name in self._inputs:
            lines += [str(len(inputs[name])), *(f"{word:x}" for word in inputs[name])]
        lines += [str(expected[name]) for name in self._outputs]
        done = subprocess.run([self._program], input="\n".join(lines), capture_output=True,
                              text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"seed {seed}: {done.stderr.strip()}")
        outputs: dict[str, list[Transfer]] = {name: [] for name in self._outputs}
        taken: dict[str, list[int]] = {name: [] for name in self._inputs}
        for line in done.stdout.splitlines():
            name, cycle, *payload = line.split()
            if payload:
                outputs[name].append(Transfer(int(cycle), int(payload[0], 16)))
            else:
                taken[name].append(int(cycle))
        return outputs, taken
