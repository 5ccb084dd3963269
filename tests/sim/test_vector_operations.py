# SPDX-License-Identifier: Apache-2.0
"""RESCALE, ADD and GATHER on the compiled device, bit and cycle exact."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from luthier.golden.config import Configuration, load_configuration
from luthier.golden.descriptor import Descriptor, Opcode, Refusal
from luthier.golden.refusal import refusal
from luthier.golden.vector_operations import run
from luthier.host.link import Link
from luthier.sim.mixed_programs import run_mixed, run_single
from luthier.sim.operations import Runner, random_operation, random_program
from luthier.sim.resets import reset_while_running
from luthier.sim.transform_operations import random_transform
from luthier.sim.transport import SimTransport, build_board
from luthier.sim.vector_operations import random_vectors


def configuration(name, lanes, short_paths=False, **table):
    return Configuration.from_data({
        "name": name, "short_paths": short_paths,
        "scratchpad": {"words": 2048}, "memory": {"words": 4096},
        "table": {"row_block": 16, "max_rows": 512, "max_columns": 512} | table,
        "vector": {"lanes": lanes},
        "transform": {"samples": 64, "lanes": 2, "bits": 4, "group": 64}})


CASES = {
    "vectors": configuration("vectors", 4),
    "lane": configuration("lane", 1, beat_bits=64, activation_bits=12),
    "wide": configuration("wide", 16, beat_bits=512, activation_bits=5),
    "short_paths": configuration("short_paths", 4, short_paths=True),
}
VECTORS = CASES["vectors"]
MIXED = ((random_vectors, 0.6), (random_transform, 0.2), (random_operation, 0.2))


def test_operations(runners, seed):
    run_single(runners(VECTORS), random_vectors, 80, seed)


@pytest.mark.nightly
@pytest.mark.parametrize("name", CASES)
def test_many_operations(runners, name, seed):
    run_single(runners(CASES[name]), random_vectors, 500, seed)


def test_programs(runners, seed):
    run_mixed(runners(VECTORS), MIXED, 60, seed)


@pytest.mark.nightly
@pytest.mark.parametrize("name", CASES)
def test_many_programs(runners, name, seed):
    run_mixed(runners(CASES[name]), MIXED, 300, seed)


def test_back_to_back(runners):
    """Two alike are under way at once: the second begins while the first ends."""
    runner = runners(VECTORS)
    rng = np.random.default_rng(1)
    d = random_vectors(runner.config, rng, opcode=Opcode.ADD, columns=64, tokens=1)
    program = random_program(runner.config, rng, [d, d, d, d])
    got, expected = runner.run(program)
    assert got.cycles < expected.cycles


def test_golden_is_exact_rounding(seed):
    """Against fractions: round half to even, saturate, add, saturate."""
    rng = np.random.default_rng(seed)
    for _ in range(300):
        d = Descriptor(opcode=Opcode.ADD, multiplier=int(rng.integers(-32768, 32768)),
                       shift=int(rng.integers(64)), destination_type=int(rng.integers(3)))
        bits = 8 << d.destination_type
        low, high = -(1 << bits - 1), (1 << bits - 1) - 1
        x = rng.integers(-1 << 31, 1 << 31, 20) >> int(rng.integers(32))
        other = rng.integers(low, high + 1, 20)
        y, wrong = run(VECTORS, d, x, other)
        for value, onto, got in zip(x, other, y, strict=True):
            first = round(Fraction(int(value) * d.multiplier, 1 << d.shift))
            scaled = min(max(first, low), high)
            total = min(max(scaled + int(onto), low), high)
            wrong -= scaled != first or total != scaled + int(onto)
            assert got == total
        assert wrong == 0


RESCALE = Descriptor(opcode=Opcode.RESCALE, columns=40, source_type=2, destination=100,
                     destination_type=1, multiplier=3, shift=2, planes_stored=0, planes_used=0)
ADD = replace(RESCALE, opcode=Opcode.ADD, scales=200)
GATHER = replace(ADD, opcode=Opcode.GATHER, rows=50, planes_stored=2, multiplier=0, shift=0,
                 destination_type=2)
REFUSALS = [
    *[(RESCALE, {field: 1}, Refusal.RESERVED) for field in (
        "flags", "weights", "scales", "group", "planes_stored", "planes_used", "rows",
        "reserved_51", "reserved_60")],
    (ADD, {"flags": 8}, Refusal.RESERVED),
    (GATHER, {"multiplier": 1}, Refusal.RESERVED),
    (GATHER, {"shift": 1}, Refusal.RESERVED),
    (RESCALE, {"source_type": 3}, Refusal.UNSUPPORTED),
    (RESCALE, {"destination_type": 3}, Refusal.UNSUPPORTED),
    (RESCALE, {"source_stride": 0}, Refusal.UNSUPPORTED),
    (RESCALE, {"shift": 64}, Refusal.UNSUPPORTED),
    (GATHER, {"planes_stored": 1}, Refusal.UNSUPPORTED),
    (GATHER, {"destination_type": 1}, Refusal.UNSUPPORTED),
    (RESCALE, {"columns": 0}, Refusal.SHAPE),
    (RESCALE, {"columns": 65537}, Refusal.SHAPE),
    (RESCALE, {"tokens": 0}, Refusal.SHAPE),
    (GATHER, {"rows": 0}, Refusal.SHAPE),
    (GATHER, {"rows": 65537}, Refusal.SHAPE),
    (RESCALE, {"source": 2048 - 9}, Refusal.ADDRESS),
    (RESCALE, {"source": 2048 - 10}, Refusal.NONE),
    (RESCALE, {"destination": 2048 - 4}, Refusal.ADDRESS),
    (ADD, {"scales": 2048 - 4}, Refusal.ADDRESS),
    (ADD, {"scales": 2048 - 5}, Refusal.NONE),
    (ADD, {"scales": 2048 - 9, "tokens": 2, "source_step": 10, "destination_step": 5},
     Refusal.ADDRESS),
    (GATHER, {"scales": 2048 - 4}, Refusal.ADDRESS),
    (GATHER, {"scales": 2048 - 5}, Refusal.NONE),
    (RESCALE, {"destination": 9}, Refusal.OVERLAP),
    (RESCALE, {"destination": 0}, Refusal.OVERLAP),
    (RESCALE, {"destination": 0, "destination_type": 2}, Refusal.NONE),
    (RESCALE, {"destination": 0, "destination_type": 2, "tokens": 2, "source_step": 10,
               "destination_step": 11}, Refusal.OVERLAP),
    (RESCALE, {"tokens": 2, "destination_step": 4}, Refusal.OVERLAP),
    (ADD, {"scales": 96}, Refusal.OVERLAP),
    (ADD, {"scales": 100}, Refusal.NONE),
    (ADD, {"scales": 0}, Refusal.NONE),
    (GATHER, {"destination": 0}, Refusal.OVERLAP),
    (GATHER, {"scales": 100}, Refusal.OVERLAP),
    (GATHER, {"scales": 0}, Refusal.NONE),
]


@pytest.mark.parametrize("good, change, code", REFUSALS, ids=[
    f"{Opcode(good.opcode).name}-{'-'.join(f'{k}={v}' for k, v in change.items())}"
    for good, change, _ in REFUSALS])
def test_refusals(runners, good, change, code):
    """Golden model and device refuse the same, for the same reason; the next one runs."""
    runner, bad = runners(VECTORS), replace(good, **change)
    assert refusal(runner.config, good) == Refusal.NONE
    assert refusal(runner.config, bad) == code
    rng = np.random.default_rng(1)
    first = good if code else replace(good, release=1)  # one may read what the other writes
    got, _ = runner.run(random_program(
        runner.config, rng, [first, bad if code else replace(bad, wait=1)]))
    assert got.code == code
    got, _ = runner.run(random_program(runner.config, rng, [good]))
    assert got.code == Refusal.NONE


def test_without_a_vector_unit_the_opcodes_are_unknown():
    assert refusal(load_configuration("default"), RESCALE) == Refusal.OPCODE


def test_reset_in_the_middle(seed):
    """A reset at any time leaves a device that works."""
    config = CASES["vectors"]
    with SimTransport(build_board(config), config) as transport:
        runner = Runner(Link(transport), config)
        for number in range(12):
            rng = np.random.default_rng([seed, number])
            program = random_program(config, rng, [random_vectors(config, rng, tokens=2)])
            runner = reset_while_running(transport, runner, program, int(rng.integers(40, 1500)))
            got, expected = runner.run(
                random_program(config, rng, [random_vectors(config, rng)]))
            assert got.cycles == expected.cycles
