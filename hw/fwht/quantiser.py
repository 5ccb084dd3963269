# SPDX-License-Identifier: Apache-2.0
"""Quantiser of activations, one beat a cycle."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from ...golden.quantiser import Mode, QuantiserShape
from ..block_ram import BlockRam
from ..stream import Queue, ReservedQueue
from .maximum import Extremes, extremes_latency, extremes_layout
from .quantiser_ports import code_layout, command_layout, sample_layout, scales_layout
from .quotients import NUMERATORS, Quotients, numbers_layout, quotients_latency

__all__ = ["Quantiser"]


class Quantiser(wiring.Component):
    """Quantise packets of samples to codes of 2 to B bits, exactly as the golden model does.

    Samples wait in a buffer of N words while the extremes of their group are found. Then they are
    read, and divided, while those of the next group take their places. A static scale needs no
    extremes: each beat is a group. All modes take the same way, so that packets stay in order.

    A command comes with each packet and is taken with its last beat. A packet may have any number
    of beats; its last group may be shorter. A group longer than N, the whole of a packet that is,
    is cut after N samples.

    Latency: ``latency`` = ``log2(P) + B + 14`` cycles from the last beat of a group to its first
    codes. A group of g samples so takes ``g/P - 1 + latency`` from its first beat on, and a static
    scale ``latency``: a dynamic maximum of whole vectors costs N/P - 1 cycles. The scale comes 5 +
    B cycles before the first codes of its group. Throughput: one beat a cycle, in all modes and
    across packets; a vector takes ``interval`` = N/P cycles. Where groups become longer, codes
    pause until the extremes of the first longer one are known; where they become much shorter,
    samples may, since only ``group_places - 1`` groups are known or on their way. No input is
    needed for the last codes to come out. Scales have a stream of their own: if it is not read,
    codes stop.

    Takes a buffer of N words, and ``log2(P) + 4`` beats in front of it; per lane a multiplier of W
    by 16 bits, and B + 2 subtractions of W + 1 bits (W at least 17 there).

    Parameters
    ----------
    shape : QuantiserShape
        N = ``size``, P = ``lanes``, W = ``width``, B = ``bits``.

    Members
    -------
    command : ``In(stream.Signature(command_layout(shape)))``
        See :func:`~.quantiser_ports.quantiser_command`. Without one, no samples are taken.
    i : ``In(stream.Signature(sample_layout(shape)))``
    o : ``Out(stream.Signature(code_layout(shape)))``
        Two's complement of B bits; unsigned where the mode is asymmetric.
    scales : ``Out(stream.Signature(scales_layout(shape)))``
        One for each group of a packet, or for each beat if it holds many; none for static scales.

    Raises
    ------
    TypeError
        If ``shape`` is no QuantiserShape.

    Source: rounding to even of ``(2**(b-1) - 1) * y / max|y|`` as in QuaRot (arXiv 2404.00456) and
    BitNet b1.58 (arXiv 2402.17764), without their floats; minimum and range as in RotateKV (arXiv
    2501.16383); static scales as in Quamba (arXiv 2410.13229); powers of two as in the OCP
    Microscaling Formats (MX) Specification 1.0, with its integer elements.
    """

    def __init__(self, shape: QuantiserShape):
        if not isinstance(shape, QuantiserShape):
            raise TypeError(f"shape must be a QuantiserShape, not {shape!r}")
        self._shape = shape
        super().__init__({
            "command": In(stream.Signature(command_layout(shape))),
            "i": In(stream.Signature(sample_layout(shape))),
            "o": Out(stream.Signature(code_layout(shape))),
            "scales": Out(stream.Signature(scales_layout(shape))),
        })

    @property
    def shape(self) -> QuantiserShape:
        """What this quantiser is built for."""
        return self._shape

    @property
    def latency(self) -> int:
        """Cycles from the last beat of a group to its first codes."""
        return extremes_latency(self._shape) + 2 + quotients_latency(self._shape) + 1

    @property
    def interval(self) -> int:
        """Cycles from a vector of N samples to the next."""
        return self._shape.beats

    @property
    def buffer_beats(self) -> int:
        """Beats that the buffer holds: N/P, at least 2."""
        return max(2, self._shape.beats)

    @property
    def front_beats(self) -> int:
        """Beats in front of the buffer: those that come before a full one is read."""
        return extremes_latency(self._shape) + 3

    @property
    def group_places(self) -> int:
        """Groups whose extremes are on their way or wait, one more than can be used."""
        return 1 << ceil_log2(extremes_latency(self._shape) + 4)

    @property
    def code_places(self) -> int:
        """Beats of codes on their way or waiting, one more than can be used."""
        return 1 << ceil_log2(quotients_latency(self._shape) + 4)

    #: Scales on their way or waiting; they take 6 cycles.
    SCALE_PLACES = 8

    @property
    def memory_bits(self) -> int:
        """Bits of all memories: buffer, queue before it, extremes, commands, codes, scales."""
        shape = self._shape

        def bits(layout):
            return Shape.cast(layout).width

        return ((self.buffer_beats + self.front_beats) * shape.lanes * shape.width
                + self.group_places * (bits(self._group_layout) + bits(numbers_layout(shape)))
                + self.code_places * bits(code_layout(shape))
                + self.SCALE_PLACES * bits(scales_layout(shape)))

    @property
    def _group_layout(self):
        """``more``: beats of the group besides the first; ``last`` of its packet."""
        return data.StructLayout({"extremes": extremes_layout(self._shape),
                                  "more": range(self._shape.beats), "last": 1})

    def elaborate(self, platform):
        m = Module()
        shape = self._shape
        samples = data.ArrayLayout(signed(shape.width), shape.lanes)
        m.submodules.extremes = extremes = Extremes(shape)
        m.submodules.quotients = quotients = Quotients(shape)
        m.submodules.front = front = Queue(samples, self.front_beats)
        m.submodules.buffer = buffer = BlockRam(Shape.cast(samples).width, self.buffer_beats)
        m.submodules.groups = groups = ReservedQueue(self._group_layout, self.group_places)
        m.submodules.numbers = numbers = Queue(numbers_layout(shape), self.group_places)
        m.submodules.codes = codes = ReservedQueue(code_layout(shape), self.code_places)
        m.submodules.scales = scales = ReservedQueue(scales_layout(shape), self.SCALE_PLACES)
        wiring.connect(m, codes.o, wiring.flipped(self.o))
        wiring.connect(m, scales.o, wiring.flipped(self.scales))
        self._accept(m, front, extremes, groups, numbers)

        # One bit more than an address: the buffer is full where only that one differs.
        written, read = (Signal(range(2 * self.buffer_beats), name=name)
                         for name in ("written", "read"))
        store, issue = Signal(), Signal()
        m.d.comb += [
            front.o.ready.eq(written ^ read != self.buffer_beats),
            store.eq(front.o.valid & front.o.ready),
            buffer.write.eq(store),
            buffer.write_address.eq(written),
            buffer.word.eq(front.o.payload),
        ]
        m.d.sync += [written.eq(written + store), read.eq(read + issue)]

        # A group whose extremes are known, in registers: decisions from memories would be late. Its
        # beats are in the buffer: all are accepted, and wait in front of it only if it is full.
        present, group = Signal(), Signal(self._group_layout, reset_less=True)
        number = Signal(numbers_layout(shape), reset_less=True)
        final, scaled, issued = (Signal(name=name) for name in ("final", "scaled", "issued"))
        m.d.comb += [
            issue.eq(present & codes.room & scales.room),
            groups.o.ready.eq(~present | issue & final),
            numbers.o.ready.eq(groups.o.valid & groups.o.ready),
            codes.reserve.eq(issue),
            scales.reserve.eq(issue & scaled),
            buffer.address.eq(read),
            buffer.enable.eq(issue),
            buffer.enable_out.eq(issued),
            quotients.numbers.eq(number),
            quotients.extremes.eq(group.extremes),
            quotients.y.eq(buffer.value),
        ]
        m.d.sync += issued.eq(issue)
        with m.If(groups.o.ready):
            m.d.sync += [
                present.eq(groups.o.valid),
                group.eq(groups.o.payload),
                number.eq(numbers.o.payload),
                final.eq(groups.o.payload.more == 0),
                scaled.eq(numbers.o.payload.mode != Mode.STATIC),
            ]
        with m.Elif(issue):
            m.d.sync += [group.more.eq(group.more - 1), final.eq(group.more == 1), scaled.eq(0)]

        scale_write, scale_last = self._later(m, "scale", NUMERATORS, issue & scaled,
                                              group.last)
        code_write, code_last = self._later(m, "code", quotients.latency, issue,
                                            group.last & final)
        m.d.comb += [
            scales.write.eq(scale_write),
            scales.word.slots.eq(quotients.scales),
            scales.word.last.eq(scale_last),
            codes.write.eq(code_write),
            codes.word.codes.eq(quotients.codes),
            codes.word.saturated.eq(quotients.saturated),
            codes.word.last.eq(code_last),
        ]
        return m

    def _accept(self, m, front, extremes, groups, numbers):
        """Take beats, and find where groups end."""
        shape, command, sample = self._shape, self.command.payload, self.i.payload
        beat = Signal(range(shape.beats), name="beat_in")
        # Bits of the beat's number that count beats of a group.
        within = Signal(len(beat))
        fire, close = Signal(), Signal()
        m.d.comb += [
            Cat(within).eq(Cat(command.group > exact_log2(shape.lanes) + bit
                               for bit in range(len(beat)))),
            self.i.ready.eq(self.command.valid & front.i.ready & groups.room),
            fire.eq(self.i.valid & self.i.ready),
            close.eq(sample.last | (command.numbers.mode == Mode.STATIC)
                     | (beat | ~within).all()),
            self.command.ready.eq(fire & sample.last),
            front.i.valid.eq(fire),
            front.i.payload.eq(sample.y),
            extremes.valid.eq(fire),
            extremes.y.eq(sample.y),
            extremes.first.eq(~(beat & within).any()),
            extremes.close.eq(close),
            extremes.group.eq(command.group),
            groups.reserve.eq(fire & close),
        ]
        # There is a place for them wherever there is one for the group's extremes, which come
        # later, or at the same time.
        closed, of_group = self._later(m, "numbers", 1, fire & close, command.numbers)
        m.d.comb += [numbers.i.valid.eq(closed), numbers.i.payload.eq(of_group)]
        with m.If(fire):
            m.d.sync += beat.eq(Mux(sample.last, 0, beat + 1))
        more = Mux(command.numbers.mode == Mode.STATIC, 0, beat & within)
        _, more, last = self._later(m, "group", extremes.latency, fire & close, more, sample.last)
        m.d.comb += [
            groups.write.eq(extremes.done),
            groups.word.extremes.eq(extremes.extremes),
            groups.word.more.eq(more),
            groups.word.last.eq(last),
        ]

    @staticmethod
    def _later(m, name, cycles, valid, *values):
        """Return a flag, which a reset clears, and what goes with it, so many cycles later."""
        for cycle in range(cycles):
            register, kept = Signal(name=f"{name}_valid_{cycle}"), []
            m.d.sync += register.eq(valid)
            for number, value in enumerate(values):
                kept.append(Signal(value.shape(), name=f"{name}_{number}_{cycle}",
                                   reset_less=True))
                m.d.sync += kept[-1].eq(value)
            valid, values = register, kept
        return valid, *values
