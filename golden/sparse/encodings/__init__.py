# SPDX-License-Identifier: Apache-2.0
"""Encodings of sparse weights: beats of memory to words of weights, bit for bit."""

from .blocks import BlockWords, block_words, decode_blocks, encode_blocks, read_blocks
from .column_major import ColumnMajor
from .cost import (
    SCALE_BITS,
    SCALE_GROUP,
    Cost,
    block_cost,
    encoded_scales,
    fitting_formats,
    pattern_formats,
    row_cost,
    scale_count,
)
from .defects import Defect, MalformedStream, Report
from .formats import (
    BLOCK_ENCODINGS,
    GROUP,
    PAIRS,
    ROW_ENCODINGS,
    BlockFormat,
    RowFormat,
    smallest_format,
)
from .rows import Items, RowWords, decode_rows, encode_rows, matrix_items, read_rows, row_places

__all__ = [
    "BLOCK_ENCODINGS",
    "GROUP",
    "PAIRS",
    "ROW_ENCODINGS",
    "SCALE_BITS",
    "SCALE_GROUP",
    "BlockFormat",
    "BlockWords",
    "ColumnMajor",
    "Cost",
    "Defect",
    "Items",
    "MalformedStream",
    "Report",
    "RowFormat",
    "RowWords",
    "block_cost",
    "block_words",
    "decode_blocks",
    "decode_rows",
    "encode_blocks",
    "encode_rows",
    "encoded_scales",
    "fitting_formats",
    "matrix_items",
    "pattern_formats",
    "read_blocks",
    "read_rows",
    "row_cost",
    "row_places",
    "scale_count",
    "smallest_format",
]
