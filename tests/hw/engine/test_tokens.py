# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Token queues against a model of counters, under random operations."""

import random
from collections import deque

import pytest

from luthier.golden.descriptor import TOKEN_LIMIT, TOKEN_QUEUES
from luthier.hw.engine.tokens import TokenQueues
from luthier.sim.streams import simulate


@pytest.mark.parametrize("seed, queues", [(1, 8), (2, 1), (3, 2)])
def test_against_counters(seed, queues):
    """Few queues, so that they fill up and run empty."""
    unit, rng = TokenQueues(), random.Random(seed)
    seen = {"ready": 0, "refused": 0, "full": 0}

    async def bench(ctx):
        present, promised = [0] * TOKEN_QUEUES, [0] * TOKEN_QUEUES
        underway = deque()
        for cycle in range(3000):
            bias = 0.7 if cycle // 300 % 2 else 0.3
            wait, release = (sum((rng.random() < odds) << queue for queue in range(queues))
                             for odds in (1 - bias, bias))
            ctx.set(unit.wait, wait)
            ctx.set(unit.release, release)
            await ctx.tick()
            each = [(wait >> queue & 1, release >> queue & 1) for queue in range(TOKEN_QUEUES)]
            refused = any(promised[q] == 0 if w else r and promised[q] == TOKEN_LIMIT
                          for q, (w, r) in enumerate(each))
            instant, done = rng.random() < 0.3, bool(underway) and rng.random() < 0.5
            ctx.set(unit.instant, instant)
            ctx.set(unit.done, done)
            ready = len(underway) < 2 and not (instant and done) and all(
                present[q] for q, (w, _) in enumerate(each) if w)
            assert ctx.get(unit.refused) == refused
            assert ctx.get(unit.ready) == ready
            assert ctx.get(unit.underway) == len(underway)
            dispatch = ready and not refused and rng.random() < 0.8
            clear = not underway and not dispatch and rng.random() < 0.02
            seen["ready"] += ready
            seen["refused"] += refused
            seen["full"] += TOKEN_LIMIT in promised
            ctx.set(unit.dispatch, dispatch)
            ctx.set(unit.clear, clear)
            await ctx.tick()
            ctx.set(unit.dispatch, 0)
            ctx.set(unit.done, 0)
            ctx.set(unit.clear, 0)
            if done:
                for q, r in enumerate(underway.popleft()):
                    present[q] += r
            if dispatch:
                for q, (w, r) in enumerate(each):
                    present[q] += (r if instant else 0) - w
                    promised[q] += r - w
                if not instant:
                    underway.append([r for _, r in each])
            if clear:
                present, promised = [0] * TOKEN_QUEUES, [0] * TOKEN_QUEUES

    simulate(unit, [bench], limit=10_000)
    assert all(seen.values()) or queues == 8, seen
