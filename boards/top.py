# SPDX-License-Identifier: Apache-2.0
"""What is around a device on a board: clock, reset, serial line, lights."""

from amaranth import *
from amaranth.hdl import IOPort
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..golden.config import Configuration
from ..hw.link.uart import UartReceiver, UartTransmitter, baud_divisor
from ..hw.sdram import SdramSignature
from ..hw.top import Luthier
from .pll import Pll
from .sdram import SdramPads, SdramPadsSignature

__all__ = ["BoardTop", "line_divisor"]

#: Cycles for which the reset lasts after the clock is there: block RAM of iCE40 wants some.
_RESET_BITS = 8
#: How long a byte on the line is shown: cycles, as a power of two of a second.
_SHOWN = 16


def line_divisor(config: Configuration, baud: int) -> int:
    """Return the cycles of a bit on the serial line of a device.

    Raises
    ------
    ValueError
        If ``link.width`` is not 1, or the rate is not possible with this clock.
    """
    if config.link.width != 1:
        raise ValueError(f"link.width must be 1 on a serial line, not {config.link.width!r}")
    return baud_divisor(config.clock_hz, baud)


class BoardTop(wiring.Component):
    """A device behind a serial line.

    The clock that comes in is the oscillator's; that of everything else is the configuration's
    ``clock_hz``, which the family's PLL makes of it. Without a family's cells, as in simulation,
    the clock that comes in is that one. The reset comes from a button and while there is no clock.

    Parameters
    ----------
    config : Configuration
        With ``link.width`` = 1.
    identification : bytes
        See :func:`luthier.golden.protocol.identification`.
    oscillator_hz : int
    baud : int
        Of the serial line.
    inverted : frozenset of str
        Of the ports ``rst`` and ``led`` those for which the board means 1 by a low level.
    leds : int
        At least one: the first blinks about once a second, the second shows bytes on the line.
    pads : bool
        With the cells at an SDRAM's pins, of ECP5.

    Members
    -------
    rx : ``In(1)``, tx : ``Out(1)``
        Serial lines.
    led : ``Out(leds)``
    sdram : ``Out(SdramSignature(config.sdram))``
        With an SDRAM and without pads.
    sdram : ``Out(SdramPadsSignature(config.sdram))``
        With both; then ``sdram__data`` is among :attr:`inouts`.

    Attributes
    ----------
    inouts : dict
        From names to Amaranth's ports that go both ways.

    Raises
    ------
    ValueError
        If ``link.width`` is not 1, or the rate is not possible with this clock.
    """

    def __init__(self, config: Configuration, identification: bytes, *, oscillator_hz: int,
                 baud: int, inverted: frozenset[str] = frozenset(), leds: int = 2,
                 pads: bool = False):
        self._config, self._identification = config, identification
        self._oscillator_hz, self._inverted = oscillator_hz, inverted
        self._divisor = line_divisor(config, baud)
        members = {"rx": In(1, init=1), "tx": Out(1, init=1), "led": Out(leds)}
        self.inouts: dict[str, IOPort] = {}
        if config.sdram is not None:
            members["sdram"] = Out((SdramPadsSignature if pads else SdramSignature)(config.sdram))
            if pads:
                self.inouts["sdram__data"] = IOPort(config.sdram.data_bits, name="sdram__data")
        super().__init__(members)

    @property
    def divisor(self) -> int:
        """Cycles of a bit on the serial lines."""
        return self._divisor

    def elaborate(self, platform):
        m = Module()
        m.submodules.pll = pll = Pll(self._oscillator_hz, self._config.clock_hz,
                                     late=bool(self.inouts))
        pressed = ResetSignal("sync")
        if "rst" in self._inverted:
            pressed = ~pressed
        m.domains.board = domain = ClockDomain(local=True)
        m.d.comb += [pll.source.eq(ClockSignal("sync")), domain.clk.eq(pll.clock)]
        # The button and the PLL's lock are asynchronous.
        meta, wanted = Signal(init=1, reset_less=True), Signal(init=1, reset_less=True)
        left = Signal(_RESET_BITS, init=-1, reset_less=True)
        held = Signal(init=1, reset_less=True)
        m.d.board += [
            meta.eq(pressed | ~pll.locked), wanted.eq(meta), held.eq(left != 0),
            left.eq(Mux(wanted, (1 << _RESET_BITS) - 1, Mux(left != 0, left - 1, 0))),
        ]
        m.d.comb += domain.rst.eq(held)

        device = Luthier(self._config, self._identification)
        receiver, transmitter = UartReceiver(self._divisor), UartTransmitter(self._divisor)
        for name, unit in (("device", device), ("receiver", receiver),
                           ("transmitter", transmitter)):
            m.submodules[name] = DomainRenamer("board")(unit)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            device.i.payload.data.eq(receiver.o.payload),
            device.i.payload.count.eq(1),
            device.i.valid.eq(receiver.o.valid),
            receiver.o.ready.eq(device.i.ready),
            transmitter.i.payload.eq(device.o.payload.data),
            transmitter.i.valid.eq(device.o.valid),
            device.o.ready.eq(transmitter.i.ready),
        ]
        if self.inouts:
            m.submodules.pads = pads = SdramPads(self._config.sdram, self.inouts["sdram__data"])
            m.d.comb += pads.clock.eq(pll.late)
            wiring.connect(m, device.sdram, pads.inner)
            wiring.connect(m, pads.outer, wiring.flipped(self.sdram))
        elif self._config.sdram is not None:
            wiring.connect(m, device.sdram, wiring.flipped(self.sdram))
        self._lights(m, receiver.o.valid | device.o.valid)
        return m

    def _lights(self, m, active):
        """Blink, and show activity for a sixteenth of a second."""
        count = Signal(self._config.clock_hz.bit_length() - 1, reset_less=True)
        shown = Signal(max(1, (self._config.clock_hz // _SHOWN).bit_length()))
        m.d.board += count.eq(count + 1)
        with m.If(active):
            m.d.board += shown.eq(-1)
        with m.Elif(shown != 0):
            m.d.board += shown.eq(shown - 1)
        lights = Cat(count[-1], shown != 0)[: len(self.led)]
        m.d.board += self.led.eq(~lights if "led" in self._inverted else lights)
