# SPDX-License-Identifier: Apache-2.0
"""What a layer's call took, and whether its results are those of the golden model."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..golden import table
from ..golden.errors import CheckFailed, UserError
from ..golden.protocol import Report

__all__ = ["Check", "LayerStats", "ResultMismatch", "compare", "known_check"]

#: How many results are compared with the golden model.
Check = Literal["all", "sample", "never"]

#: Results that are compared in each call where a sample is.
_SAMPLE = 64


def known_check(value: Any) -> Check:
    """Return ``value`` if it is one of :data:`Check`; UserError otherwise."""
    for known in get_args(Check):
        if isinstance(value, str) and value == known:
            return known
    raise UserError(f"check must be 'all', 'sample' or 'never', not {value!r}")


class ResultMismatch(CheckFailed):
    """A result of a device differs from the golden model.

    Attributes
    ----------
    layer : str
    token, row : int
        Where the first wrong result is.
    expected, got : int
    count, checked : int
        Wrong results, and results that were compared.
    reproduce : str
        The command that shows it again, or ``""``.
    """

    def __init__(self, *, layer: str, token: int, row: int, expected: int, got: int, count: int,
                 checked: int, reproduce: str = ""):
        self.layer, self.token, self.row, self.expected, self.got = layer, token, row, expected, got
        self.count, self.checked, self.reproduce = count, checked, reproduce
        super().__init__(
            f"layer {layer}, row {row}, token {token}: expected {expected}, got {got}; {count} of "
            f"{checked} results compared differ"
            + (f"; reproduce with: {reproduce}" if reproduce else ""))


@dataclass(frozen=True, kw_only=True)
class LayerStats:
    """What the last call of a layer took.

    Attributes
    ----------
    tokens : int
    cycles : int
        Measured by the device, from dispatch to the last result.
    declared_cycles : int
        What the golden model says it takes.
    beats : int
        Weight beats streamed.
    efficiency : float
        ``rows * columns * planes * tokens / (cycles * columns per beat)``.
    starved, blocked : int
        Cycles in which the unit waited for weights, or for room for results.
    link_bytes : int
        Bytes over the link, both ways.
    report : Report
        Of the device, summed over the runs that the call took.
    """

    tokens: int
    cycles: int
    declared_cycles: int
    beats: int
    efficiency: float
    starved: int
    blocked: int
    link_bytes: int
    report: Report


def compare(values: NDArray[np.integer], x: NDArray[np.integer], y: NDArray[np.int32], *,
            how: Check, rng: np.random.Generator, layer: str, reproduce: str = "") -> None:
    """Compare a device's results with the golden model's.

    Parameters
    ----------
    values : integer array, shape (rows, columns)
    x : integer array, shape (tokens, columns)
    y : int32 array, shape (tokens, rows)
        What the device made of them.
    how : str
        All results, a sample that ``rng`` draws, or none.

    Raises
    ------
    ResultMismatch
        If one differs.
    """
    if how == "never":
        return
    if how == "all":
        token, row = (index.reshape(-1) for index in np.indices(y.shape))
        expected = table.multiply(values, x).reshape(-1)
    else:
        token = rng.integers(len(y), size=_SAMPLE)
        row = rng.integers(len(values), size=_SAMPLE)
        expected = (values[row].astype(np.int64) * x[token]).sum(axis=1)
    got = y[token, row]
    wrong = np.flatnonzero(got != expected)
    if wrong.size:
        first = wrong[0]
        raise ResultMismatch(
            layer=layer, token=int(token[first]), row=int(row[first]),
            expected=int(expected[first]), got=int(got[first]), count=wrong.size,
            checked=got.size, reproduce=reproduce)
