# SPDX-License-Identifier: Apache-2.0
"""Planes with coefficients of their own, side by side in the columns of one plane.

A device multiplies plane p of several by 2**p. Where the coefficients of planes are free, the
planes lie next to each other as the columns of a matrix with one plane, each plane in groups of its
own with their scales, and the activations are written once for each plane: the exact sum over all
groups is that over all planes too, rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..golden.config import Configuration
from ..golden.errors import UserError

if TYPE_CHECKING:
    from .weights import Weights

__all__ = ["Widening", "device_group", "widening"]


@dataclass(frozen=True)
class Widening:
    """The columns of the matrix that a device multiplies, from those of the weights.

    Attributes
    ----------
    columns : int
        Of the weights.
    planes : int
        Planes side by side; 1 for weights whose planes have no coefficients of their own.
    group : int
        Columns of a group of the device, for several planes.
    """

    columns: int
    planes: int = 1
    group: int = 1

    @property
    def pitch(self) -> int:
        """Columns from one plane to the next, which begins with a new group."""
        return -(-self.columns // self.group) * self.group

    @property
    def width(self) -> int:
        """Columns on the device; it takes so many activations."""
        return (self.planes - 1) * self.pitch + self.columns

    def spread(self, x: NDArray[np.integer]) -> NDArray[np.integer]:
        """Return activations (tokens, columns) as the device takes them: (tokens, width)."""
        if self.planes == 1:
            return x
        padded = np.zeros((len(x), self.pitch), x.dtype)
        padded[:, : self.columns] = x
        return np.tile(padded, self.planes)[:, : self.width]

    def place(self, column: int, plane: int) -> tuple[int, int]:
        """Return the column and the plane on the device of those of the weights."""
        return (column, plane) if self.planes == 1 else (plane * self.pitch + column, 0)


def device_group(config: Configuration, group: int, name: str = "") -> int:
    """Return the largest group of sign planes on a device that divides ``group``.

    Parameters
    ----------
    config : Configuration
    group : int
        Columns of a group of the weights.
    name : str
        Of the layer, for messages.

    Raises
    ------
    UserError
        If there is none.
    """
    size = min(group & -group, config.table.beat_bits)
    if size < config.table.smallest_group:
        raise UserError(
            f"{f'layer {name} has' if name else 'these weights have'} groups of {group} columns; "
            f"on configuration {config.name!r} they must be multiples of table.smallest_group "
            f"({config.table.smallest_group}); use such groups, or lower table.smallest_group")
    return size


def widening(config: Configuration, weights: Weights, name: str = "") -> Widening:
    """Return how a device of this configuration holds the columns of weights.

    The larger the groups, the fewer the records, and the more columns of padding between planes:
    the largest groups that divide those of the weights, or whole rows, and fit the device.

    Raises
    ------
    UserError
        If it has no such groups.
    """
    columns, group = weights.shape[1], weights.group
    if weights.coefficients is None:
        return Widening(columns)
    whole_rows = not group or group >= columns
    size = config.table.beat_bits if whole_rows else device_group(config, group, name)
    found = Widening(columns, weights.planes, size)
    while found.width > config.table.max_columns and found.group > config.table.smallest_group:
        found = replace(found, group=found.group // 2)
    return found
