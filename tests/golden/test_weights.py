# SPDX-License-Identifier: Apache-2.0
"""Packing against the definition in the design and plain int64 products, written independently."""

import itertools

import numpy as np
import pytest

from luthier.golden.config import Configuration, load_configuration
from luthier.golden.descriptor import Descriptor
from luthier.golden.engine import Engine
from luthier.golden.errors import UserError
from luthier.golden.scales import exact_sums
from luthier.golden.table import beats, check_range, max_columns
from luthier.golden.timing import cycles
from luthier.golden.weights import (
    HALF2,
    HALF3,
    Layout,
    pack_planes,
    pack_trits,
    strips,
    trit_codes,
    trit_columns,
    trit_values,
    unpack_planes,
    unpack_trits,
    weight_bit,
)

LAYOUT = Layout(64, 32)
SHAPES = [(1, 1), (1, 200), (3, 64), (16, 65), (17, 80), (33, 127), (70, 300)]


def test_every_trit_vector_has_one_code():
    for index, vector in enumerate(itertools.product((-1, 0, 1), repeat=5)):
        # product() counts with the last position fastest, the code table with the first.
        code = int(trit_codes()[sum((v + 1) * 3**p for p, v in enumerate(vector))])
        assert tuple(trit_values()[code]) == vector, index
    assert len(set(trit_codes().tolist())) == 243


def test_trit_byte_fields():
    """Decode by the words of the design, field by field."""
    for byte in range(256):
        bits = [byte >> k & 1 for k in range(8)]
        i, t, j = byte >> 3 & 15, bits[2], byte & 3
        if i >> 1 != 7:
            triple, pair = HALF3[i], [(-1) ** t * v for v in HALF2[j]]
        else:
            entry = 8 * (i & 1) + 4 * t + j
            triple, pair = (HALF3[entry] if entry < 14 else (0, 0, 0)), [0, 0]
        expected = [(-1) ** bits[7] * v for v in (*triple, *pair)]
        assert trit_values()[byte].tolist() == expected


@pytest.mark.parametrize("half, digits", [(HALF3, 3), (HALF2, 2)])
def test_half_tables_are_gray_and_complete(half, digits):
    vectors = set(half) | {tuple(-v for v in vector) for vector in half}
    assert vectors | {(0,) * digits} == set(itertools.product((-1, 0, 1), repeat=digits))
    for a, b in itertools.pairwise(half):
        assert sum(abs(x - y) for x, y in zip(a, b, strict=True)) == 1


