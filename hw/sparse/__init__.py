# SPDX-License-Identifier: Apache-2.0
"""Sparse chains of multipliers."""

from .chain import SparseChain

__all__ = ["SparseChain"]
