# SPDX-License-Identifier: Apache-2.0
"""An SDRAM behind a memory port and its controller, fed by one stream in order."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..golden.config_sdram import SdramConfiguration
from ..hw.sdram import SdramMemory
from .with_sdram import attach_sdram

__all__ = ["SdramCase"]


class SdramCase(wiring.Component):
    """Requests and words to write, in the order of one stream.

    Parameters
    ----------
    config : SdramConfiguration
    clock_hz, beat_bits, words, longest : int
        As for :class:`luthier.hw.sdram.SdramMemory`.

    Members
    -------
    i : ``In(stream.Signature(...))``
        ``address``; ``length`` beats to read from it on, or, if that is 0, ``word`` to write to it.
    o : ``Out(stream.Signature(D))``
    broken : ``Out(stream.Signature(data.StructLayout({"code": 8, "cycle": 32})))``
        The first violation of the chip's rules, if there is one.
    """

    def __init__(self, config: SdramConfiguration, *, clock_hz: int, beat_bits: int, words: int,
                 longest: int):
        self._config, self._hz = config, clock_hz
        self._shape = {"beat_bits": beat_bits, "words": words, "longest": longest}
        super().__init__({
            "i": In(stream.Signature(data.StructLayout({
                "address": range(words), "length": range(longest + 1), "word": beat_bits}))),
            "o": Out(stream.Signature(beat_bits)),
            "broken": Out(stream.Signature(data.StructLayout({"code": 8, "cycle": 32}))),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = SdramMemory(self._config, clock_hz=self._hz, **self._shape)
        model = attach_sdram(m, self._config, self._hz, wiring.flipped(memory.pins))
        port, given = memory.port, self.i.payload
        writes = given.length == 0
        m.d.comb += [
            port.request.payload.address.eq(given.address),
            port.request.payload.length.eq(given.length),
            port.write.payload.address.eq(given.address),
            port.write.payload.data.eq(given.word),
            port.request.valid.eq(self.i.valid & ~writes),
            port.write.valid.eq(self.i.valid & writes),
            self.i.ready.eq(Mux(writes, port.write.ready, port.request.ready)),
        ]
        wiring.connect(m, port.beat, wiring.flipped(self.o))
        told = Signal()
        m.d.comb += [self.broken.valid.eq((model.violations != 0) & ~told),
                     self.broken.payload.code.eq(model.first_violation),
                     self.broken.payload.cycle.eq(model.first_cycle)]
        with m.If(self.broken.valid & self.broken.ready):
            m.d.sync += told.eq(1)
        return m
