# SPDX-License-Identifier: Apache-2.0
"""What an SDRAM wants beside accesses: a start, and refreshes."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.config_sdram import SdramConfiguration
from .signature import ADDRESS_BITS, Command

__all__ = ["Refresh"]

#: Refreshes at the start: some chips want two, some eight.
_FIRST = 8
#: Refreshes that may wait, of the eight that data sheets allow.
_MOST_OWED = 7
#: Cycles after a reset in which whatever the chip was doing ends.
_SETTLE = 31
#: Address line that makes a precharge one of all banks.
_ALL = 1 << 10
_MODE_CYCLES = 2


class Refresh(wiring.Component):
    """Starts the chip, then refreshes a row as often as it has to be, on average exactly.

    A refresh waits until the access under way has ended; nothing new begins before it. A reset
    starts the chip again, without the time that it needs after power, so that a row that was open
    does not stay so for long.

    Parameters
    ----------
    config : SdramConfiguration
    clock_hz : int
    burst : int
        Words of a burst, for the mode register.

    Members
    -------
    quiet : ``In(1)``
        All banks may be closed now.
    hold : ``Out(1)``
        No access may begin, no bank be opened or closed.
    command : ``Out(4)``, address : ``Out(13)``
        What to do in this cycle; :attr:`Command.NONE` where there is nothing.
    closes : ``Out(1)``
        All banks are closed with this command.
    """

    def __init__(self, config: SdramConfiguration, clock_hz: int, burst: int):
        self._config, self._hz, self._burst = config, clock_hz, burst
        super().__init__({"quiet": In(1), "hold": Out(1, init=1),
                          "command": Out(4, init=Command.NONE), "address": Out(ADDRESS_BITS),
                          "closes": Out(1)})

    def elaborate(self, platform):
        m = Module()
        config, hz = self._config, self._hz
        waits = {key: config.cycles(key, hz) for key in ("init_us", "trp_ns", "trfc_ns")}
        interval = config.refresh_cycles(hz)
        wait = Signal(range(max(*waits.values(), _MODE_CYCLES) + 1), init=waits["init_us"],
                      reset_less=True)
        settle = Signal(range(_SETTLE + 1), init=_SETTLE)
        left = Signal(range(_FIRST + 1), init=_FIRST)
        started, owed, due = Signal(), Signal(range(_MOST_OWED + 1)), Signal(range(interval),
                                                                          init=interval - 1)
        paid, over = Signal(), Signal()
        m.d.sync += due.eq(Mux(over, interval - 1, due - 1))
        m.d.comb += [over.eq(due == 0), self.hold.eq(~started | (owed != 0))]
        m.d.sync += owed.eq(owed + (over & started) - paid)
        ready = Signal()
        m.d.comb += ready.eq((wait == 0) & (settle == 0))
        m.d.sync += [wait.eq(Mux(wait == 0, 0, wait - 1)),
                     settle.eq(Mux(settle == 0, 0, settle - 1))]
        mode = self._burst.bit_length() - 1 | config.cas_latency << 4
        with m.FSM():
            with m.State("idle"):  # and before the first command
                with m.If(self.hold & self.quiet & ready):
                    m.d.comb += [self.command.eq(Command.PRECHARGE), self.address.eq(_ALL),
                                 self.closes.eq(1)]
                    m.d.sync += wait.eq(waits["trp_ns"] - 1)
                    m.next = "closed"
            with m.State("closed"):
                with m.If(ready):
                    m.d.comb += self.command.eq(Command.REFRESH)
                    m.d.sync += [wait.eq(waits["trfc_ns"] - 1), left.eq(Mux(started, 0, left - 1))]
                    m.next = "refreshing"
            with m.State("refreshing"):
                with m.If(ready):
                    with m.If(started):
                        m.d.comb += paid.eq(owed != 0)
                        m.next = "idle"
                    with m.Elif(left == 0):
                        m.d.comb += [self.command.eq(Command.MODE), self.address.eq(mode)]
                        m.d.sync += wait.eq(_MODE_CYCLES - 1)
                        m.next = "mode"
                    with m.Else():
                        m.next = "closed"
            with m.State("mode"):
                with m.If(ready):
                    m.d.sync += started.eq(1)
                    m.next = "idle"
        return m
