# SPDX-License-Identifier: Apache-2.0
"""Walsh-Hadamard transform with all of its butterflies at once."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.fwht import Pipeline
from ..fwht.layouts import samples_layout

__all__ = ["ParallelTransform", "parallel_layout"]


def parallel_layout(samples: int, width: int) -> data.StructLayout:
    """Return the layout of a whole transform's samples, or results; ``last`` ends a packet."""
    return data.StructLayout({"samples": samples_layout(samples, width), "last": 1})


class ParallelTransform(wiring.Component):
    """Transform N samples each cycle: log2 N levels of N / 2 butterflies, registered after each.

    The yardstick of the pipeline where P = N: the same growth of a bit a level, exact, natural
    order. It has one size only, so that no beat has to pass a level; no memory; and one enable for
    all levels, ``o.ready`` or no results, which needs no register of its own at the output.

    Latency: ``latency`` cycles, one a level. Throughput: one transform a cycle. Takes ``N log2 N``
    adders, and as many registers, of w + 1 to w + log2 N bits.

    Parameters
    ----------
    config : Pipeline
        With ``lanes == samples``; its order is not used.

    Members
    -------
    i : ``In(stream.Signature(parallel_layout(N, w)))``
        Samples.
    o : ``Out(stream.Signature(parallel_layout(N, w + log2 N)))``
        Results.

    Raises
    ------
    TypeError
        If ``config`` is no :class:`~luthier.golden.fwht.Pipeline`.
    ValueError
        If a beat is no whole transform.
    """

    def __init__(self, config: Pipeline):
        if not isinstance(config, Pipeline):
            raise TypeError(f"config must be a Pipeline, not {config!r}")
        if config.lanes != config.samples:
            raise ValueError(f"lanes must be all {config.samples} samples of the transform, not "
                             f"{config.lanes}")
        self._config = config
        super().__init__({
            "i": In(stream.Signature(parallel_layout(config.samples, config.width))),
            "o": Out(stream.Signature(parallel_layout(config.samples, config.widths[-1]))),
        })

    @property
    def config(self) -> Pipeline:
        """Parameters."""
        return self._config

    @property
    def latency(self) -> int:
        """Cycles from a transform to its results."""
        return self._config.stages

    @property
    def interval(self) -> int:
        """Cycles from a transform to the next."""
        return 1

    def elaborate(self, platform):
        m = Module()
        enable = Signal()
        m.d.comb += [enable.eq(~self.o.valid | self.o.ready), self.i.ready.eq(enable)]
        config = self._config
        values, valid, last = list(self.i.payload.samples), self.i.valid, self.i.payload.last
        for level, width in enumerate(config.widths[1:]):
            stride = config.samples >> level + 1
            register = [Signal(signed(width), name=f"level_{level}_{row}", reset_less=True)
                        for row in range(config.samples)]
            valid_register = Signal(name=f"valid_{level}")
            last_register = Signal(name=f"last_{level}", reset_less=True)
            with m.If(enable):
                m.d.sync += [valid_register.eq(valid), last_register.eq(last)]
                for row, result in enumerate(register):
                    first, second = values[row & ~stride], values[row | stride]
                    m.d.sync += result.eq(first - second if row & stride else first + second)
            values, valid, last = register, valid_register, last_register
        m.d.comb += [
            self.o.valid.eq(valid), self.o.payload.last.eq(last),
            Value.cast(self.o.payload.samples).eq(Cat(values)),
        ]
        return m
