# SPDX-License-Identifier: Apache-2.0
"""The Walsh-Hadamard transform as a network of butterflies, all samples at once."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.fwht import Pipeline

__all__ = ["ButterflyNetwork"]


class ButterflyNetwork(wiring.Component):
    """Transform N samples a cycle: log2 N levels of N adders, registers behind each.

    The form of hardware for small transforms, such as those of a head's 64 or 128 channels; it has
    no memory, no choice of sizes, and takes all samples of a vector in one beat.

    Latency: log2 N cycles. Throughput: one transform a cycle. Takes ``N log2 N`` adders.

    Parameters
    ----------
    config : Pipeline
        N = ``samples``, and w; ``lanes`` must be N, too.

    Members
    -------
    i : ``In(stream.Signature(ArrayLayout(signed(w), N)))``
    o : ``Out(stream.Signature(ArrayLayout(signed(w + log2 N), N)))``

    Raises
    ------
    TypeError, ValueError
        If ``config`` is none, or has fewer lanes.
    """

    def __init__(self, config: Pipeline):
        if not isinstance(config, Pipeline):
            raise TypeError(f"config must be a Pipeline, not {config!r}")
        if config.lanes != config.samples:
            raise ValueError(f"lanes must be samples ({config.samples}), not {config.lanes}")
        self._config = config
        super().__init__({
            "i": In(stream.Signature(data.ArrayLayout(signed(config.width), config.samples))),
            "o": Out(stream.Signature(data.ArrayLayout(signed(config.widths[-1]),
                                                       config.samples))),
        })

    @property
    def latency(self) -> int:
        """Cycles from samples to their transform."""
        return self._config.stages

    @property
    def adders(self) -> int:
        """Adders and subtractors."""
        return self._config.samples * self._config.stages

    def elaborate(self, platform):
        m = Module()
        config, enable = self._config, Signal()
        values, valid = list(self.i.payload), Signal(config.stages)
        m.d.comb += [
            enable.eq(~valid[-1] | self.o.ready),
            self.i.ready.eq(enable),
            self.o.valid.eq(valid[-1]),
        ]
        for level, width in enumerate(config.widths[1:]):
            stride = config.samples >> level + 1
            sums = [Signal(signed(width), name=f"sum_{level}_{place}", reset_less=True)
                    for place in range(config.samples)]
            with m.If(enable):
                m.d.sync += [
                    total.eq(values[place & ~stride] - values[place | stride] if place & stride
                             else values[place] + values[place | stride])
                    for place, total in enumerate(sums)]
            values = sums
        with m.If(enable):
            m.d.sync += valid.eq(Cat(self.i.valid, valid))
        m.d.comb += [target.eq(value) for target, value in zip(self.o.payload, values)]
        return m
