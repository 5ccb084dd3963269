# SPDX-License-Identifier: Apache-2.0
"""Packets of N:M blocks to words of weights: dense, positions, bitmaps, pairs."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ....golden.sparse.encodings import BlockFormat
from ...tree import delayed
from .errors import Errors
from .layouts import beat_layout, block_command, report_layout, word_layout
from .positions import Positions
from .window import IndexWindow

__all__ = ["BlockDecoder"]


class BlockDecoder(wiring.Component):
    """Give a word for each beat of weights, with positions from the index in front of it.

    A packet begins with a command, which says how many words it has, and ends with ``last`` of its
    beats. As many words leave as the command says, whatever the beats are: those that the packet
    lacks have weights of zero, and what is too much is dropped. A malformed block has weights of
    zero. Behind the last word comes one report; when it is taken the next packet can begin.

    Latency: :attr:`latency` cycles from a beat of weights to its word. Throughput: a beat a cycle,
    of weights or of the index, within a packet; :attr:`gap` cycles between packets. Takes
    registers for two words, three with bitmaps, and for the index that is left over.

    Parameters
    ----------
    form : BlockFormat

    Members
    -------
    c : ``In(stream.Signature(block_command))``
        One for each packet; 0 words count as 1.
    i : ``In(stream.Signature(beat_layout(form.beat_bits)))``
    o : ``Out(stream.Signature(word_layout(form)))``
    report : ``Out(stream.Signature(report_layout))``
        One for each packet, without errors too.

    Raises
    ------
    TypeError
        If ``form`` is no BlockFormat.

    Source: FlightLLM (arXiv 2401.03868), N:M weights with an index each; the split into beats of
    index and of weights, and its order, are ours.
    """

    def __init__(self, form: BlockFormat):
        if not isinstance(form, BlockFormat):
            raise TypeError(f"form must be a BlockFormat, not {form!r}")
        self._form = form
        super().__init__({
            "c": In(stream.Signature(block_command)),
            "i": In(stream.Signature(beat_layout(form.beat_bits))),
            "o": Out(stream.Signature(word_layout(form))),
            "report": Out(stream.Signature(report_layout)),
        })

    @property
    def form(self) -> BlockFormat:
        """The encoding and its parameters."""
        return self._form

    @property
    def latency(self) -> int:
        """Cycles from a beat of weights to its word."""
        return 2 + self._form.position_cycles

    @property
    def gap(self) -> int:
        """Cycles between the last beat of a packet and the first of the next, at full rate."""
        return self.latency + 2

    def elaborate(self, platform):
        m = Module()
        form = self._form
        m.submodules.window = window = IndexWindow(form.index_bits, form.beat_bits)
        m.submodules.positions = positions = Positions(form)
        m.submodules.errors = errors = Errors(form.defect)
        enable, make, lacking, busy = (Signal(name=name) for name in (
            "enable", "make", "lacking", "busy"))
        # Words behind the next one, less one: negative where that is the last.
        left = Signal(signed(33), reset_less=True)
        m.d.comb += [
            enable.eq(~self.o.valid | self.o.ready),
            window.data.eq(self.i.payload.data),
            positions.enable.eq(enable),
            self.report.payload.eq(errors.report),
        ]
        with m.If(make):
            m.d.sync += left.eq(left - 1)
        self._packets(m, window, errors, enable, make, lacking, busy, left)

        valid, index, payload, control = make, window.word, self.i.payload.data, Cat(
            lacking, left[-1])
        valids = []
        for stage in range(1, self.latency):
            valids.append(Signal(name=f"valid_{stage}"))
            with m.If(enable):
                m.d.sync += valids[-1].eq(valid)
            valid = valids[-1]
            payload = delayed(m, f"payload_{stage}", payload, enable=enable)
            control = delayed(m, f"control_{stage}", control, enable=enable)
        if form.index_bits:
            m.d.comb += positions.index.eq(delayed(m, "index", index, enable=enable))
        m.d.comb += busy.eq(Cat(valids, self.o.valid).any())
        self._words(m, positions, errors, enable, valid, payload, control)
        return m

    def _packets(self, m, window, errors, enable, make, lacking, busy, left):
        """What comes next of a packet."""
        beat, final = self.i.payload, left[-1]
        with m.FSM(name="packet"):
            with m.State("command"):
                m.d.comb += [self.c.ready.eq(1), window.clear.eq(1), errors.clear.eq(1)]
                m.d.sync += left.eq(self.c.payload.words - 2)
                with m.If(self.c.valid):
                    m.next = "beats"
            with m.State("beats"):
                m.d.comb += self.i.ready.eq(enable)
                with m.If(self.i.valid & enable):
                    m.d.comb += [make.eq(window.enough), window.take.eq(window.enough),
                                 window.load.eq(~window.enough)]
                    with m.If(make & final):
                        m.d.comb += errors.overlong.eq(~beat.last)
                        m.next = "report"
                        with m.If(~beat.last):
                            m.next = "rest"
                    with m.Elif(beat.last):
                        m.next = "cut"
            with m.State("cut"):  # the index of words that are lacking is zero
                m.d.comb += [errors.truncated.eq(1), window.clear.eq(1)]
                m.next = "lacking"
            with m.State("lacking"):
                m.d.comb += [lacking.eq(1), make.eq(enable)]
                with m.If(make & final):
                    m.next = "report"
            with m.State("rest"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid & beat.last):
                    m.next = "report"
            with m.State("report"):
                m.d.comb += self.report.valid.eq(~busy)
                with m.If(self.report.valid & self.report.ready):
                    m.next = "command"

    def _words(self, m, positions, errors, enable, valid, payload, control):
        """The last stage: what is malformed or lacking has weights of zero."""
        form, (lacking, last) = self._form, control
        size = form.kept * form.weight_bits
        malformed, wrong = Signal(form.blocks), Signal()
        m.d.comb += [malformed.eq(positions.malformed),
                     errors.word.eq(self.o.valid & self.o.ready & wrong)]
        word = self.o.payload
        with m.If(enable):
            m.d.sync += [
                self.o.valid.eq(valid),
                Value.cast(word.weights).eq(Cat(
                    Mux(malformed[block] | lacking, 0, payload.word_select(block, size))
                    for block in range(form.blocks))),
                word.positions.eq(positions.positions),
                word.last.eq(last),
                wrong.eq(malformed.any() & ~lacking),
            ]
