# SPDX-License-Identifier: Apache-2.0
"""Streaming Walsh-Hadamard transform, and signs in front of it."""

from .pipeline import WalshHadamard
from .signs import Signs

__all__ = ["Signs", "WalshHadamard"]
