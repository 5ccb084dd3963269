# SPDX-License-Identifier: Apache-2.0
"""The exact cycles of a SPARSE operation."""

from .config import Configuration
from .cuts import request_cut, stage_cut
from .descriptor import Descriptor
from .sparse.encodings import RowFormat
from .sparse.packets import packet_words
from .sparse_operation import operation_format

__all__ = ["sparse_cycles"]

# Cycles of the hardware's fixed parts.
_FIRST_BEAT = 1  # dispatch to the first request, beside the memory's latency
_DECODER = 2  # a beat to its word, beside what its positions take
_PACKET_GAP = 3  # behind that: report, command, beat
_ROWS = 1  # a register behind the chain
_STAGE = 5  # multiply, shift, round, add, queue
_WRITE = 2  # the last beat to the scratchpad: in its place, written
_LANE = 6  # a single weight to its row's sum: chosen, asked for, read, multiplied, added
_ROW_GAP = 3  # the last word of a packet of single weights to the next packet's first beat


def sparse_cycles(config: Configuration, d: Descriptor, lane: tuple[int, int] | None) -> int:
    """Return the exact cycles, from dispatch to the last result in the scratchpad.

    Parameters
    ----------
    config : Configuration
    d : Descriptor
    lane : (int, int) or None
        Of single weights, what :func:`~.sparse_operation.lane_cycles` says of their packet, which
        must be as long as its rows; a longer one takes a cycle more for each word too many.

    Raises
    ------
    ValueError
        For single weights without ``lane``.

    That is for an operation alone, with on-chip memory. A beat is read a cycle, of weights or of
    their index. A row group's last word waits until the results of the row group before have left
    the chain, a beat a cycle. Between two tokens the decoder runs empty.
    """
    chain, form = config.chain, operation_format(config, d)
    before = config.memory.latency + _FIRST_BEAT + request_cut(config)
    behind = _ROWS + _STAGE + stage_cut(config) + _WRITE
    if isinstance(form, RowFormat):
        decoder = _DECODER + form.place_cycles
        if lane is None:
            raise ValueError("lane must be given for single weights")
        # The next packet comes while the last word of this one is still worked at.
        packet, last = lane
        rest = max(_ROW_GAP + decoder - last, 0)
        return before + decoder + d.tokens * packet + (d.tokens - 1) * rest + _LANE + behind
    groups = -(-d.rows // chain.rows)
    words = packet_words(chain, form, d.rows, d.columns) // groups  # of a row group
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
    return before + final + decoder + chain.latency + useful + behind
