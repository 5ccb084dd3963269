# SPDX-License-Identifier: Apache-2.0
"""What encoders and readers of all formats refuse."""

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from .defects import Defect, MalformedStream, Report

__all__ = ["check_weights", "refuse_length"]


def check_weights(matrix: NDArray[np.integer], bits: int) -> None:
    """Do nothing if all weights have at most so many bits; else UserError names the first."""
    half = 1 << bits - 1
    wrong = (matrix < -half) | (matrix >= half)
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise UserError(
            f"weights of {bits} bits must be between {-half} and {half - 1}, not "
            f"{int(matrix[row, column])} as in row {row}, column {column}; quantise to fewer bits")


def refuse_length(found: Report, beats: int, what: str, rows: int, columns: int) -> None:
    """Do nothing if a packet of so many beats has the right length; else MalformedStream."""
    if found.first in (Defect.TRUNCATED, Defect.OVERLONG):
        wrong = "too short" if found.first == Defect.TRUNCATED else "too long"
        raise MalformedStream(f"a stream of {what} is {wrong} for {rows} x {columns} weights with "
                              f"{beats} beats; read as many bytes as the encoder made")
