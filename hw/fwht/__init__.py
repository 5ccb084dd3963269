# SPDX-License-Identifier: Apache-2.0
"""Streaming Walsh-Hadamard transform, signs in front of it, and other orders behind it."""

from .pipeline import WalshHadamard
from .reorder import Reorder
from .signs import Signs

__all__ = ["Reorder", "Signs", "WalshHadamard"]
