# SPDX-License-Identifier: Apache-2.0
"""The exact cycles of an operation of the transform or the quantiser."""

from .config import Configuration
from .descriptor import Descriptor

__all__ = ["transform_cycles"]


def transform_cycles(config: Configuration, d: Descriptor) -> int:
    """Return the exact cycles, from dispatch to the last result in the scratchpad."""
    return 0
