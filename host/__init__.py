# SPDX-License-Identifier: Apache-2.0
"""Drive a device from Python.

    import numpy as np
    from luthier.host import Weights, connect

    with connect("golden:default") as device:
        layer = device.load(Weights.ternary(np.array([[1, 0, -1], [-1, 1, 1]])))
        print(layer(np.array([10, 20, 30], np.int8)))    # [-20  40]
        print(layer.stats.cycles)

No Amaranth here: this is all that a machine with a board needs.
"""

from ..golden.errors import CheckFailed, DeviceError, LuthierError, ToolMissing, UserError
from .connect import connect
from .conversation import DeviceReset, LinkError
from .driver import Device
from .layer import Layer
from .output import Output
from .program import Program
from .pruning import prune, prune_groups
from .quantised import Quantised
from .results import LayerStats, ResultMismatch, TransformStats
from .sparse_layer import SparseLayer
from .sparse_weights import SparseWeights, read_sparse
from .weights import Weights

__all__ = [
    "CheckFailed",
    "Device",
    "DeviceError",
    "DeviceReset",
    "Layer",
    "LayerStats",
    "LinkError",
    "LuthierError",
    "Output",
    "Program",
    "Quantised",
    "ResultMismatch",
    "SparseLayer",
    "SparseWeights",
    "ToolMissing",
    "TransformStats",
    "UserError",
    "Weights",
    "connect",
    "prune",
    "prune_groups",
    "read_sparse",
]
