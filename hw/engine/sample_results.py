# SPDX-License-Identifier: Apache-2.0
"""Results of the transform to the scratchpad."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ..fwht.quantiser_ports import code_layout, scales_layout
from ..fwht.unit import sums_layout
from ..stream import BypassQueue, Queue
from ..table.commands import take
from .sample_words import ResultWords, ScaleWords, result_words_command, scale_words_command
from .scratchpad import scratchpad_write

__all__ = ["SampleWriter", "sample_results_command"]


def sample_results_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command: those of both kinds of words; ``codes``: they come, else
    sums; ``scaled``: there are scales."""
    members = {**result_words_command(config).members, **scale_words_command(config).members}
    return data.StructLayout({**members, "codes": 1, "scaled": 1})


class SampleWriter(wiring.Component):
    """Write words of sums or codes, and of scales.

    Results take precedence over scales. Those never take all cycles where there are scales: a code
    has at most half the bits of a sum, of which P fit a word.

    Latency: ``latency`` cycles from the last beat of a word to its write. Throughput: one beat a
    cycle; a cycle between commands.

    Parameters
    ----------
    config : Configuration
        With a transform.

    Members
    -------
    command : ``In(stream.Signature(sample_results_command(config)))``
        Two are queued.
    sums : ``In(stream.Signature(sums_layout(transform)))``
    codes : ``In(stream.Signature(code_layout(transform.quantiser)))``
    scales : ``In(stream.Signature(scales_layout(transform.quantiser)))``
    write : ``Out(scratchpad_write(config))``, write_valid : ``Out(1)``
        Port of the scratchpad.
    done : ``Out(1)``
        The last word of a command is written in this cycle, and all its scales were.
    saturated : ``Out``
        Codes that were out of range.
    """

    def __init__(self, config: Configuration):
        transform = config.transform
        assert transform is not None
        self._config = config
        self._lanes = transform.lanes
        self._results, self._scales = ResultWords(config, transform.lanes), ScaleWords(config)
        super().__init__({
            "command": In(stream.Signature(sample_results_command(config))),
            "sums": In(stream.Signature(sums_layout(transform))),
            "codes": In(stream.Signature(code_layout(transform.quantiser))),
            "scales": In(stream.Signature(scales_layout(transform.quantiser))),
            "write": Out(scratchpad_write(config)),
            "write_valid": Out(1),
            "done": Out(1),
            "saturated": Out(range(transform.lanes + 1)),
        })

    @property
    def latency(self) -> int:
        """Cycles from the last beat of a word to its write."""
        return self._results.latency

    def elaborate(self, platform):
        m = Module()
        results, scales, fresh = self._results, self._scales, self.command.payload
        m.submodules.results, m.submodules.scales = results, scales
        m.submodules.result_commands = of_results = Queue(data.StructLayout({
            **result_words_command(self._config).members, "codes": 1, "scaled": 1,
            "unsigned": 1}), 2)
        m.submodules.scale_commands = of_scales = Queue(scale_words_command(self._config), 2)
        self._select(m, results, of_results.o)
        # Where a scale comes in every cycle, one must not wait until its word may be written.
        m.submodules.waiting = waiting = BypassQueue(self.scales.payload.shape(), 4)
        wiring.connect(m, wiring.flipped(self.scales), waiting.i)
        wiring.connect(m, waiting.o, scales.scales)
        wiring.connect(m, of_scales.o, scales.command)
        m.d.comb += [
            self.command.ready.eq(of_results.i.ready & of_scales.i.ready),
            of_results.i.valid.eq(self.command.valid & of_scales.i.ready),
            of_scales.i.valid.eq(self.command.valid & of_results.i.ready & fresh.scaled),
            *take(of_results.i.payload, fresh),
            *take(of_scales.i.payload, fresh),
            *take(results.command.payload, of_results.o.payload),
            results.command.valid.eq(of_results.o.valid),
            of_results.o.ready.eq(results.command.ready),
        ]
        # A command ends with its last results, and not before its scales are written.
        complete = Signal(range(3))  # commands whose scales are, and whose results are not
        waits = results.o.payload.end & of_results.o.payload.scaled & (complete == 0)
        written = scales.o.valid & scales.o.ready & scales.o.payload.end
        m.d.sync += complete.eq(
            complete + written - (self.done & of_results.o.payload.scaled))
        m.d.comb += [
            results.o.ready.eq(~waits),
            scales.o.ready.eq(~results.o.valid | waits),
            self.write.eq(Mux(scales.o.ready, scales.o.payload.write, results.o.payload.write)),
            self.write_valid.eq(Mux(scales.o.ready, scales.o.valid, results.o.valid)),
            self.done.eq(results.command.valid & results.command.ready),
        ]
        return m

    def _select(self, m, results, command):
        """Hand on sums or codes, as the command says."""
        codes, sums, now = self.codes, self.sums, command.payload
        m.d.comb += [
            results.i.valid.eq(Mux(now.codes, codes.valid, sums.valid)),
            codes.ready.eq(results.i.ready & now.codes),
            sums.ready.eq(results.i.ready & ~now.codes),
            results.i.payload.last.eq(Mux(now.codes, codes.payload.last, sums.payload.last)),
            self.saturated.eq(Mux(codes.valid & codes.ready, codes.payload.saturated, 0)),
        ]
        for lane in range(self._lanes):
            code = codes.payload.codes[lane]
            wide = Cat(code, code[-1] & ~now.unsigned).as_signed()
            m.d.comb += results.i.payload.samples[lane].eq(
                Mux(now.codes, wide, sums.payload.samples[lane]))
