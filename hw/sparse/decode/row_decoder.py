# SPDX-License-Identifier: Apache-2.0
"""Packets of groups or single weights at gaps to words of weights with places."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ....golden.sparse.encodings import RowFormat
from ...arithmetic import less
from .errors import Errors
from .items import Items
from .layouts import beat_layout, placed_layout, report_layout, row_command
from .window import IndexWindow

__all__ = ["RowDecoder"]


class RowDecoder(wiring.Component):
    """Give words of one row each, whose items may lie anywhere in it.

    A packet begins with a command, which says how many rows it has and how long they are, and ends
    with ``last`` of its beats. As many rows end as the command says, whatever the beats are: an
    empty word ends each that the packet lacks, and what is too much is dropped. An item beyond the
    end of its row is left out, its weights zero. Behind the last word comes one report; when it is
    taken the next packet can begin.

    Slots that are not used in a word have weight and place zero; an item stays in the slots where
    it lies in its beat.

    Latency: :attr:`latency` cycles from a beat of weights to its first word. Throughput: a beat a
    cycle, of weights or of the index, less one cycle for each row that ends before the last item
    of its beat; :attr:`gap` cycles between packets.

    Parameters
    ----------
    form : RowFormat

    Members
    -------
    c : ``In(stream.Signature(row_command))``
        One for each packet; 0 rows count as 1.
    i : ``In(stream.Signature(beat_layout(form.beat_bits)))``
    o : ``Out(stream.Signature(placed_layout(form)))``
    report : ``Out(stream.Signature(report_layout))``
        One for each packet, without errors too.

    Raises
    ------
    TypeError
        If ``form`` is no RowFormat.

    Source: as of :class:`~luthier.golden.sparse.encodings.RowFormat`.
    """

    def __init__(self, form: RowFormat):
        if not isinstance(form, RowFormat):
            raise TypeError(f"form must be a RowFormat, not {form!r}")
        self._form = form
        super().__init__({
            "c": In(stream.Signature(row_command)),
            "i": In(stream.Signature(beat_layout(form.beat_bits))),
            "o": Out(stream.Signature(placed_layout(form))),
            "report": Out(stream.Signature(report_layout)),
        })

    @property
    def form(self) -> RowFormat:
        """The encoding and its parameters."""
        return self._form

    @property
    def latency(self) -> int:
        """Cycles from a beat of weights to its first word."""
        return 2 + self._form.place_cycles

    @property
    def gap(self) -> int:
        """Cycles between the last beat of a packet and the first of the next, at full rate.

        If all of that beat belongs to one row; one more for each other row.
        """
        return self.latency + 2

    def elaborate(self, platform):
        m = Module()
        form = self._form
        m.submodules.window = window = IndexWindow(form.index_bits, form.beat_bits)
        m.submodules.items = items = Items(form)
        m.submodules.errors = errors = Errors(form.defect)
        enable, held, take = (Signal(name=name) for name in ("enable", "held", "take"))
        places = Signal(16, reset_less=True)
        beat = self.i.payload
        # The beat of weights and its entries, which are not in beats of their own with csr.
        payload, last = (Signal(len(value), name=name, reset_less=True) for name, value in (
            ("payload", beat.data), ("payload_last", beat.last)))
        entries = Signal(form.items * form.entry_bits, reset_less=True)
        with m.If(~held | items.ready):
            m.d.sync += [held.eq(take), payload.eq(beat.data), last.eq(beat.last)]
            if form.index_bits:
                m.d.sync += entries.eq(window.word)
        if form.index_bits:
            m.d.comb += items.weights.eq(payload)
        else:
            words = [payload.word_select(item, form.item_bits) for item in range(form.items)]
            entries = Cat(word[form.weight_bits :] for word in words)
            m.d.comb += items.weights.eq(Cat(word[: form.weight_bits] for word in words))
        for item in range(form.items):
            entry = entries.word_select(item, form.entry_bits)
            m.d.comb += [items.gaps[item].eq(entry), items.ends[item].eq(entry[-1])]
        m.d.comb += [
            enable.eq(~self.o.valid | self.o.ready),
            window.data.eq(beat.data),
            items.enable.eq(enable),
            items.valid.eq(held),
            items.last.eq(last),
            items.rows.eq(self.c.payload.rows),
            errors.overlong.eq(items.overlong),
            self.report.payload.eq(errors.report),
        ]
        self._packets(m, window, items, errors, held, take, places)
        self._words(m, items, errors, enable, places)
        return m

    def _packets(self, m, window, items, errors, held, take, places):
        """What comes next of a packet."""
        beat = self.i
        with m.FSM(name="packet"):
            with m.State("command"):
                m.d.comb += [self.c.ready.eq(1), window.clear.eq(1), errors.clear.eq(1),
                             items.clear.eq(1)]
                m.d.sync += places.eq(self.c.payload.places)
                with m.If(self.c.valid):
                    m.next = "beats"
            with m.State("beats"):
                m.d.comb += [
                    beat.ready.eq(~window.enough | ~held | items.ready),
                    take.eq(beat.valid & window.enough),
                    window.take.eq(take & beat.ready),
                    window.load.eq(beat.valid & ~window.enough),
                ]
                with m.If(beat.valid & beat.ready & beat.payload.last):
                    m.next = "end"
            with m.State("end"):
                with m.If(~held & items.empty):
                    m.d.comb += errors.truncated.eq(~items.done)
                    m.next = "lacking"
            with m.State("lacking"):
                m.d.comb += items.fill.eq(~items.done)
                with m.If(items.done & ~items.made & ~self.o.valid):
                    m.d.comb += self.report.valid.eq(1)
                    with m.If(self.report.ready):
                        m.next = "command"

    def _words(self, m, items, errors, enable, places):
        """The last stage: what is not of this row, or beyond its end, has weights of zero."""
        form, size = self._form, self._form.group * self._form.weight_bits
        there, wrong = Signal(form.items), Signal()
        weights, numbers, positions = [], [], []
        for item in range(form.items):
            place = items.places[item]
            inside = less(m, f"inside_{item}", place, places)
            m.d.comb += there[item].eq(items.active[item] & inside)
            weights.append(Mux(there[item], items.word_weights.word_select(item, size), 0))
            number = Mux(there[item], place[:16], 0)
            if form.encoding == "bsr":
                numbers.append(number)
                positions += [Const(column, form.position_bits) for column in range(form.group)]
            else:
                numbers.append(number[form.position_bits :])
                positions.append(number[: form.position_bits])
        m.d.comb += errors.word.eq(self.o.valid & self.o.ready & wrong)
        with m.If(enable):
            m.d.sync += [
                self.o.valid.eq(items.made),
                Value.cast(self.o.payload).eq(Cat(
                    *weights, *positions, items.word_last, *numbers, items.end)),
                wrong.eq((items.active & ~there).any()),
            ]
