# SPDX-License-Identifier: Apache-2.0
"""What users hand over: whole numbers and plain arrays of integers, or a sentence."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..golden.errors import UserError

__all__ = ["integers", "plain_array", "whole"]


def whole(value: Any, name: str, low: int | None = None, high: int | None = None,
          where: str = "") -> int:
    """Return an integer of Python or NumPy, within bounds, as an int.

    Parameters
    ----------
    value : int
    name : str
        Of the argument, for messages.
    low, high : int, optional
        What it may be.
    where : str
        Words to add to the bounds, such as ``" in layer x"``.

    Raises
    ------
    UserError
        If it is none, or out of bounds.
    """
    if low is None:
        bounds = ""
    else:
        bounds = f" between {low} and {high}" if high is not None else f" of at least {low}"
    if isinstance(value, bool | np.bool) or not isinstance(value, int | np.integer):
        raise UserError(f"{name} must be an integer{bounds}{where}, not {value!r}")
    if (low is not None and value < low) or (high is not None and value > high):
        must = f"an integer{bounds}" if high is None else bounds[1:]
        raise UserError(f"{name} must be {must}{where}, not {value}")
    return int(value)


def plain_array(given: ArrayLike, name: str) -> NDArray[Any]:
    """Return what NumPy makes of ``given``, unless it is masked or no array.

    Raises
    ------
    UserError
        If it is a masked array, rows of different length, or nothing that NumPy can read.
    """
    parts = given if isinstance(given, list | tuple) else ()
    if any(isinstance(part, np.ma.MaskedArray) for part in (given, *parts)):
        raise UserError(f"{name} must be a plain array, not a masked one, whose mask would be "
                        f"ignored; replace the masked values first, with numpy.ma.filled")
    try:
        return np.asarray(given)
    except ValueError:
        raise UserError(
            f"{name} must be a rectangular array, not rows of different length") from None
    except (TypeError, RuntimeError) as error:
        raise UserError(f"{name} must be an array, not {type(given).__name__} ({error}); convert "
                        f"it to a NumPy array first") from None


def integers(values: NDArray[Any], name: str, allowed: str, advice: str) -> NDArray[np.integer]:
    """Return ``values`` if its type is one of NumPy's integers.

    Parameters
    ----------
    values : array
    name : str
        Of the argument, for messages.
    allowed, advice : str
        What follows "must be", and how to get there.

    Raises
    ------
    UserError
        If it is of another type.
    """
    if values.dtype.kind in "iu":
        return values
    if values.dtype == object and all(isinstance(item, int) for item in values.flat):
        raise UserError(f"{name} must be {allowed}, not Python integers beyond 64 bits; {advice}")
    raise UserError(f"{name} must be {allowed}, not {values.dtype}; {advice}")
