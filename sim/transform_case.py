# SPDX-License-Identifier: Apache-2.0
"""Random packets for the Walsh-Hadamard pipeline: beats in, results out, as payloads' bits."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..golden.fwht import Pipeline, order_index, transform

__all__ = ["TransformCase"]

_SIZE_BITS = 4


@dataclass
class TransformCase:
    """Packets one after another.

    Attributes
    ----------
    config : Pipeline
    beats, results : list of int
        Payloads of ``sample_layout`` and ``result_layout``.
    """

    config: Pipeline
    beats: list[int] = field(default_factory=list)
    results: list[int] = field(default_factory=list)

    def add(self, x: np.ndarray, samples: int) -> None:
        """Add a packet of one transform or more; ``x`` fills whole beats."""
        config = self.config
        log2_size = samples.bit_length() - 1
        y = transform(x, samples)
        index = order_index(samples, config.order)[:: config.lanes]
        count = len(x) // config.lanes
        for beat in range(count):
            part = slice(beat * config.lanes, (beat + 1) * config.lanes)
            tail = [(log2_size, _SIZE_BITS), (int(beat == count - 1), 1)]
            self.beats.append(_joined(x[part], config.width, tail))
            place = (int(index[beat % len(index)]), config.stages)
            self.results.append(_joined(y[part], config.widths[-1], [*tail, place]))

    def add_random(self, rng: np.random.Generator, sizes: Sequence[int],
                   transforms: Sequence[int] = (1,)) -> None:
        """Add a packet for each size, of so many transforms or beats of them as one draw says."""
        half = 1 << self.config.width - 1
        for samples in map(int, sizes):
            count = int(rng.choice(transforms)) * max(samples, self.config.lanes)
            self.add(rng.integers(-half, half, count), samples)

    def add_corners(self, samples: int) -> None:
        """Add vectors that make the largest results, or the least."""
        least, most = -1 << self.config.width - 1, (1 << self.config.width - 1) - 1
        length = max(samples, self.config.lanes)
        place = np.arange(length)
        for sign in (place * 0, place & 1, place >> 1 & 1, (place ^ place >> 1) & 1,
                     (place & samples // 2 > 0), _parity(place)):
            for lower, upper in ((least, most), (most, least)):
                self.add(np.where(sign, upper, lower), samples)
        self.add(np.where(place == 0, least, 0), samples)


def _parity(values: np.ndarray) -> np.ndarray:
    return np.array([int(value).bit_count() & 1 for value in values])


def _joined(samples: np.ndarray, width: int, fields: list[tuple[int, int]]) -> int:
    """Return the bits of signed samples and of fields (value, width) above them."""
    word, place = 0, 0
    for value, bits in [(int(sample), width) for sample in samples] + fields:
        word |= (value & (1 << bits) - 1) << place
        place += bits
    return word
