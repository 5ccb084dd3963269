# SPDX-License-Identifier: Apache-2.0
"""Walsh-Hadamard transforms on streams, signs in front of them, and quantisers behind."""

from .k_stage import KStage
from .pipeline import WalshHadamard
from .quantiser import Quantiser
from .reorder import Reorder
from .signs import Signs

__all__ = ["KStage", "Quantiser", "Reorder", "Signs", "WalshHadamard"]
