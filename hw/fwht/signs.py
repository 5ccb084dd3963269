# SPDX-License-Identifier: Apache-2.0
"""Signs in front of a transform: a randomised Hadamard matrix is H times a diagonal of signs."""

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.errors import UserError
from ...golden.fwht import LFSR_BITS, WIDEST, Pipeline, lfsr_next, lfsr_signs
from .layouts import sample_layout

__all__ = ["Signs"]


class Signs(wiring.Component):
    """Negate samples where the pattern has a 1.

    The pattern is N signs long. It starts with each packet, whatever sizes its transforms have, and
    starts over where a packet is longer. It is loaded, or with a seed it is that of
    :func:`luthier.golden.fwht.lfsr_signs`: then there is no memory for it and nothing to load.

    A sample gets a bit wider, as ``-(-2**(w - 1))`` needs it: a pipeline behind has w + 1 bits.

    Latency: 2 cycles. Throughput: one beat a cycle. Takes P incrementers of w + 1 bits, and N bits
    of memory or 32 flip-flops.

    Parameters
    ----------
    config : Pipeline
        N, P and w: w is that of the input, at most 15.
    seed : int or None
        1 to 2**32 - 1. None: the pattern is loaded; at first it has no signs.

    Members
    -------
    pattern : ``In(stream.Signature(P))``
        The signs of each beat in turn, N / P words, that of the first lane in the lowest bit. Then
        it starts over. Samples that are in the unit at that time may get either pattern. Without a
        seed only.
    i : ``In(stream.Signature(sample_layout(P, w)))``
        Samples. ``last`` starts the pattern over.
    o : ``Out(stream.Signature(sample_layout(P, w + 1)))``
        The same, negated or not.

    Raises
    ------
    TypeError
        If ``config`` is no :class:`~luthier.golden.fwht.Pipeline` or the seed no integer.
    UserError
        If there is no such seed, or no pipeline for samples that are a bit wider.
    """

    def __init__(self, config: Pipeline, *, seed: int | None = None):
        if not isinstance(config, Pipeline):
            raise TypeError(f"config must be a Pipeline, not {config!r}")
        if config.width == WIDEST:
            raise UserError(f"width must be at most {WIDEST - 1} bits in front of signs, not "
                            f"{config.width}: a negated sample has one more")
        if seed is not None:
            lfsr_signs(seed, 0)
        self._config, self._seed = config, seed
        loaded = {"pattern": In(stream.Signature(config.lanes))} if seed is None else {}
        super().__init__(loaded | {
            "i": In(stream.Signature(sample_layout(config.lanes, config.width))),
            "o": Out(stream.Signature(sample_layout(config.lanes, config.width + 1))),
        })

    @property
    def latency(self) -> int:
        """Cycles from a beat to the output."""
        return 2

    def elaborate(self, platform):
        m = Module()
        width = self._config.width
        beat = Signal.like(self.i.payload, name="beat", reset_less=True)
        held = Signal()
        accept, proceed = Signal(), Signal()
        m.d.comb += [
            proceed.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(~held | proceed),
            accept.eq(self.i.valid & self.i.ready),
        ]
        with m.If(self.i.ready):
            m.d.sync += held.eq(self.i.valid)
        with m.If(accept):
            m.d.sync += beat.eq(self.i.payload)
        negate = self._seeded(m, accept) if self._seed is not None else self._loaded(m, accept)
        samples = []
        for lane in range(self._config.lanes):
            sample = Signal(signed(width + 1), name=f"sample_{lane}")
            m.d.comb += sample.eq((beat.samples[lane] ^ negate[lane].as_signed()) + negate[lane])
            samples.append(sample)
        with m.If(proceed):
            m.d.sync += self.o.valid.eq(held)
        with m.If(proceed & held):
            m.d.sync += [
                Value.cast(self.o.payload.samples).eq(Cat(samples)),
                self.o.payload.log2_size.eq(beat.log2_size),
                self.o.payload.last.eq(beat.last),
            ]
        return m

    def _loaded(self, m, accept):
        """Return the signs of ``beat``, from memory."""
        lanes, words = self._config.lanes, self._config.beats(self._config.samples)
        negate = Signal(lanes, reset_less=True)
        m.d.comb += self.pattern.ready.eq(1)
        if words == 1:
            kept = Signal(lanes)
            with m.If(self.pattern.valid):
                m.d.sync += kept.eq(self.pattern.payload)
            with m.If(accept):
                m.d.sync += negate.eq(kept)
            return negate
        m.submodules.signs = store = memory.Memory(shape=lanes, depth=words, init=[],
                                                   attrs={"no_rw_check": 1})
        write, read = store.write_port(), store.read_port()
        place, following = (Signal(range(words), name=name) for name in ("place", "following"))
        m.d.comb += [
            write.addr.eq(place), write.data.eq(self.pattern.payload),
            write.en.eq(self.pattern.valid),
            # A beat's signs are read as it is taken.
            read.addr.eq(following), read.en.eq(accept), negate.eq(read.data),
        ]
        with m.If(self.pattern.valid):
            m.d.sync += place.eq(place + 1)
        with m.If(accept):
            m.d.sync += following.eq(Mux(self.i.payload.last, 0, following + 1))
        return negate

    def _seeded(self, m, accept):
        """Return the signs of ``beat``, from a shift register that moves P places for a beat."""
        config = self._config
        bits, negate = [], Signal(config.lanes, reset_less=True)
        state = Signal(LFSR_BITS, init=self._seed)
        bits += [state[place] for place in range(LFSR_BITS)]
        while len(bits) < config.lanes + LFSR_BITS:
            bits.append(lfsr_next(bits[-LFSR_BITS:]))
        # The pattern is N long, and packets may be longer.
        beats = config.beats(config.samples)
        following = Signal(range(max(beats, 2)))
        starts = Signal()
        m.d.comb += starts.eq(self.i.payload.last | (following == beats - 1))
        with m.If(accept):
            m.d.sync += [
                negate.eq(Cat(bits[: config.lanes])),
                following.eq(Mux(starts, 0, following + 1)),
                state.eq(Mux(starts, self._seed, Cat(bits[config.lanes :][:LFSR_BITS]))),
            ]
        return negate
