# SPDX-License-Identifier: Apache-2.0
"""Results of a layer's sections as they lie in the scratchpad."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..golden.config import Configuration
from .section import Section

__all__ = ["gather", "spread"]


def spread(config: Configuration, sections: Sequence[Section], y: NDArray[np.integer]) -> bytes:
    """Return results (tokens, rows) as they lie in the scratchpad: one section behind the other."""
    size = sum(section.result_words(config) for section in sections) * config.word_bytes
    words, start = np.zeros((len(y), size), np.uint8), 0
    for section in sections:
        raw = np.ascontiguousarray(y[:, section.rows], section.output.little_endian)
        words[:, start : start + raw.nbytes // len(y)] = raw.view(np.uint8)
        start += section.result_words(config) * config.word_bytes
    return words.tobytes()


def gather(config: Configuration, sections: Sequence[Section], data: bytes, tokens: int,
           dtype: np.dtype[np.signedinteger]) -> NDArray[np.integer]:
    """Return the results that lie in the scratchpad so, in order: (tokens, rows)."""
    words = np.frombuffer(data, np.uint8).reshape(tokens, -1)
    y = np.empty((tokens, sum(len(section.rows) for section in sections)), dtype)
    start = 0
    for section in sections:
        kind = section.output.little_endian
        raw = words[:, start : start + len(section.rows) * kind.itemsize]
        y[:, section.rows] = np.ascontiguousarray(raw).view(kind)
        start += section.result_words(config) * config.word_bytes
    return y
