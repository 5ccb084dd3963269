# SPDX-License-Identifier: Apache-2.0
"""Named cases of operations on the compiled device, bit for bit and cycle for cycle.

Shapes, contents and the fields that a case leaves open are drawn: some 150 results for each case in
the normal suite, 100,000 for each family in the nightly one. Random stalls are the business of the
units' own tests and of the cocotb benches.
"""

import itertools

import numpy as np
import pytest

from luthier.golden.config import Configuration, load_configuration, named_configurations
from luthier.golden.cuts import request_cut
from luthier.golden.descriptor import Descriptor, Element
from luthier.golden.losses import losses
from luthier.golden.memory_timing import is_exact
from luthier.golden.table import columns_per_beat
from luthier.host.link import Link
from luthier.sim.operations import Runner, random_operation, random_program
from luthier.sim.transport import SimTransport, build_board

TINY = load_configuration("tiny")
TYPES = {"int8": Element.INT8, "int16": Element.INT16, "int32": Element.INT32}


def cases():
    """Format x group x output type x accumulate, for tiny; then planes, corners and shapes."""
    found = {"plain-trits": {"trits": True, "saturate": False},
             "plain-planes": {"trits": False, "saturate": False}}
    tile = columns_per_beat(TINY, True)
    for (name, element), added in itertools.product(TYPES.items(), (False, True)):
        stage = {"saturate": True, "destination_type": element, "accumulate": added}
        tail = f"{name}{'-added' * added}"
        found[f"stage-{tail}"] = stage | {"scaled": False}
        for group in (0, tile):
            found[f"trits-g{group}-{tail}"] = stage | {"scaled": True, "trits": True,
                                                       "group": group}
        for group in (0, 16, 32, 64):
            found[f"planes-g{group}-{tail}"] = stage | {"scaled": True, "trits": False,
                                                        "group": group}
    for planes in range(1, 9):
        for used in {1, planes // 2 or 1, planes}:
            found[f"w{planes}-of-which-{used}"] = {
                "trits": False, "saturate": True, "scaled": True, "planes_stored": planes,
                "planes_used": used}
    for rows in (1, 2, 3, 4, 16, 17, 19, 32, 33, 34, 35, 65):
        found[f"rows-{rows}"] = {"rows": rows, "saturate": True, "scaled": True}
    for columns in (1, 15, 16, 17, 40, 41, 64, 65, 128):
        found[f"columns-{columns}"] = {"columns": columns, "saturate": True, "scaled": True}
    return found


_SCALED = {"saturate": True, "scaled": True}
#: What is left open in a family is drawn: type, addition, planes stored and used, shape, tokens.
FAMILIES = {
    "plain": {"saturate": False},
    "stage": {"saturate": True, "scaled": False},
    "trits-rows": _SCALED | {"trits": True, "group": 0},
    "trits-tiles": _SCALED | {"trits": True, "group": columns_per_beat(TINY, True)},
    **{f"planes-g{group}": _SCALED | {"trits": False, "group": group} for group in (0, 16, 32, 64)},
    "nested": {"trits": False, "planes_stored": 8, "planes_used": 3},
    "added": {"saturate": True, "accumulate": True},
    "tokens": {"tokens": 3},
}


@pytest.fixture(scope="module")
def runner():
    with SimTransport(build_board(TINY), TINY) as transport:
        yield Runner(Link(transport), TINY)


def sweep(runner, config, results, seed, fixed):
    """Run random operations until so many results were compared; return the counts."""
    done = {"operations": 0, "results": 0, "saturations": 0}
    while done["results"] < results:
        rng = np.random.default_rng([seed, done["operations"]])
        d = random_operation(config, rng, **fixed)
        got, expected = runner.run(random_program(config, rng, [d]))
        assert got.cycles == expected.cycles, (seed, done, d)
        if config.table.shared is None:
            assert got.starved == 0
            assert got.blocked == 0
        else:  # results wait for those of the block before; words of all tokens may, too
            assert got.starved <= request_cut(config)  # no build hides that the first beat waits
            waiting = losses(config, d).waiting
            assert got.blocked <= waiting
            if d.columns % config.activations_per_word == 0:
                assert got.blocked == waiting
        done["operations"] += 1
        done["results"] += d.rows * d.tokens
        done["saturations"] += got.saturations
    return done


@pytest.mark.parametrize("name", cases())
def test_case(runner, name):
    sweep(runner, TINY, 150, 1, cases()[name])


@pytest.mark.nightly
@pytest.mark.parametrize("name", FAMILIES)
def test_family(runner, name):
    print(f"\n{name}: {sweep(runner, TINY, 100_000, 2, FAMILIES[name])}")


#: What no named configuration has.
BUILDS = {
    "one_bank": {"banks": 1},
    "one_bank_trits": {"banks": 1, "alphabets": "trits", "rounds": 4, "scaled": False},
    "int8_lutram": {"quantisation": "int8", "alphabets": "planes", "scaled": False},
    "int8_registers": {"quantisation": "int8", "alphabets": "planes", "scaled": False,
                       "store": "registers", "row_block": 16, "tokens": 2},
    "unscaled": {"scaled": False},
    "tokens": {"beat_bits": 256, "tokens": 4},
    "registers": {"store": "registers", "row_block": 16, "tokens": 2},
}


@pytest.mark.nightly
@pytest.mark.parametrize("short_paths", [False, True])
@pytest.mark.parametrize("name", BUILDS)
def test_builds(name, short_paths, seed):
    table = TINY.table.model_dump(exclude_none=True) | BUILDS[name]
    config = Configuration.from_data(TINY.model_dump(exclude_none=True) | {
        "name": name, "short_paths": short_paths, "table": table})
    with SimTransport(build_board(config), config) as transport:
        print(f"\n{name}: {sweep(Runner(Link(transport), config), config, 30_000, seed, {})}")


def test_short_paths(seed):
    """Bit for bit, and as many cycles more as are declared."""
    config = Configuration.from_data(TINY.model_dump(exclude_none=True) | {
        "name": "short_paths", "short_paths": True})
    with SimTransport(build_board(config), config) as transport:
        print(f"\n{sweep(Runner(Link(transport), config), config, 2_000, seed, {})}")


#: Those without an SDRAM, whose cycles are exact.
EXACT = [name for name in named_configurations() if is_exact(load_configuration(name))]


@pytest.mark.nightly
@pytest.mark.parametrize("name", [name for name in EXACT if name != "tiny"])
def test_other_configurations(name):
    config = load_configuration(name)
    with SimTransport(build_board(config), config) as transport:
        runner = Runner(Link(transport), config)
        print(f"\n{name}: {sweep(runner, config, 100_000, 3, {})}")
        smallest = _SCALED | {"trits": False, "group": config.table.smallest_group}
        print(f"\n{name}, smallest groups: {sweep(runner, config, 30_000, 4, smallest)}")


@pytest.mark.parametrize("name", [
    "default", *(pytest.param(name, marks=pytest.mark.nightly) for name in ("a16", "wide"))])
def test_full_queue_of_records(name):
    """The shape that fills the queue most: the scaler is behind by most, and no strip waits."""
    config = load_configuration(name)
    group = config.table.smallest_group
    with SimTransport(build_board(config), config) as transport:
        runner = Runner(Link(transport), config)
        for rows, planes in ((99, 2), (35, 6), (19, 8), (67, 1)):
            sweep(runner, config, rows, 5, _SCALED | {
                "trits": False, "planes_stored": planes, "planes_used": planes, "rows": rows,
                "columns": 3 * config.table.beat_bits, "group": group, "offsets": True,
                "tokens": 1})


def test_worst_case_of_every_width(runner):
    """Largest weights, activations, scales, offsets and multiplier, all of one sign, and mixed."""
    shape = {"rows": 20, "columns": 512, "tiles": 8, "trits": False, "planes_stored": 8,
             "planes_used": 8, "tokens": 1, "saturate": True, "scaled": True, "offsets": True}
    for seed in range(12):
        rng = np.random.default_rng(seed)
        d = random_operation(TINY, rng, **shape, multiplier=int(rng.choice([-32768, 32767])),
                             shift=int(rng.choice([0, 46, 47, 48, 63])),
                             group=int(rng.choice([0, 16, 64])))
        program = random_program(TINY, rng, [d])
        d = program.descriptors[0]
        length = 20 * 8 * 8
        beats = program.memory[d.weights : d.weights + length]
        beats[:] = rng.choice([0x77, 0x88]) if seed % 2 else rng.choice([0x77, 0x88], beats.shape)
        records = program.memory[d.scales :]
        sign = (0x8000, 0x7FFF)[seed // 2 % 2]
        record = 0xFFFF | 15 << 16 | (sign | 15 << 16) << 20
        records[:] = np.frombuffer(record.to_bytes(8, "little"), np.uint8)
        program.scratchpad[:] = (0x80, 0x7F)[seed // 4 % 2]
        runner.run(program)


def test_programs_of_dependent_operations(runner):
    """Chains in which each operation waits for a token of the one before it."""
    rng = np.random.default_rng(4)
    for _ in range(25):
        count = int(rng.integers(2, 6))
        chain = [random_operation(TINY, rng, rows=int(rng.integers(1, 60)))
                 for _ in range(count)]
        ordered = [Descriptor(**vars(d) | {"wait": int(index > 0), "release": 1})
                   for index, d in enumerate(chain)]
        got, expected = runner.run(random_program(TINY, rng, ordered))
        assert got.cycles <= expected.cycles + 8 * count
