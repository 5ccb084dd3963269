# SPDX-License-Identifier: Apache-2.0
"""SPARSE on the compiled device, bit and cycle exact."""

from dataclasses import replace

import numpy as np
import pytest

from luthier.golden.config import Configuration, load_configuration
from luthier.golden.descriptor import Descriptor, Opcode, Refusal
from luthier.golden.engine import Engine
from luthier.golden.refusal import refusal
from luthier.golden.sparse.encodings import RowFormat, encode_rows, matrix_items
from luthier.golden.sparse.packets import matrix_packet
from luthier.golden.sparse_operation import most_lane_cycles, operation_format, sparse_beats
from luthier.golden.timing import cycles
from luthier.host.link import Link
from luthier.sim.mixed_programs import run_mixed, run_single
from luthier.sim.operations import Runner, random_operation, random_program
from luthier.sim.resets import reset_while_running
from luthier.sim.sparse_operations import random_sparse
from luthier.sim.transform_operations import random_transform
from luthier.sim.transport import SimTransport, build_board
from luthier.sim.vector_operations import random_vectors


def configuration(name, sparse, words=4096, short_paths=False, **table):
    return Configuration.from_data({
        "name": name, "short_paths": short_paths,
        "scratchpad": {"words": 2048}, "memory": {"words": words},
        "table": {"row_block": 16, "max_rows": 512, "max_columns": 512} | table,
        "vector": {"lanes": 2}, "sparse": sparse,
        "transform": {"samples": 64, "lanes": 2, "bits": 4, "group": 64}})


CASES = {
    "pairs": configuration("sparse-pairs", {"block": 4, "kept": [2, 4]}),
    "singles": configuration("sparse-singles", {"block": 8, "kept": [1], "lanes": 8},
                             beat_bits=256, activation_bits=12),
    "nibbles": configuration("sparse-nibbles", {"block": 16, "kept": [2, 8], "weight_bits": 4}),
    "lane": configuration("sparse-lane", {
        "block": 16, "kept": [8, 16], "weight_bits": 4, "lanes": 1}, activation_bits=5),
    "narrow": configuration("sparse-narrow", {"block": 4, "kept": [1, 2, 4], "lanes": 2},
                            beat_bits=64, activation_bits=16, max_columns=508),
    "csr": configuration("sparse-csr", {"block": 4, "kept": [2], "csr": True}),
    "csr_nibbles": configuration("sparse-csr-nibbles", {
        "block": 4, "kept": [4], "weight_bits": 4, "lanes": 1, "csr": True}, beat_bits=64,
        activation_bits=6),
    "csr_wide": configuration("sparse-csr-wide", {
        "block": 16, "kept": [8], "lanes": 8, "csr": True}, beat_bits=256, activation_bits=12,
        short_paths=True),
    "csr_lane": configuration("sparse-csr-lane", {
        "block": 4, "kept": [1], "lanes": 1, "csr": True}),
    "short_paths": configuration("sparse-short-paths", {"block": 4, "kept": [2, 4]},
                                 short_paths=True),
}
PAIRS = CASES["pairs"]
MIXED = ((random_sparse, 0.5), (random_vectors, 0.2), (random_transform, 0.1),
         (random_operation, 0.2))


@pytest.mark.parametrize("name", ["pairs", "csr"])
def test_operations(runners, name, seed):
    run_single(runners(CASES[name]), random_sparse, 60, seed)


@pytest.mark.nightly
@pytest.mark.parametrize("name", CASES)
def test_many_operations(runners, name, seed):
    run_single(runners(CASES[name]), random_sparse, 300, seed)


def test_programs(runners, seed):
    run_mixed(runners(PAIRS), MIXED, 60, seed)


@pytest.mark.nightly
@pytest.mark.parametrize("name", CASES)
def test_many_programs(runners, name, seed):
    run_mixed(runners(CASES[name]), MIXED, 300, seed)


