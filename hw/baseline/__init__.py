# SPDX-License-Identifier: Apache-2.0
"""What people build instead, as well as we can: yardsticks for ``luthier bench``.

Each lane takes a beat of weights a cycle and sums up their products with activations that it holds.
:class:`ParallelTransform` is the Walsh-Hadamard transform with all of its butterflies at once.
"""

from .adders import SignLane, TritLane
from .butterflies import ParallelTransform
from .multipliers import DspLane, RadixLane
from .tile import DigitTile, MultiplyTile

__all__ = ["DigitTile", "DspLane", "MultiplyTile", "ParallelTransform", "RadixLane", "SignLane",
           "TritLane"]
