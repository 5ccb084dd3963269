# SPDX-License-Identifier: Apache-2.0
"""On-chip memory for activations and results."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Scratchpad", "scratchpad_write"]


def scratchpad_write(config) -> data.StructLayout:
    """Return the layout of one word to write."""
    return data.StructLayout({
        "address": range(config.scratchpad.words), "data": config.table.beat_bits})


class Scratchpad(wiring.Component):
    """Words of D bits: two reads and one write a cycle.

    Arbitration: one read port is the activations'; the other is the host's between programs, and
    that of the results while one runs, to see what they are added to or stand beside. A result is
    written in the cycle in which it is offered; the host's write waits for a cycle without one.
    Latency: 1 cycle from address to data.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    unit_address, other_address : ``In``; unit_data, other_data : ``Out(D)``
        Read ports; data in the cycle after the address.
    result : ``In(scratchpad_write(config))``, result_valid : ``In(1)``
        Write port of the units.
    host_write : ``In(stream.Signature(scratchpad_write(config)))``
        Write port of the host.
    """

    def __init__(self, config):
        self._config = config
        address, bits = range(config.scratchpad.words), config.table.beat_bits
        super().__init__({
            "unit_address": In(address),
            "unit_data": Out(bits),
            "other_address": In(address),
            "other_data": Out(bits),
            "result": In(scratchpad_write(config)),
            "result_valid": In(1),
            "host_write": In(stream.Signature(scratchpad_write(config))),
        })

    @property
    def latency(self) -> int:
        """Cycles from an address to its data."""
        return 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.store = store = memory.Memory(
            shape=self._config.table.beat_bits, depth=self._config.scratchpad.words, init=[])
        unit, other = store.read_port(), store.read_port()
        write = store.write_port()
        m.d.comb += [
            unit.addr.eq(self.unit_address),
            self.unit_data.eq(unit.data),
            other.addr.eq(self.other_address),
            self.other_data.eq(other.data),
            self.host_write.ready.eq(~self.result_valid),
        ]
        with m.If(self.result_valid):
            m.d.comb += [
                write.addr.eq(self.result.address),
                write.data.eq(self.result.data),
                write.en.eq(1),
            ]
        with m.Else():
            m.d.comb += [
                write.addr.eq(self.host_write.payload.address),
                write.data.eq(self.host_write.payload.data),
                write.en.eq(self.host_write.valid),
            ]
        return m
