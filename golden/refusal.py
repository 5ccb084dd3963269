# SPDX-License-Identifier: Apache-2.0
"""Why a device does not run a descriptor."""

from .config import Configuration
from .descriptor import (
    LARGEST_SHIFT,
    Descriptor,
    Element,
    Opcode,
    Refusal,
    result_words,
    source_words,
)
from .records import scale_words
from .sparse_operation import sparse_refusal
from .table import beats, columns_per_beat, max_columns
from .transform import TRANSFORM_OPCODES, transform_refusal
from .vector_operations import VECTOR_OPCODES, vector_refusal

__all__ = ["refusal"]


def refusal(config: Configuration, d: Descriptor) -> Refusal:
    """Return why a device of this configuration refuses ``d``, or ``Refusal.NONE``.

    The hardware tests the same conditions in the same order. A NOP must have every byte but
    ``opcode``, ``wait`` and ``release`` zero.
    """
    if d.opcode == Opcode.NOP:
        raw = d.pack()
        return Refusal.RESERVED if raw[1] or any(raw[4:]) else Refusal.NONE
    if config.transform is not None and d.opcode in TRANSFORM_OPCODES:
        return transform_refusal(config, config.transform, d)
    if config.vector is not None and d.opcode in VECTOR_OPCODES:
        return vector_refusal(config, d)
    if config.sparse is not None and d.opcode == Opcode.SPARSE:
        return sparse_refusal(config, d)
    if d.opcode != Opcode.TABLE:
        return Refusal.OPCODE
    if d.flags >> 5 or d.reserved_51 or d.reserved_52 or d.reserved_56 or d.reserved_60:
        return Refusal.RESERVED
    if not _supported(config, d):
        return Refusal.UNSUPPORTED
    if not (1 <= d.rows <= config.table.max_rows and 1 <= d.columns <= config.table.max_columns
            and d.tokens >= 1):
        return Refusal.SHAPE
    if not 1 <= d.planes_used <= d.planes_stored <= (1 if d.trits else 8):
        return Refusal.PLANES
    if d.columns > max_columns(config, planes=d.planes_stored):
        return Refusal.RANGE
    last = d.tokens - 1
    source_end = d.source + last * d.source_step + source_words(config, d)
    destination_end = d.destination + last * d.destination_step + result_words(config, d)
    weights_end = d.weights + beats(config, rows=d.rows, columns=d.columns, planes=d.planes_stored,
                                    trits=d.trits)
    scales_end = d.scales + (scale_words(
        config, rows=d.rows, columns=d.columns, group=d.group, trits=d.trits,
        offsets=d.offsets) if d.scaled else 0)
    if (max(source_end, destination_end) > config.scratchpad.words
            or max(weights_end, scales_end) > config.memory.words):
        return Refusal.ADDRESS
    if (d.source < destination_end and d.destination < source_end) or (
            (d.accumulate or config.table.tokens > 1) and last
            and d.destination_step < result_words(config, d)):
        return Refusal.OVERLAP
    return Refusal.NONE


def _supported(config: Configuration, d: Descriptor) -> bool:
    """Whether the device has what single fields ask for."""
    t = config.table
    if d.source_type != config.activation_bytes - 1 or not (
            d.source_stride == d.destination_stride == 1):
        return False
    if not (t.trits if d.trits else t.planes):
        return False
    if not d.flags & Descriptor.SATURATE:
        others = Descriptor.SCALED | Descriptor.ACCUMULATE | Descriptor.OFFSETS
        if d.flags & others or d.multiplier or d.shift or d.destination_type != Element.INT32:
            return False
    elif not t.scaled or d.destination_type > Element.INT32 or d.shift > LARGEST_SHIFT:
        return False
    if not d.scaled:
        return not (d.scales or d.group or d.offsets) and (
            t.records or d.planes_used == d.planes_stored)
    if not t.records:
        return False
    if d.trits:
        return d.group in (0, columns_per_beat(config, True))
    return d.group == 0 or (
        t.smallest_group <= d.group <= t.beat_bits and d.group & d.group - 1 == 0)
