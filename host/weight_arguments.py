# SPDX-License-Identifier: Apache-2.0
"""What weights are made of: arrays as users hand them over, checked; UserError otherwise."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..golden.errors import UserError
from .arguments import integers, plain_array, whole

__all__ = ["bits_of_rows", "check_between", "matrix", "per_group", "sign_planes"]


def matrix(array: ArrayLike, what: str) -> NDArray[np.integer]:
    """Return integers (rows, columns)."""
    values = plain_array(array, what)
    if values.size:  # An empty list has the type float64, which would be said of it first.
        integers(values, what, "integers", "round and convert them first")
    if values.ndim != 2 or not values.size:
        raise UserError(f"{what} must have the shape (rows, columns), both at least 1, not "
                        f"{values.shape}" + ("" if values.size else ", which is empty"))
    return values


def sign_planes(array: ArrayLike) -> NDArray[np.integer]:
    """Return signs (planes, rows, columns)."""
    values = plain_array(array, "signs")
    if values.size:
        integers(values, "signs", "integers, -1 or 1", "convert them first")
    if values.ndim != 3 or not values.size or len(values) > 8:
        raise UserError(f"signs must have the shape (planes, rows, columns) with 1 to 8 planes and "
                        f"at least one row and column, not {values.shape}")
    wrong = (values != 1) & (values != -1)
    if wrong.any():
        plane, row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise UserError(f"signs must be -1 or 1, not {int(values[plane, row, column])} as in plane "
                        f"{plane}, row {row}, column {column}")
    return values


def bits_of_rows(bits: int | NDArray[np.integer], rows: int) -> NDArray[np.int64]:
    """Return the bits of each row."""
    if not isinstance(bits, np.ndarray | list | tuple):
        return np.full(rows, whole(bits, "bits", 1, 8), np.int64)
    given = integers(plain_array(bits, "bits"), "bits", "integers", "round them first")
    if given.shape != (rows,):
        raise UserError(f"bits must be one integer or have the shape ({rows},), not {given.shape}")
    if (given < 1).any() or (given > 8).any():
        row = int(np.argwhere((given < 1) | (given > 8))[0, 0])
        raise UserError(f"bits must be between 1 and 8, not {given[row]} as in row {row}")
    return given.astype(np.int64)


def check_between(values: NDArray[np.integer], low: int, high: int, what: str,
                  rows: NDArray[np.bool] | None = None) -> None:
    """Do nothing if all values, or those of some rows, are within bounds."""
    wrong = (values < low) | (values > high)
    if rows is not None:
        wrong &= rows[:, None]
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise UserError(f"{what} must be between {low} and {high}, not {int(values[row, column])} "
                        f"as in row {row}, column {column}")


def per_group(given: ArrayLike, rows: int, columns: int, group: int,
              name: str) -> NDArray[np.float64]:
    """Return one real number for each group, as float64, shape (rows, groups)."""
    groups = -(-columns // group) if group else 1
    values = plain_array(given, name)
    # ml_dtypes' bfloat16 and its kin have kind V, but convert.
    if values.dtype.kind not in "iuf" and values.dtype.name not in ("bfloat16", "float16"):
        raise UserError(f"{name} must be real numbers, not {values.dtype}")
    with np.errstate(over="ignore"):  # Of long doubles: they are found below.
        real = values.astype(np.float64)
    if real.ndim == 0:
        real = np.full((rows, groups), real)
    elif real.shape == (rows,):
        real = np.repeat(real[:, None], groups, axis=1)
    elif real.shape != (rows, groups):
        also = f" or ({rows}, {groups})" if group else ""
        raise UserError(f"{name} must be a number or have the shape ({rows},){also}, not "
                        f"{real.shape}")
    if not np.isfinite(real).all():
        row, place = (int(i) for i in np.argwhere(~np.isfinite(real))[0])
        raise UserError(
            f"{name} must be finite, not {real[row, place]} as in row {row}, group {place}")
    return real
