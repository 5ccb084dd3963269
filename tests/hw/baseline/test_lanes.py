# SPDX-License-Identifier: Apache-2.0
"""The baselines' sums against NumPy, at full rate, with gaps, at corner values and across swaps."""

import random

import numpy as np
import pytest

from luthier.hw.baseline import DspLane, RadixLane, SignLane, TritLane
from luthier.sim.streams import simulate

LANES = {
    "sign_16": lambda: (SignLane(columns=16, activation_bits=8), (-1, 1)),
    "sign_128_a5": lambda: (SignLane(columns=128, activation_bits=5), (-1, 1)),
    "trit_16": lambda: (TritLane(columns=16, activation_bits=8), (-1, 0, 1)),
    "trit_80": lambda: (TritLane(columns=80, activation_bits=8), (-1, 0, 1)),
    "radix_8": lambda: (RadixLane(columns=8, activation_bits=8), range(-15, 16, 2)),
    "radix_32_a12": lambda: (RadixLane(columns=32, activation_bits=12), range(-15, 16, 2)),
    "dsp_8_w4": lambda: (DspLane(columns=8, activation_bits=8, bits=4), range(16)),
    "dsp_32_w2_a16": lambda: (DspLane(columns=32, activation_bits=16, bits=2), range(4)),
}


def beat(lane, weights):
    """Return the bits of a beat."""
    if isinstance(lane, SignLane):
        return sum(1 << column for column, weight in enumerate(weights) if weight > 0)
    if isinstance(lane, TritLane):
        return sum((weight != 0) << column | (weight < 0) << len(weights) + column
                   for column, weight in enumerate(weights))
    bits = len(lane.weights) // lane.columns
    if isinstance(lane, RadixLane):
        weights = [weight + 15 >> 1 for weight in weights]
    return sum(weight << bits * column for column, weight in enumerate(weights))


@pytest.mark.parametrize("gaps", [0, 0.4])
@pytest.mark.parametrize("make", LANES.values(), ids=LANES)
def test_sums(make, gaps):
    lane, allowed = make()
    allowed, rng = list(allowed), random.Random(7)
    words, lanes = 8, lane.columns // 8
    bits = len(lane.activations) // lanes
    half = 1 << bits - 1
    vectors = [[rng.randrange(-half, half) for _ in range(lane.columns)] for _ in range(4)]
    vectors += [[-half] * lane.columns, [half - 1] * lane.columns]
    got, expected = [], []

    async def drive(ctx):
        for vector in vectors:
            for word in range(words):
                ctx.set(lane.load, 1)
                part = vector[word * lanes : (word + 1) * lanes]
                ctx.set(lane.activations, part)
                if isinstance(lane, RadixLane):
                    ctx.set(lane.triples, [3 * x for x in part])
                await ctx.tick()
            ctx.set(lane.load, 0)
            ctx.set(lane.swap, 1)
            await ctx.tick()
            ctx.set(lane.swap, 0)
            beats = [[rng.choice(allowed) for _ in vector] for _ in range(12)]
            beats += [[one] * lane.columns for one in (allowed[0], allowed[-1])]
            for weights in beats:
                ctx.set(lane.valid, 0)
                while rng.random() < gaps:
                    ctx.set(lane.weights, rng.getrandbits(len(lane.weights)))
                    await ctx.tick()
                ctx.set(lane.valid, 1)
                ctx.set(lane.weights, beat(lane, weights))
                expected.append(int(np.dot(vector, weights)))
                await ctx.tick()
            ctx.set(lane.valid, 0)
        for _ in range(lane.latency):
            await ctx.tick()

    async def watch(ctx):
        pending = []
        async for _, _, valid, total, negate in ctx.tick().sample(lane.valid, lane.total,
                                                                  lane.negate):
            if len(pending) == lane.latency and pending.pop(0):
                got.append(-total if negate else total)
            pending.append(valid)

    simulate(lane, [drive], background=[watch])
    assert got == expected
    assert len(got) == 14 * len(vectors)
