# SPDX-License-Identifier: Apache-2.0
"""What people build instead, as well as we can: yardsticks for ``luthier bench``.

Each lane takes a beat of weights a cycle and sums up their products with activations that it holds;
a network of butterflies takes a vector a cycle and transforms it.
"""

from .adders import SignLane, TritLane
from .butterflies import ButterflyNetwork
from .multipliers import DspLane, RadixLane
from .tile import DigitTile, MultiplyTile

__all__ = ["ButterflyNetwork", "DigitTile", "DspLane", "MultiplyTile", "RadixLane",
           "SignLane", "TritLane"]
