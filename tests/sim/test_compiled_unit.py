# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Compiled units: payloads of any width, full rate, stalls, and a unit that breaks a rule."""

import random

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from luthier.hw.stream import StreamRegister
from luthier.sim.compiled_unit import CompiledUnit


@pytest.mark.parametrize("width", [8, 100])
def test_words_pass(width):
    unit, rng = CompiledUnit(StreamRegister(width)), random.Random(1)
    words = [rng.getrandbits(width) for _ in range(500)]
    run = unit.run(words, 500)
    assert run.payloads == words
    assert (run.made == np.arange(500) + 1).all() and (run.taken == np.arange(500)).all()
    assert unit.run(words, 500, p_valid=0.4, p_ready=0.5, seed=3).payloads == words
    # Two words stay in the register; a reset forgets them.
    assert unit.run(words[:5], 3).payloads == words[:3]
    unit.reset()
    assert unit.run(words[:2], 2).payloads == words[:2]


def test_limit():
    run = CompiledUnit(StreamRegister(8)).run([1], 2, limit=50)
    assert (run.cycles, run.payloads) == (50, [1])


class Restless(wiring.Component):
    """Changes its output while it waits."""

    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.o.payload.eq(self.o.payload + 1)
        m.d.comb += [self.o.valid.eq(1), self.i.ready.eq(1)]
        return m


def test_a_changing_output_is_seen():
    with pytest.raises(AssertionError, match="the output changed while stalled, seed 1"):
        CompiledUnit(Restless()).run([1] * 20, 20, p_ready=0.5)
