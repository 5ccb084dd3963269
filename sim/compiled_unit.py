# SPDX-License-Identifier: Apache-2.0
"""A unit with one stream in and one out, compiled: far faster than in Amaranth's simulator."""

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from amaranth.lib import wiring

from ..gen.verilog import convert
from .board import compile_model

__all__ = ["CompiledUnit", "Transfers"]

_SHELL = Path(__file__).with_name("unit.cpp")


@dataclass(frozen=True)
class Transfers:
    """What passed in a run.

    Attributes
    ----------
    payloads : list of int
        Output.
    taken, made : int64 array
        The cycle of each transfer at the input and at the output.
    cycles : int
        Of the run.
    """

    payloads: list[int]
    taken: np.ndarray
    made: np.ndarray
    cycles: int


class CompiledUnit:
    """A unit with the streams ``i`` and ``o`` only, compiled with Verilator; it starts in reset.

    Parameters
    ----------
    unit : wiring.Component
        It is elaborated and can not be used again.

    Raises
    ------
    ToolMissing
        If Verilator or the C++ compiler is missing or does not work.
    """

    def __init__(self, unit: wiring.Component):
        self._handle: int | None = None
        path, _ = compile_model(convert(unit), _SHELL.read_text())
        self._library = _load(path)
        self._handle = self._library.unit_open()

    def reset(self) -> None:
        """Reset for a cycle."""
        self._library.unit_reset(self._handle)

    def run(self, payloads: Sequence[int], count: int, *, p_valid: float = 1.0,
            p_ready: float = 1.0, seed: int = 1, limit: int = 1_000_000) -> Transfers:
        """Offer payloads until all are taken and ``count`` have come out.

        Parameters
        ----------
        payloads : sequence of int
        count : int
            The output is not ready for more.
        p_valid, p_ready : float
            How often a cycle the next payload is offered and the output is ready.
        seed : int
        limit : int
            Cycles, after which the run ends in any case.

        Raises
        ------
        AssertionError
            If the output was withdrawn or changed before its transfer.
        """
        size_in, size_out = self._library.unit_in_bytes(), self._library.unit_out_bytes()
        content = b"".join(payload.to_bytes(size_in, "little") for payload in payloads)
        out = ctypes.create_string_buffer(max(1, count * size_out))
        taken, made = (np.zeros(max(1, size), np.int64) for size in (len(payloads), count))
        consumed, produced = ctypes.c_int64(), ctypes.c_int64()
        cycles = self._library.unit_run(
            self._handle, content, len(payloads), taken.ctypes.data, out, count, made.ctypes.data,
            ctypes.byref(consumed), ctypes.byref(produced), limit, round(256 * (1 - p_valid)),
            round(256 * (1 - p_ready)), seed)
        if cycles < 0:
            raise AssertionError(f"the output changed while stalled, seed {seed}")
        raw = out.raw
        found = [int.from_bytes(raw[start : start + size_out], "little")
                 for start in range(0, produced.value * size_out, size_out)]
        return Transfers(found, taken[: consumed.value], made[: produced.value], cycles)

    def __del__(self) -> None:
        if self._handle is not None:
            self._library.unit_close(self._handle)
            self._handle = None


@functools.cache
def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    handle, number, pointer = ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(ctypes.c_int64)
    library.unit_open.restype = handle
    library.unit_open.argtypes = []
    for name in ("unit_close", "unit_reset"):
        getattr(library, name).restype = None
        getattr(library, name).argtypes = [handle]
    library.unit_run.restype = number
    library.unit_run.argtypes = [
        handle, ctypes.c_char_p, number, handle, handle, number, handle, pointer, pointer, number,
        ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint64]
    return library
