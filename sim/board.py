# SPDX-License-Identifier: Apache-2.0
"""The simulated board: generated Verilog, compiled, called through ctypes."""

import concurrent.futures
import ctypes
import functools
import hashlib
import logging
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from ..gen.tools import Compiler, Verilator, find_compiler, find_verilator
from ..golden.errors import ToolMissing
from .board_cache import fetch

__all__ = ["Board", "Tools", "build_library", "compile_library"]

log = logging.getLogger("luthier")

_SHELL = Path(__file__).with_name("board.cpp")
_LIBRARY = "board.so"
#: What every model needs; compiled once for all boards.
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
#: What counting lines and toggles needs: sources, and flags of Verilator. Wide buses count, too.
_COVERAGE_RUNTIME = ("verilated_cov.cpp",)
_COVERAGE_FLAGS = ("--coverage-line", "--coverage-toggle", "--coverage-max-width", "4096")

#: No assertions, no timing, no tracing. Warnings are the business of luthier.gen.lint.
_VERILATOR_FLAGS = (
    "--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert", "--no-timing",
    "--top-module", "luthier", "--prefix", "Vboard", "-Wno-lint", "-Wno-style", "-Wno-fatal",
    "--output-split", "0",
    "-fno-table")  # a look-up table for each case statement: a tenth slower
#: Not -march=native: homes, and so caches, are shared between machines.
_COMPILER_FLAGS = (
    "-std=gnu++17", "-fPIC", "-fno-semantic-interposition", "-w", "-DVERILATOR=1",
    "-DVM_SC=0", "-DVM_TIMING=0", "-DVM_TRACE=0", "-DVM_TRACE_FST=0",
    "-DVM_TRACE_VCD=0", "-DVM_TRACE_SAIF=0")

_STOP_AT_ZERO = 1
_STOP_WHEN_TAKEN = 2
#: Cycles of one call into the library: a fraction of a second, so that Ctrl-C is heard.
_SLICE = 250_000
_OUT_BYTES = 1 << 16


def build_library(verilog: str, width: int, *,
                  coverage: bool = False) -> tuple[Path, float | None]:
    """Compile a top with the ports ``i``, ``o``, ``clk`` and ``rst``, unless it was done before.

    Parameters
    ----------
    verilog : str
        Text with the top module ``luthier``.
    width : int
        Bytes per cycle of the streams.
    coverage : bool
        Count lines and toggles, which makes the board several times slower.

    Returns
    -------
    path : Path
        The shared library.
    seconds : float or None
        Time the build took; None if there was one.

    Raises
    ------
    ToolMissing
        If Verilator or the C++ compiler is missing or does not work.
    """
    return compile_library(verilog, f"#define LUTHIER_WIDTH {width}\n{_SHELL.read_text()}",
                           coverage=coverage)


def compile_library(verilog: str, shell: str, *,
                    coverage: bool = False) -> tuple[Path, float | None]:
    """Compile a top and the C++ that drives its ports; else as :func:`build_library`."""
    tools = Tools(find_verilator(), find_compiler(), coverage)

    def build(folder: Path) -> None:
        log.info("building the simulated board; this is done once for each design")
        _build(folder, verilog, shell, tools)

    return fetch(tools.key(verilog, shell, *tools.verilator_flags), _LIBRARY, build)


@dataclass(frozen=True)
class Tools:
    """Verilator and the compiler, and how they are called."""

    verilator: Verilator
    compiler: Compiler
    coverage: bool = False

    @property
    def verilator_flags(self) -> tuple[str, ...]:
        """Flags of Verilator."""
        return (*_VERILATOR_FLAGS, *(_COVERAGE_FLAGS if self.coverage else ()))

    @property
    def compile(self) -> list[str]:
        """Compiler, flags and include folders."""
        flags: list[str] = [*_COMPILER_FLAGS, f"-DVM_COVERAGE={int(self.coverage)}"]
        if "clang" not in self.compiler.version.lower():
            flags.append("-fno-gnu-unique")  # two boards in a process must not share C++ statics
        include = self.verilator.include
        return [self.compiler.command, *flags, "-I.", f"-I{include}", f"-I{include / 'vltstd'}"]

    def key(self, *parts: str) -> str:
        """Return a name for what these tools make of ``parts``."""
        key = hashlib.sha256()
        for part in (*parts, self.compiler.version, self.verilator.version, *self.compile):
            key.update(hashlib.sha256(part.encode()).digest())
        return key.hexdigest()[:40]

    def model(self, folder: Path) -> list[str]:
        """Compile the C++ files of a folder; return the names of the object files.

        As one unit what runs in each cycle, and as one what runs once, which Verilator puts into
        files of their own: most of the time would go into its headers.
        """
        files = sorted(path.name for path in folder.glob("*.cpp"))
        once = [name for name in files if name.endswith("__Slow.cpp")]
        often = [name for name in files if name not in once]
        for unit, names in (("often", often), ("once", once)):
            (folder / f"{unit}.cc").write_text("".join(f'#include "{name}"\n' for name in names))
        return self.objects({"often.cc": "-O2", "once.cc": "-O0"}, folder)

    def objects(self, sources: dict[str, str], folder: Path) -> list[str]:
        """Compile sources with their flags, on all cores; return the names of the object files."""
        def one(source: str) -> str:
            name = f"{Path(source).stem}.o"
            _call([*self.compile, sources[source], "-c", source, "-o", name], folder,
                  self.compiler.command)
            return name

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return list(pool.map(one, sources))

    def runtime(self) -> Path:
        """Return Verilator's run-time as one object file."""
        names = (*_RUNTIME, *(_COVERAGE_RUNTIME if self.coverage else ()))

        def build(folder: Path) -> None:
            sources = {str(self.verilator.include / name): "-O2" for name in names}
            objects = self.objects(sources, folder)
            _call([self.compiler.command, "-nostdlib", "-r", "-o", "runtime.o", *objects], folder,
                  self.compiler.command)

        return fetch(self.key("run-time", *names), "runtime.o", build)[0]


