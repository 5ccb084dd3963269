# SPDX-License-Identifier: Apache-2.0
"""Scales against exact rational arithmetic, and their records against bits written by hand."""

from fractions import Fraction

import numpy as np
import pytest

from luthier.golden.config import Configuration, load_configuration, named_configurations
from luthier.golden.descriptor import Descriptor, Element, element_bits
from luthier.golden.engine import Engine
from luthier.golden.records import (
    groups_per_tile,
    pack_scales,
    records_per_word,
    scale_words,
    strip_words,
    unpack_scales,
)
from luthier.golden.scales import (
    dyadic,
    lane_width,
    output_stage,
    product_width,
    round_half_even,
    sum_width,
)
from luthier.golden.table import columns_per_beat, max_columns
from luthier.golden.timing import cycles
from luthier.sim.operations import random_operation, random_program

TINY = load_configuration("tiny")


def nearest_even(value: Fraction) -> int:
    """Round a fraction, Python's way: half to even."""
    return round(value)


def test_rounding_is_that_of_fractions():
    values = [*range(-70, 71), 2**62 - 1, -(2**62), 12345678901234]
    for shift in (0, 1, 2, 5, 40, 62):
        got = round_half_even(np.array(values), shift)
        assert got.tolist() == [nearest_even(Fraction(v, 1 << shift)) for v in values]
    wide = np.array([3 * 2**70, 2**77 + 2**62, -(2**78)], object)
    assert round_half_even(wide, 63).tolist() == [nearest_even(Fraction(v, 1 << 63)) for v in wide]


def test_output_stage_is_that_of_fractions():
    """Multiplier, shift, saturation and addition, up to the widest products."""
    rng = np.random.default_rng(1)
    for _ in range(300):
        bits, shift = int(rng.choice([4, 8, 16, 32])), int(rng.integers(0, 64))
        multiplier = int(rng.choice([0, 1, -1, 32767, -32768, rng.integers(-32768, 32768)]))
        total = rng.integers(-(2**62), 2**62, 20) >> rng.integers(0, 62, 20)
        low, high = -(1 << bits - 1), (1 << bits - 1) - 1
        onto = rng.integers(low, high + 1, 20) if rng.random() < 0.5 else None
        got, saturated = output_stage(total, multiplier, shift, bits, onto)
        count = 0
        for index, value in enumerate(total.tolist()):
            exact = nearest_even(Fraction(value * multiplier, 1 << shift))
            result = min(max(exact, low), high)
            out = result != exact
            if onto is not None:
                exact = result + int(onto[index])
                result = min(max(exact, low), high)
                out |= result != exact
            assert got[index] == result
            count += out
        assert saturated == count


@pytest.mark.parametrize("signed", [False, True])
def test_dyadic_is_the_nearest_of_its_exponent(signed):
    rng = np.random.default_rng(2)
    top = (1 << 16 - signed) - 1
    values = np.concatenate([
        10 ** rng.uniform(-6, 4, 500), [0, 1, 0.5, 1.5, top, top + 0.5, float(top << 15)]])
    if signed:
        values = np.concatenate([values, -values])
    values = values[abs(values) <= top << 10]
    mantissa, exponent = dyadic(values, 5, signed=signed)
    for value, m, e in zip(values, mantissa.tolist(), exponent.tolist(), strict=True):
        exact = Fraction(value) * 32
        assert -top - 1 <= m <= top and 0 <= e <= 15
        assert m == nearest_even(exact / (1 << e))
        if e:  # one less would not do
            assert abs(nearest_even(exact / (1 << e - 1))) > top
    with pytest.raises(ValueError, match="scales must lie between"):
        dyadic(np.array([float(top + 1 << 15)]), 0, signed=signed)


