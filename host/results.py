# SPDX-License-Identifier: Apache-2.0
"""What a layer's call took, and whether its results are those of the golden model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..golden.errors import CheckFailed, UserError
from ..golden.protocol import Report

__all__ = ["SAMPLE", "Check", "LayerStats", "ResultMismatch", "TransformStats", "compare",
           "known_check"]

#: How many results are compared with the golden model.
Check = Literal["all", "sample", "never"]

#: Results that are compared in each call where a sample is.
SAMPLE = 64


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
        What the golden model says it takes: exactly that, if each run is one operation
        (``report.operations`` is ``runs``); else about that.
    runs : int
        Programs that ran.
    beats : int
        Weight beats streamed.
    efficiency : float
        Weight beats without any padding, ``rows * columns * planes / columns per beat`` for each
        token, to cycles; of sparse weights ``rows * blocks * N / slots``.
    starved, blocked : int
        Cycles in which the unit waited for weights, or for room for results.
    saturations : int
        Results that were out of range.
    link_bytes : int
        Bytes over the link, both ways.
    report : Report
        Of the device, summed over the runs that the call took.
    """

    tokens: int
    cycles: int
    declared_cycles: int
    runs: int
    beats: int
    efficiency: float
    starved: int
    blocked: int
    saturations: int
    link_bytes: int
    report: Report


@dataclass(frozen=True, kw_only=True)
class TransformStats:
    """What the last ``hadamard`` or ``quantise`` of a device took.

    Attributes
    ----------
    tokens : int
    cycles : int
        Measured by the device, from dispatch to the last result.
    declared_cycles : int
        What the golden model says it takes: exactly that.
    runs : int
        Programs that ran, each of one operation.
    saturations : int
        Codes that were out of range.
    link_bytes : int
        Bytes over the link, both ways.
    report : Report
        Of the device, summed over the runs.
    """

    tokens: int
    cycles: int
    declared_cycles: int
    runs: int
    saturations: int
    link_bytes: int
    report: Report


def compare(expected: Callable[[NDArray[np.intp] | None, NDArray[np.intp] | None],
                                NDArray[np.integer]],
            y: NDArray[np.integer], *, how: Check, rng: np.random.Generator, layer: str,
            reproduce: str = "") -> None:
    """Compare a device's results with the golden model's.

    Parameters
    ----------
    expected : callable
        Given tokens and rows, both (n,), return what is expected there, (n,); given None twice,
        all of it, (tokens, rows).
    y : integer array, shape (tokens, rows)
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
        wanted = expected(None, None).reshape(-1)
    else:
        token = rng.integers(y.shape[0], size=SAMPLE)
        row = rng.integers(y.shape[1], size=SAMPLE)
        wanted = expected(token, row)
    got = y[token, row]
    wrong = np.flatnonzero(got != wanted)
    if wrong.size:
        first = wrong[0]
        raise ResultMismatch(
            layer=layer, token=int(token[first]), row=int(row[first]),
            expected=int(wanted[first]), got=int(got[first]), count=wrong.size,
            checked=got.size, reproduce=reproduce)
