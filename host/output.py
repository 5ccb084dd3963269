# SPDX-License-Identifier: Apache-2.0
"""What a layer's results are to be: their type, and what one of them stands for."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..golden.descriptor import Element
from ..golden.errors import UserError

__all__ = ["Output"]

#: Types of scaled results.
_Dtype = Literal["int8", "int16", "int32"]


@dataclass(frozen=True)
class Output:
    """Scaled results of a layer: ``scale * y`` is about ``weights.dequantised() @ x``.

    The device multiplies exactly by scales of 16-bit mantissas, rounds once, half to even, and
    saturates.

    Parameters
    ----------
    dtype : str
        ``"int8"``, ``"int16"`` or ``"int32"``. Results of the activations' type saturate to their
        bits.
    scale : float
        Real value of a result of 1, for activations that are integers; positive and finite.

    Raises
    ------
    UserError
        If one is something else.
    """

    dtype: _Dtype = "int32"
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.dtype not in get_args(_Dtype):
            raise UserError(f"dtype must be 'int8', 'int16' or 'int32', not {self.dtype!r}")
        real = isinstance(self.scale, int | float | np.integer | np.floating)
        if isinstance(self.scale, bool) or not real or not (
                0 < self.scale and math.isfinite(self.scale)):
            raise UserError(f"scale must be a positive finite number, not {self.scale!r}")

    @property
    def element(self) -> Element:
        """The type as descriptors have it."""
        return Element[self.dtype.upper()]

    @property
    def little_endian(self) -> np.dtype[np.signedinteger]:
        """The type as it lies in the scratchpad."""
        return np.dtype(f"<i{self.element.bytes}")

    def real(self, y: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return what results stand for."""
        return np.asarray(y, np.float64) * self.scale
