# SPDX-License-Identifier: Apache-2.0
"""The whole device: link, engine and memory."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..golden.config import Configuration
from .engine import Engine, OnChipMemory, longest_request
from .link import LinkShell
from .sdram import SdramMemory, SdramSignature
from .stream import StreamRegister, byte_beat

__all__ = ["Luthier"]


class Luthier(wiring.Component):
    """A device on a byte stream.

    Parameters
    ----------
    config : Configuration
    identification : bytes
        See :func:`luthier.golden.protocol.identification`.

    Members
    -------
    i : ``In(stream.Signature(byte_beat(link.width)))``
        Bytes from the host.
    o : ``Out(stream.Signature(byte_beat(link.width)))``
        Bytes to the host.
    sdram : ``Out(SdramSignature(config.sdram))``
        Pins of the chip that memory is in, where the configuration has one.
    """

    def __init__(self, config: Configuration, identification: bytes):
        if not isinstance(config, Configuration):
            raise TypeError(f"config must be a Configuration, not {config!r}")
        self._config, self._identification = config, identification
        beat = stream.Signature(byte_beat(config.link.width))
        pins = {"sdram": Out(SdramSignature(config.sdram))} if config.sdram is not None else {}
        super().__init__({"i": In(beat), "o": Out(beat), **pins})

    @property
    def config(self) -> Configuration:
        """Parameters of this device."""
        return self._config

    def elaborate(self, platform):
        m = Module()
        config = self._config
        shell = LinkShell(config, self._identification)
        engine = Engine(config)
        shape = {"beat_bits": config.table.beat_bits, "words": config.memory.words,
                 "longest": longest_request(config)}
        if config.sdram is not None:
            memory = SdramMemory(config.sdram, clock_hz=config.clock_hz, **shape)
            wiring.connect(m, memory.pins, wiring.flipped(self.sdram))
        else:
            memory = OnChipMemory(latency=config.memory.latency, **shape)
        # Registers at the pins, the reset's included: no path from one pin to another, none from a
        # pin to deep logic.
        reset = Signal(init=1, reset_less=True)
        m.d.sync += reset.eq(ResetSignal("sync"))
        m.domains.device = device = ClockDomain(local=True)
        m.d.comb += [device.clk.eq(ClockSignal("sync")), device.rst.eq(reset)]
        receive = StreamRegister(byte_beat(config.link.width))
        send = StreamRegister(byte_beat(config.link.width))
        for name, unit in (("shell", shell), ("engine", engine), ("memory", memory),
                           ("receive", receive), ("send", send)):
            m.submodules[name] = DomainRenamer("device")(unit)
        wiring.connect(m, wiring.flipped(self.i), receive.i)
        wiring.connect(m, receive.o, shell.i)
        wiring.connect(m, shell.o, send.i)
        wiring.connect(m, send.o, wiring.flipped(self.o))
        wiring.connect(m, shell.request, engine.request)
        wiring.connect(m, engine.read, shell.read)
        wiring.connect(m, shell.write, engine.write)
        wiring.connect(m, shell.run, engine.run)
        wiring.connect(m, engine.report, shell.report)
        wiring.connect(m, engine.memory, memory.port)
        return m
