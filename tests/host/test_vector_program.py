# SPDX-License-Identifier: Apache-2.0
"""Vectors that are rescaled, added and gathered in programs, on golden model and board."""

import numpy as np
import pytest

from luthier.golden.config import Configuration
from luthier.host import UserError, Weights, connect

CONFIG = """
name = "vectors"
[table]
row_block = 16
max_columns = 256
[scratchpad]
words = 512
[memory]
words = 1024
[vector]
lanes = 4
"""


@pytest.fixture(scope="module", params=["golden", "sim"])
def device(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "vectors.toml"
    path.write_text(CONFIG)
    with connect(f"{request.param}:{path}", check="all") as opened:
        yield opened


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


def test_rescale(device, rng):
    program = device.program()
    x = program.input(101, "int32")
    program.output(program.rescale(x, "int16", 0.37))
    values = rng.integers(-100_000, 100_000, 101)
    y, = program(values)
    exact = np.clip(values * 0.37, -32768, 32767)
    assert abs(y - exact).max() <= 0.5 + 32768 * 2**-14
    np.testing.assert_array_equal(y[abs(exact) == 32767], exact[abs(exact) == 32767])
    assert program.report.cycles == program.declared_cycles


def test_a_residual_stream(device, rng):
    """x + 0.5 W x, added in place, and the sum as activations again."""
    weights = rng.integers(-1, 2, (64, 64))
    layer = device.load(Weights.ternary(weights))
    program = device.program()
    x = program.input(64)
    stream = program.rescale(x, "int16", 4.0)
    stream = program.add(program.apply(layer, x), stream, 0.5, in_place=True)
    program.output(stream)
    program.output(program.rescale(stream, "int8", 1 / 8))
    values = rng.integers(-100, 100, 64)
    total, narrow = program(values)
    np.testing.assert_array_equal(total, 4 * values + np.rint(weights @ values / 2).astype(int))
    np.testing.assert_array_equal(narrow, np.clip(np.rint(total / 8), -128, 127))
    layer.unload()


def test_add_into_a_new_place(device, rng):
    program = device.program()
    first, second = program.input(33, "int16"), program.input(33, "int8")
    program.output(program.add(first, second))
    a, b = rng.integers(-300, 300, 33), rng.integers(-128, 128, 33)
    np.testing.assert_array_equal(program(a, b)[0], np.clip(np.clip(a, -128, 127) + b, -128, 127))


def test_gather(device, rng):
    program = device.program()
    x, numbers = program.input(50, "int32"), program.input(70, "int16")
    program.output(program.gather(x, numbers))
    values, wanted = rng.integers(-1 << 31, 1 << 31, 50), rng.integers(-3, 53, 70)
    y, = program(values, wanted)
    inside = (wanted >= 0) & (wanted < 50)
    np.testing.assert_array_equal(y, np.where(inside, values[np.clip(wanted, 0, 49)], 0))
    assert program.report.saturations == (~inside).sum()
    assert program.report.cycles == program.declared_cycles


MISTAKES = {
    "dtype": (lambda p, x: p.rescale(x, "int4"), "'int8', 'int16' or 'int32', not 'int4'"),
    "factor": (lambda p, x: p.rescale(x, "int8", 1e9), "from -32767 to 32767, not 1000000000.0"),
    "text": (lambda p, x: p.rescale(x, "int8", "1"), "factor must be a number from -32767"),
    "sizes": (lambda p, x: p.add(x, p.input(3)), "must have the same size, not 8 and 3"),
    "numbers": (lambda p, x: p.gather(x, x), "numbers to gather must be int16 or int32, not int8"),
}


@pytest.mark.parametrize("call, message", MISTAKES.values(), ids=MISTAKES)
def test_mistakes(device, call, message):
    program = device.program()
    with pytest.raises(UserError, match=message):
        call(program, program.input(8))


def test_a_device_without_a_vector_unit():
    with connect("golden:tiny") as device:
        program = device.program()
        with pytest.raises(UserError, match="'tiny' has no vector unit; add a section"):
            program.rescale(program.input(8), "int8")


def test_more_lanes_than_a_word_has():
    from luthier.golden.config import ConfigurationError

    with pytest.raises(ConfigurationError, match="vector.lanes .8. must be at most 4 where"):
        Configuration.from_data({"name": "x", "vector": {"lanes": 8}})
