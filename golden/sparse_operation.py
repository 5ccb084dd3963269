# SPDX-License-Identifier: Apache-2.0
"""The operation SPARSE: golden model, and what its descriptor means.

A sparse matrix of ``rows`` and ``columns``, a packet from word ``weights`` of the device memory on
(:mod:`luthier.golden.sparse.packets`), multiplies the activations of each token. Each row has at
most ``planes_stored`` weights in each ``sparse.block`` columns, one of ``sparse.kept``.

Results are those of TABLE without scale records: exact int32 sums, or with *saturate* the output
stage, and with *accumulate* a saturating sum with what is there. An int32 sum onto that of a TABLE
or SPARSE before it, with ``multiplier`` 1 and ``shift`` 0, is exact, and RESCALE rounds it once.
Bytes behind the last result in its word are written as zeros.

What lies behind the last activation, up to a whole block, is multiplied too: a packer has weights
of zero there. Blocks with a defect count as zero, and words that have any are counted in the
report. Fields without a meaning are zero; strides are 1.
"""

import numpy as np

from .config import Configuration
from .descriptor import LARGEST_SHIFT, Descriptor, Element, Opcode, Refusal, result_words
from .places import destination_place, source_place
from .sparse.encodings import BlockFormat
from .sparse.packets import packet_beats, packet_matrix, packet_words

__all__ = ["operation_format", "products", "sparse_beats", "sparse_refusal", "sparse_words"]


def operation_format(config: Configuration, d: Descriptor) -> BlockFormat:
    """Return how the weights of an operation are encoded."""
    assert config.sparse is not None
    return config.sparse.form(d.planes_stored, config.table.beat_bits)


def sparse_words(config: Configuration, d: Descriptor) -> int:
    """Return the words of weights."""
    return packet_words(config.chain, operation_format(config, d), d.rows, d.columns)


def sparse_beats(config: Configuration, d: Descriptor) -> int:
    """Return the words of device memory: weights, and their index."""
    return packet_beats(operation_format(config, d), sparse_words(config, d))


def sparse_refusal(config: Configuration, d: Descriptor) -> Refusal:
    """Return why a device with a sparse chain refuses the operation, or ``Refusal.NONE``."""
    assert config.sparse is not None and d.opcode == Opcode.SPARSE
    others = ~(Descriptor.SATURATE | Descriptor.ACCUMULATE) & 0xFF
    if any((d.flags & others, d.scales, d.group, d.planes_used, d.reserved_51, d.reserved_52,
            d.reserved_56, d.reserved_60)):
        return Refusal.RESERVED
    if (d.source_type != config.activation_bytes - 1 or d.planes_stored not in config.sparse.kept
            or not d.source_stride == d.destination_stride == 1):
        return Refusal.UNSUPPORTED
    if not d.flags & Descriptor.SATURATE:
        if d.accumulate or d.multiplier or d.shift or d.destination_type != Element.INT32:
            return Refusal.UNSUPPORTED
    elif d.destination_type > Element.INT32 or d.shift > LARGEST_SHIFT:
        return Refusal.UNSUPPORTED
    if not (1 <= d.rows <= config.table.max_rows and 1 <= d.columns <= config.table.max_columns
            and d.tokens >= 1):
        return Refusal.SHAPE
    source, results = source_place(config, d), destination_place(config, d)
    if (max(source.end, results.end) > config.scratchpad.words
            or d.weights + sparse_beats(config, d) > config.memory.words):
        return Refusal.ADDRESS
    if source.meets(results) or d.tokens > 1 and d.destination_step < result_words(config, d):
        return Refusal.OVERLAP
    return Refusal.NONE


def products(config: Configuration, d: Descriptor, memory: np.ndarray,
             x: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the exact sums of an operation that is not refused, and its malformed words.

    Parameters
    ----------
    config : Configuration
    d : Descriptor
    memory : uint8 array, shape (memory.words, D / 8)
    x : int64 array, shape (tokens, columns)
        Whole blocks.

    Returns
    -------
    sums : int64 array, shape (tokens, rows)
    malformed : int
        Words of the packet with a defect, for each time that it is read.
    """
    packet = memory[d.weights : d.weights + sparse_beats(config, d)]
    matrix, malformed = packet_matrix(
        config.chain, operation_format(config, d), d.rows, x.shape[1], packet)
    return x @ matrix.T, malformed * d.tokens
