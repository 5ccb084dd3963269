# SPDX-License-Identifier: Apache-2.0
"""Products for the sparse chain: words and blocks in, results out, as payloads' bits."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..golden.sparse import Chain, activation_blocks, chain_sums, pack_words

__all__ = ["ChainCase"]


@dataclass
class ChainCase:
    """Packets, a matrix and its activations each.

    Attributes
    ----------
    config : Chain
    weights, blocks, results : list of int
        Payloads of ``word_layout``, ``block_layout`` and ``result_layout``.
    groups : list of int
        Words of each row group.
    """

    config: Chain
    weights: list[int] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)

    def add(self, matrix: np.ndarray, x: np.ndarray,
            counts: Sequence[np.ndarray] | None = None) -> None:
        """Add a packet; see ``golden.sparse.pack_words``."""
        config = self.config
        words, activations = pack_words(config, matrix, counts), activation_blocks(config, x)
        index_bits = config.block.bit_length() - 1
        for group, (weights, positions, spans) in enumerate(zip(
                words.weights, words.positions, words.counts)):
            end = group == len(words.weights) - 1
            for place, (row, column) in enumerate(zip(weights, positions)):
                last = end and place == len(weights) - 1
                self.weights.append(_joined(
                    (row.reshape(-1), config.weight_bits), (column, index_bits), ([last], 1)))
            for place, (block, count) in enumerate(zip(activations, spans)):
                span = int(count // config.least).bit_length() - 1
                self.blocks.append(_joined(
                    (block.reshape(-1), config.activation_bits),
                    ([span], config.levels.bit_length()), ([place == len(spans) - 1], 1)))
            sums = chain_sums(config, weights, positions, spans, activations)
            for beat in range(config.beats):
                part = sums[beat * config.lanes : (beat + 1) * config.lanes]
                last = end and beat == config.beats - 1
                self.results.append(_joined((part, config.accumulator_bits), ([last], 1), ([0], 1)))
            self.groups.append(len(weights))

    @property
    def streams(self) -> dict[str, list[int]]:
        """Payloads by the names of the unit's inputs."""
        return {"weights": self.weights, "blocks": self.blocks}


def _joined(*fields) -> int:
    """Return numbers side by side, the first in the lowest bits, each of so many bits."""
    found, place = 0, 0
    for values, bits in fields:
        for value in values:
            found |= (int(value) & (1 << bits) - 1) << place
            place += bits
    return found
