# SPDX-License-Identifier: Apache-2.0
"""The parts of an operation's cycles: their sum, counts by hand, and what changes with what."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from luthier.golden import losses as unit
from luthier.golden.config import Configuration, load_configuration, named_configurations
from luthier.golden.descriptor import Descriptor, Element, Refusal
from luthier.golden.losses import Losses, efficiency, losses
from luthier.golden.memory_timing import is_exact
from luthier.golden.records import scale_words
from luthier.golden.refusal import refusal
from luthier.golden.table import beats, columns_per_beat, max_columns, passes
from luthier.golden.timing import build_cycles, cycles

SCALED = Descriptor.SCALED | Descriptor.SATURATE
DEFAULT, TINY = load_configuration("default"), load_configuration("tiny")


def random_operation(config, rng):
    """Return an operation that large enough memories would accept."""
    t = config.table
    trits = t.trits and (not t.planes or rng.random() < 0.4)
    stored = 1 if trits else int(rng.integers(1, 9))
    d = Descriptor(
        flags=Descriptor.TRITS * trits, planes_stored=stored, planes_used=stored,
        rows=min(t.max_rows, int(2 ** rng.uniform(0, 12.5))), tokens=int(rng.integers(1, 4)),
        columns=min(max_columns(config, planes=stored), int(2 ** rng.uniform(0, 12.5))),
        source_type=config.activation_bytes - 1)
    if not t.records or rng.random() < 0.3:
        return d
    smallest = columns_per_beat(config, True) if trits else t.smallest_group
    groups = [0, *(g for g in (smallest << i for i in range(6)) if g <= t.beat_bits)]
    return replace(
        d, flags=d.flags | SCALED | Descriptor.OFFSETS * bool(rng.integers(2)),
        planes_used=int(rng.integers(1, stored + 1)), destination_type=Element.INT8,
        group=int(rng.choice(groups[:2] if trits else groups)))


#: Those without an SDRAM, for which there is more to wait than a unit's own.
EXACT = [name for name in named_configurations() if is_exact(load_configuration(name))]
CONFIGURATIONS = [
    *map(load_configuration, EXACT),
    *(Configuration.from_data({"name": name, "table": table}) for name, table in (
        ("k6", {"k": 6, "alphabets": "planes", "rounds": 4, "scaled": False, "adder_inputs": 3}),
        ("rounds", {"rounds": 4, "row_block": 16, "smallest_group": 128}),
        ("one_bank", {"rounds": 2, "banks": 1, "row_block": 64}),
        ("groups", {"beat_bits": 512, "rounds": 2, "k": 5, "alphabets": "planes"})))]


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda config: config.name)
def test_parts_add_up(config):
    rng = np.random.default_rng(5)
    largest = set()
    for _ in range(800):
        d = random_operation(config, rng)
        assert refusal(config, d) in (Refusal.NONE, Refusal.ADDRESS, Refusal.OVERLAP)
        parts = losses(config, d)
        assert parts.cycles == cycles(config, d), d
        assert parts.work + sum(parts.lost().values()) == parts.cycles
        assert min(parts.lost().values()) >= 0 < parts.fixed, (d, parts)
        assert parts.work + parts.padding == passes(config, d.tokens) * beats(
            config, rows=d.rows, columns=d.columns, planes=d.planes_used, trits=d.trits)
        assert float(parts.work / parts.cycles) == pytest.approx(efficiency(
            config, weights=d.rows * d.columns * d.planes_used * d.tokens, cycles=parts.cycles,
            trits=d.trits))
        assert d.scaled or parts.records == parts.scaler == 0
        largest.add(parts.largest)
    assert largest >= {"padding", "waiting", "fixed"}


@pytest.mark.parametrize("name", EXACT)
def test_what_is_the_same_for_every_operation_is_fixed(name, monkeypatch):
    """Other constants of the pipeline change that part alone."""
    config, rng = load_configuration(name), np.random.default_rng(6)
    operations = [random_operation(config, rng) for _ in range(50)]
    before = [losses(config, d) for d in operations]
    monkeypatch.setattr(unit, "cycles", lambda config, d: cycles(config, d) + 7)
    for d, parts in zip(operations, before, strict=True):
        assert losses(config, d) == replace(parts, fixed=parts.fixed + 7)


@pytest.mark.parametrize("trits", [False, True])
@pytest.mark.parametrize("name", [name for name in EXACT if name != "registers"])
def test_waiting_is_what_a_tile_takes_beyond_its_slots(name, trits):
    config = load_configuration(name)
    tile = columns_per_beat(config, trits)
    for rows, planes, tokens in ((4, 1, 1), (4, 1, 2), (16, 1 if trits else 8, 1),
                                 (config.table.row_block, 1 if trits else 8, 1)):
        d = Descriptor(flags=int(trits), rows=rows, columns=tile, tokens=tokens,
                       planes_stored=planes, planes_used=planes)
        more = [replace(d, columns=count * tile) for count in (5, 6)]
        slots = rows * planes
        growth = cycles(config, more[1]) - cycles(config, more[0]) - slots * passes(config, tokens)
        assert losses(config, replace(d, tokens=1)).waiting == 0
        assert losses(config, more[1]).waiting - losses(config, more[0]).waiting == growth
        assert growth > 0 if slots == 4 else (
            growth == 0 or slots < build_cycles(config, trits) + 8)


@pytest.mark.parametrize("trits", [False, True])
def test_waiting_is_what_results_take_beyond_the_next_block(trits):
    """Tables in registers: 64 rows and four cycles against the beats of a block."""
    config = load_configuration("registers")
    planes = 1 if trits else 3
    for columns in (4, 60, 92, 100, 200, 1000):
        d = Descriptor(flags=int(trits), rows=5 * 64, columns=columns, planes_stored=planes,
                       planes_used=planes)
        beats = (2 if trits else planes) * -(-columns // 4)
        assert losses(config, d).waiting == 4 * max(0, 64 + 4 - beats)
        assert losses(config, replace(d, tokens=2)).waiting == 4 * max(0, 128 + 4 - beats)


@pytest.mark.parametrize("columns, group", [(100, 0), (1000, 0), (1000, 128), (1000, 32)])
def test_records_are_those_in_memory(columns, group):
    d = Descriptor(flags=SCALED, rows=1056, columns=columns, group=group)
    shape = {"rows": d.rows, "columns": columns, "group": group, "trits": False}
    assert losses(DEFAULT, d).records == scale_words(DEFAULT, offsets=False, **shape)
    with_sums = replace(d, flags=SCALED | Descriptor.OFFSETS)
    tiles = -(-columns // 128)
    assert losses(DEFAULT, with_sums).records == 2 * tiles + scale_words(
        DEFAULT, offsets=True, **shape)


@pytest.mark.parametrize("config, fields, largest, parts", [
    # 16 tiles of 80 columns
    (DEFAULT, {"flags": 1, "rows": 1024, "columns": 1280}, "fixed", {"work": 16384}),
    # one column in the second tile of 64
    (TINY, {"rows": 504, "columns": 65}, "padding",
     {"work": 504 + Fraction(63, 8), "padding": 504 - Fraction(63, 8)}),
    # three of four slots
    (TINY, {"rows": 1, "columns": 512, "planes_stored": 8, "planes_used": 8}, "idle",
     {"work": 64, "idle": 3 * 64}),
    # in each block of 32 and the last of 2
    (TINY, {"rows": 66, "columns": 64}, "fixed", {"work": 66, "idle": 2}),
    # a tile of 64 strips: 64 groups each, 16 beats, 22 words of three records, offsets
    (DEFAULT, {"flags": SCALED | Descriptor.OFFSETS, "rows": 1024, "columns": 128, "group": 32},
     "scaler", {"work": 1024, "records": 64 * 22 + 1, "scaler": 64 * (64 - 16 - 22)}),
    # eight planes: 128 beats and 22 words for 64 groups
    (DEFAULT, {"flags": SCALED, "rows": 1024, "columns": 128, "group": 32, "planes_stored": 8,
               "planes_used": 8}, "records", {"work": 8192, "records": 64 * 11, "scaler": 0}),
])
def test_counts(config, fields, largest, parts):
    found = losses(config, Descriptor(**fields))
    assert found.largest == largest
    shown = {"padding": 0, "idle": 0, "records": 0, "scaler": 0, **parts}
    assert {name: getattr(found, name) for name in shown} == shown


def test_of_equal_parts_the_first():
    parts = dict.fromkeys(("padding", "idle", "records", "scaler", "waiting", "fixed"), 1)
    assert Losses(work=Fraction(5), **parts).largest == "padding"
    assert Losses(work=Fraction(5), **parts | {"waiting": 2}).largest == "waiting"
    assert Losses(work=Fraction(5, 2), **parts | {"padding": Fraction(3, 2)}).cycles == 9


def test_efficiency():
    assert efficiency(DEFAULT, weights=1280, cycles=20, trits=False) == 0.5
    assert efficiency(DEFAULT, weights=1280, cycles=20, trits=True) == 0.8
    assert efficiency(DEFAULT, weights=1280, cycles=0, trits=True) == 0
