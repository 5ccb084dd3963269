# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Parts of the decoders by themselves: window, positions, count of errors."""

import itertools

import numpy as np
import pytest

from luthier.golden.sparse.encodings import BlockFormat, Defect
from luthier.hw.sparse.decode.errors import Errors
from luthier.hw.sparse.decode.positions import Positions
from luthier.hw.sparse.decode.window import IndexWindow
from luthier.sim.streams import simulate


@pytest.mark.parametrize("word_bits, beat_bits", [
    (1, 8), (4, 8), (8, 8), (16, 8), (32, 8), (6, 8), (3, 8), (12, 16), (20, 8)])
def test_window(word_bits, beat_bits):
    """Words are the bits of the beats, in order, whenever there are enough."""
    unit, rng = IndexWindow(word_bits, beat_bits), np.random.default_rng(word_bits)
    content = rng.integers(0, 2, 40 * max(word_bits, beat_bits) // beat_bits * beat_bits)
    beats = content.reshape(-1, beat_bits) @ (1 << np.arange(beat_bits))

    async def bench(ctx):
        for round_ in range(2):
            taken, waiting = 0, list(beats)
            while True:
                ctx.set(unit.load, 0)
                ctx.set(unit.take, 0)
                enough = len(content) - len(waiting) * beat_bits - taken >= word_bits
                assert ctx.get(unit.enough) == enough
                if enough:
                    part = content[taken : taken + word_bits]
                    assert ctx.get(unit.word) == sum(int(b) << i for i, b in enumerate(part))
                    ctx.set(unit.take, 1)
                    taken += word_bits
                elif waiting:
                    ctx.set(unit.load, 1)
                    ctx.set(unit.data, int(waiting.pop(0)))
                else:
                    break
                await ctx.tick()
            if round_ == 0:
                ctx.set(unit.clear, 1)
                await ctx.tick()
                ctx.set(unit.clear, 0)
                assert ctx.get(unit.word) == 0

    simulate(unit, [bench], limit=1000)


def test_no_index_is_always_enough():
    unit = IndexWindow(0, 8)

    async def bench(ctx):
        assert ctx.get(unit.enough) == 1
        await ctx.tick()

    simulate(unit, [bench])


@pytest.mark.parametrize("kept, block", [
    (1, 4), (2, 4), (1, 8), (2, 8), (4, 8),
    *(pytest.param(kept, 16, marks=pytest.mark.nightly) for kept in (1, 2, 4, 8))])
def test_all_bitmaps(kept, block):
    """Each bitmap that has N bits gives them in order, any other is malformed."""
    form = BlockFormat(encoding="bitmap", kept=kept, block=block, beat_bits=64)
    unit, each = Positions(form), 1 << block
    assert unit.latency == form.position_cycles == int(block > 4)

    async def bench(ctx):
        ctx.set(unit.enable, 1)
        for first in range(0, each, form.blocks):
            maps = [(first + offset) % each for offset in range(form.blocks)]
            ctx.set(unit.index, sum(m << block * place for place, m in enumerate(maps)))
            await ctx.tick()
            malformed = ctx.get(unit.malformed)
            for place, bitmap in enumerate(maps):
                there = [bit for bit in range(block) if bitmap >> bit & 1]
                assert malformed >> place & 1 == (len(there) != kept)
                if len(there) == kept:
                    assert there == [ctx.get(unit.positions[place * kept + slot])
                                     for slot in range(kept)]

    simulate(unit, [bench])


@pytest.mark.parametrize("encoding, kept, block", [("index", 2, 4), ("pairs", 2, 4),
                                                    ("index", 2, 8), ("dense", 4, 4)])
def test_all_entries(encoding, kept, block):
    form = BlockFormat(encoding=encoding, kept=kept, block=block, beat_bits=64)
    unit = Positions(form)
    pairs = list(itertools.combinations(range(4), 2))

    async def bench(ctx):
        for entry in range(1 << form.entry_bits):
            if form.entry_bits:
                ctx.set(unit.index, entry << form.entry_bits)  # of the second block
            found = tuple(ctx.get(unit.positions[kept + slot]) for slot in range(kept))
            malformed = ctx.get(unit.malformed) >> 1 & 1
            if encoding == "pairs":
                assert malformed == (entry >= 6) and (malformed or found == pairs[entry])
            elif encoding == "index":
                assert found == (entry % block, entry // block)
                assert malformed == (found[0] >= found[1])
            else:
                assert found == (0, 1, 2, 3) and not malformed
            await ctx.tick()

    simulate(unit, [bench])


@pytest.mark.nightly
def test_errors_stay_at_the_most():
    unit = Errors(Defect.ORDER)

    async def bench(ctx):
        ctx.set(unit.word, 1)
        for _ in range(65534):
            await ctx.tick()
        assert ctx.get(unit.report.errors) == 65534
        ctx.set(unit.truncated, 1)
        for _ in range(3):
            await ctx.tick()
            assert ctx.get(unit.report.errors) == 65535
        assert ctx.get(unit.report.first) == Defect.ORDER

    simulate(unit, [bench])


def test_wrong_arguments():
    with pytest.raises(ValueError, match="word_bits must be 0 or more, not -1"):
        IndexWindow(-1, 8)
    with pytest.raises(ValueError, match="beat_bits must be 1 or more, not 0"):
        IndexWindow(1, 0)
    with pytest.raises(TypeError, match="form must be a BlockFormat, not 3"):
        Positions(3)
    with pytest.raises(TypeError, match="defect must be a Defect, not 3"):
        Errors(3)