@pytest.mark.parametrize("beat_bits", [64, 128, 256, 512])
@pytest.mark.parametrize("rounds", [1, 2, 4])
def test_trit_columns_are_a_permutation(beat_bits, rounds):
    columns = trit_columns(Layout(beat_bits, 32, rounds=rounds))
    assert columns.shape == (beat_bits // 8, 5)
    assert sorted(columns.ravel().tolist()) == list(range(5 * beat_bits // 8))


@pytest.mark.parametrize("rows, columns", SHAPES)
@pytest.mark.parametrize("planes", [1, 2, 3, 8])
def test_planes_round_trip(rows, columns, planes):
    rng = np.random.default_rng(rows * 1000 + columns + planes)
    values = 2 * rng.integers(0, 2**planes, (rows, columns)) - (2**planes - 1)
    packed = pack_planes(values, planes, LAYOUT)
    assert packed.shape == (rows * planes * -(-columns // 64), 8)
    np.testing.assert_array_equal(unpack_planes(packed, rows, columns, planes, LAYOUT), values)


@pytest.mark.parametrize("rows, columns", SHAPES)
def test_trits_round_trip(rows, columns):
    values = np.random.default_rng(rows + columns).integers(-1, 2, (rows, columns))
    packed = pack_trits(values, LAYOUT)
    assert packed.shape == (rows * -(-columns // 40), 8)
    np.testing.assert_array_equal(unpack_trits(packed, rows, columns, LAYOUT), values)


def test_first_plane_nibble_by_hand():
    """Columns +1 +1 -1 -1 in one plane: b = 0011, so s = 1 and i = not b2..b0 = 100."""
    packed = pack_planes(np.array([[1, 1, -1, -1]]), 1, LAYOUT)
    assert packed.tolist() == [[0b1100] + [0] * 7]


def test_order_of_beats_by_hand():
    """Row block > tile > strip of 16 > plane, most significant first > row."""
    rows, planes, columns = 50, 2, 100
    values = np.full((rows, columns), -3)
    expected = [(tile, plane, row)
                for block in (range(32), range(32, 50))
                for tile in range(2)
                for strip in ((range(0, 16), range(16, 32)) if not block.start
                              else (range(32, 50),))  # 2 rows join the 16 before them
                for plane in (1, 0)
                for row in strip]
    for place, (tile, plane, row) in enumerate(expected):
        changed = values.copy()
        changed[row, 64 * tile] += 2 << plane
        beat, bit = weight_bit(row, 64 * tile, rows, columns, planes, False, LAYOUT, plane)
        assert (beat, bit) == (place, 0)
        before, after = (pack_planes(v, planes, LAYOUT) for v in (values, changed))
        assert np.flatnonzero((before != after).any(axis=1)).tolist() == [place]


def test_unused_trit_codes_are_rejected():
    packed = pack_trits(np.zeros((1, 40), int), LAYOUT)
    packed[0, 3] = sorted(set(range(256)) - set(trit_codes().tolist()))[0]
    with pytest.raises(UserError, match="not a code for five trits"):
        unpack_trits(packed, 1, 40, LAYOUT)


@pytest.mark.parametrize("call", [
    lambda: pack_planes(np.array([[2]]), 2, LAYOUT),
    lambda: pack_planes(np.array([[5]]), 2, LAYOUT),
    lambda: pack_trits(np.array([[2]]), LAYOUT),
    lambda: pack_trits(np.array([1]), LAYOUT),
    lambda: pack_trits(np.array([[0.5]]), LAYOUT),
])
def test_bad_weights(call):
    with pytest.raises(UserError, match="must be"):
        call()


@pytest.mark.parametrize("name", ["tiny", "default", "wide", "a16", "a5"])
@pytest.mark.parametrize("rows, columns", [(1, 1), (37, 203), (129, 81)])
@pytest.mark.parametrize("planes", [0, 1, 3, 8])
def test_engine_equals_int64_product(name, rows, columns, planes):
    config = load_configuration(name)
    rng = np.random.default_rng(columns)
    trits = planes == 0
    planes = planes or 1
    t, tokens = config.table, 2
    if trits:
        values = rng.integers(-1, 2, (rows, columns))
        packed = pack_trits(values, t.layout)
    else:
        values = 2 * rng.integers(0, 2**planes, (rows, columns)) - (2**planes - 1)
        packed = pack_planes(values, planes, t.layout)
    half = 1 << t.activation_bits - 1
    x = rng.integers(-half, half, (tokens, columns))
    x[0] = -half

    engine = Engine(config)
    words = -(-columns // config.activations_per_word)
    out = -(-rows // config.results_per_word)
    dtype = "<i1" if config.activation_bytes == 1 else "<i2"
    flat = engine.scratchpad.reshape(-1)
    for token in range(tokens):
        raw = x[token].astype(dtype).view(np.uint8)
        flat[token * words * config.word_bytes :][: raw.size] = raw
    d = Descriptor(flags=int(trits), source=0, destination=2 * words, weights=16, rows=rows,
                   columns=columns, planes_stored=planes, planes_used=planes,
                   source_type=config.activation_bytes - 1, tokens=tokens, source_step=words,
                   destination_step=out)
    engine.memory.reshape(-1)[:64] = np.frombuffer(d.pack(), np.uint8)
    engine.memory[16 : 16 + len(packed)] = packed
    report = engine.run(0, 1, 1)
    assert (report.code, report.operations) == (0, 1)
    shape = {"rows": rows, "columns": columns, "planes": planes, "trits": trits}
    assert report.busy == tokens * beats(config, **shape)
    assert report.cycles > report.busy
    got = flat[2 * words * config.word_bytes :][: tokens * out * config.word_bytes]
    got = got.reshape(tokens, -1).view("<i4")[:, :rows]
    expected = np.einsum("rc,tc->tr", values.astype(np.int64), x.astype(np.int64))
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(exact_sums(values, x, None, None, columns), expected)


def test_range_is_checked_at_the_worst_case():
    config = load_configuration("a16")
    limit = max_columns(config, planes=8)
    check_range(config, columns=limit, planes=8, trits=False)
    assert -(2**31) <= -255 * 2**15 * limit < -(2**31) + 255 * 2**15
    with pytest.raises(UserError, match="split the columns in parts of at most 257"):
        check_range(config, columns=limit + 1, planes=8, trits=False)


def test_configuration_round_trip():
    config = load_configuration("tiny")
    again = Configuration.from_data(__import__("json").loads(config.canonical_json()))
    assert again.hash == config.hash


@pytest.mark.parametrize("rows, sizes", [
    (1, [1]), (3, [3]), (15, [15]), (16, [16]), (17, [17]), (19, [19]), (20, [16, 4]),
    (33, [16, 17]),
    (47, [16, 16, 15]),
])
def test_strips(rows, sizes):
    assert strips(rows) == sizes


@pytest.mark.parametrize("name", ["tiny", "default", "wide", "a16", "a5"])
def test_declared_overhead_is_at_most_64_cycles(name):
    """Wherever every tile is used for at least 256 beats."""
    config, rng = load_configuration(name), np.random.default_rng(1)
    block, checked = config.table.row_block, 0
    while checked < 2000:
        rows, columns = rng.integers(1, 3 * block), rng.integers(1, config.table.max_columns + 1)
        planes, trits = (1, True) if rng.random() < 0.3 else (int(rng.integers(1, 9)), False)
        smallest = rows % block or block
        if smallest * planes < 256:
            if block * 8 < 256:
                break
            continue
        shape = {"rows": int(rows), "columns": int(columns), "planes": planes, "trits": trits}
        d = Descriptor(flags=int(trits), rows=int(rows), columns=int(columns),
                       planes_stored=planes, planes_used=planes)
        assert cycles(config, d) <= beats(config, **shape) + 64, shape
        checked += 1
