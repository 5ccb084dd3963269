# SPDX-License-Identifier: Apache-2.0
"""The operations RESCALE, ADD and GATHER: golden model, and what descriptors mean.

Each has a vector of ``columns`` results of ``destination_type`` for each token. Bytes behind the
last one in its word are written as zeros.

*RESCALE.* ``saturate(round(x * multiplier / 2**shift))``, half to even, of as many samples of
``source_type``. *ADD*: the same, and to that, saturating again, a vector of the results' type and
step from word ``scales`` on. What was out of range is counted. Both may overwrite their source, if
types and steps are the same, and ADD what it adds to: that is how one adds up in place.

*GATHER.* ``x[index]``: of ``rows`` samples, of the results' type, those whose numbers lie from word
``scales`` on, in ``planes_stored`` bytes each, 2 or 4, the same for all tokens. A number that is
none of 0 to ``rows - 1`` gives 0, and is counted as out of range.

Fields without a meaning are zero; strides are 1.
"""

import numpy as np

from .config import Configuration
from .descriptor import LARGEST_SHIFT, Descriptor, Element, Opcode, Refusal, element_bits
from .places import MOST_SAMPLES, Place, destination_place, places_refusal
from .scales import output_stage

__all__ = ["VECTOR_OPCODES", "index_words", "run", "third_place", "vector_refusal"]

VECTOR_OPCODES = (Opcode.RESCALE, Opcode.ADD, Opcode.GATHER)


def index_words(config: Configuration, d: Descriptor) -> int:
    """Return the scratchpad words of the numbers of a GATHER."""
    return -(-d.columns * d.planes_stored // config.word_bytes)


def third_place(config: Configuration, d: Descriptor) -> Place:
    """Return the words of what is added, or of numbers."""
    if d.opcode == Opcode.GATHER:
        return Place(d.scales, d.scales + index_words(config, d))
    if d.opcode == Opcode.ADD:
        results = destination_place(config, d)
        return Place(d.scales, d.scales + results.end - results.start)
    return Place(0, 0)


def vector_refusal(config: Configuration, d: Descriptor) -> Refusal:
    """Return why the device refuses one of these operations, or ``Refusal.NONE``."""
    gather, add = d.opcode == Opcode.GATHER, d.opcode == Opcode.ADD
    unused = [d.flags, d.weights, d.group, d.planes_used, d.reserved_51, d.reserved_52,
              d.reserved_56, d.reserved_60]
    unused += [d.multiplier, d.shift] if gather else [d.rows, d.planes_stored]
    if any(unused) or d.scales and not (gather or add):
        return Refusal.RESERVED
    if (not (d.source_stride == d.destination_stride == 1) or d.source_type > Element.INT32
            or d.destination_type > Element.INT32 or d.shift > LARGEST_SHIFT
            or gather and (d.planes_stored not in (2, 4) or d.source_type != d.destination_type)):
        return Refusal.UNSUPPORTED
    if not 1 <= d.columns <= MOST_SAMPLES or not d.tokens or (
            gather and not 1 <= d.rows <= MOST_SAMPLES):
        return Refusal.SHAPE
    return places_refusal(config, d, third_place(config, d), in_place=not gather, onto=add)


def run(config: Configuration, d: Descriptor, x: np.ndarray,
        other: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the results of one token, int64, and how many were out of range.

    Parameters
    ----------
    config : Configuration
    d : Descriptor
        One that is not refused.
    x : int64 array
        Samples.
    other : int64 array, shape (columns,)
        What is added, or numbers; of RESCALE, anything.
    """
    if d.opcode == Opcode.GATHER:
        inside = (other >= 0) & (other < d.rows)
        return np.where(inside, x[np.where(inside, other, 0)], 0), int((~inside).sum())
    return output_stage(x, d.multiplier, d.shift,
                        element_bits(config, Element(d.destination_type)),
                        other if d.opcode == Opcode.ADD else None)
