# SPDX-License-Identifier: Apache-2.0
"""The simulated board with what only verification needs."""

import ctypes
from pathlib import Path

from ..board import Board

__all__ = ["BenchBoard"]


class BenchBoard(Board):
    """A board whose pins can wait at random, which can switch faults on and say what it covered.

    Parameters
    ----------
    verilog, width, coverage
        As of :class:`~luthier.sim.board.Board`.
    """

    def stall(self, seed: int, wait_in: int, wait_out: int) -> None:
        """Let the pins wait in so many of 256 cycles, at random; 0 and 0 is full speed."""
        self._check_open()
        call = self._library.luthier_stall
        call.restype = None
        call.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint32]
        call(self._handle, seed, wait_in, wait_out)

    def select_fault(self, number: int) -> None:
        """Switch one of the netlist's faults on, 0 for none.

        Raises
        ------
        ValueError
            If the netlist holds no faults.
        """
        self._check_open()
        call = self._library.luthier_fault
        call.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
        if not call(self._handle, number):
            raise ValueError("this netlist has no input mutsel")

    def write_coverage(self, path: Path) -> None:
        """Write coverage.dat.

        Raises
        ------
        ValueError
            If the board was not built to count.
        """
        self._check_open()
        call = self._library.luthier_coverage
        call.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        if not call(self._handle, str(path).encode()):
            raise ValueError("this board was not built with coverage=True")
