# SPDX-License-Identifier: Apache-2.0
"""Rounded entries of tables: against fractions, the driver's expectations, and configurations."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest

from luthier.golden.config import Configuration, ConfigurationError, load_configuration
from luthier.golden.entries import dropped_bits, entry_sums, fields
from luthier.host import ResultMismatch, Weights, connect

BASE = {"beat_bits": 64, "alphabets": "planes", "scaled": False, "row_block": 16,
        "max_rows": 256, "max_columns": 512, "quantisation": "int8"}
BUILDS = {
    "k4": {},
    "k4_a16": {"activation_bits": 16, "k": 4},
    "k5": {"k": 5, "smallest_group": 64},
    "k6_short_groups": {"k": 6, "activation_bits": 7, "smallest_group": 16},
    "registers": {"store": "registers", "tokens": 2},
}


def data(**table):
    return {"name": "rounded", "memory": {"words": 8192}, "scratchpad": {"words": 256},
            "table": BASE | table}


def by_fractions(config, values, planes, x):
    """Return the sums of one vector: each entry by itself, with the definition's own words."""
    step = 1 << dropped_bits(config)
    tables, (rows, columns) = fields(config), values.shape
    tile = tables[-1].stop
    y = [0] * rows
    for row in range(rows):
        for start in range(0, columns, tile):
            for table in tables:
                own = [start + column for column in table]
                for plane in range(planes):
                    signs = [1 if c >= columns or (values[row, c] + 2**planes - 1) >> plane + 1 & 1
                             else -1 for c in own]
                    entry = sum(signs[-1] * sign * int(x[c])
                                for sign, c in zip(signs, own) if c < columns)
                    nearest = min(math.floor(Fraction(entry, step) + Fraction(1, 2)), 127)
                    y[row] += (signs[-1] * nearest * step) << plane
    return y


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_against_fractions(build, seed):
    config = Configuration.from_data(data(**build))
    rng = np.random.default_rng(seed)
    half = 1 << config.table.activation_bits - 1
    for planes, rows, columns in ((1, 5, 70), (3, 4, 64), (8, 2, 13)):
        values = 2 * rng.integers(0, 2**planes, (rows, columns)) + 1 - 2**planes
        x = rng.integers(-half, half, (columns, 3))
        x[:, 1] = rng.choice([-half, half - 1], columns)
        sums = entry_sums(config, values, planes, x)
        for token in range(3):
            assert sums[:, token].tolist() == by_fractions(config, values, planes, x[:, token])


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_error_is_bounded(build, seed):
    """Half a step an entry, or just less than one where it is above the largest that is stored."""
    config = Configuration.from_data(data(**build))
    rng = np.random.default_rng(seed)
    half = 1 << config.table.activation_bits - 1
    values = 2 * rng.integers(0, 8, (20, 200)) - 7
    x = rng.choice([-half, half - 1, 0, 1], (200, 4))
    tables = -(-200 // fields(config)[-1].stop) * len(fields(config))
    step = 1 << dropped_bits(config)
    error = entry_sums(config, values, 3, x) - values @ x
    assert error.any() and abs(error).max() <= 7 * tables * (step - 1)


@pytest.mark.parametrize("planes, uniform, normal", [(1, 0.82, 1.95), (4, 0.82, 1.97)])
def test_published_error(planes, uniform, normal):
    """What docs/units/table.md says, in per cent."""
    config = Configuration.from_data(data(max_rows=256, max_columns=1024, beat_bits=128))
    rng = np.random.default_rng(0)
    values = 2 * rng.integers(0, 2**planes, (256, 1024)) + 1 - 2**planes
    of_normal = np.clip(np.rint(rng.normal(0, 32, (1024, 8))), -128, 127).astype(int)
    for name, x, wanted in (("normal", of_normal, normal),
                            ("uniform", rng.integers(-128, 128, (1024, 8)), uniform)):
        exact = values @ x
        error = np.sqrt(np.mean((entry_sums(config, values, planes, x) - exact) ** 2.0))
        share = 100 * error / np.sqrt(np.mean(exact**2.0))
        print(f"{planes} bits, {name}: {error:.1f}, {share:.2f} %")
        assert abs(share - wanted) < 0.03


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_the_driver_expects_them(build, seed, tmp_path):
    """The engine's model takes packed beats, the driver the matrix: they agree, faults differ."""
    table = "\n".join(f"{key} = {json.dumps(value)}" for key, value in (BASE | build).items())
    path = tmp_path / "rounded.toml"
    path.write_text(f'name = "rounded"\n[table]\n{table}\n[scratchpad]\nwords = 256\n'
                    "[memory]\nwords = 8192\n")
    rng = np.random.default_rng(seed)
    bits = (BASE | {"activation_bits": 8} | build)["activation_bits"]
    x = rng.integers(-(1 << bits - 1), 1 << bits - 1, (3, 90))
    for check in ("all", "sample"):
        with connect(f"golden:{path}", check=check) as device:
            layer = device.load(Weights.integer(rng.integers(0, 8, (37, 90)), 3))
            assert (layer(x) != x @ layer.weights.values.T).any()


def test_a_wrong_bit_is_found(seed, tmp_path):
    path = tmp_path / "rounded.toml"
    path.write_text('name = "rounded"\n[table]\nalphabets = "planes"\nscaled = false\n'
                    'quantisation = "int8"\n')
    rng = np.random.default_rng(seed)
    with connect(f"golden:{path}", check="all") as device:
        layer = device.load(Weights.integer(rng.integers(0, 8, (20, 90)), 3))
        layer.flip_weight_bit(3, 5)
        with pytest.raises(ResultMismatch):
            layer(np.full(90, 100))


@pytest.mark.parametrize("table, words", [
    ({"quantisation": "int4"}, "table.quantisation must be 'int8', not 'int4'"),
    ({"scaled": True}, r"table.scaled \(True\) must be false where table.quantisation is 'int8'"),
    ({"alphabets": "both"}, r"table.alphabets \('both'\) must be 'planes' where"),
    ({"store": "blockram", "k": 8}, r"table.store \('blockram'\) must be 'lutram' or 'registers'"),
    ({"activation_bits": 6}, r"table.activation_bits \(6\) must be at least 7 where"),
    ({"activation_bits": 5, "k": 6, "smallest_group": 64},
     r"table.activation_bits \(5\) must be at least 6 where"),
])
def test_what_can_not_be(table, words):
    with pytest.raises(ConfigurationError, match=words):
        Configuration.from_data(data(**table))


def test_the_hash_of_others_is_as_before():
    assert load_configuration("default").hash.hex().startswith("202a9d03")
    assert '"quantisation"' not in load_configuration("default").canonical_json()
    assert '"quantisation":"int8"' in Configuration.from_data(data()).canonical_json()
