# SPDX-License-Identifier: Apache-2.0
"""Operations of the transform and the quantiser on the compiled device, bit and cycle exact."""

from dataclasses import replace

import numpy as np
import pytest

from luthier.golden.config import Configuration, load_configuration
from luthier.golden.descriptor import Descriptor, Opcode, Refusal
from luthier.golden.quantiser import Mode
from luthier.golden.refusal import refusal
from luthier.host.link import Link
from luthier.sim.mixed_programs import run_mixed, run_single
from luthier.sim.operations import Runner, random_operation, random_program
from luthier.sim.resets import reset_while_running
from luthier.sim.transform_operations import random_transform
from luthier.sim.transport import SimTransport, build_board

LLAMA = Configuration.from_data({
    "name": "llama-down", "description": "The down projection of Llama 2 7B, padded: N = 8192.",
    "table": {"beat_bits": 512, "row_block": 512, "max_columns": 16384},
    "scratchpad": {"words": 1024}, "link": {"width": 8},
    "transform": {"samples": 8192, "lanes": 16, "order": 172, "order_lanes": 4, "bits": 8,
                  "group": 8192}})
#: Samples of one lane, of 16 bits; an H_K transposed, on as many lanes as the rest; codes as int16.
CASES = {
    "rotation": load_configuration("rotation"),
    "int16": Configuration.from_data({
        "name": "int16", "table": {"beat_bits": 64, "row_block": 16, "activation_bits": 12,
                                   "max_columns": 1024}, "scratchpad": {"words": 2048},
        "transform": {"samples": 256, "lanes": 2, "width": 9, "order": 20, "order_lanes": 2,
                      "order_samples": 32, "variant": "dao", "transposed": True, "bits": 6,
                      "group": 64}}),
    "lane": Configuration.from_data({
        "name": "lane", "table": {"beat_bits": 128, "row_block": 16, "activation_bits": 16,
                                  "max_columns": 1024}, "scratchpad": {"words": 2048},
        "transform": {"samples": 64, "lanes": 1, "width": 16, "bits": 8, "group": 1024,
                      "quantiser_width": 32}}),
    "llama-down": LLAMA,
}
MIXED = ((random_transform, 0.7), (random_operation, 0.3))


@pytest.mark.parametrize("name", ["rotation", "int16"])
def test_operations(runners, name, seed):
    run_single(runners(CASES[name]), random_transform, 60, seed)


@pytest.mark.nightly
@pytest.mark.parametrize("name", CASES)
def test_many_operations(runners, name, seed):
    run_single(runners(CASES[name]), random_transform, 600, seed)


def test_programs(runners, seed):
    run_mixed(runners(CASES["rotation"]), MIXED, 60, seed)


@pytest.mark.nightly
@pytest.mark.parametrize("name", CASES)
def test_many_programs(runners, name, seed):
    run_mixed(runners(CASES[name]), MIXED, 400, seed)


GOOD = Descriptor(
    opcode=Opcode.HADAMARD_QUANTISE, rows=64, columns=128, group=32, planes_stored=4,
    planes_used=Mode.SYMMETRIC, source_type=1, source=0, destination=100, scales=200,
    destination_type=0)
HADAMARD = replace(GOOD, opcode=Opcode.HADAMARD, group=0, planes_stored=0, planes_used=0, scales=0,
                   destination_type=2)
STATIC = replace(GOOD, opcode=Opcode.QUANTISE, rows=0, group=0, scales=0, shift=20, multiplier=77,
                 planes_used=Mode.STATIC)
