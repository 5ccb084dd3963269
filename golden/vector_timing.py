# SPDX-License-Identifier: Apache-2.0
"""The exact cycles of an operation on vectors."""

from .config import Configuration
from .cuts import stage_cut
from .descriptor import Descriptor, Opcode

__all__ = ["vector_cycles"]

# Cycles of the hardware's fixed parts.
_READ = 5  # dispatch to the first beat: address, data, queue, cut, clamp
_STAGE = 5  # multiply, shift, round, add, queue
_LOOK_UP = 6  # to one lane, address, data, select, queue, to many lanes
_WRITE = 2  # the last beat to the scratchpad: in its place, written


def vector_cycles(config: Configuration, d: Descriptor) -> int:
    """Return the exact cycles, from dispatch to the last result in the scratchpad.

    That is for an operation alone. A beat is read a cycle; gathering takes one for each element of
    it.
    """
    assert config.vector is not None
    beats = d.tokens * -(-d.columns // config.vector.lanes)
    if d.opcode == Opcode.GATHER:
        return _READ + beats * config.vector.lanes - 1 + _LOOK_UP + _WRITE
    return _READ + beats - 1 + _STAGE + stage_cut(config) + _WRITE
