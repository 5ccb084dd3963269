# SPDX-License-Identifier: Apache-2.0
"""Places in an SDRAM."""

from amaranth.lib import data

from ...golden.config_sdram import SdramConfiguration

__all__ = ["access_layout", "burst_of", "words_of"]

#: Longest burst of words that chips have.
_LONGEST = 8


def words_of(config: SdramConfiguration, beat_bits: int) -> int:
    """Return how many words of the chip make one of D bits."""
    return beat_bits // config.data_bits


def burst_of(config: SdramConfiguration, beat_bits: int) -> int:
    """Return how many words a command moves."""
    return min(_LONGEST, words_of(config, beat_bits))


def access_layout(config: SdramConfiguration, beat_bits: int) -> data.StructLayout:
    """Return the layout of one word of D bits to read or write.

    From the lowest bits of its address on: ``column`` (counted in words of D bits), ``bank``,
    ``row``; so words in sequence go from bank to bank, and the next one opens in time.
    """
    words = words_of(config, beat_bits)
    return data.StructLayout({"column": config.column_bits - (words.bit_length() - 1), "bank": 2,
                              "row": config.row_bits, "write": 1})
