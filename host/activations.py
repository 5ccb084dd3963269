# SPDX-License-Identifier: Apache-2.0
"""Activations as a device takes them: checked, and in chunks that fit the scratchpad."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..golden.config import Configuration
from ..golden.errors import UserError
from .arguments import integers

__all__ = ["activations", "tokens_per_run"]


def activations(x: NDArray[Any], config: Configuration, columns: int) -> NDArray[np.integer]:
    """Return activations as int8 or int16 array, shape (tokens, columns).

    Raises
    ------
    UserError
        If ``x`` has another type, shape or range.
    """
    bits = config.table.activation_bits
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    if x.size:  # An empty list has the type float64, which would be said of it first.
        integers(x, "activations", f"integers from {low} to {high}",
                 "quantise and convert them first")
    if x.ndim not in (1, 2) or x.shape[-1] != columns or not x.size:
        empty = "" if x.size else ", which is empty"
        raise UserError(f"activations must have the shape ({columns},) or (tokens, {columns}) with "
                        f"at least one token, not {x.shape}{empty}")
    wrong = (x < low) | (x > high)
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise UserError(
            f"activations must be between {low} and {high} ({bits} bits), not {int(x[where])} as "
            f"in "
            f"column {where[-1]}" + (f" of token {where[0]}" if x.ndim == 2 else ""))
    return np.atleast_2d(x).astype(np.int8 if config.activation_bytes == 1 else np.int16)


def tokens_per_run(config: Configuration, columns: int, result_words: int) -> int:
    """Return the tokens whose activations and results fit the scratchpad together."""
    words = -(-columns // config.activations_per_word) + result_words
    return min(config.scratchpad.words // words, 0xFFFF)
