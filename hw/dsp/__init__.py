# SPDX-License-Identifier: Apache-2.0
"""Sums of products in the multipliers of FPGAs."""

from .group import DspGroup

__all__ = ["DspGroup"]
