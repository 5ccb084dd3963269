# SPDX-License-Identifier: Apache-2.0
"""The exact cycles of a SPARSE operation."""

from .config import Configuration
from .cuts import request_cut, stage_cut
from .descriptor import Descriptor
from .sparse_operation import operation_format, sparse_words

__all__ = ["sparse_cycles"]

# Cycles of the hardware's fixed parts.
_FIRST_BEAT = 1  # dispatch to the first request, beside the memory's latency
_DECODER = 2  # a beat to its word, beside what its positions take
_PACKET_GAP = 3  # behind that: report, command, beat
_ROWS = 1  # a register behind the chain
_STAGE = 5  # multiply, shift, round, add, queue
_WRITE = 2  # the last beat to the scratchpad: in its place, written


def sparse_cycles(config: Configuration, d: Descriptor) -> int:
    """Return the exact cycles, from dispatch to the last result in the scratchpad.

    That is for an operation alone, with on-chip memory. A beat is read a cycle, of weights or of
    their index. A row group's last word waits until the results of the row group before have left
    the chain, a beat a cycle. Between two tokens the decoder runs empty.
    """
    chain, form = config.chain, operation_format(config, d)
    groups = -(-d.rows // chain.rows)
    words = sparse_words(config, d) // groups  # of a row group
    decoder = _DECODER + form.position_cycles
    now, final = 0, -chain.beats  # of the next beat of a packet; of a row group's last word
    for _ in range(d.tokens):
        late = now
        for group in range(groups):
            word = (group + 1) * words  # words so far
            place = word - 1 + -(-word * form.index_bits // form.beat_bits)
            final = max(late + place, final + chain.beats)
            late = final - place
        now = final + decoder + _PACKET_GAP
    useful = -(-(d.rows - (groups - 1) * chain.rows) // chain.lanes)
    return (config.memory.latency + _FIRST_BEAT + request_cut(config) + final + decoder
            + chain.latency + useful + _ROWS + _STAGE + stage_cut(config) + _WRITE)
