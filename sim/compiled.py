# SPDX-License-Identifier: Apache-2.0
"""Units with one stream in and one out, compiled: for tests that are long."""

import ctypes
import functools
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import Const, Shape
from amaranth.lib.wiring import Component

from ..gen.tools import find_compiler, find_verilator
from ..gen.verilog import convert
from .board import _call, _Tools
from .board_cache import fetch

__all__ = ["CompiledUnit"]

_SHELL = Path(__file__).with_name("compiled.cpp")
_LIBRARY = "unit.so"
_PROBLEMS = {2: "valid dropped before ready", 3: "payload changed while stalled"}


class CompiledUnit:
    """A component with the streams ``i`` and ``o``, which Verilator and a C++ compiler build once.

    Parameters
    ----------
    component : Component
        It is elaborated and can not be used again.

    Raises
    ------
    ToolMissing
        If Verilator or the C++ compiler is missing or does not work.
    """

    def __init__(self, component: Any):
        assert isinstance(component, Component)
        self._shapes = [component.i.payload.shape(), component.o.payload.shape()]
        self._words = max(1, *(-(-Shape.cast(shape).width // 32) for shape in self._shapes))
        verilog, tools = convert(component), _Tools(find_verilator(), find_compiler())
        parts = (verilog, _SHELL.read_text(), str(self._words), *tools.verilator_flags)

        def build(folder: Path) -> None:
            (folder / "luthier.v").write_text(verilog)
            _call([str(tools.verilator.binary), *tools.verilator_flags, "--Mdir", ".",
                   "luthier.v"], folder, "Verilator", tools.verilator.environment())
            (folder / "shell.cpp").write_text(
                f"#define LUTHIER_WORDS {self._words}\n{_SHELL.read_text()}")
            objects = tools.objects(sorted(path.name for path in folder.glob("*.cpp")), folder)
            _call([tools.compiler.command, "-shared", "-o", _LIBRARY, *objects,
                   str(tools.runtime()), "-pthread"], folder, tools.compiler.command)

        self._library = _load(fetch(tools.key("unit", *parts), _LIBRARY, build)[0])
        self._handle = self._library.luthier_open()
        self.reset()

    def reset(self) -> None:
        """Reset the unit for a few cycles."""
        self._library.luthier_reset(self._handle)

    def close(self) -> None:
        """Free it."""
        self._library.luthier_close(self._handle)

    def run(self, beats: list[Any], receives: int, *, seed: int = 1, p_valid: float = 1,
            p_ready: float = 1, limit: int = 1_000_000) -> tuple[list[Any], np.ndarray, np.ndarray]:
        """Send beats, each a constant for the payload of ``i``, and receive so many from ``o``.

        Returns
        -------
        received : list
            As constants of the payload's shape.
        sent, times : array
            Cycles of the transfers into ``i`` and out of ``o``.

        Raises
        ------
        TimeoutError
            If beats are missing after ``limit`` cycles.
        AssertionError
            If ``o`` breaks a rule of streams.
        """
        size = 4 * self._words
        content = b"".join((Const(beat, self._shapes[0]).as_value().value
                            % (1 << Shape.cast(self._shapes[0]).width)).to_bytes(size, "little")
                           for beat in beats)
        out = ctypes.create_string_buffer(max(1, receives * size))
        times = np.zeros(len(beats) + receives, np.int64)
        code = self._library.luthier_run(
            self._handle, content, len(beats), out, receives,
            times.ctypes.data_as(ctypes.c_void_p), seed, round(256 * (1 - p_valid)),
            round(256 * (1 - p_ready)), limit)
        if code == 1:
            raise TimeoutError(f"beats are missing after {limit} cycles, seed {seed}")
        if code:
            raise AssertionError(f"{_PROBLEMS[code]}, seed {seed}")
        width = Shape.cast(self._shapes[1]).width
        received = [self._shapes[1].from_bits(int.from_bytes(
            out.raw[start : start + size], "little") % (1 << width))
            for start in range(0, receives * size, size)]
        return received, times[: len(beats)], times[len(beats) :]


@functools.cache
def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    handle, number, words = ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p
    library.luthier_open.restype = handle
    library.luthier_open.argtypes = []
    for name in ("luthier_close", "luthier_reset"):
        getattr(library, name).restype = None
        getattr(library, name).argtypes = [handle]
    library.luthier_run.restype = ctypes.c_int
    library.luthier_run.argtypes = [
        handle, ctypes.c_char_p, number, words, number, words, ctypes.c_uint64, ctypes.c_uint32,
        ctypes.c_uint32, number]
    return library
