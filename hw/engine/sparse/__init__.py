# SPDX-License-Identifier: Apache-2.0
"""The sparse chain between scratchpad, device memory and scratchpad."""

from .fields import SparseFields
from .path import SparsePath

__all__ = ["SparseFields", "SparsePath"]
