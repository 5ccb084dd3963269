# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The unit with tables in registers against int64 products, under stalls and at full rate."""

import numpy as np
import pytest

from luthier.golden.shared import SharedLayout, beats, pack_planes, pack_trits
from luthier.hw.table.registers import RegisterUnit
from luthier.sim.streams import simulate, sink, source

BUILDS = {
    "m1n16k4": {"layout": SharedLayout(16), "tokens": 1, "activation_bits": 8, "words": 8},
    "m2n16k4": {"layout": SharedLayout(16), "tokens": 2, "activation_bits": 8, "words": 8},
    "m2n64k4": {"layout": SharedLayout(64), "tokens": 2, "activation_bits": 8, "words": 32},
    "m3n8k5_a5": {"layout": SharedLayout(8, 5), "tokens": 3, "activation_bits": 5, "words": 5},
    "m2n4k2_a16": {"layout": SharedLayout(4, 2), "tokens": 2, "activation_bits": 16, "words": 4},
    "m1n8k6_a4": {"layout": SharedLayout(8, 6), "tokens": 1, "activation_bits": 4, "words": 12},
}


def operation(rng, build, rows, columns, planes, extreme=False):
    """Return (values, planes, x); 0 planes for trits."""
    half = 1 << build["activation_bits"] - 1
    x = rng.integers(-half, half, (build["tokens"], columns))
    if planes:
        values = 2 * rng.integers(0, 2**planes, (rows, columns)) + 1 - 2**planes
    else:
        values = rng.integers(-1, 2, (rows, columns))
    if extreme:
        x[:], values[:] = -half, values.max()
    return values, planes, x


def run(build, operations, *, p_valid=1.0, p_ready=1.0, seed=1):
    """Return the results, and in which cycle each came."""
    layout, words = build["layout"], build["words"]
    commands, activations, weights, count = [], [], [], 0
    for values, planes, x in operations:
        rows, columns = values.shape
        commands.append({"rows": rows, "columns": columns, "planes": planes or 3,
                         "trits": int(not planes), "tokens": len(x)})
        # What is beyond is not used.
        padded = np.full((build["tokens"], -(-columns // words) * words), -3)
        padded[: len(x), :columns] = x
        vector = padded.reshape(build["tokens"], -1, words).transpose(1, 0, 2).tolist()
        activations += vector * (-(-rows // layout.rows) * (planes or 2))
        packed = pack_planes(values, planes, layout) if planes else pack_trits(values, layout)
        assert len(packed) == beats(layout, rows=rows, columns=columns, planes=planes,
                                    trits=not planes)
        weights += [int.from_bytes(beat.tobytes(), "little") for beat in packed]
        count += rows * len(x)
    unit = RegisterUnit(max_rows=200, max_columns=256, **build)
    received, times = [], []
    simulate(unit, [
        source(unit.command, commands, probability=p_valid, seed=seed),
        source(unit.activations, activations, probability=p_valid, seed=seed + 1),
        source(unit.weights, weights, probability=p_valid, seed=seed + 2),
        sink(unit.results, received, count, probability=p_ready, seed=seed + 3, times=times),
    ], observed=[unit.results], limit=20 * (len(weights) + count) + 1000)
    return received, times, unit


def expected(build, operations):
    n, results = build["layout"].rows, []
    for values, _, x in operations:
        y = x.astype(np.int64) @ values.T
        for start in range(0, len(values), n):
            results += [(int(value), 0) for token in y for value in token[start : start + n]]
        results[-1] = (results[-1][0], 1)
    return results


@pytest.mark.parametrize("rate", ["full_rate", "stalls", "slow_results", "slow_weights"])
@pytest.mark.parametrize("name", BUILDS)
def test_products(name, rate):
    build, rng = BUILDS[name], np.random.default_rng(3)
    n, k = build["layout"].rows, build["layout"].k
    shapes = [(n, 3 * k, 1), (2 * n + 1, 5 * k - 1, 2), (1, 1, 3),
              (n - 1, 2 * build["words"] + 1, 0),
              (n + 3, 4 * k, 0), (3, 17, 8)]
    operations = [operation(rng, build, *shape) for shape in shapes]
    values, planes, x = operation(rng, build, n + 2, 2 * k, 2)
    operations.append((values, planes, x[:1]))  # fewer tokens than there may be
    operations += [operation(rng, build, 2, 11, planes, extreme=True) for planes in (0, 1, 8)]
    p_valid, p_ready = {"full_rate": (1, 1), "stalls": (0.6, 0.6), "slow_results": (1, 0.2),
                        "slow_weights": (0.3, 1)}[rate]
    received, _, _ = run(build, operations, p_valid=p_valid, p_ready=p_ready)
    assert [(result["value"], result["last"]) for result in received] == expected(build, operations)


@pytest.mark.parametrize("name", ["m1n16k4", "m2n16k4"])
def test_every_cycle_is_a_beat(name):
    """Where a block has beats enough, and then the latency is as declared."""
    build, rng = BUILDS[name], np.random.default_rng(4)
    layout, tokens = build["layout"], build["tokens"]
    least = tokens * layout.rows + 4
    for planes in (1, 2):
        columns = -(-least // planes) * layout.k
        operations = [operation(rng, build, 3 * layout.rows, columns, planes) for _ in range(2)]
        received, times, unit = run(build, operations)
        blocks = 3 * len(operations)
        per_block = planes * columns // layout.k
        assert len(received) == blocks * tokens * layout.rows
        first = times[:: tokens * layout.rows]
        assert np.diff(first).tolist() == [per_block] * (blocks - 1)
        # A command and a word are taken in cycle 0; beats begin in cycle 1.
        assert first[0] == per_block + unit.latency


def test_corner_values_fit():
    """The largest sum of the largest shape, and the least."""
    build = {"layout": SharedLayout(2), "tokens": 1, "activation_bits": 8, "words": 8}
    x = np.full((1, 256), -128)
    operations = [(np.full((2, 256), value), 8, x) for value in (255, -255)]
    received, _, _ = run(build, operations)
    assert [result["value"] for result in received] == [-255 * 128 * 256] * 2 + [
        255 * 128 * 256] * 2


def test_refuses():
    with pytest.raises(ValueError, match=r"words must be a multiple of k \(4\), not 6"):
        RegisterUnit(SharedLayout(8), tokens=1, activation_bits=8, words=6, max_rows=8,
                     max_columns=8)
