# SPDX-License-Identifier: Apache-2.0
"""Words of the sparse chain as packets of memory: what joins packer, decoder and chain."""

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .chain import Chain
from .encodings import BlockFormat, encode_blocks
from .words import Words

__all__ = ["chain_packet", "packet_format"]


def packet_format(config: Chain, encoding: str, kept: int) -> BlockFormat:
    """Return the format whose beats of weights are words of a chain.

    Parameters
    ----------
    config : Chain
        Of 4- or 8-bit weights, one row to a slot.
    encoding : str
    kept : int
        N of every block.

    Raises
    ------
    UserError
        If there is none.
    """
    if config.slot_rows > 1:
        raise UserError("packets hold one weight to a slot; use a chain that packs tokens, or none")
    return BlockFormat(encoding=encoding, kept=kept, block=config.block,
                       weight_bits=config.weight_bits,
                       beat_bits=config.slots * config.weight_bits)


def chain_packet(form: BlockFormat, words: Words) -> NDArray[np.uint8]:
    """Return the packet of a matrix that was brought into words: shape (beats, beat_bits / 8).

    Slots that are left over take the first columns of their block that have no weight, so that
    positions ascend as encodings have them.

    Raises
    ------
    UserError
        If a block has another N than the format.
    """
    for group, counts in enumerate(words.counts):
        if (counts != form.kept).any():
            place = int(np.argmax(counts != form.kept))
            raise UserError(
                f"blocks of a packet must have {form.kept} weights, not {int(counts[place])} as "
                f"block {place} of row group {group}; pack words with counts={form.kept} for each")
    weights = np.concatenate([part[:, :, 0] for part in words.weights]).reshape(-1, form.kept)
    positions = np.concatenate(words.positions).reshape(-1, form.kept)
    # Each block's cells, its weights in front of what is spare, and of those the first N.
    cells = np.zeros((len(weights), form.block), np.int64)
    used = np.zeros(cells.shape, bool)
    block, slot = np.nonzero(weights)
    cells[block, positions[block, slot]] = weights[block, slot]
    used[block, positions[block, slot]] = True
    spare = (~used).cumsum(axis=1) <= (form.kept - used.sum(axis=1))[:, None]
    chosen = np.argsort(~(used | spare), axis=1, kind="stable")[:, : form.kept]
    shape = (-1, form.slots)
    return encode_blocks(form, np.take_along_axis(cells, chosen, axis=1).reshape(shape),
                         chosen.reshape(shape))
