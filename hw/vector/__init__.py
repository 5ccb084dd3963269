# SPDX-License-Identifier: Apache-2.0
"""Arithmetic on vectors, element by element, and elements by their numbers."""

from .lookup import Lookup
from .unit import VectorUnit

__all__ = ["Lookup", "VectorUnit"]
