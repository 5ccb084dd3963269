# SPDX-License-Identifier: Apache-2.0
"""What the host talks to: scratchpad, memory, programs."""

from .engine import Engine
from .memory import OnChipMemory, longest_request

__all__ = ["Engine", "OnChipMemory", "longest_request"]
