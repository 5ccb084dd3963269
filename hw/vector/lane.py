# SPDX-License-Identifier: Apache-2.0
"""One lane that multiplies, shifts, rounds, saturates and adds."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ..table.commands import scale_command
from ..table.stage import OutputStage, output_latency, saturated
from ..tree import delayed

__all__ = ["RescaleLane", "lane_latency"]

#: Bits of a sample.
_SAMPLE = 32


def lane_latency(config: Configuration) -> int:
    """Return the cycles from a sample to its result: the output stage's, and one to add."""
    return output_latency(config) + 1


class RescaleLane(wiring.Component):
    """``saturate(saturate(round(x * multiplier / 2**shift)) + other)``, half to even.

    Latency: 4 cycles, with ``short_paths`` 6. Throughput: one sample a cycle; it cannot be stalled.
    Takes a multiplier of 32 by 16 bits.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    x, other : ``In(signed(32))``
    stage : ``In(scale_command())``, add : ``In(1)``
        What to do; they hold from a command's first sample to its last result.
    y : ``Out(signed(32))``, saturated : ``Out(1)``
        The result, and whether it was out of range before or after the addition.
    """

    def __init__(self, config: Configuration):
        self._config = config
        super().__init__({
            "x": In(signed(32)),
            "other": In(signed(32)),
            "stage": In(scale_command()),
            "add": In(1),
            "y": Out(signed(32)),
            "saturated": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from a sample to its result."""
        return lane_latency(self._config)

    def elaborate(self, platform):
        m = Module()
        m.submodules.output_stage = stage = OutputStage(self._config, _SAMPLE)
        m.d.comb += [stage.valid.eq(1), stage.total.eq(self.x), stage.stage.eq(self.stage)]
        other = delayed(m, "other", self.other, stage.latency)
        total = Signal(signed(_SAMPLE + 1))
        m.d.comb += total.eq(stage.result.value + Mux(self.add, other, 0))
        value, outside = saturated(m, self._config, "sum", total, self.stage.element)
        m.d.sync += [self.y.eq(value), self.saturated.eq(stage.result.saturated | outside)]
        return m
