# SPDX-License-Identifier: Apache-2.0
"""A component with the chip on its SDRAM's pins, where it has such."""

from amaranth import *
from amaranth.lib import wiring

from ..golden.config import Configuration
from ..golden.config_sdram import SdramConfiguration
from ..hw.sdram import SdramSignature
from .sdram import SDRAM_VERILOG, SdramModel

__all__ = ["WithSdram", "attach_sdram", "chips_verilog", "with_chips"]


def attach_sdram(m: Module, config: SdramConfiguration, clock_hz: int,
                 pins: wiring.PureInterface) -> SdramModel:
    """Connect a model of the chip to pins, seen by it (flipped), and return it.

    From the first violation of the chip's times or rules on all that is read from it is wrong.
    """
    picoseconds = {f"t_{key}_ps": 1000 * getattr(config, f"t{key}_ns")
                   for key in ("rcd", "rp", "ras", "rc", "rfc", "rrd", "wr")}
    limit = 1000 * config.tck_ns
    model = SdramModel(
        row_bits=config.row_bits, column_bits=config.column_bits, data_bits=config.data_bits,
        clock_ps=-(-10**12 // clock_hz), t_cl2_ps=limit, t_cl3_ps=limit,
        t_init_ps=config.init_us * 10**6,
        refresh_ps=config.refresh_ms * 10**9, **picoseconds)
    m.submodules.sdram = model
    m.d.comb += [
        model.cke.eq(pins.clock_enable),
        Cat(model.we_n, model.cas_n, model.ras_n, model.cs_n).eq(pins.command),
        model.ba.eq(pins.bank),
        model.a.eq(pins.address),
        model.dqm.eq(pins.mask),
        model.dq_i.eq(pins.out),
        model.dq_driven.eq(~pins.release[0]),
        pins.value.eq(model.dq_o ^ (model.violations != 0).replicate(config.data_bits)),
    ]
    return model


class WithSdram(wiring.Component):
    """A component without its member ``sdram``, which is a simulated chip inside.

    Its other members are passed on.

    Parameters
    ----------
    component : wiring.Component
    config : SdramConfiguration
    clock_hz : int
    """

    def __init__(self, component: wiring.Component, config: SdramConfiguration, clock_hz: int):
        self._component, self._config, self._hz = component, config, clock_hz
        super().__init__({name: member for name, member in component.signature.members.items()
                          if name != "sdram"})

    def elaborate(self, platform):
        m = Module()
        m.submodules.component = component = self._component
        for name, member in self.signature.members.items():
            inner, outer = getattr(component, name), getattr(self, name)
            if member.is_signature:
                wiring.connect(m, inner, wiring.flipped(outer))
            elif member.flow == wiring.Out:
                m.d.comb += outer.eq(inner)
            else:
                m.d.comb += inner.eq(outer)
        pins = wiring.flipped(SdramSignature(self._config).create(path=("pins",)))
        wiring.connect(m, component.sdram, pins)
        attach_sdram(m, self._config, self._hz, pins)
        return m


def with_chips(component: wiring.Component, config: Configuration) -> wiring.Component:
    """Return a device or a board's top with the chips that its configuration has around it."""
    if config.sdram is None:
        return component
    return WithSdram(component, config.sdram, config.clock_hz)


def chips_verilog(config: Configuration) -> str:
    """Return the Verilog of the models of these chips."""
    return "" if config.sdram is None else SDRAM_VERILOG.read_text()
