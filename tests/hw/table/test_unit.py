# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The table unit against plain int64 products, under random stalls and at full rate."""

import numpy as np
import pytest
from amaranth.back import verilog

from luthier.golden.config import Configuration, load_configuration
from luthier.golden.descriptor import Descriptor
from luthier.golden.table import max_columns
from luthier.golden.weights import pack_planes, pack_trits
from luthier.hw.table import TableUnit
from luthier.sim.streams import simulate, sink, source
from luthier.sim.unit_case import unit_case, unit_command

TINY = load_configuration("tiny")


def configuration(**table):
    return Configuration.from_data({"name": "case", "table": {"max_columns": 512} | table})


def words(config, x, blocks):
    """Return the activation words of a vector, the same for each token, for each row block."""
    per_word = config.activations_per_word
    padded = np.zeros(-(-len(x) // per_word) * per_word, np.int64)
    padded[: len(x)] = x
    of_tokens = np.repeat(padded.reshape(-1, per_word), config.table.tokens, axis=0)
    return of_tokens.tolist() * blocks


def matrix(rng, rows, columns, planes):
    if planes == 0:
        return rng.integers(-1, 2, (rows, columns))
    return 2 * rng.integers(0, 2**planes, (rows, columns)) - (2**planes - 1)


def run(config, operations, *, p_valid=1.0, p_ready=1.0, seed=1, times=None):
    """Run [(values, planes, x)], planes 0 for trits; return the list of results with last flags."""
    t, commands, activations, weights = config.table, [], [], []
    for values, planes, x in operations:
        rows, columns = values.shape
        commands.append(unit_command(config, Descriptor(
            flags=int(planes == 0), planes_stored=planes or 1, planes_used=planes or 1, rows=rows,
            columns=columns)))
        activations += words(config, x, -(-rows // t.row_block))
        packed = (pack_planes(values, planes, t.layout) if planes else
                  pack_trits(values, t.layout))
        weights += [int.from_bytes(beat.tobytes(), "little") for beat in packed]
    unit, received = TableUnit(config), []
    count = sum(len(values) for values, _, _ in operations)
    simulate(unit, [
        source(unit.command, commands, probability=p_valid, seed=seed),
        source(unit.activations, activations, probability=p_valid, seed=seed + 1),
        source(unit.weights, weights, probability=p_valid, seed=seed + 2),
        sink(unit.results, received, count, probability=p_ready, seed=seed + 3, times=times),
    ], observed=[unit.results], limit=200 * len(weights) + 60_000)
    return received


def check(config, operations, **options):
    received = run(config, operations, **options)
    if config.table.tokens > 1:  # the same vector each
        assert all(lane.value == word[0].value for word in received for lane in word)
        received = [word[-1] for word in received]
    expected = np.concatenate([values.astype(np.int64) @ x for values, _, x in operations])
    assert [word.value for word in received] == expected.tolist()
    ends = np.cumsum([len(values) for values, _, _ in operations]) - 1
    assert [index for index, word in enumerate(received) if word.last] == ends.tolist()


CASES = {
    "one_weight": (1, 1),
    "one_row": (1, 150),
    "one_column": (20, 1),
    "two_rows": (2, 70),
    "three_rows": (3, 64),
    "strip_and_one": (17, 65),
    "last_strip_of_three": (19, 81),
    "block_and_one": (33, 40),
    "three_blocks": (70, 130),
}


@pytest.mark.parametrize("rows, columns", CASES.values(), ids=CASES)
@pytest.mark.parametrize("planes", [0, 1, 2, 5, 8])
def test_equals_product(rows, columns, planes):
    rng = np.random.default_rng(rows + columns + planes)
    check(TINY, [(matrix(rng, rows, columns, planes), planes, rng.integers(-128, 128, columns))])


@pytest.mark.parametrize("p_valid, p_ready", [(0.3, 1), (1, 0.3), (0.6, 0.6)])
@pytest.mark.parametrize("planes", [0, 2])
def test_random_stalls(planes, p_valid, p_ready):
    rng = np.random.default_rng(5)
    operations = [(matrix(rng, rows, 70, planes), planes, rng.integers(-128, 128, 70))
                  for rows in (35, 3, 18)]
    check(TINY, operations, p_valid=p_valid, p_ready=p_ready, seed=7)


def test_mixed_operations_back_to_back():
    rng = np.random.default_rng(6)
    check(TINY, [(matrix(rng, rows, columns, planes), planes, rng.integers(-128, 128, columns))
                 for rows, columns, planes in [(5, 33, 3), (1, 1, 0), (40, 90, 0), (2, 2, 8),
                                               (33, 64, 1), (4, 200, 0)]])


@pytest.mark.parametrize("planes", [0, 8])
def test_worst_case_of_every_adder(planes):
    """All activations -2**(A-1) and weights of one sign reach the limit of every node."""
    columns = 512
    top = 2**planes - 1 if planes else 1
    x = np.full(columns, -128)
    signs = np.sign(np.random.default_rng(1).integers(0, 2, columns) * 2 - 1)
    for values, vector in [(top, x), (-top, x), (top, np.full(columns, 127)),
                           (top * signs, np.where(signs > 0, -128, 127)),
                           (-top * signs, np.where(signs > 0, -128, 127))]:
        check(TINY, [(np.broadcast_to(values, (2, columns)), planes, vector)])


def test_largest_value_of_every_node():
    """A node is largest, 2**w - 1, if its first table reads 511 and all others a negated -512.

    All others with the sum -512, unnegated, make every node smallest, -2**w (the test above).
    """
    operations = []
    for first in range(TINY.table.beat_bits // 4):
        x, signs = np.full(64, -128), np.full((1, 64), -1)
        x[4 * first + 3], signs[0, 4 * first + 3] = 127, 1
        operations.append((signs, 1, x))
    check(TINY, operations)


@pytest.mark.parametrize("table", [
    {"beat_bits": 128, "row_block": 16},
    {"beat_bits": 256, "activation_bits": 16, "row_block": 64},
    {"beat_bits": 64, "activation_bits": 4, "row_block": 32},
    {"beat_bits": 512, "activation_bits": 9, "row_block": 64},
], ids=lambda table: "d{beat_bits}".format(**table))
@pytest.mark.parametrize("planes", [0, 3])
def test_other_configurations(table, planes):
    config, rng = configuration(**table), np.random.default_rng(3)
    half = 1 << config.table.activation_bits - 1
    check(config, [(matrix(rng, 50, columns, planes), planes, rng.integers(-half, half, columns))
                   for columns in (config.table.beat_bits + 3, 37)])


@pytest.mark.parametrize("planes", [0, 1, 2])
def test_full_rate_and_latency(planes):
    """One row's last beat a cycle gives one result a cycle, ``latency`` after it."""
    config, rng = TINY, np.random.default_rng(2)
    values = matrix(rng, 32, 40, planes)
    times = []
    run(config, [(values, planes, rng.integers(-128, 128, 40))], times=times)
    per_strip = (planes or 1) * 16
    gaps = np.diff(times)
    assert set(gaps[:15]) | set(gaps[16:]) == {1}
    assert gaps[15] == per_strip - 15


@pytest.mark.parametrize("name", ["tiny", "a5"])
def test_latency(name):
    """A row's last beat comes alone: its result is there ``latency`` cycles later."""
    config, times, taken = load_configuration(name), [], []
    unit = TableUnit(config)
    x = [[1] * config.activations_per_word] * (64 // config.activations_per_word)
    d = Descriptor(rows=1, columns=64)

    async def watch(ctx):
        cycle = 0
        async for *_, issued, valid in ctx.tick().sample(
                unit.weights.valid & unit.weights.ready, unit.results.valid):
            taken.extend([cycle] * issued)
            times.extend([cycle] * valid)
            cycle += 1

    received = []
    simulate(unit, [source(unit.command, [unit_command(config, d)]), source(unit.activations, x),
                    source(unit.weights, [0]), sink(unit.results, received, 1)],
             background=[watch])
    assert times[0] - taken[0] == unit.latency


def scaled(config, seed, count, p_valid, p_ready, **fixed):
    """Run random operations of all kinds against the golden engine."""
    rng = np.random.default_rng(seed)
    cases = [unit_case(config, rng, rows=int(rng.choice([1, 3, 4, 16, 17, 35])), **fixed)
             for _ in range(count)]
    unit, received = TableUnit(config), []

    def joined(name):
        return [word for case in cases for word in getattr(case, name)]

    results = joined("results")
    simulate(unit, [
        source(unit.command, joined("commands"), probability=p_valid, seed=seed),
        source(unit.activations, joined("activations"), probability=p_valid, seed=seed + 1),
        source(unit.weights, joined("weights"), probability=p_valid, seed=seed + 2),
        sink(unit.results, received, len(results), probability=p_ready, seed=seed + 3),
    ], observed=[unit.results], limit=200_000)
    lanes = [(list(word) if config.table.tokens > 1 else [word])[: len(values)]
             for word, (values, _) in zip(received, results)]  # of tokens that are there
    assert [([lane.value for lane in word], bool(word[0].last)) for word in lanes] == results
    assert sum(lane.saturated for word in lanes for lane in word) == sum(
        case.saturations for case in cases)


@pytest.mark.parametrize("p_valid, p_ready", [(1, 1), (0.4, 1), (1, 0.3), (0.7, 0.7)])
def test_scales_under_stalls(p_valid, p_ready):
    """Back to back, all kinds of groups, alphabets, planes and types."""
    scaled(TINY, int(100 * p_valid + 10 * p_ready), 4, p_valid, p_ready)


@pytest.mark.parametrize("group", [16, 32, 64, 0])
def test_groups_under_stalls(group):
    scaled(TINY, group, 2, 0.6, 0.8, scaled=True, saturate=True, trits=False, group=group)


@pytest.mark.parametrize("table", [
    {"beat_bits": 128, "row_block": 16, "smallest_group": 128},
    {"beat_bits": 64, "activation_bits": 16, "smallest_group": 64},
    {"beat_bits": 128, "activation_bits": 4},
], ids=["one_lane", "one_lane_a16", "eight_lanes_a4"])
def test_lanes(table):
    scaled(configuration(row_block=32, **{"beat_bits": 64} | table) if "row_block" not in table
           else configuration(**table), 3, 3, 0.8, 0.8, scaled=True, saturate=True)


#: What the tables are made of and how: store x alphabet x K x rounds x adders, odd sizes, scales.
BUILDS = {
    "planes_k4_sum3": {"alphabets": "planes", "adder_inputs": 3, "rounds": 4, "scaled": False},
    "planes_k5": {"alphabets": "planes", "k": 5, "smallest_group": 64, "rounds": 2},
    "planes_k5_sum3": {"alphabets": "planes", "k": 5, "smallest_group": 128, "adder_inputs": 3,
                       "scaled": False, "beat_bits": 128},
    "planes_k6": {"alphabets": "planes", "k": 6, "smallest_group": 16, "rounds": 4,
                  "beat_bits": 128},
    "planes_k6_a16": {"alphabets": "planes", "k": 6, "smallest_group": 32, "activation_bits": 16},
    "trits_sum3": {"alphabets": "trits", "adder_inputs": 3, "rounds": 4, "scaled": False,
                   "beat_bits": 128},
    "trits": {"alphabets": "trits", "rounds": 2},
    "trits_one_bank": {"alphabets": "trits", "rounds": 4, "banks": 1, "scaled": False,
                       "beat_bits": 128},
    "both_one_bank": {"banks": 1},
    "planes_k5_one_bank": {"alphabets": "planes", "k": 5, "smallest_group": 64, "banks": 1,
                           "tokens": 2, "beat_bits": 128},
    "both_rounds4": {"rounds": 4},
    "both_a12_rounds2": {"rounds": 2, "activation_bits": 12, "beat_bits": 128},
    "both_sum3_d256": {"adder_inputs": 3, "scaled": False, "beat_bits": 256, "rounds": 2},
    "blockram": {"store": "blockram", "k": 8, "rounds": 4},
    "blockram_sum3": {"store": "blockram", "k": 8, "rounds": 1, "adder_inputs": 3,
                      "scaled": False, "beat_bits": 128},
    "blockram_trits_a4": {"store": "blockram", "k": 8, "rounds": 2, "alphabets": "trits",
                          "activation_bits": 4},
    "blockram_planes_a16": {"store": "blockram", "k": 8, "rounds": 2, "alphabets": "planes",
                            "activation_bits": 16, "smallest_group": 64},
    "blockram_lanes": {"store": "blockram", "k": 8, "rounds": 4, "alphabets": "trits"},
    "blockram_lanes_plain": {"store": "blockram", "k": 8, "rounds": 4, "alphabets": "trits",
                             "scaled": False, "beat_bits": 128, "activation_bits": 7},
    "two_tokens": {"tokens": 2, "beat_bits": 128, "rounds": 2},
    "two_tokens_blockram": {"tokens": 2, "beat_bits": 128, "store": "blockram", "k": 8,
                            "rounds": 4},
    "two_tokens_lanes": {"tokens": 2, "beat_bits": 128, "store": "blockram", "k": 8,
                         "rounds": 4, "alphabets": "trits", "scaled": False},
    "two_tokens_k5_sum3": {"tokens": 2, "beat_bits": 128, "alphabets": "planes", "k": 5,
                           "smallest_group": 64, "adder_inputs": 3, "scaled": False},
    "four_tokens_trits_a16": {"tokens": 4, "beat_bits": 256, "alphabets": "trits", "rounds": 4,
                              "activation_bits": 16, "smallest_group": 64},
}


@pytest.mark.parametrize("p_valid, p_ready", [(1, 1), (0.6, 0.7)])
@pytest.mark.parametrize("name", BUILDS)
def test_builds(name, p_valid, p_ready):
    """Random operations of all that a build can do, odd shapes and tokens, against golden."""
    config = configuration(**{"beat_bits": 64, "row_block": 32} | BUILDS[name])
    scaled(config, 11 + len(name), 4, p_valid, p_ready)


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.nightly if BUILDS[name].get("store") == "blockram" and
                 name != "blockram_trits_a4" else []) for name in BUILDS])
def test_builds_at_the_worst_case(name):
    """All activations -2**(A-1), weights of one sign and of both, by NumPy's product."""
    config = configuration(**{"beat_bits": 64, "row_block": 32} | BUILDS[name])
    half, rng = 1 << config.table.activation_bits - 1, np.random.default_rng(4)
    operations = []
    for planes in [8, 1] * config.table.planes + [0] * config.table.trits:
        top, columns = 2**planes - 1 if planes else 1, min(512, max_columns(config, planes=8))
        signs = rng.choice([-1, 1], columns)
        for values, x in [(top, np.full(columns, -half)), (-top, np.full(columns, -half)),
                          (top * signs, np.where(signs > 0, -half, half - 1)),
                          (-top * signs, np.where(signs > 0, -half, half - 1))]:
            operations.append((np.broadcast_to(values, (2, columns)), planes, x))
    check(config, operations)


def test_converts():
    text = verilog.convert(TableUnit(TINY), name="table_unit", emit_src=False,
                           strip_internal_attrs=True)
    assert "module table_unit(" in text


def test_wrong_config():
    with pytest.raises(TypeError, match="config must be a Configuration, not 3"):
        TableUnit(3)
