# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Tiles of rows and tokens against NumPy: the table's, and those that multiply."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from luthier.golden.weights import Layout, pack_planes
from luthier.hw.baseline import DigitTile, MultiplyTile
from luthier.hw.table.tile import RegisterTile

SIZES = {"tokens": 2, "rows": 6, "width": 24}


def table(k, bits, **sizes):
    return RegisterTile(**SIZES | {"k": k, "activation_bits": 8} | sizes), bits, k


def multiply(kind, columns, bits, **sizes):
    return kind(**SIZES | {"columns": columns, "bits": bits, "activation_bits": 8} | sizes), (
        bits), columns


TILES = {
    "table_k4_1_bit": lambda: table(4, 1),
    "table_k4_2_bits": lambda: table(4, 2),
    "table_k4_8_bits_a16": lambda: table(4, 8, activation_bits=16, width=32),
    "table_k2_3_bits_a4": lambda: table(2, 3, activation_bits=4),
    "table_k3_2_bits": lambda: table(3, 2, tokens=1),
    "table_k5_2_bits": lambda: table(5, 2, tokens=3, rows=5),
    "table_k6_4_bits": lambda: table(6, 4, rows=1),
    "table_m2n64k4": lambda: table(4, 2, rows=64),
    "multiply_2_bits": lambda: multiply(MultiplyTile, 2, 2),
    "multiply_4_bits": lambda: multiply(MultiplyTile, 1, 4),
    "digit_1_bit": lambda: multiply(DigitTile, 4, 1),
    "digit_2_bits": lambda: multiply(DigitTile, 2, 2),
    "digit_4_bits": lambda: multiply(DigitTile, 1, 4, tokens=1),
}


def values(tile, bits, shape, rng):
    """Return weights: odd ones, or of two's complement."""
    q = rng.integers(0, 1 << bits, shape)
    if isinstance(tile, MultiplyTile):
        return q - (1 << bits - 1)
    return 2 * q + 1 - (1 << bits)


def field(signs):
    """Return the field of a sign plane for the signs of its columns, lowest first."""
    minus = int(signs[-1] < 0)
    return sum(((sign > 0) ^ minus) << column for column, sign in enumerate(signs[:-1])) | (
        minus << len(signs) - 1)


def beats(tile, bits, columns, weights):
    """Return for each beat its tile of columns, its weights, ``first`` and ``double``."""
    count = weights.shape[1] // columns
    parts = weights.reshape(len(weights), count, columns).transpose(1, 0, 2)
    if not isinstance(tile, RegisterTile):
        wanted = parts if isinstance(tile, MultiplyTile) else (parts + 2**bits - 1) // 2
        return [(number, (part & 2**bits - 1).tolist(), not number, 0)
                for number, part in enumerate(wanted)]
    stored = (weights + 2**bits - 1) // 2
    planes = (2 * (stored[..., None] >> np.arange(bits)[::-1] & 1) - 1).transpose(2, 0, 1)
    return [(number, [field(row) for row in part.tolist()], not (plane or number),
             bool(plane and not number))
            for plane, signs in enumerate(planes)
            for number, part in enumerate(
                signs.reshape(len(weights), count, columns).transpose(1, 0, 2))]


@pytest.mark.parametrize("gaps", [0.0, 0.4], ids=["full_rate", "gaps"])
@pytest.mark.parametrize("make", TILES.values(), ids=TILES)
def test_sums(make, gaps):
    tile, bits, columns = make()
    rng = np.random.default_rng(11)
    shape = tile.signature.members["activations"].shape
    tokens, half = shape.length, 1 << shape.elem_shape.elem_shape.width - 1
    rows = tile.signature.members["weights"].shape.length
    x = rng.integers(-half, half, (5, tokens, 3 * columns))
    x[3], x[4] = -half, half - 1
    matrices = [values(tile, bits, (rows, 3 * columns), rng) for _ in x]
    matrices[3:] = [np.full_like(matrices[0], extreme) for extreme in (
        matrices[0].min(), matrices[0].max())]
    schedule = []  # for each cycle: activations or None, and the beat
    for vectors, weights in zip(x, matrices):
        for number, *beat in beats(tile, bits, columns, weights):
            while rng.random() < gaps:
                schedule.append(None)
            schedule.append((vectors[:, number * columns : (number + 1) * columns], *beat))
        schedule.append((vectors, weights))  # what the sums are then
    sums, cycle, inputs = {}, 0, []
    for entry in schedule:
        if entry is not None and len(entry) == 2:
            sums[cycle + tile.latency - 1] = entry[0] @ entry[1].T
        else:
            inputs.append(entry)
            cycle += 1

    found = {}

    async def drive(ctx):
        for now in range(len(inputs) + tile.latency):
            ctx.set(tile.valid, 0)
            if now < len(inputs) and inputs[now]:
                ctx.set(tile.valid, 1)
                ctx.set(tile.activations, inputs[now][0].tolist())
            elif gaps:
                ctx.set(tile.activations, rng.integers(-half, half, (tokens, columns)).tolist())
            beat = inputs[now - tile.lead] if 0 <= now - tile.lead < len(inputs) else None
            if beat:
                ctx.set(tile.weights, beat[1])
            ctx.set(tile.first, bool(beat and beat[2]))
            if isinstance(tile, RegisterTile):
                ctx.set(tile.double, bool(beat and beat[3]))
            if now in sums:
                found[now] = [[ctx.get(tile.total[token][row]) for row in range(rows)]
                              for token in range(tokens)]
            await ctx.tick()

    simulator = Simulator(tile)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.run()
    assert {now: total.tolist() for now, total in sums.items()} == found


def test_fields_are_those_of_packed_planes():
    rng = np.random.default_rng(12)
    weights = 2 * rng.integers(0, 2, (16, 64)) - 1
    packed = pack_planes(weights, 1, Layout(64, 16))
    for signs, beat in zip(weights, packed):
        fields = [int(byte) >> shift & 15 for byte in beat for shift in (0, 4)]
        assert fields == [field(part) for part in signs.reshape(16, 4)]


@pytest.mark.parametrize("change, message", [
    ({"k": 7}, "k must be 2 to 6, not 7"), ({"rows": 0}, "tokens and rows must be 1 or more")])
def test_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        RegisterTile(**{"tokens": 2, "rows": 4, "k": 4, "activation_bits": 8, "width": 20}
                     | change)