REFUSALS = [
    *[(HADAMARD, {field: 1}, Refusal.RESERVED) for field in (
        "flags", "weights", "scales", "group", "planes_stored", "planes_used", "multiplier",
        "shift", "reserved_51", "reserved_60")],
    (GOOD, {"flags": 2}, Refusal.RESERVED),
    (GOOD, {"flags": 128}, Refusal.RESERVED),
    (STATIC, {"rows": 1}, Refusal.RESERVED),
    (GOOD, {"source_type": 3}, Refusal.UNSUPPORTED),
    (GOOD, {"source_stride": 2}, Refusal.UNSUPPORTED),
    (GOOD, {"destination_stride": 0}, Refusal.UNSUPPORTED),
    (GOOD, {"destination_type": 2}, Refusal.UNSUPPORTED),
    (HADAMARD, {"destination_type": 0}, Refusal.UNSUPPORTED),
    (GOOD, {"planes_stored": 1}, Refusal.UNSUPPORTED),
    (GOOD, {"planes_stored": 9}, Refusal.UNSUPPORTED),
    (GOOD, {"planes_used": 4}, Refusal.UNSUPPORTED),
    (GOOD, {"multiplier": 1}, Refusal.UNSUPPORTED),
    (GOOD, {"shift": 1}, Refusal.UNSUPPORTED),
    (GOOD, {"group": 48}, Refusal.UNSUPPORTED),
    (GOOD, {"group": 8}, Refusal.UNSUPPORTED),
    (GOOD, {"group": 8192}, Refusal.UNSUPPORTED),
    (STATIC, {"group": 32}, Refusal.UNSUPPORTED),
    (STATIC, {"scales": 1}, Refusal.UNSUPPORTED),
    (STATIC, {"shift": 44}, Refusal.UNSUPPORTED),
    (STATIC, {"shift": 43}, Refusal.NONE),
    (GOOD, {"columns": 0}, Refusal.SHAPE),
    (GOOD, {"tokens": 0}, Refusal.SHAPE),
    (GOOD, {"columns": 65537}, Refusal.SHAPE),
    (GOOD, {"rows": 16, "columns": 130}, Refusal.SHAPE),
    (GOOD, {"rows": 96}, Refusal.SHAPE),
    (GOOD, {"rows": 96, "columns": 96}, Refusal.NONE),
    (GOOD, {"rows": 96, "columns": 192}, Refusal.SHAPE),
    (GOOD, {"rows": 8192, "columns": 8192}, Refusal.SHAPE),
    (GOOD, {"rows": 256}, Refusal.SHAPE),
    (STATIC, {"columns": 8192, "source_type": 0, "source": 2000}, Refusal.NONE),
    (replace(GOOD, opcode=Opcode.QUANTISE, rows=0, group=0),
     {"columns": 8192, "source_type": 0, "source": 2000}, Refusal.SHAPE),
    (GOOD, {"source": 4096 - 15}, Refusal.ADDRESS),
    (GOOD, {"source": 4096 - 16}, Refusal.NONE),
    (GOOD, {"destination": 4096 - 7}, Refusal.ADDRESS),
    (GOOD, {"scales": 4096}, Refusal.ADDRESS),
    (GOOD, {"scales": 1 << 31}, Refusal.ADDRESS),
    (GOOD, {"scales": 4095, "tokens": 2, "source_step": 16, "destination_step": 8},
     Refusal.ADDRESS),
    (GOOD, {"destination": 15}, Refusal.OVERLAP),
    (GOOD, {"scales": 15}, Refusal.OVERLAP),
    (GOOD, {"scales": 107}, Refusal.OVERLAP),
    (GOOD, {"scales": 108}, Refusal.NONE),
    (GOOD, {"tokens": 2, "source_step": 16, "destination_step": 7}, Refusal.OVERLAP),
    (GOOD, {"tokens": 2, "source_step": 16, "destination_step": 8}, Refusal.NONE),
]


@pytest.mark.parametrize("good, change, code", REFUSALS, ids=[
    f"{Opcode(good.opcode).name}-{'-'.join(f'{k}={v}' for k, v in change.items())}"
    for good, change, _ in REFUSALS])
def test_refusals(runners, good, change, code):
    """Golden model and device refuse the same, for the same reason; the next one runs."""
    runner, bad = runners(CASES["rotation"]), replace(good, **change)
    assert refusal(runner.config, good) == Refusal.NONE
    assert refusal(runner.config, bad) == code
    rng = np.random.default_rng(1)
    got, _ = runner.run(random_program(runner.config, rng, [good, bad]))
    assert got.code == code
    got, _ = runner.run(random_program(runner.config, rng, [good]))
    assert got.code == Refusal.NONE


def test_without_a_transform_the_opcodes_are_unknown():
    assert refusal(load_configuration("default"), HADAMARD) == Refusal.OPCODE


@pytest.mark.nightly
def test_llama_down_projection(runners):
    """N = 8192, P = 16: at most 540 cycles per operation, by the engine's counters."""
    runner = runners(LLAMA)
    d = Descriptor(opcode=Opcode.HADAMARD, rows=8192, columns=8192, source_type=0,
                   destination=256, destination_type=2, planes_stored=0, planes_used=0)
    program = random_program(runner.config, np.random.default_rng(1), [d], repeat=100)
    got, _ = runner.run(program)
    print(f"{got.elapsed / got.operations} cycles per HADAMARD of 8192 samples")
    assert got.operations == 100 and got.elapsed <= 540 * 100


def test_reset_in_the_middle(seed):
    """A reset at any time leaves a device that works."""
    config = CASES["rotation"]
    with SimTransport(build_board(config), config) as transport:
        runner = Runner(Link(transport), config)
        for number in range(12):
            rng = np.random.default_rng([seed, number])
            program = random_program(config, rng, [random_transform(config, rng, tokens=2)])
            runner = reset_while_running(transport, runner, program, int(rng.integers(40, 1500)))
            got, expected = runner.run(
                random_program(config, rng, [random_transform(config, rng)]))
            assert got.cycles == expected.cycles
