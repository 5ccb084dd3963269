# SPDX-License-Identifier: Apache-2.0
"""Words of an SDRAM to words of D bits, and back."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.config_sdram import SdramConfiguration
from .layouts import burst_of, words_of

__all__ = ["BurstReader", "BurstWriter"]

#: Cycles from a command to its first word, beside the chip's: registers of command and word.
_REGISTERS = 2


def _lasting(m, start, cycles):
    """Return a signal that is high in a cycle with ``start`` and those after it, in all so many."""
    left, going = Signal(range(cycles)), Signal()
    m.d.comb += going.eq(start | (left != 0))
    m.d.sync += left.eq(Mux(start, cycles - 1, Mux(left != 0, left - 1, 0)))
    return going


class BurstReader(wiring.Component):
    """Collects what comes from the chip.

    Latency: from ``start`` of a word's first burst, where all follow at once,
    D / ``data_bits`` + ``cas_latency`` + 2 cycles to ``arrived``.

    Parameters
    ----------
    config : SdramConfiguration
    beat_bits : int
        D.

    Members
    -------
    start : ``In(1)``
        A burst is asked for in this cycle.
    value : ``In(data_bits)``
        What comes from the pins, behind a register.
    word : ``Out(D)``, arrived : ``Out(1)``
    """

    def __init__(self, config: SdramConfiguration, beat_bits: int):
        self._config, self._beat_bits = config, beat_bits
        super().__init__({"start": In(1), "value": In(config.data_bits), "word": Out(beat_bits),
                          "arrived": Out(1)})

    def elaborate(self, platform):
        m = Module()
        config, bits = self._config, self._beat_bits
        words = words_of(config, bits)
        going = _lasting(m, self.start, burst_of(config, bits))
        for step in range(_REGISTERS + config.cas_latency):
            there = Signal(name=f"going_{step}")
            m.d.sync += there.eq(going)
            going = there
        place, last = Signal(range(words)), Signal()
        m.d.comb += last.eq(place == words - 1)
        m.d.sync += self.arrived.eq(going & last)
        with m.If(going):
            m.d.sync += [place.eq(Mux(last, 0, place + 1)),
                         self.word.eq(Cat(self.word[config.data_bits:], self.value))]
        return m


class BurstWriter(wiring.Component):
    """Hands words to the chip.

    Parameters
    ----------
    config : SdramConfiguration
    beat_bits : int
        D.

    Members
    -------
    load : ``In(1)``, word : ``In(D)``
        What to write next; not before ``idle``.
    start : ``In(1)``
        A burst begins in this cycle.
    value : ``Out(data_bits)``, drive : ``Out(1)``
        For the pins' registers.
    idle : ``Out(1)``
        No burst goes on.
    """

    def __init__(self, config: SdramConfiguration, beat_bits: int):
        self._config, self._beat_bits = config, beat_bits
        super().__init__({"load": In(1), "word": In(beat_bits), "start": In(1),
                          "value": Out(config.data_bits), "drive": Out(1), "idle": Out(1)})

    def elaborate(self, platform):
        m = Module()
        width = self._config.data_bits
        left = Signal(self._beat_bits, reset_less=True)
        m.d.comb += [
            self.drive.eq(_lasting(m, self.start, burst_of(self._config, self._beat_bits))),
            self.value.eq(left[:width]),
            self.idle.eq(~self.drive),
        ]
        with m.If(self.load):
            m.d.sync += left.eq(self.word)
        with m.Elif(self.drive):
            m.d.sync += left.eq(left >> width)
        return m
