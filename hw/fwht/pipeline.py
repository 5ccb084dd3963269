# SPDX-License-Identifier: Apache-2.0
"""Streaming Walsh-Hadamard transform."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.fwht import Pipeline
from ..stream import StreamRegister
from ..tree import delayed
from .admission import Admission
from .butterfly import LaneStage
from .index import RowIndex
from .layouts import control_layout, result_layout, sample_layout
from .stage import DelayStage

__all__ = ["WalshHadamard"]

#: Cycles that control runs ahead of samples in stages with a delay.
_AHEAD = 2


class WalshHadamard(wiring.Component):
    """Transform a stream of samples, exactly, in natural order at both ends.

    Each transform has a size of its own, any power of two up to N; its beats come one after
    another. One of P samples or less shares a beat with others of the same size: a beat then is
    P samples of consecutive transforms. A packet is one or more transforms (several of one size
    are a block-diagonal transform), and ``last`` ends it; results leave in the order of the samples
    and carry size and ``last`` on. All results leave by themselves, whatever follows or does not.

    Stages with the largest delay come first, where samples are narrow, so that memories are small;
    butterflies between lanes come last. All of the pipeline moves or rests at once, by one register
    that says whether the output has room: no chain of ready signals, and memories with exactly the
    N - P words without which results can not come in order.

    Latency: ``latency(size)``, ``size / P - 1`` cycles and ``registers``. Throughput: one beat a
    cycle, a transform every ``interval(size)`` cycles without a gap; after a larger transform a
    smaller one waits at the input until it no longer meets the results of the other, and they leave
    without a gap. Takes ``config.adders`` adders, ``config.delay_bits`` bits of memory.

    Parameters
    ----------
    config : Pipeline

    Members
    -------
    i : ``In(stream.Signature(sample_layout(P, w)))``
        Samples. A size above N counts as N; ``last`` counts with a transform's last beat.
    o : ``Out(stream.Signature(result_layout(config)))``
        Results, ``w + log2 N`` bits each, also of smaller transforms. ``index`` is the place of the
        beat's first row in ``config.order``.

    Raises
    ------
    TypeError
        If ``config`` is no :class:`~luthier.golden.fwht.Pipeline`.

    Source: H. L. Groginsky and G. A. Works, A pipeline fast Fourier transform, IEEE Transactions on
    Computers C-19, 1970, for the feedback of differences into the delays.
    """

    def __init__(self, config: Pipeline):
        if not isinstance(config, Pipeline):
            raise TypeError(f"config must be a Pipeline, not {config!r}")
        self._config = config
        super().__init__({
            "i": In(stream.Signature(sample_layout(config.lanes, config.width))),
            "o": Out(stream.Signature(result_layout(config))),
        })

    @property
    def config(self) -> Pipeline:
        """Parameters."""
        return self._config

    @property
    def registers(self) -> int:
        """Cycles of latency that are no delay."""
        return self._config.registers

    def latency(self, samples: int) -> int:
        """Return the cycles from the first beat of a transform to its first results."""
        return self._config.latency(samples)

    def interval(self, samples: int) -> int:
        """Return the cycles from a transform to the next of the same size: its beats."""
        return self._config.beats(samples)

    def elaborate(self, platform):
        m = Module()
        config, widths = self._config, self._config.widths
        m.submodules.output = output = StreamRegister(result_layout(config))
        enable = output.i.ready
        m.submodules.admission = admission = Admission(config)
        wiring.connect(m, wiring.flipped(self.i), admission.i)
        # The same once more for the input, where it is on the way to the neighbour: one with few
        # loads. It is stored the other way round, so that synthesis does not see that they agree.
        entry = Signal(init=1)
        m.d.comb += admission.enable.eq(entry)
        control, samples = admission.o, admission.samples
        if config.delays:
            samples = delayed(m, "samples", samples, _AHEAD, enable=enable)
        stages = [(f"delay_{delay}", DelayStage(config.lanes, width, delay))
                  for width, delay in zip(widths, config.delays)]
        stages += [(f"lanes_{stride}", LaneStage(config.lanes, width, stride))
                   for width, stride in zip(widths[len(stages):], _strides(config))]
        for number, (name, stage) in enumerate(stages):
            if number == len(config.delays):
                control = self._caught_up(m, control, enable)
            m.submodules[name] = stage
            m.d.comb += [stage.enable.eq(enable), stage.i.eq(control), stage.samples.eq(samples)]
            control, samples = stage.o, stage.results
        if not config.lane_stages:
            control = self._caught_up(m, control, enable)
        m.d.sync += entry.eq(~output.o.valid | output.o.ready | (enable & ~control.valid))
        m.submodules.index = index = RowIndex(config)
        m.d.comb += [
            index.enable.eq(enable), index.control.eq(control),
            output.i.valid.eq(control.valid),
            output.i.payload.samples.eq(samples),
            output.i.payload.log2_size.eq(control.log2_size),
            output.i.payload.last.eq(control.last),
            output.i.payload.index.eq(index.index),
        ]
        wiring.connect(m, output.o, wiring.flipped(self.o))
        return m

    def _caught_up(self, m, control, enable):
        """Return control at the time of its samples, where stages with a delay end."""
        for cycle in range(_AHEAD if self._config.delays else 0):
            register = Signal(control_layout, name=f"control_{cycle}")
            with m.If(enable):
                m.d.sync += register.eq(control)
            control = register
        return control


def _strides(config: Pipeline) -> tuple[int, ...]:
    """Return the lanes between the inputs of a butterfly, for each stage without a delay."""
    return tuple(1 << stage for stage in reversed(range(config.lane_stages)))