def test_record_bits_by_hand():
    """D = 64: three records without offsets to a word, one with."""
    scale = (np.array([[1], [0xFFFF], [2], [3]]), np.array([[0], [15], [1], [2]]))
    words = pack_scales(TINY, scale, None, columns=5, group=0, trits=False)
    first = 1 | (0xFFFF | 15 << 16) << 20 | (2 | 1 << 16) << 40
    assert words.shape == (6, 8)  # a strip takes the words of 16 rows
    assert int.from_bytes(words[0].tobytes(), "little") == first
    assert int.from_bytes(words[1].tobytes(), "little") == 3 | 2 << 16
    offset = (np.array([[-1], [-32768], [5], [0]]), np.array([[3], [15], [0], [0]]))
    words = pack_scales(TINY, scale, offset, columns=5, group=0, trits=False)
    assert words.shape == (16, 8)
    assert int.from_bytes(words[0].tobytes(), "little") == 1 | (0xFFFF | 3 << 16) << 20
    assert int.from_bytes(words[1].tobytes(), "little") == (
        0xFFFF | 15 << 16 | (0x8000 | 15 << 16) << 20)


@pytest.mark.parametrize("name", named_configurations())
@pytest.mark.parametrize("rows, columns", [(1, 1), (16, 300), (19, 130), (70, 513)])
def test_records_come_back(name, rows, columns):
    config, rng = load_configuration(name), np.random.default_rng(rows)
    t = config.table
    for trits in (False, True):
        for group in {0, t.smallest_group, t.beat_bits, columns_per_beat(config, trits)}:
            if group and not trits and t.beat_bits % group:
                continue
            tiles = -(-columns // columns_per_beat(config, trits)) if group else 1
            size = (rows, tiles * groups_per_tile(config, group, trits))
            scale = rng.integers(0, 1 << 16, size), rng.integers(0, 16, size)
            offset = rng.integers(-1 << 15, 1 << 15, size), rng.integers(0, 16, size)
            for given in (offset, None):
                shape = {"columns": columns, "group": group, "trits": trits}
                words = pack_scales(config, scale, given, **shape)
                assert len(words) == scale_words(config, rows=rows, offsets=given is not None,
                                                 **shape)
                s, t_ = unpack_scales(config, words, rows=rows, offsets=given is not None, **shape)
                assert (s == scale[0] << scale[1]).all()
                if given is not None:
                    assert (t_ == offset[0] * (1 << offset[1])).all()


def test_words_of_a_strip():
    assert [records_per_word(TINY, offsets) for offsets in (False, True)] == [3, 1]
    assert strip_words(TINY, 16, 4, True) == 64 and strip_words(TINY, 16, 4, False) == 22
    assert strip_words(TINY, 17, 4, False) == 22 + 2 and strip_words(TINY, 1, 1, False) == 1


@pytest.mark.parametrize("table", [
    {"max_columns": 65536, "activation_bits": 16}, {"max_columns": 65536, "activation_bits": 4},
    {"max_columns": 1, "activation_bits": 4}, {}])
def test_widths_hold_the_worst_case(table):
    """All scales, offsets, weights and activations at their limits, and not a bit to spare."""
    config = Configuration.from_data({"name": "w", "table": {"beat_bits": 64} | table,
                                      "scratchpad": {"words": 65536}})
    half = 1 << config.table.activation_bits - 1
    worst = 0
    for planes in range(1, 9):
        columns = max_columns(config, planes=planes)
        of_weights = ((1 << planes) - 1) * half * columns * (65535 << 15)
        worst = max(worst, of_weights + half * columns * (32768 << 15))
        # Offsets of the largest shape go with one plane.
        assert of_weights + half * columns * (32768 << 15) < 1 << sum_width(config) - 1
    assert sum_width(config) <= 64 and product_width(config) == sum_width(config) + 16
    assert 1 << sum_width(config) - 3 < worst
    assert 255 * config.table.smallest_group * half < 1 << lane_width(config) - 1


def exact(config, d, memory, x):
    """Return the exact sums of a row by its definition, with Python's integers."""
    from luthier.golden.weights import trit_codes, trit_values, unpack_planes, unpack_trits

    t = config.table
    if d.trits:
        tiles = -(-d.columns // columns_per_beat(config, True))
        beats = memory[d.weights :][: d.rows * tiles]
        # A byte that is no code means the trits of another one, which is.
        codes = trit_codes()[(trit_values()[beats].astype(int) + 1) @ 3 ** np.arange(5)]
        values = unpack_trits(codes, d.rows, d.columns, t.layout)
    else:
        tiles = -(-d.columns // t.beat_bits)
        beats = memory[d.weights :][: d.rows * tiles * d.planes_stored]
        values = unpack_planes(beats, d.rows, d.columns, d.planes_stored, t.layout)
        left_out = d.planes_stored - d.planes_used
        top = (1 << d.planes_stored) - 1
        stored = (values + top) >> 1
        signs = 2 * (stored[..., None] >> np.arange(left_out, d.planes_stored) & 1) - 1
        values = (signs << np.arange(left_out, d.planes_stored)).sum(axis=-1)
    size = d.group or d.columns
    records = memory[d.scales :][: scale_words(
        config, rows=d.rows, columns=d.columns, group=d.group, trits=d.trits, offsets=d.offsets)]
    s, t_ = unpack_scales(config, records, rows=d.rows, columns=d.columns, group=d.group,
                          trits=d.trits, offsets=d.offsets)
    sums = []
    for row in range(d.rows):
        total = Fraction(0)
        for column in range(d.columns):
            g = column // size
            weight = int(s[row, g]) * int(values[row, column]) + (
                int(t_[row, g]) if d.offsets else 0)
            total += Fraction(weight) * int(x[column])
        sums.append(total)
    return sums


@pytest.mark.parametrize("name", ["tiny", "a16", "a5"])
def test_engine_is_that_of_fractions(name):
    """Weight by weight, with scale and offset, one rounding: all kinds of operations."""
    config = load_configuration(name)
    for seed in range(25):
        rng = np.random.default_rng([5, seed])
        d = random_operation(config, rng, scaled=True, saturate=True,
                             rows=int(rng.choice([1, 5, 17, 20])), tiles=int(rng.choice([1, 2])))
        program = random_program(config, rng, [d])
        d, engine = program.descriptors[0], Engine(config)
        engine.memory[: len(program.memory)] = program.memory
        engine.scratchpad[:] = program.scratchpad
        report = engine.run(0, 1, 1)
        assert report.code == 0
        bits, saturated = element_bits(config, d.destination_type), 0
        kind = np.dtype(f"<i{Element(d.destination_type).bytes}")
        for token in range(d.tokens):
            x = engine._activations(d.source + token * d.source_step, d.columns)
            start = (d.destination + token * d.destination_step) * config.word_bytes
            before, after = (
                pad.reshape(-1)[start:][: d.rows * kind.itemsize].view(kind).tolist()
                for pad in (program.scratchpad, engine.scratchpad))
            low, high = -(1 << bits - 1), (1 << bits - 1) - 1
            for row, total in enumerate(exact(config, d, engine.memory, x)):
                wanted = nearest_even(total * d.multiplier / (1 << d.shift))
                result = min(max(wanted, low), high)
                out = result != wanted
                if d.accumulate:
                    wanted = result + before[row]
                    result = min(max(wanted, low), high)
                    out |= result != wanted
                saturated += out
                assert after[row] == result, (seed, d, row)
        assert report.saturations == saturated


def test_cycles_grow_with_what_is_read():
    d = Descriptor(rows=64, columns=128, planes_stored=4, planes_used=4)
    plain = cycles(TINY, d)
    flags = Descriptor.SATURATE | Descriptor.SCALED
    # Six words for each of four strips; the scaler is done with the last within a strip.
    assert plain + 18 < cycles(TINY, Descriptor(**{**vars(d), "flags": flags})) < plain + 24 + 16
    halved = Descriptor(**{**vars(d), "planes_used": 2})
    assert plain - cycles(TINY, halved) == 64 * 2 * 2
