# SPDX-License-Identifier: Apache-2.0
"""Asynchronous serial line: a start bit, eight data bits, lowest first, a stop bit."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SHORTEST_BIT", "UartReceiver", "UartTransmitter", "baud_divisor"]

#: Fewest cycles of a bit: three samples around its middle, and an edge on either side.
SHORTEST_BIT = 5
#: Bits of a frame: start, data, stop.
_FRAME = 10
#: Part of the rate that the rounded divisor may be off. A frame is lost from 5 % on, which the
#: other side's error and the sampling share.
_MOST_ERROR = 0.02


def baud_divisor(clock_hz: int, baud: int) -> int:
    """Return the cycles of a bit.

    Raises
    ------
    ValueError
        If the clock is too slow for the rate, or no whole number of cycles is near enough.
    """
    divisor = round(clock_hz / baud)
    if divisor < SHORTEST_BIT:
        raise ValueError(f"baud must be at most {clock_hz // SHORTEST_BIT} with a clock of "
                         f"{clock_hz} Hz, not {baud!r}")
    if abs(clock_hz / divisor / baud - 1) > _MOST_ERROR:
        raise ValueError(f"baud must be within {_MOST_ERROR:.0%} of {clock_hz} Hz over a whole "
                         f"number, such as {clock_hz // divisor}, not {baud!r}")
    return divisor


def _check_divisor(divisor: int) -> int:
    if isinstance(divisor, bool) or not isinstance(divisor, int) or divisor < SHORTEST_BIT:
        raise ValueError(f"divisor must be an integer of at least {SHORTEST_BIT}, not {divisor!r}")
    return divisor


class UartReceiver(wiring.Component):
    """Bytes from a serial line.

    A bit is the majority of three samples around its middle, so that a glitch of one cycle never
    counts. A start bit that is not low in its middle is none. A byte whose stop bit is low is
    dropped, and the next begins with the next falling edge: a line held low gives no bytes. A byte
    that is not taken until the next one is complete stays, and the next is lost.

    Latency: ``latency`` cycles from the falling edge at the pin to ``o``, two of them to bring the
    line into the clock's domain. The rate may be off by 4 % where a bit has ten cycles or more.

    Parameters
    ----------
    divisor : int
        Cycles of a bit, at least :data:`SHORTEST_BIT`.

    Members
    -------
    rx : ``In(1, init=1)``
        The line, not synchronous to anything.
    o : ``Out(stream.Signature(8))``
        Bytes.
    framing, overrun : ``Out(1)``
        High for a cycle for each byte that was dropped because its stop bit was low, and because
        the one before it had not been taken.

    Raises
    ------
    ValueError
        If ``divisor`` is too small.
    """

    def __init__(self, divisor: int):
        self._divisor = _check_divisor(divisor)
        super().__init__({
            "rx": In(1, init=1),
            "o": Out(stream.Signature(8)),
            "framing": Out(1),
            "overrun": Out(1),
        })

    @property
    def divisor(self) -> int:
        """Cycles of a bit."""
        return self._divisor

    @property
    def latency(self) -> int:
        """Cycles from the edge of the start bit at the pin to the byte at the output."""
        # Two to synchronise, one to see the edge, one for the output's register.
        return self._divisor // 2 + (_FRAME - 1) * self._divisor + 4

    def elaborate(self, platform):
        m = Module()
        meta, line = Signal(init=1, reset_less=True), Signal(init=1, reset_less=True)
        before = Signal(2, init=0b11, reset_less=True)  # the two samples before
        m.d.sync += [meta.eq(self.rx), line.eq(meta), before.eq(Cat(line, before[0]))]
        bit = Signal()
        m.d.comb += bit.eq((line & before[0]) | (line & before[1]) | (before[0] & before[1]))

        active = Signal()
        timer = Signal(range(self._divisor))
        number = Signal(range(_FRAME))
        word = Signal(8, reset_less=True)
        whole = Signal()
        m.d.sync += [self.framing.eq(0), self.overrun.eq(0)]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(~active):
            m.d.sync += [timer.eq(self._divisor // 2), number.eq(0)]
            with m.If(before[0] & ~line):
                m.d.sync += active.eq(1)
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Else():
            m.d.sync += [timer.eq(self._divisor - 1), number.eq(number + 1)]
            with m.If(number == 0):
                m.d.sync += active.eq(~bit)
            with m.Elif(number == _FRAME - 1):
                m.d.comb += whole.eq(bit)
                m.d.sync += [active.eq(0), self.framing.eq(~bit)]
            with m.Else():
                m.d.sync += word.eq(Cat(word[1:], bit))
        with m.If(whole):
            with m.If(self.o.valid & ~self.o.ready):
                m.d.sync += self.overrun.eq(1)
            with m.Else():
                m.d.sync += [self.o.valid.eq(1), self.o.payload.eq(word)]
        return m


class UartTransmitter(wiring.Component):
    """Bytes to a serial line.

    Latency: 1 cycle from an accepted byte to its start bit. Throughput: a byte in ``interval``
    cycles.

    Parameters
    ----------
    divisor : int
        Cycles of a bit, at least :data:`SHORTEST_BIT`.

    Members
    -------
    i : ``In(stream.Signature(8))``
        Bytes.
    tx : ``Out(1, init=1)``
        The line, from a register.

    Raises
    ------
    ValueError
        If ``divisor`` is too small.
    """

    def __init__(self, divisor: int):
        self._divisor = _check_divisor(divisor)
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    @property
    def divisor(self) -> int:
        """Cycles of a bit."""
        return self._divisor

    @property
    def latency(self) -> int:
        """Cycles from an accepted byte to its start bit."""
        return 1

    @property
    def interval(self) -> int:
        """Cycles of a byte."""
        return _FRAME * self._divisor

    def elaborate(self, platform):
        m = Module()
        rest = Signal(_FRAME - 1, reset_less=True)  # what follows the bit on the line
        left = Signal(range(_FRAME + 1))
        timer = Signal(range(self._divisor))
        due = Signal()
        m.d.comb += [due.eq(timer == 0), self.i.ready.eq((left == 0) | ((left == 1) & due))]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                self.tx.eq(0), rest.eq(Cat(self.i.payload, 1)), left.eq(_FRAME),
                timer.eq(self._divisor - 1)]
        with m.Elif(left != 0):
            m.d.sync += timer.eq(timer - 1)
            with m.If(due):
                m.d.sync += [self.tx.eq(rest[0]), rest.eq(Cat(rest[1:], 1)), left.eq(left - 1),
                             timer.eq(self._divisor - 1)]
        return m
