# SPDX-License-Identifier: Apache-2.0
"""What people build instead of tables, as well as we can: yardsticks for ``luthier bench density``.

Each lane takes a beat of weights a cycle and sums up their products with activations that it holds.
"""

from .adders import SignLane, TritLane
from .multipliers import DspLane, RadixLane
from .tile import DigitTile, MultiplyTile

__all__ = ["DigitTile", "DspLane", "MultiplyTile", "RadixLane", "SignLane", "TritLane"]
