# SPDX-License-Identifier: Apache-2.0
"""Programs: fetch descriptors, check them, run them in order, report."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.descriptor import DESCRIPTOR_BYTES, Opcode, Refusal
from ..seam import run_request
from .descriptor import DescriptorCheck
from .layouts import descriptor_layout
from .memory import engine_request
from .tokens import TokenQueues
from .transform_fields import TransformFields, transform_fields_layout

__all__ = ["Control", "report_layout"]

#: Bits as in :class:`luthier.golden.protocol.Report`.
report_layout = data.StructLayout({
    "code": 16,
    "malformed": 16,
    "index": 32,
    "cycles": 64,
    "busy": 64,
    "starved": 64,
    "blocked": 64,
    "saturations": 64,
    "elapsed": 64,
    "operations": 64,
})

#: Bits of the counters: six hours at 50 MHz.
_COUNTER_BITS = 40


class Control(wiring.Component):
    """Run programs, count, and report.

    A descriptor is fetched and checked while the operations before it run, and dispatched as soon
    as its tokens are there and at most one other is under way. One that is refused ends the
    program, when those before it are done. Latency: the memory's, 512 / D words, the check's and 6
    cycles from one dispatch to the next, if nothing else holds it up.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    run : ``In(stream.Signature(run_request))``, report : ``Out(stream.Signature(report_layout))``
        A report for each program.
    running : ``Out(1)``
        A program is in progress: the memory is this unit's and the operations'.
    request : ``Out(stream.Signature(engine_request(config)))``
    beat : ``In(stream.Signature(D))``
        Memory, for descriptors. Beats are taken at once.
    descriptor : ``Out(descriptor_layout)``, beats : ``Out``, groups : ``Out``
        The operation that is dispatched next; words of its weights, logarithm of its groups.
    for_transform, for_vector, for_sparse : ``Out(1)``
        It is for that unit, where there is one; else for the tables.
    words, row_groups, blocks : ``Out``
        What it says of sparse weights, where there is a chain: words without their index, row
        groups, and blocks of a row.
    transform : ``Out(transform_fields_layout(config))``
        What it says of the transform.
    working : ``Out(1)``
        Operations are under way.
    dispatch : ``Out(stream.Signature(0))``
        It may start; it does when this is taken.
    done, busy, starved, blocked : ``In(1)``
        From the units.
    saturated : ``In``
        Results that were out of range in this cycle.
    malformed : ``In(16)``
        Words of sparse weights with a defect, where there is a chain.
    """

    def __init__(self, config: Configuration):
        self._config = config
        self._check = DescriptorCheck(config)
        saturated, fields = config.table.results_at_once, {}
        if config.transform is not None:
            saturated = max(saturated, 2 * config.transform.lanes)
            fields["transform"] = Out(transform_fields_layout(config))
        if config.vector is not None:
            saturated = max(saturated, config.vector.lanes)
        for unit in self._check.others:
            fields[f"for_{unit}"] = Out(1)
        if (sparse := self._check.sparse) is not None:
            fields |= {"for_sparse": Out(1), "words": Out(self._check.words.shape()),
                       "row_groups": Out(sparse.groups.shape()),
                       "blocks": Out(sparse.blocks.shape()), "malformed": In(16)}
            saturated = max(saturated, self._config.chain.lanes)
        super().__init__(fields | {
            "run": In(stream.Signature(run_request)),
            "report": Out(stream.Signature(report_layout)),
            "running": Out(1),
            "request": Out(stream.Signature(engine_request(config))),
            "beat": In(stream.Signature(config.table.beat_bits)),
            "descriptor": Out(descriptor_layout),
            "beats": Out(self._check.beats.shape()),
            "groups": Out(self._check.groups.shape()),
            "dispatch": Out(stream.Signature(0)),
            "done": In(1),
            "busy": In(1),
            "starved": In(1),
            "blocked": In(1),
            "saturated": In(range(saturated + 1)),
            "working": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        bits = self._config.table.beat_bits
        words = 8 * DESCRIPTOR_BYTES // bits
        m.submodules.check = check = self._check
        m.submodules.tokens = tokens = TokenQueues()
        program = Signal(data.StructLayout({"base": 32, "count": 16}))
        address, index, repeats = Signal(range(self._config.memory.words)), Signal(16), Signal(32)
        word = Signal(range(max(2, words)))
        code = Signal.like(check.refusal)
        text = Value.cast(self.descriptor)
        # Known while the descriptor is checked.
        instant, dispatched = Signal(), Signal()
        m.d.sync += instant.eq(self.descriptor.opcode == Opcode.NOP)
        m.d.comb += [
            check.descriptor.eq(self.descriptor),
            self.beats.eq(check.beats),
            self.groups.eq(check.groups),
            self.request.payload.address.eq(address),
            self.request.payload.length.eq(words),
            tokens.wait.eq(self.descriptor.wait),
            tokens.release.eq(self.descriptor.release),
            tokens.instant.eq(instant),
            tokens.dispatch.eq(dispatched),
            tokens.done.eq(self.done),
        ]

        working = self.working
        m.d.comb += working.eq(tokens.underway != 0)
        for unit, fields in check.others.items():
            m.d.comb += getattr(self, f"for_{unit}").eq(fields.places.mine)
            if isinstance(fields, TransformFields):
                m.d.comb += self.transform.eq(fields.fields)
        if (sparse := check.sparse) is not None:
            m.d.comb += [self.for_sparse.eq(sparse.mine), self.words.eq(check.words),
                         self.row_groups.eq(sparse.groups), self.blocks.eq(sparse.blocks)]
            self._count_malformed(m)
        counts = {name: Signal(_COUNTER_BITS, name=name) for name in (
            "cycles", "busy", "starved", "blocked", "saturations", "elapsed", "operations")}
        events = {
            "cycles": (dispatched & ~instant) | working,
            "busy": working & self.busy,
            "starved": working & self.starved,
            "blocked": working & self.blocked,
            "elapsed": self.running & ~self.report.valid,
            "operations": dispatched,
        }
        for name, event in events.items():
            with m.If(event):
                m.d.sync += counts[name].eq(counts[name] + 1)
        with m.If(self.saturated != 0):
            m.d.sync += counts["saturations"].eq(counts["saturations"] + self.saturated)
        for name, count in counts.items():
            m.d.comb += self.report.payload[name].eq(count)
        m.d.comb += [
            self.report.payload.code.eq(code),
            self.report.payload.index.eq(Mux(code == Refusal.NONE, counts["operations"], index)),
        ]

        with m.FSM(name="state"):
            with m.State("IDLE"):
                fresh = self.run.payload
                m.d.comb += [self.run.ready.eq(1), tokens.clear.eq(1)]
                m.d.sync += [
                    program.base.eq(fresh.base),
                    program.count.eq(fresh.count),
                    address.eq(fresh.base),
                    index.eq(0),
                    repeats.eq(fresh.repeat),
                    code.eq(Refusal.NONE),
                ]
                m.d.sync += [count.eq(0) for count in counts.values()]
                with m.If(self.run.valid):
                    m.d.sync += self.running.eq(1)
                    m.next = "START"
            with m.State("START"):
                with m.If(program.base + program.count * words > self._config.memory.words):
                    m.d.sync += code.eq(Refusal.PROGRAM)
                    m.next = "REPORT"
                with m.Elif((repeats == 0) | (program.count == 0)):
                    m.next = "REPORT"
                with m.Else():
                    m.next = "FETCH"
            with m.State("FETCH"):
                m.d.comb += self.request.valid.eq(1)
                with m.If(self.request.ready):
                    m.next = "COLLECT"
            with m.State("COLLECT"):
                m.d.comb += self.beat.ready.eq(1)
                with m.If(self.beat.valid):
                    m.d.sync += [
                        text.eq(Cat(text[bits:], self.beat.payload)),
                        word.eq(Mux(word == words - 1, 0, word + 1)),
                    ]
                    with m.If(word == words - 1):
                        m.next = "CHECK"
            with m.State("CHECK"):
                m.d.comb += check.start.eq(1)
                m.next = "VERDICT"
            with m.State("VERDICT"):
                with m.If(check.done):
                    m.d.sync += code.eq(check.refusal)
                    m.next = "DISPATCH"
                    with m.If(check.refusal != Refusal.NONE):
                        m.next = "DRAIN"
            with m.State("DISPATCH"):
                with m.If(tokens.refused):
                    m.d.sync += code.eq(Refusal.TOKENS)
                    m.next = "DRAIN"
                with m.Elif(tokens.ready):
                    m.d.comb += [
                        self.dispatch.valid.eq(~instant),
                        dispatched.eq(instant | self.dispatch.ready),
                    ]
                    with m.If(dispatched):
                        m.next = "NEXT"
            with m.State("NEXT"):
                m.d.sync += [address.eq(address + words), index.eq(index + 1)]
                m.next = "FETCH"
                with m.If(index == program.count - 1):
                    m.d.sync += [
                        address.eq(program.base),
                        index.eq(0),
                        repeats.eq(repeats - 1),
                    ]
                    with m.If(repeats == 1):
                        m.next = "DRAIN"
            with m.State("DRAIN"):
                with m.If(~working):
                    m.next = "REPORT"
            with m.State("REPORT"):
                m.d.comb += self.report.valid.eq(1)
                m.d.sync += self.running.eq(0)
                with m.If(self.report.ready):
                    m.next = "IDLE"
        return m

    def _count_malformed(self, m):
        """Count words with a defect, as far as the report goes."""
        count, total = Signal(16, name="malformed_words"), Signal(17)
        m.d.comb += [total.eq(count + self.malformed), self.report.payload.malformed.eq(count)]
        with m.If(self.run.valid & self.run.ready):
            m.d.sync += count.eq(0)
        with m.Elif(self.malformed != 0):
            m.d.sync += count.eq(Mux(total[-1], 0xFFFF, total))
