# SPDX-License-Identifier: Apache-2.0
"""H_K along the outer index, then a transform of each part: sizes that are no power of two."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from luthier.golden.fwht import Pipeline
from luthier.golden.hadamard import hadamard_size
from luthier.hw.fwht import KStage, WalshHadamard
from luthier.sim.compiled import CompiledUnit

SEED = 3


class Chain(wiring.Component):
    """Both stages, the output of the one as wide as the input of the other."""

    def __init__(self, order, m, lanes):
        self.outer = KStage(order, 8, m, lanes=lanes)
        self.inner = WalshHadamard(Pipeline(samples=1 << m, lanes=lanes,
                                            width=self.outer.sum_width))
        super().__init__({"i": In(self.outer.i.signature.flip()),
                          "o": Out(self.inner.o.signature)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.outer, m.submodules.inner = outer, inner = self.outer, self.inner
        wiring.connect(m, wiring.flipped(self.i), outer.i)
        wiring.connect(m, inner.o, wiring.flipped(self.o))
        wiring.connect(m, outer.o, inner.i)
        return m


@pytest.mark.parametrize("order, m, lanes", [(12, 4, 1), (28, 5, 4)])
def test_equals_golden(order, m, lanes):
    print("seed", SEED)
    rng, unit = np.random.default_rng(SEED), Chain(order, m, lanes)
    x = rng.integers(-128, 128, (5, order << m))
    x[0] = -128
    shape_in, shape_out = (port.payload.shape() for port in (unit.i, unit.o))
    beats = x.reshape(5, -1, lanes)
    sent = [shape_in.const({"samples": beat.tolist(), "log2_size": m,
                            "last": place == len(vector) - 1}).as_bits()
            for vector in beats for place, beat in enumerate(vector)]
    compiled = CompiledUnit(unit)
    for p_valid, p_ready in ((1, 1), (0.6, 0.7)):
        outputs, _ = compiled.run({"i": sent}, {"o": len(sent)}, p_valid=p_valid, p_ready=p_ready,
                                  seed=SEED)
        made = [shape_out.from_bits(transfer.payload) for transfer in outputs["o"]]
        y = np.array([list(beat.samples) for beat in made]).reshape(x.shape)
        assert (y == hadamard_size(x)).all()
        assert [bool(beat.last) for beat in made] == [
            place % (x.shape[1] // lanes) == x.shape[1] // lanes - 1 for place in range(len(made))]
