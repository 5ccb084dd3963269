# SPDX-License-Identifier: Apache-2.0
"""Real scales to the dyadic ones that a device multiplies by."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..golden.config import Configuration
from ..golden.descriptor import LARGEST_SHIFT
from ..golden.errors import UserError
from ..golden.records import EXPONENT_BITS, MANTISSA_BITS, groups_per_tile, pack_scales
from ..golden.scales import dyadic
from ..golden.table import columns_per_beat
from .output import Output
from .weights import Weights
from .widening import device_group

__all__ = ["Scaling", "multiplier_and_shift", "scaling", "without_records"]

#: Largest scale and offset of a record.
_MOST_EXPONENT = (1 << EXPONENT_BITS) - 1
_MOST_SCALE = ((1 << MANTISSA_BITS) - 1) << _MOST_EXPONENT
_MOST_OFFSET = ((1 << MANTISSA_BITS - 1) - 1) << _MOST_EXPONENT
_Dyadic = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Integers that stand for the scales of one matrix.

    Attributes
    ----------
    values : integer array, shape (rows, columns)
        Canonical weights, negated where their scale is negative.
    group : int
        As the descriptor has it; 0 for whole rows.
    scale, offset : tuple of int64 arrays (rows, groups), or None
        Mantissas and exponents of the records; None without records, and without offsets.
    multiplier, shift : int
        Of the output stage.
    """

    values: NDArray[np.integer]
    group: int
    scale: _Dyadic | None
    offset: _Dyadic | None
    multiplier: int
    shift: int

    def records(self, config: Configuration, trits: bool) -> NDArray[np.uint8] | None:
        """Return the words of the records, or None."""
        if self.scale is None:
            return None
        return pack_scales(config, self.scale, self.offset, columns=self.values.shape[1],
                           group=self.group, trits=trits)

    def integers(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return what sums of weights and of activations are multiplied by: (rows, groups)."""
        if self.scale is None:
            one = np.ones((len(self.values), 1), np.int64)
            return one, 0 * one
        s = self.scale[0] << self.scale[1]
        return s, 0 * s if self.offset is None else self.offset[0] << self.offset[1]


def without_records(config: Configuration) -> str:
    """Say what to change of a configuration that has no hardware for scale records."""
    if config.table.shared is not None:
        return f"set table.store to 'lutram' or 'blockram', not {config.table.store!r}"
    return "set table.scaled to true"


def scaling(config: Configuration, weights: Weights, output: Output, name: str) -> Scaling:
    """Choose the integers for weights with one plane count.

    One scale for the whole matrix, without offsets, is left to the output stage and takes no
    memory; else there is a record for each row and group. A group that is longer than the device's
    is cut up, with its scale repeated.

    Raises
    ------
    UserError
        If the device has no such groups, or the scales no such integers.
    """
    if not config.table.scaled:
        raise UserError(
            f"layer {name} asks for scaled results, which configuration {config.name!r} has no "
            f"hardware for; set table.scaled to true, or load it without output")
    s, t = weights.s / output.scale, weights.t / output.scale
    if not t.any() and (s == s[0, 0]).all():
        multiplier, shift = multiplier_and_shift(float(s[0, 0]))
        if shift >= 0:  # else only the exponents of records reach as far
            return Scaling(values=weights.values, group=0, scale=None, offset=None,
                           multiplier=multiplier, shift=shift)
    if not config.table.records:
        raise UserError(
            f"layer {name} has scales for each row or group, or offsets, which configuration "
            f"{config.name!r} has no hardware for; {without_records(config)}, or give one scale "
            f"for the whole matrix")
    group, expand = _group(config, weights, name)
    signs = np.where(np.signbit(s), -1, 1).astype(weights.values.dtype)
    columns = np.arange(weights.shape[1]) // (weights.group or weights.shape[1])
    limits = [math.log2(most / largest) for most, largest in (
        (_MOST_SCALE, abs(s).max()), (_MOST_OFFSET, abs(t).max())) if largest]
    shift = min(LARGEST_SHIFT, math.floor(min(limits, default=0) - 1e-9))
    if shift < 0:
        largest = max(abs(s).max(), abs(t).max())
        raise UserError(
            f"layer {name}: a scale is {largest:.3g} times the output's scale of "
            f"{output.scale:.3g}, more than the device can multiply by; raise the output's scale")
    return Scaling(
        values=weights.values * signs[:, columns], group=group,
        scale=dyadic(abs(s)[:, expand], shift, signed=False),
        offset=dyadic(t[:, expand], shift, signed=True) if t.any() else None,
        multiplier=1, shift=shift)


def multiplier_and_shift(ratio: float) -> tuple[int, int]:
    """Return the multiplier, of up to 15 bits, and the shift that come nearest to ``ratio``.

    The shift is negative if the ratio is too large.
    """
    mantissa, exponent = math.frexp(ratio)
    multiplier, shift = round(math.ldexp(mantissa, 15)), 15 - exponent
    if abs(multiplier) == 1 << 15:
        multiplier, shift = multiplier // 2, shift - 1
    if shift > LARGEST_SHIFT:  # next to nothing
        multiplier, shift = round(math.ldexp(ratio, LARGEST_SHIFT)), LARGEST_SHIFT
    return multiplier, shift


def _group(config: Configuration, weights: Weights, name: str) -> tuple[int, NDArray[np.intp]]:
    """Return the device's group, and for each of its records in a row the group of the weights."""
    columns, group = weights.shape[1], weights.group
    if not group or group >= columns:
        return 0, np.zeros(1, np.intp)
    tile = columns_per_beat(config, weights.trits)
    if weights.trits:
        if group % tile:
            raise UserError(
                f"layer {name} has ternary weights in groups of {group} columns; on configuration "
                f"{config.name!r} they must be multiples of {tile}; use such groups, or load them "
                f"as two planes: Weights.integer(array + 1, 2, scale, 1, group={group})")
        size = tile
    else:
        size = device_group(config, group, name)
    records = -(-columns // tile) * groups_per_tile(config, size, weights.trits)
    last = weights.s.shape[1] - 1
    return size, np.minimum(np.arange(records) * size // group, last)
