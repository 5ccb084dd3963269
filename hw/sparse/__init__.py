# SPDX-License-Identifier: Apache-2.0
"""Sparse chains of multipliers, and one for single weights."""

from .chain import SparseChain
from .single import SingleWeights

__all__ = ["SingleWeights", "SparseChain"]
