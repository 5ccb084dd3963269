# SPDX-License-Identifier: Apache-2.0
"""What people build instead, as well as we can: yardsticks for ``luthier bench``.

Each lane takes a beat of weights a cycle and sums up their products with activations that it holds.
:class:`ParallelTransform` is the Walsh-Hadamard transform with all of its butterflies at once,
:class:`DenseChain` the chain of multipliers without a choice of activations.
"""

from .adders import SignLane, TritLane
from .butterflies import ParallelTransform
from .chain import DenseChain
from .multipliers import DspLane, RadixLane
from .tile import DigitTile, MultiplyTile

__all__ = ["DenseChain", "DigitTile", "DspLane", "MultiplyTile", "ParallelTransform", "RadixLane",
           "SignLane", "TritLane"]
