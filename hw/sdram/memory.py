# SPDX-License-Identifier: Apache-2.0
"""An SDRAM behind a memory port."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.config_sdram import SdramConfiguration
from ..engine.memory import MemorySignature, read_request
from ..stream import Queue, ReservedQueue
from .controller import SdramController
from .layouts import access_layout
from .signature import SdramSignature

__all__ = ["SdramMemory"]

_REQUESTS = 4
#: Words of D bits that wait to be taken; more than are under way at once.
_BEATS = 8


class SdramMemory(wiring.Component):
    """Words of D bits in an SDRAM; see :class:`.controller.SdramController`.

    A word to write goes before the reads that wait. Addresses beyond the end of the chip begin anew
    at its start; the engine does not ask for them.

    Parameters
    ----------
    config : SdramConfiguration
    clock_hz : int
    beat_bits : int
        D.
    words : int
        Size.
    longest : int
        Most words of a request.

    Members
    -------
    port : ``In(MemorySignature(D, words, longest))``
    pins : ``Out(SdramSignature(config))``
    """

    def __init__(self, config: SdramConfiguration, *, clock_hz: int, beat_bits: int, words: int,
                 longest: int):
        self._config, self._hz = config, clock_hz
        self._beat_bits, self._words, self._longest = beat_bits, words, longest
        super().__init__({"port": In(MemorySignature(beat_bits, words, longest)),
                          "pins": Out(SdramSignature(config))})

    def elaborate(self, platform):
        m = Module()
        port = self.port
        m.submodules.controller = controller = SdramController(
            self._config, self._hz, self._beat_bits)
        m.submodules.requests = requests = Queue(
            read_request(self._words, self._longest), _REQUESTS)
        m.submodules.beats = beats = ReservedQueue(
            self._beat_bits, _BEATS, registered=True)
        wiring.connect(m, wiring.flipped(self.pins), controller.pins)
        wiring.connect(m, wiring.flipped(port.request), requests.i)
        wiring.connect(m, beats.o, wiring.flipped(port.beat))
        m.d.comb += [beats.write.eq(controller.arrived), beats.word.eq(controller.value)]

        # A request, word by word.
        address, left = Signal(range(self._words), reset_less=True), Signal(
            range(self._longest + 1))
        step = Signal()
        with m.If(left == 0):
            m.d.comb += requests.o.ready.eq(1)
            with m.If(requests.o.valid):
                m.d.sync += [address.eq(requests.o.payload.address),
                             left.eq(requests.o.payload.length)]
        with m.Elif(step):
            m.d.sync += [address.eq(address + 1), left.eq(left - 1)]

        # A word to write: here until the controller takes it.
        place = Signal.like(port.write.payload.address, reset_less=True)
        word = Signal(self._beat_bits, reset_less=True)
        held, waits = Signal(), Signal()
        m.d.comb += [port.write.ready.eq(~held), controller.word.eq(word)]
        with m.If(port.write.valid & ~held):
            m.d.sync += [place.eq(port.write.payload.address), word.eq(port.write.payload.data),
                         held.eq(1), waits.eq(1)]
        with m.Elif(controller.taken):
            m.d.sync += held.eq(0)

        # The access that is offered.
        layout = access_layout(self._config, self._beat_bits)
        access, offered = Signal(layout, reset_less=True), Signal()
        m.d.comb += [controller.i.payload.eq(access), controller.i.valid.eq(offered)]
        with m.If(~offered | controller.i.ready):
            m.d.comb += [step.eq((left != 0) & beats.room & ~waits), beats.reserve.eq(step)]
            m.d.sync += [offered.eq(waits | step),
                         Value.cast(access).eq(Mux(waits, place, address)),
                         access.write.eq(waits)]
            with m.If(waits):
                m.d.sync += waits.eq(0)
        return m
