# SPDX-License-Identifier: Apache-2.0
"""Streaming Walsh-Hadamard transform."""

from .pipeline import WalshHadamard

__all__ = ["WalshHadamard"]
