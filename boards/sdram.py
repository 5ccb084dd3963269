# SPDX-License-Identifier: Apache-2.0
"""The pins of an SDRAM on ECP5."""

from amaranth import *
from amaranth.hdl import IOPort
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..golden.config_sdram import SdramConfiguration
from ..hw.sdram import SdramSignature

__all__ = ["SdramPads", "SdramPadsSignature"]


class SdramPadsSignature(wiring.Signature):
    """An SDRAM's pins that go one way: ``clock`` and those of SdramSignature, without data."""

    def __init__(self, config: SdramConfiguration):
        inner = SdramSignature(config).members
        super().__init__({"clock": Out(1), **{
            name: inner[name] for name in ("clock_enable", "command", "bank", "address", "mask")}})


class SdramPads(wiring.Component):
    """Puts the data lines on pins that go both ways, and the clock on its own.

    The chip's clock is the device's, 270 degrees later. Then a command is there three quarters of a
    cycle before the chip takes it, and stays a quarter; what the chip answers is there from about
    three quarters of a cycle after its edge until a quarter after the next (docs/units/sdram.md).

    Parameters
    ----------
    config : SdramConfiguration
    data : IOPort

    Members
    -------
    clock : ``In(1)``
        The clock for the chip.
    inner : ``In(SdramSignature(config))``
    outer : ``Out(SdramPadsSignature(config))``
    """

    def __init__(self, config: SdramConfiguration, data: IOPort):
        self._data = data
        super().__init__({"clock": In(1), "inner": In(SdramSignature(config)),
                          "outer": Out(SdramPadsSignature(config))})

    def elaborate(self, platform):
        m = Module()
        inner, outer = self.inner, self.outer
        m.d.comb += [getattr(outer, name).eq(getattr(inner, name))
                     for name in ("clock_enable", "command", "bank", "address", "mask")]
        m.submodules.clock = Instance(
            "ODDRX1F", i_SCLK=self.clock, i_RST=Const(0), i_D0=Const(1), i_D1=Const(0),
            o_Q=outer.clock)
        for bit in range(len(self._data)):
            m.submodules[f"data_{bit}"] = Instance(
                "BB", i_I=inner.out[bit], i_T=inner.release[bit], o_O=inner.value[bit],
                io_B=self._data[bit])
        return m
