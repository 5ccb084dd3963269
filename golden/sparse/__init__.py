# SPDX-License-Identifier: Apache-2.0
"""Sparse chains of multipliers: patterns, packed products, words of weights and the sums."""

from .chain import PACKINGS, Chain, chain_sums
from .packing import MULTIPLIERS, Multiplier, Packing, Range, packing_of
from .patterns import BLOCKS, Pattern, dense, fewest, prune
from .words import Words, activation_blocks, chain_product, pack_words

__all__ = [
    "BLOCKS",
    "MULTIPLIERS",
    "PACKINGS",
    "Chain",
    "Multiplier",
    "Packing",
    "Pattern",
    "Range",
    "Words",
    "activation_blocks",
    "chain_product",
    "chain_sums",
    "dense",
    "fewest",
    "pack_words",
    "packing_of",
    "prune",
]
