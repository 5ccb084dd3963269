# SPDX-License-Identifier: Apache-2.0
"""Vectors in the scratchpad of a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..golden.quantiser import Quantisation
from .quantised import Quantised, quantised

if TYPE_CHECKING:
    from .program_builder import ProgramBuilder

__all__ = ["Scales", "Vector"]


@dataclass(frozen=True)
class Vector:
    """A vector in the scratchpad of a program: its elements, words and type."""

    program: ProgramBuilder
    number: int
    size: int
    address: int
    words: int
    dtype: str

    def read(self, data: bytes) -> NDArray[np.integer]:
        """Return the elements, given the bytes of its words."""
        dtype = np.dtype(self.dtype)
        return np.frombuffer(data, dtype.newbyteorder("<"))[: self.size].astype(dtype)


@dataclass(frozen=True)
class Scales(Vector):
    """The scales of a vector that was quantised, as the device writes them."""

    quantisation: Quantisation

    def apply(self, codes: NDArray[Any], words: NDArray[Any]) -> Quantised:
        """Return codes (columns,), with what the outputs of a run say of their scales."""
        found = quantised(self.quantisation, codes[None].astype(np.int64),
                          words[None].astype(np.int64))
        return Quantised(found.codes[0], found.scale[0], found.offset[0], found.group)
