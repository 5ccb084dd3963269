# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Memory in banks: random words against a dictionary."""

import random

import pytest

from luthier.gen.verilog import convert
from luthier.hw.large_ram import BANKED_LATENCY, BankedRam
from luthier.sim.streams import simulate


@pytest.mark.parametrize("words", [2, 64, 2048, 2049, 5000])
def test_random_words(words, seed):
    rng, dut, there, due = random.Random(seed), BankedRam(8, words), {}, []
    corners = [0, words - 1, min(2047, words - 1), min(2048, words - 1)]

    async def bench(ctx):
        for _ in range(600):
            place, value = rng.choice([*corners, rng.randrange(words)]), rng.randrange(256)
            wanted = rng.choice([*corners, rng.randrange(words)])
            write = rng.random() < 0.6 and place != wanted
            ctx.set(dut.write, write)
            ctx.set(dut.write_address, place)
            ctx.set(dut.word, value)
            ctx.set(dut.address, wanted)
            due.append(there.get(wanted, 0))
            if write:
                there[place] = value
            await ctx.tick()
            if len(due) == dut.latency:
                assert ctx.get(dut.value) == due.pop(0)

    simulate(dut, [bench])
    assert dut.latency == BANKED_LATENCY


def test_bad_size_and_verilog():
    with pytest.raises(ValueError, match="^words must be 2 or more, not 1$"):
        BankedRam(8, 1)
    assert "DP16KD" in convert(BankedRam(16, 4096), target="ecp5")
