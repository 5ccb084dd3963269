# SPDX-License-Identifier: Apache-2.0
"""A board's top with serial lines at its pins, compiled and called through ctypes."""

import ctypes
import functools
import time
from pathlib import Path

from .board import compile_library

__all__ = ["PinBoard"]

_SHELL = Path(__file__).with_name("pins.cpp")
_OUT_BYTES = 1 << 12
#: Parts of a cycle in which the length of a bit is told.
_PARTS = 1 << 16


class PinBoard:
    """A running board. Bytes wait until they are on the line; time passes in :meth:`run` only.

    Parameters
    ----------
    verilog : str
        Text with the top module ``luthier`` and its ports ``clk``, ``rst``, ``rx`` and ``tx``.
    clock_hz : int
        Frequency of ``clk``.
    reset_level : int
        Level of ``rst`` that resets.

    Raises
    ------
    ToolMissing
        If Verilator or the C++ compiler is missing or does not work.
    """

    def __init__(self, verilog: str, clock_hz: int, *, reset_level: int = 1):
        self._handle: int | None = None
        shell = f"#define LUTHIER_RESET {reset_level}\n{_SHELL.read_text()}"
        path, self._build_seconds = compile_library(verilog, shell)
        self._library, self._clock_hz = _load(path), clock_hz
        self._handle = self._library.luthier_open()
        self._waiting = bytearray()
        self._out = ctypes.create_string_buffer(_OUT_BYTES)
        self._seconds, self._cycles = 0.0, 0

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
        return self.cycles / self._seconds if self._seconds else None

    @property
    def waiting(self) -> int:
        """Bytes sent that are not on the line yet."""
        return len(self._waiting)

    def send(self, data: bytes) -> None:
        """Queue bytes for the line. No time passes."""
        self._waiting += data

    def reset(self) -> None:
        """Press the reset button for a few cycles, and forget the bytes that wait."""
        self._check_open()
        self._waiting.clear()
        self._library.luthier_reset(self._handle)

    def run(self, cycles: int, baud: int) -> bytes:
        """Let time pass and return the bytes that came, the host's side at ``baud``."""
        self._check_open()
        bit = round(self._clock_hz * _PARTS / baud)
        consumed, produced = ctypes.c_int64(), ctypes.c_int64()
        received = bytearray()
        begin = time.perf_counter()
        while cycles > 0:
            content = bytes(self._waiting[:_OUT_BYTES])
            cycles -= self._library.luthier_run(
                self._handle, content, len(content), ctypes.byref(consumed), self._out, _OUT_BYTES,
                ctypes.byref(produced), cycles, bit)
            del self._waiting[: consumed.value]
            received += ctypes.string_at(self._out, produced.value)
        self._seconds += time.perf_counter() - begin
        return bytes(received)

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        if self._handle is not None:
            self._cycles = self.cycles
            self._library.luthier_close(self._handle)
            self._handle = None

    def _check_open(self) -> None:
        if self._handle is None:
            raise ValueError("the board is closed")

    def __del__(self) -> None:
        self.close()


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
    library.luthier_run.restype = number
    library.luthier_run.argtypes = [
        handle, ctypes.c_void_p, number, pointer, ctypes.c_void_p, number, pointer, number,
        ctypes.c_uint64]
    return library
