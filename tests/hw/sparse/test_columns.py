# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Products of columns whose activation is not zero, and words that are never asked for."""

import functools

import numpy as np
import pytest

from luthier.golden.errors import UserError
from luthier.golden.sparse.columns import ColumnUnit
from luthier.golden.sparse.encodings import ColumnMajor
from luthier.hw.sparse.columns import (
    ColumnProduct,
    column_command,
    column_report,
    column_request,
    sums_layout,
)
from luthier.sim.compiled import CompiledUnit

CONFIGS = {
    "w8a8": ColumnUnit(depth=8, columns=128, words=4096),
    "w4a8": ColumnUnit(slots=32, weight_bits=4, depth=4, columns=100, words=512),
    "one": ColumnUnit(slots=4, weight_bits=16, activation_bits=12, depth=1, columns=16, words=64),
}


@functools.lru_cache(None)
def unit_of(name):
    return CompiledUnit(ColumnProduct(CONFIGS[name]))


class Case:
    """Row blocks, each with activations of its own."""

    def __init__(self, config):
        self.config = config
        self.inputs = {"c": [], "x": [], "beats": []}
        self.outputs = {"request": [], "o": [], "report": []}

    def add(self, matrix, x, base=0):
        config = self.config
        layout = ColumnMajor(*matrix.shape, config.weight_bits,
                             config.slots * config.weight_bits)
        (strips,), words, there = layout.strips, layout.encode(matrix), np.flatnonzero(x)
        mask = (1 << config.activation_bits) - 1
        self.inputs["c"].append(column_command(config).const(
            {"base": base, "columns": len(x), "strips": strips}).as_value().value)
        self.inputs["x"] += [int(value) & mask for value in x]
        self.inputs["beats"] += [int.from_bytes(words[place].tobytes(), "little")
                                 for place in layout.addresses(x)]
        self.outputs["request"] += [column_request(config).const(
            {"address": base + int(column) * strips, "length": strips}).as_value().value
            for column in there]
        product = np.zeros(strips * config.slots, np.int64)
        product[: len(matrix)] = matrix.astype(np.int64) @ x
        assert (product[: len(matrix)] == (layout.product(words, x) if len(there) else 0)).all()
        for strip, sums in enumerate(product.reshape(strips, config.slots)):
            self.outputs["o"].append(sums_layout(config).const(
                {"sums": [int(total) for total in sums],
                 "last": strip == strips - 1}).as_value().value)
        read = len(there) * strips
        self.outputs["report"].append(column_report.const(
            {"read": read, "skipped": len(x) * strips - read}).as_value().value)
        return layout.bytes_read(x)

    def run(self, name, **how):
        got, taken = unit_of(name).run(
            self.inputs, {stream: len(words) for stream, words in self.outputs.items()}, **how)
        for stream, words in self.outputs.items():
            assert [made.payload for made in got[stream]] == words, stream
        return got, taken


def drawn(config, rng, rows, columns, zeros, corner=False):
    halves = 1 << config.weight_bits - 1, 1 << config.activation_bits - 1
    if corner:
        matrix, x = (np.full(size, -half) for size, half in zip(((rows, columns), columns), halves))
    else:
        matrix, x = (rng.integers(-half, half, size)
                     for size, half in zip(((rows, columns), columns), halves))
    return matrix, np.where(rng.random(columns) < zeros, 0, x)


@pytest.mark.parametrize("name", CONFIGS)
def test_products(name, seed):
    config, rng = CONFIGS[name], np.random.default_rng(seed)
    case = Case(config)
    most = config.depth * config.slots
    for zeros, corner in ((0, True), (0, False), (0.6, False), (0.95, True), (1, False)):
        rows = int(rng.integers(1, most + 1))
        columns = int(rng.integers(1, config.columns + 1))
        case.add(*drawn(config, rng, rows, columns, zeros, corner))
    case.add(*drawn(config, rng, most, config.columns, 0, True))
    for how in ({}, {"p_valid": 0.6, "p_ready": 0.5}, {"p_ready": 0.2}, {"p_valid": 0.3}):
        case.run(name, seed=seed, **how)


@pytest.mark.parametrize("name", CONFIGS)
def test_full_rate_and_latency(name, seed):
    """A word a cycle from the first to the last, and sums after the declared cycles."""
    config, rng = CONFIGS[name], np.random.default_rng(seed)
    case = Case(config)
    case.add(*drawn(config, rng, config.depth * config.slots, config.columns, 0, True))
    got, taken = case.run(name)
    assert (np.diff(taken["beats"]) == ColumnProduct(config).interval).all()
    assert got["o"][0].cycle - taken["beats"][-1] == ColumnProduct(config).latency


def test_reset_in_midstream(seed):
    case = Case(CONFIGS["w8a8"])
    for _ in range(3):
        case.add(*drawn(case.config, np.random.default_rng(seed), 100, 60, 0.5))
    for reset_at in (3, 50, 150, 400):
        case.run("w8a8", reset_at=reset_at, p_valid=0.8, p_ready=0.7)


def test_bytes_of_a_down_projection(seed):
    """At 60 % zeros no more than 45 % of the bytes are read; the unit counts them."""
    config, rng = CONFIGS["w8a8"], np.random.default_rng(seed)
    case, read, whole = Case(config), 0, 0
    for _ in range(20):
        matrix, x = drawn(config, rng, 128, 128, 0)
        x[x == 0] = 1
        x[rng.permutation(128)[: 128 * 6 // 10]] = 0
        read += case.add(matrix, x)
        whole += matrix.size
    got, _ = case.run("w8a8")
    reports = [column_report.from_bits(made.payload) for made in got["report"]]
    counted = sum(report.read for report in reports)
    assert 16 * counted == read
    assert 16 * sum(report.skipped for report in reports) == whole - read
    assert read <= 0.45 * whole
    print(f"{read / whole:.1%} of the bytes read")


@pytest.mark.parametrize("change, message", [
    ({"slots": 3}, "slots must be a power of two up to 512, not 3"),
    ({"depth": 8192}, "depth must be a power of two up to 4096, not 8192"),
    ({"weight_bits": 1}, "weight_bits must be 2 to 16, not 1"),
    ({"columns": 0}, "columns must be at least 1, not 0"),
    ({"weight_bits": 16, "activation_bits": 16, "columns": 4}, "take 34 bits, more than 32"),
])
def test_units_that_cannot_be(change, message):
    with pytest.raises(UserError, match=message):
        ColumnUnit(**change)
    with pytest.raises(TypeError, match="config must be a ColumnUnit, not 3"):
        ColumnProduct(3)