def _build(folder: Path, verilog: str, shell: str, tools: Tools) -> None:
    (folder / "luthier.v").write_text(verilog)
    _call([str(tools.verilator.binary), *tools.verilator_flags, "--Mdir", ".", "luthier.v"], folder,
          "Verilator", tools.verilator.environment())
    (folder / "board.cpp").write_text(shell)
    objects = tools.model(folder)
    _call([tools.compiler.command, "-shared", "-o", _LIBRARY, *objects, str(tools.runtime()),
           "-pthread"], folder, tools.compiler.command)


def _call(command: list[str], folder: Path, tool: str,
          environment: dict[str, str] | None = None) -> None:
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True,
                            check=False)
    if result.returncode:
        log.debug("%s\n%s%s", " ".join(command), result.stdout, result.stderr)
        lines = (result.stderr or result.stdout).strip().splitlines()
        why = next((line for line in lines if "rror" in line), lines[-1] if lines else "no message")
        raise ToolMissing(f"{tool} could not build the simulated board (exit code "
                          f"{result.returncode}): {why}; `luthier doctor` lists what is installed")


@functools.cache
def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    handle, number, pointer = ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(ctypes.c_int64)
    library.luthier_open.restype = handle
    library.luthier_open.argtypes = []
    library.luthier_close.restype = None
    library.luthier_close.argtypes = [handle]
    library.luthier_reset.restype = None
    library.luthier_reset.argtypes = [handle]
    library.luthier_cycles.restype = ctypes.c_uint64
    library.luthier_cycles.argtypes = [handle]
    library.luthier_width.restype = ctypes.c_int
    library.luthier_run.restype = number
    library.luthier_run.argtypes = [
        handle, ctypes.c_void_p, number, pointer, ctypes.c_void_p, number, pointer, number,
        ctypes.c_uint32]
    return library


class Board:
    """A running device. Bytes wait until the device takes them; time passes in :meth:`run` only.

    Parameters
    ----------
    verilog : str
        Text with the top module ``luthier``.
    width : int
        Bytes per cycle of its streams.
    coverage : bool
        Count lines and toggles.

    Raises
    ------
    ToolMissing
        If Verilator or the C++ compiler is missing or does not work.
    """

    def __init__(self, verilog: str, width: int, *, coverage: bool = False):
        self._handle: int | None = None
        path, self._build_seconds = build_library(verilog, width, coverage=coverage)
        self._verilog_lines = verilog.count("\n")
        self._library = _load(path)
        self._handle = self._library.luthier_open()
        self._waiting = bytearray()
        self._out = ctypes.create_string_buffer(_OUT_BYTES)
        self._seconds = 0.0
        self._counted = 0
        self._cycles = 0

    @property
    def verilog_lines(self) -> int:
        """Lines of the Verilog that the board runs."""
        return self._verilog_lines

    @property
    def build_seconds(self) -> float | None:
        """Time that building took; None if the board was in the cache."""
        return self._build_seconds

    @property
    def cycles(self) -> int:
        """Clock cycles since the board was opened."""
        if self._handle is not None:
            self._cycles = self._library.luthier_cycles(self._handle)
        return self._cycles

    @property
    def cycles_per_second(self) -> float | None:
        """Simulated cycles per second of wall time so far; None before the first."""
        return self._counted / self._seconds if self._seconds else None

    @property
    def waiting(self) -> int:
        """Bytes sent that the device has not taken."""
        return len(self._waiting)

    def send(self, data: bytes) -> None:
        """Queue bytes for the device. No time passes."""
        self._waiting += data

    def reset(self) -> None:
        """Reset the device for a few cycles and forget the bytes that wait."""
        self._check_open()
        self._waiting.clear()
        self._library.luthier_reset(self._handle)

    def run(self, cycles: int, *, frame: bool = True, taken: bool = False) -> bytes:
        """Let time pass and return the bytes that came out.

        Parameters
        ----------
        cycles : int
            At most so many.
        frame : bool
            Return as soon as a zero byte, the end of a frame, came out.
        taken : bool
            Return as soon as the device has accepted all bytes sent.
        """
        self._check_open()
        flags = _STOP_AT_ZERO * frame | _STOP_WHEN_TAKEN * taken
        consumed, produced = ctypes.c_int64(), ctypes.c_int64()
        received = bytearray()
        while cycles > 0:
            content = bytes(self._waiting[:_OUT_BYTES])
            slice_ = min(cycles, _SLICE)
            begin = time.perf_counter()
            done = self._library.luthier_run(
                self._handle, content, len(content), ctypes.byref(consumed), self._out, _OUT_BYTES,
                ctypes.byref(produced), slice_, flags)
            self._seconds += time.perf_counter() - begin
            self._counted += done
            cycles -= done
            del self._waiting[: consumed.value]
            chunk = ctypes.string_at(self._out, produced.value)
            received += chunk
            full = _OUT_BYTES - produced.value < 8
            if (frame and 0 in chunk) or (done < slice_ and not full and not self._waiting):
                break
        return bytes(received)

    def _check_open(self) -> None:
        if self._handle is None:
            raise ValueError("the board is closed")

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        if self._handle is not None:
            self._cycles = self.cycles
            self._library.luthier_close(self._handle)
            self._handle = None

    def __del__(self) -> None:
        self.close()
