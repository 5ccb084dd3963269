# SPDX-License-Identifier: Apache-2.0
"""The operation SPARSE: golden model, and what its descriptor means.

A sparse matrix of ``rows`` and ``columns``, a packet from word ``weights`` of the device memory on,
multiplies the activations of each token. Each row has at most ``planes_stored`` weights in each
``sparse.block`` columns, one of ``sparse.kept``: :mod:`luthier.golden.sparse.packets`. Or, with
``sparse.csr``, ``planes_stored`` is 0 and the weights are single ones at gaps, in so many words of
memory as ``scales`` says: :mod:`luthier.golden.sparse.encodings.rows`.

Results are those of TABLE without scale records: exact int32 sums, or with *saturate* the output
stage, and with *accumulate* a saturating sum with what is there. An int32 sum onto that of a TABLE
or SPARSE before it, with ``multiplier`` 1 and ``shift`` 0, is exact, and RESCALE rounds it once.
Bytes behind the last result in its word are written as zeros.

What lies behind the last activation, up to a whole block, is multiplied too: a packer has weights
of zero there. Blocks with a defect, and single weights beyond the end of their row, count as zero,
and words that have any are counted in the report, as is a packet that is too short or too long.
Fields without a meaning are zero; strides are 1.
"""

import numpy as np

from .config import Configuration
from .descriptor import LARGEST_SHIFT, Descriptor, Element, Opcode, Refusal, result_words
from .places import destination_place, source_place
from .sparse.encodings import BlockFormat, RowFormat, decode_rows, row_places
from .sparse.encodings.rows import RowWords
from .sparse.packets import packet_beats, packet_matrix, packet_words

__all__ = ["lane_cycles", "most_lane_cycles", "operation_format", "packet_cycles",
           "products", "sparse_beats", "sparse_refusal"]


def operation_format(config: Configuration, d: Descriptor) -> BlockFormat | RowFormat:
    """Return how the weights of an operation are encoded."""
    assert config.sparse is not None
    if d.planes_stored == 0:
        return config.sparse.row_form(config.table.beat_bits, config.activations_per_word)
    return config.sparse.form(d.planes_stored, config.table.beat_bits)


def sparse_beats(config: Configuration, d: Descriptor) -> int:
    """Return the words of device memory: weights, and their index."""
    form = operation_format(config, d)
    if isinstance(form, RowFormat):
        return d.scales
    return packet_beats(form, packet_words(config.chain, form, d.rows, d.columns))


def sparse_refusal(config: Configuration, d: Descriptor) -> Refusal:
    """Return why a device with a sparse chain refuses the operation, or ``Refusal.NONE``."""
    assert config.sparse is not None and d.opcode == Opcode.SPARSE
    others = ~(Descriptor.SATURATE | Descriptor.ACCUMULATE) & 0xFF
    single = config.sparse.csr and d.planes_stored == 0
    if any((d.flags & others, d.scales and not single, d.group, d.planes_used, d.reserved_51,
            d.reserved_52, d.reserved_56, d.reserved_60)):
        return Refusal.RESERVED
    if (d.source_type != config.activation_bytes - 1
            or not (single or d.planes_stored in config.sparse.kept)
            or not d.source_stride == d.destination_stride == 1):
        return Refusal.UNSUPPORTED
    if not d.flags & Descriptor.SATURATE:
        if d.accumulate or d.multiplier or d.shift or d.destination_type != Element.INT32:
            return Refusal.UNSUPPORTED
    elif d.destination_type > Element.INT32 or d.shift > LARGEST_SHIFT:
        return Refusal.UNSUPPORTED
    if not (1 <= d.rows <= config.table.max_rows and 1 <= d.columns <= config.table.max_columns
            and d.tokens >= 1 and (d.scales or not single)):
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
    form = operation_format(config, d)
    if isinstance(form, RowFormat):
        found = _single_weights(config, d, memory)
        row = np.cumsum(found.ends) - found.ends
        matrix = np.zeros((d.rows, x.shape[1]), np.int64)
        np.add.at(matrix, (row[:, None], found.places * form.block + found.positions),
                  found.weights)
        malformed = found.report.errors
    else:
        packet = memory[d.weights : d.weights + sparse_beats(config, d)]
        matrix, malformed = packet_matrix(config.chain, form, d.rows, x.shape[1], packet)
    return x @ matrix.T, malformed * d.tokens


def lane_cycles(config: Configuration, d: Descriptor, memory: np.ndarray) -> tuple[int, int]:
    """Return the cycles that the words of single weights take, all and the last.

    One for each weight, and one for a word (:class:`~luthier.golden.sparse.encodings.RowWords`)
    that has none. Blocks have no such words.
    """
    form = operation_format(config, d)
    if not isinstance(form, RowFormat):
        return 0, 0
    return packet_cycles(form, d.rows, d.columns, memory[d.weights : d.weights + d.scales])


def packet_cycles(form: RowFormat, rows: int, columns: int,
                  packet: np.ndarray) -> tuple[int, int]:
    """Return what :func:`lane_cycles` is for a packet, uint8 array (words, D / 8)."""
    weights = decode_rows(form, rows, row_places(form, columns), packet).weights
    taken = np.maximum((weights != 0).sum(axis=1), 1)
    return int(taken.sum()), int(taken[-1])


def most_lane_cycles(config: Configuration, d: Descriptor) -> tuple[int, int]:
    """Return what :func:`lane_cycles` is at most, whatever the packet has."""
    form = operation_format(config, d)
    if not isinstance(form, RowFormat):
        return 0, 0
    return d.scales * (form.items + 1) + d.rows, 1


def _single_weights(config: Configuration, d: Descriptor, memory: np.ndarray) -> RowWords:
    """Return what the decoder makes of a packet of single weights."""
    form = operation_format(config, d)
    assert isinstance(form, RowFormat)
    return decode_rows(form, d.rows, row_places(form, d.columns),
                       memory[d.weights : d.weights + d.scales])
