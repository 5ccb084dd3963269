# SPDX-License-Identifier: Apache-2.0
"""What the streams of the sparse chain carry: the contract between decoders and the chain.

A *word* of weights has S slots, a multiplier each. All slots of a word meet the same block of M
columns, and a slot's weight the activation ``positions[slot]`` of them, 0 to M - 1, in any order.
An empty slot has weight 0; its position may be anything.

Where a block has N weights in each row (N a power of two, from ``least`` to M), slots ``N i`` to
``N i + N - 1`` of a word belong to one row: a word has ``S / N`` of them. A row group has
``S / least`` rows. So a block takes ``N / least`` words, and word ``j`` has, in its i-th N slots,
row ``i N / least + j`` of the row group; where N is least, that is row i. Example with S = 16,
M = 8, least = 2, eight rows:

    2:8    1 word:   slots 0-1 row 0, 2-3 row 1, ... 14-15 row 7
    4:8    2 words:  slots 0-3 rows 0, 1;  4-7 rows 2, 3;  8-11 rows 4, 5;  12-15 rows 6, 7
    dense  4 words:  slots 0-7 rows 0, 1, 2, 3;  8-15 rows 4, 5, 6, 7

Blocks follow in the order of columns, and then comes the next row group. N may be another one in
each block of a row group; a block whose weights are all zero may be left out, with its
activations, unless none would be left in the row group.

To a decoder this is one sequence of N:M blocks, N consecutive slots each, S / N of them to a
word. In which order rows come is the packer's affair (``golden.sparse.pack_words``); a decoder need
not know. A pattern of smaller blocks than M is one of M with ``Pattern.offsets`` added to
positions: 2:4 in a chain of M = 16 is 8:16, where slots 0-1 have positions 0 to 3, slots 2-3
4 to 7, and so on.
"""

from amaranth.hdl import Shape, unsigned
from amaranth.lib import data

from ...golden.sparse import Chain

__all__ = ["block_layout", "result_layout", "weight_layout", "word_layout"]


def weight_layout(slots: int, block: int, weight_bits: int, *, signed: bool = True,
                  slot_rows: int = 1) -> data.StructLayout:
    """Return the layout of a word of weights.

    With two rows to a slot, its weights are ``weights[2 * slot]``, of twice the row that slots
    belong to, and ``weights[2 * slot + 1]``, of the row after it. ``last`` comes with the last word
    of a packet, which is one or more whole row groups.

    Parameters
    ----------
    slots : int
        S.
    block : int
        M.
    weight_bits : int
    signed : bool
    slot_rows : int
        1 or 2.
    """
    return data.StructLayout({
        "weights": data.ArrayLayout(Shape(weight_bits, signed), slots * slot_rows),
        "positions": data.ArrayLayout(unsigned(block.bit_length() - 1), slots),
        "last": 1,
    })


def word_layout(config: Chain) -> data.StructLayout:
    """Return the layout of a word of weights of a chain."""
    return weight_layout(config.slots, config.block, config.weight_bits,
                         signed=config.weight_signed, slot_rows=config.slot_rows)


def block_layout(config: Chain) -> data.StructLayout:
    """Return the layout of a block: its activations, those of a second token after the first's.

    ``span`` is log2(N / least); more than dense counts as dense. ``last`` ends a row group.
    """
    return data.StructLayout({
        "activations": data.ArrayLayout(
            Shape(config.activation_bits, config.activation_signed), config.tokens * config.block),
        "span": range(config.levels + 1),
        "last": 1,
    })


def result_layout(config: Chain) -> data.StructLayout:
    """Return the layout of a beat of results.

    Sums come in the order of rows; of a row with two tokens, the first's and then the second's.
    ``last`` comes with the last beat of a packet. ``fault`` comes with all beats of a row group in
    which ``last`` of a word was set before the end: weights and blocks disagree.
    """
    return data.StructLayout({
        "sums": data.ArrayLayout(Shape(config.accumulator_bits, True), config.lanes),
        "last": 1,
        "fault": 1,
    })