@pytest.mark.parametrize("name, kept, tokens", [("pairs", 2, 1), ("csr", 0, 1), ("csr", 0, 2)])
def test_back_to_back(runners, name, kept, tokens):
    """Two alike are under way at once: the second begins while the first ends."""
    runner = runners(CASES[name])
    rng = np.random.default_rng(1)
    d = random_sparse(runner.config, rng, planes_stored=kept, rows=40, columns=64, tokens=tokens)
    got, expected = runner.run(random_program(runner.config, rng, [d, d, d, d]))
    assert got.cycles < expected.cycles


def test_single_weights_behind_blocks(runners):
    """What fills up a row group of sixteen beats of results leaves the chain behind the last."""
    runner, rng = runners(CASES["csr_lane"]), np.random.default_rng(1)
    blocks, single = (replace(SPARSE, planes_stored=kept, scales=scales, rows=rows)
                      for kept, scales, rows in ((1, 0, 1), (0, 1, 5)))
    for program in ([blocks, single], [blocks, single, blocks, blocks, single, single]):
        runner.run(random_program(runner.config, rng, program))
        tokens = [replace(d, wait=index > 0, release=1) for index, d in enumerate(program)]
        runner.run(random_program(runner.config, rng, tokens))


def _random_matrix(form, rng, d):
    low, high = -1 << form.weight_bits - 1, (1 << form.weight_bits - 1) - 1
    if isinstance(form, RowFormat):
        weights = rng.integers(low, high + 1, (d.rows, d.columns))
        return np.where(rng.random(weights.shape) < 0.02, weights, 0)
    matrix = np.zeros((d.rows, -(-d.columns // form.block), form.block), np.int64)
    for row in matrix:
        for block in row:
            chosen = rng.permutation(form.block)[: rng.integers(form.kept + 1)]
            block[chosen] = rng.integers(low, high + 1, len(chosen))
    return matrix.reshape(d.rows, -1)[:, : d.columns]


@pytest.mark.parametrize("name", CASES)
def test_golden_is_the_product(name, seed):
    """Against the plain product of the matrix, by way of device memory."""
    config = CASES[name]
    for number in range(20):
        rng = np.random.default_rng([seed, number])
        d = random_sparse(config, rng, flags=0, multiplier=0, shift=0, destination_type=2, tokens=1)
        d = replace(d, weights=64)
        form, half = operation_format(config, d), 1 << config.table.activation_bits - 1
        matrix = _random_matrix(form, rng, d)
        x = rng.integers(-half, half, d.columns)
        engine = Engine(config)
        if isinstance(form, RowFormat):
            packet = encode_rows(form, matrix_items(form, matrix))
            d = replace(d, scales=len(packet))
        else:
            packet = matrix_packet(config.chain, form, matrix)
            assert len(packet) == sparse_beats(config, d)
        engine.memory[64 : 64 + len(packet)] = packet
        engine.memory[0 : 64 // config.word_bytes] = np.frombuffer(
            d.pack(), np.uint8).reshape(-1, config.word_bytes)
        stored = x.astype(f"<i{config.activation_bytes}").view(np.uint8)
        engine.scratchpad.reshape(-1)[d.source * config.word_bytes :][: len(stored)] = stored
        report = engine.run(0, 1, 1)
        got = engine.scratchpad.view("<i4").reshape(-1)[d.destination * config.word_bytes // 4 :]
        assert (report.code, report.malformed) == (0, 0)
        assert (got[: d.rows] == matrix @ x).all()


@pytest.mark.nightly
def test_multipliers_are_busy(runners):
    """Of 4096 cycles and more, all but 3 % take a beat; the index costs its share of them."""
    runner = runners(configuration("sparse-large", {"block": 4, "kept": [1, 2, 4]}, 16384))
    for kept in (1, 2, 4):
        rng = np.random.default_rng(kept)
        rows = 512
        d = random_sparse(runner.config, rng, rows=rows, columns=128 * 4 // kept // 2, tokens=4,
                          planes_stored=kept, flags=0, multiplier=0, shift=0, destination_type=2)
        report, _ = runner.run(random_program(runner.config, rng, [d]))
        print(f"{kept}:4: {report.busy} beats in {report.cycles} cycles")
        assert report.cycles - report.busy <= 64 + 8 * d.tokens


SPARSE = Descriptor(opcode=Opcode.SPARSE, rows=40, columns=64, destination=100, planes_stored=2,
                    planes_used=0)
ROUNDED = replace(SPARSE, flags=Descriptor.SATURATE, multiplier=3, shift=2, destination_type=1)
MOST = 4096 - 80 - 15  # five row groups of 16 words, and 24 bits of index for each of these
REFUSALS = [
    *[(SPARSE, {field: 1}, Refusal.RESERVED) for field in (
        "scales", "group", "planes_used", "reserved_51", "reserved_60")],
    *[(SPARSE, {"flags": 1 << bit}, Refusal.RESERVED) for bit in (0, 1, 4, 5, 6, 7)],
    (SPARSE, {"flags": Descriptor.ACCUMULATE}, Refusal.UNSUPPORTED),
    (SPARSE, {"multiplier": 1}, Refusal.UNSUPPORTED),
    (SPARSE, {"shift": 1}, Refusal.UNSUPPORTED),
    (SPARSE, {"destination_type": 1}, Refusal.UNSUPPORTED),
    (SPARSE, {"source_type": 1}, Refusal.UNSUPPORTED),
    (SPARSE, {"source_stride": 2}, Refusal.UNSUPPORTED),
    (SPARSE, {"destination_stride": 0}, Refusal.UNSUPPORTED),
    *[(SPARSE, {"planes_stored": kept}, Refusal.UNSUPPORTED) for kept in (0, 1, 3, 8)],
    (ROUNDED, {"shift": 64}, Refusal.UNSUPPORTED),
    (ROUNDED, {"destination_type": 3}, Refusal.UNSUPPORTED),
    (SPARSE, {"rows": 0}, Refusal.SHAPE),
    (SPARSE, {"rows": 513}, Refusal.SHAPE),
    (SPARSE, {"columns": 0}, Refusal.SHAPE),
    (SPARSE, {"columns": 513}, Refusal.SHAPE),
    (SPARSE, {"tokens": 0}, Refusal.SHAPE),
    (SPARSE, {"source": 2048 - 3}, Refusal.ADDRESS),
    (SPARSE, {"source": 2048 - 4}, Refusal.NONE),
    (SPARSE, {"destination": 2048 - 9}, Refusal.ADDRESS),
    (SPARSE, {"destination": 2048 - 10}, Refusal.NONE),
    (SPARSE, {"weights": MOST}, Refusal.NONE),
    (SPARSE, {"weights": MOST + 1}, Refusal.ADDRESS),
    (SPARSE, {"weights": 0xFFFF_FFFF}, Refusal.ADDRESS),
    (replace(SPARSE, rows=256), {"rows": 512, "columns": 512}, Refusal.ADDRESS),
    (SPARSE, {"destination": 3}, Refusal.OVERLAP),
    (SPARSE, {"destination": 4}, Refusal.NONE),
    (SPARSE, {"tokens": 2, "destination_step": 9}, Refusal.OVERLAP),
    (ROUNDED, {"tokens": 2, "destination_step": 5}, Refusal.NONE),
]


@pytest.mark.parametrize("good, change, code", REFUSALS, ids=[
    f"{'-'.join(f'{k}={v}' for k, v in change.items())}" for _, change, _ in REFUSALS])
def test_refusals(runners, good, change, code):
    """Golden model and device refuse the same, for the same reason; the next one runs."""
    runner, bad = runners(PAIRS), replace(good, **change)
    assert refusal(runner.config, good) == Refusal.NONE
    assert refusal(runner.config, bad) == code
    rng = np.random.default_rng(1)
    if code == Refusal.NONE:
        return
    got, _ = runner.run(random_program(runner.config, rng, [good, bad]))
    assert got.code == code
    got, _ = runner.run(random_program(runner.config, rng, [good]))
    assert got.code == Refusal.NONE


def test_without_a_chain_the_opcode_is_unknown():
    assert refusal(load_configuration("default"), SPARSE) == Refusal.OPCODE


def test_malformed_blocks_are_counted(runners):
    """Up to 65,535 words in a report."""
    runner, rng = runners(PAIRS), np.random.default_rng(1)
    program = random_program(runner.config, rng, [SPARSE], repeat=900)
    program.memory[program.descriptors[0].weights :] = 0xFF  # codes of pairs without a meaning
    got, _ = runner.run(program)
    assert got.malformed == 65535


@pytest.mark.parametrize("name", ["pairs", "csr"])
def test_reset_in_the_middle(name, seed):
    """A reset at any time leaves a device that works."""
    config = CASES[name]
    with SimTransport(build_board(config), config) as transport:
        runner = Runner(Link(transport), config)
        for number in range(12):
            rng = np.random.default_rng([seed, number])
            program = random_program(config, rng, [random_sparse(config, rng, tokens=2)])
            runner = reset_while_running(transport, runner, program, int(rng.integers(40, 1500)))
            got, expected = runner.run(random_program(config, rng, [random_sparse(config, rng)]))
            assert got.cycles == expected.cycles


@pytest.mark.parametrize("name", ["csr"])
def test_packets_of_any_bits(runners, name, seed):
    """Rows that are missing count as empty, and what is too much is dropped; both are counted."""
    runner, malformed = runners(CASES[name]), []
    for number in range(30):
        rng = np.random.default_rng([seed, number])
        d = random_sparse(runner.config, rng, planes_stored=0)
        program = random_program(runner.config, rng, [d])
        packet = program.memory[program.descriptors[0].weights :]
        keep = rng.random(packet.shape) < 0.5 if number % 2 else np.zeros(packet.shape, bool)
        packet[~keep] = rng.integers(0, 256, packet.shape, dtype=np.uint8)[~keep]
        got, _ = runner.run(program)
        malformed.append(got.malformed)
        d = program.descriptors[0]
        assert got.cycles <= cycles(runner.config, d, most_lane_cycles(runner.config, d))
    assert any(malformed)
    got, _ = runner.run(random_program(runner.config, rng, [
        random_sparse(runner.config, rng, planes_stored=0, tokens=1)]))
    assert got.code == Refusal.NONE


def test_refusals_of_single_weights(runners):
    """Their words are counted by the descriptor."""
    runner = runners(CASES["csr"])
    good = replace(SPARSE, planes_stored=0, scales=4)
    assert refusal(runner.config, good) == Refusal.NONE
    for change, code in (({"scales": 0}, Refusal.SHAPE), ({"group": 1}, Refusal.RESERVED),
                         ({"planes_stored": 2}, Refusal.RESERVED),
                         ({"scales": 4097}, Refusal.ADDRESS),
                         ({"scales": 1 << 31}, Refusal.ADDRESS),
                         ({"weights": 4093}, Refusal.ADDRESS), ({"rows": 0}, Refusal.SHAPE),
                         ({"planes_stored": 1, "scales": 0}, Refusal.UNSUPPORTED)):
        bad = replace(good, **change)
        assert refusal(runner.config, bad) == code, change
        got, _ = runner.run(random_program(runner.config, np.random.default_rng(1), [bad]))
        assert got.code == code, change
    rng = np.random.default_rng(1)
    got, _ = runner.run(random_program(runner.config, rng, [random_sparse(runner.config, rng)]))
    assert got.code == Refusal.NONE
