# SPDX-License-Identifier: Apache-2.0
"""A chain of multipliers without a choice of activations: for dense weights only."""

from ...golden.errors import UserError
from ...golden.sparse import Chain
from ..sparse import SparseChain

__all__ = ["DenseChain"]


class DenseChain(SparseChain):
    """The sparse chain with each slot wired to its column of the block.

    Latency and throughput are the same. Positions are not looked at.

    Parameters
    ----------
    config : Chain
        With ``least`` = ``block``.

    Raises
    ------
    UserError
        If blocks could have fewer weights.
    """

    def __init__(self, config: Chain):
        super().__init__(config)
        if config.least != config.block:
            raise UserError(f"a dense chain must have least = block, not {config.least} and "
                            f"{config.block}; use a SparseChain")

    def _chosen(self, m, slot, token, word, activations):
        return activations[slot % self.config.block]
