# SPDX-License-Identifier: Apache-2.0
"""Decoders of sparse weights: beats of memory to words of weights."""

from .block_decoder import BlockDecoder
from .row_decoder import RowDecoder

__all__ = ["BlockDecoder", "RowDecoder"]
