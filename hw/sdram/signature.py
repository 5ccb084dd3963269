# SPDX-License-Identifier: Apache-2.0
"""Pins of an SDRAM, and the commands on them."""

import enum

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.config_sdram import SdramConfiguration

__all__ = ["ADDRESS_BITS", "Command", "SdramSignature"]

#: Address lines: all that chips with 11 to 13 bits of a row need.
ADDRESS_BITS = 13


class Command(enum.IntEnum):
    """Chip select, row, column and write strobes, all active low, highest bit first."""

    MODE = 0b0000
    REFRESH = 0b0001
    PRECHARGE = 0b0010
    ACTIVATE = 0b0011
    WRITE = 0b0100
    READ = 0b0101
    NONE = 0b1111


class SdramSignature(wiring.Signature):
    """An SDRAM, seen by its controller; data lines are apart for each direction.

    What goes out comes from registers, and what comes in goes to registers. The chip takes a
    command with the edge after the one that shows it, or somewhat before; a word that it gives with
    CAS latency L is taken L edges after that.

    Interface attributes
    --------------------
    clock_enable : ``Out(1)``
    command : ``Out(4)``
        A :class:`Command`: lines CS#, RAS#, CAS# and WE#.
    bank : ``Out(2)``, address : ``Out(13)``
    mask : ``Out(data_bits // 8)``
        DQM.
    out : ``Out(data_bits)``, release : ``Out(data_bits)``
        Words to the chip; each line is driven unless its bit of ``release`` is 1.
    value : ``In(data_bits)``
        Words from the chip.
    """

    def __init__(self, config: SdramConfiguration):
        bits = config.data_bits
        super().__init__({
            "clock_enable": Out(1),
            "command": Out(4, init=Command.NONE),
            "bank": Out(2),
            "address": Out(ADDRESS_BITS),
            "mask": Out(bits // 8),
            "out": Out(bits),
            "release": Out(bits),
            "value": In(bits),
        })
