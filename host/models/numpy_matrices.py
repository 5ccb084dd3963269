# SPDX-License-Identifier: Apache-2.0
"""Matrices of a language model, multiplied by NumPy: the reference for every device."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...golden.scales import output_stage
from .language_model import LanguageModel, Product

__all__ = ["RESULT_BITS", "NumpyMatrices"]

RESULT_BITS = 16


class NumpyMatrices:
    """Multiplies exactly, whatever NumPy's BLAS does.

    Parameters
    ----------
    model : LanguageModel
    """

    def __init__(self, model: LanguageModel):
        # Sums of up to 2**17 products of trits and codes stay below 2**24, where float32 is exact
        # in any order.
        self._float = {matrix.name: matrix.trits.astype(np.float32).T
                       for group in model.groups() for matrix in group}

    def __call__(self, products: Sequence[Product]) -> list[NDArray[np.int64]]:
        """Return the results, (tokens, rows) each."""
        found: list[NDArray[np.int64]] = []
        for product in products:
            total = product.codes.astype(np.float32) @ self._float[product.matrix.name]
            found.append(output_stage(total.astype(np.int64), product.multiplier, product.shift,
                                      RESULT_BITS)[0])
        return found
