# SPDX-License-Identifier: Apache-2.0
"""Stages whose butterflies are between beats: a delay, an adder and a subtractor for each lane."""

from amaranth import *
from amaranth.lib import wiring

from ..tree import delayed
from .delay import Delay
from .layouts import LOG2_SIZE, stage_ports

__all__ = ["DelayStage"]


class DelayStage(wiring.Component):
    """Butterflies between beats that are ``delay`` apart.

    The first ``delay`` beats of a block of twice as many wait in the delay memory. Each of the
    others meets its partner there: the sums leave, the differences take the partners' places, and
    leave when all sums have left, by themselves, one each cycle, while the next block's first
    beats take their places in turn. Beats of a transform that is smaller than a block pass.
    They must not come while differences leave; the pipeline sees to that.

    Control runs two cycles ahead of the samples, so that a memory's words meet them although it
    takes two cycles to read: one, and two with block RAM, are the memory's own registers.

    Latency: 1 cycle, and ``delay`` for the first sum. Throughput: one beat a cycle. Takes ``2 P``
    adders of w + 1 bits and ``delay`` words of ``P (w + 1)`` bits.

    Parameters
    ----------
    lanes : int
        P.
    width : int
        w, bits of a sample.
    delay : int
        Beats, a power of two.

    Members
    -------
    enable : ``In(1)``
        Without it all of the stage rests.
    i : ``In(control_layout)``, samples : ``In(ArrayLayout(signed(w), P))``
        Beats; the samples come two enabled cycles after their control.
    o : ``Out(control_layout)``, results : ``Out(ArrayLayout(signed(w + 1), P))``
        The same of results.

    Source: the single-path delay feedback of FFT pipelines (H. L. Groginsky and G. A. Works, A
    pipeline fast Fourier transform, IEEE Transactions on Computers C-19, 1970), without factors.
    """

    def __init__(self, lanes: int, width: int, delay: int):
        self._lanes, self._width, self._delay = lanes, width, delay
        super().__init__(stage_ports(lanes, width))

    @property
    def latency(self) -> int:
        """Cycles from a beat that passes to the output."""
        return 1

    @property
    def delay(self) -> int:
        """Beats between the inputs of a butterfly, and words in memory."""
        return self._delay

    def elaborate(self, platform):
        m = Module()
        m.submodules.delay = delay = Delay(self._lanes * (self._width + 1), self._delay)
        m.d.comb += delay.enable.eq(self.enable)
        entering, adding, leaving = self._control(m, delay)

        def with_samples(name, value):
            return delayed(m, name, value, delay.latency, enable=self.enable)

        self._samples(m, delay, with_samples("entering", entering), with_samples("adding", adding),
                      with_samples("leaving", leaving))
        return m

    def _control(self, m, delay):
        """Return whether a beat enters the memory, is in the second half; a difference leaves."""
        place = Signal(range(2 * self._delay))  # of the next beat in its block
        oldest = Signal(range(self._delay))  # word that leaves the memory next
        leaving, entering, adding, ends, cleared = (Signal(name=name) for name in (
            "leaving", "entering", "adding", "ends", "cleared"))
        log2_size, last = Signal(LOG2_SIZE, reset_less=True), Signal(reset_less=True)
        block = (2 * self._lanes * self._delay).bit_length() - 1
        m.d.comb += [
            entering.eq(self.i.valid & (self.i.log2_size >= block)),
            adding.eq(entering & place[-1]),
            ends.eq(entering & place.all()),
            cleared.eq(leaving & (oldest.all() if self._delay > 1 else Const(1, 1))),
            delay.address.eq(oldest),
            delay.write_address.eq(delayed(m, "place", place[:-1], delay.latency,
                                           enable=self.enable) if self._delay > 1 else 0),
        ]
        with m.If(self.enable):
            with m.If(ends):
                m.d.sync += [leaving.eq(1), log2_size.eq(self.i.log2_size), last.eq(self.i.last)]
            with m.Elif(cleared):
                m.d.sync += leaving.eq(0)
            m.d.sync += [
                place.eq(place + entering),
                oldest.eq(oldest + (adding | leaving)),
                self.o.valid.eq(leaving | (self.i.valid & (~entering | adding))),
                self.o.log2_size.eq(Mux(leaving, log2_size, self.i.log2_size)),
                # A packet's last beat is a difference, as long as there are any.
                self.o.last.eq(Mux(leaving, cleared & last, ~entering & self.i.last)),
            ]
        return entering, adding, leaving

    def _samples(self, m, delay, entering, adding, leaving):
        m.d.comb += delay.write.eq(entering)
        words, results = [], []
        for lane in range(self._lanes):
            sample, partner, total, difference, word, result = (
                Signal(signed(self._width + 1), name=f"{name}_{lane}") for name in (
                    "sample", "partner", "total", "difference", "word", "result"))
            m.d.comb += [
                sample.eq(self.samples[lane]),
                partner.eq(delay.value.word_select(lane, self._width + 1)),
                total.eq(partner + sample),
                difference.eq(partner - sample),
                word.eq(Mux(adding, difference, sample)),
                result.eq(Mux(leaving, partner, Mux(adding, total, sample))),
            ]
            words.append(word)
            results.append(result)
        m.d.comb += delay.word.eq(Cat(words))
        register = Signal(self._lanes * (self._width + 1), name="result", reset_less=True)
        with m.If(self.enable):
            m.d.sync += register.eq(Cat(results))
        m.d.comb += Value.cast(self.results).eq(register)
