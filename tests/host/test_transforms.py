# SPDX-License-Identifier: Apache-2.0
"""Transforms and quantisers from Python, on the golden model and on the simulated board."""

import itertools

import numpy as np
import pytest
from scipy.linalg import hadamard as scipy_hadamard

from luthier.golden.hadamard import hadamard as hadamard_matrix
from luthier.host import Output, ResultMismatch, UserError, Weights, connect


@pytest.fixture(scope="module", params=["golden:rotation", "sim:rotation"])
def device(request):
    with connect(request.param, check="all") as opened:
        yield opened


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("size, matrix", [
    (1, [[1]]), (2, scipy_hadamard(2)), (8, scipy_hadamard(8)), (1024, scipy_hadamard(1024)),
    (12, hadamard_matrix(12)), (384, np.kron(hadamard_matrix(12), scipy_hadamard(32)))])
def test_whole_vectors(device, rng, size, matrix):
    x = rng.integers(-128, 128, (3, size))
    y = device.hadamard(x)
    assert y.dtype == np.int32
    np.testing.assert_array_equal(y, x @ np.array(matrix).T)
    np.testing.assert_array_equal(device.hadamard(x[0]), y[0])


def test_blocks(device, rng):
    x = rng.integers(-128, 128, (2, 96))
    expected = (x.reshape(2, 3, 32) @ scipy_hadamard(32)).reshape(2, 96)
    np.testing.assert_array_equal(device.hadamard(x, block=32), expected)
    np.testing.assert_array_equal(device.hadamard(x, block=1), x)


def test_more_tokens_than_fit_at_once(device, rng):
    x = rng.integers(-128, 128, (9, 4096))
    y = device.hadamard(x)
    np.testing.assert_array_equal(y[[0, 8]], x[[0, 8]] @ scipy_hadamard(4096))
    stats = device.transform_stats
    assert (stats.runs, stats.tokens, stats.report.busy) == (3, 9, 9 * 1024)
    assert stats.cycles == stats.declared_cycles


@pytest.mark.parametrize("columns", [1, 3, 64, 1001])
@pytest.mark.parametrize("mode, group", [
    ("static", None), *itertools.product(("symmetric", "asymmetric", "power"), (None, 16, 128))])
def test_codes_are_within_half_a_step(device, rng, columns, mode, group):
    x = rng.integers(-3000, 3000, (2, columns))
    q = device.quantise(x, 5, mode=mode, group=group, scale=200.0 if mode == "static" else None)
    assert q.codes.shape == x.shape
    groups = -(-columns // group) if group else 1
    assert q.scale.shape == (2, groups)
    step = np.repeat(q.scale, q.group, axis=1)[:, :columns]
    low, high = (0, 31) if mode == "asymmetric" else (-15 - (mode == "static"), 15)
    assert q.codes.min() >= low and q.codes.max() <= high
    # At the ends of the range a power of two may be exceeded, by less than a step.
    within = (q.codes > low) & (q.codes < high) | (mode in ("symmetric", "asymmetric"))
    assert (abs(q.dequantised() - x)[within] <= (step / 2 + 1e-9)[within]).all()
    np.testing.assert_array_equal(device.quantise(x[0], 5, mode=mode, group=group, scale=(
        200.0 if mode == "static" else None)).codes, q.codes[0])


def test_static_scale_is_the_nearest_that_there_is(device):
    q = device.quantise(np.arange(-8, 8), 8, mode="static", scale=0.3)
    assert abs(q.scale[0] / 0.3 - 1) < 2**-15
    np.testing.assert_array_equal(q.codes, np.rint(np.arange(-8, 8) / q.scale[0]))
    away = device.quantise([1, 2, 3, 5], 8, mode="static", scale=2.0, rounding="half-away")
    even = device.quantise([1, 2, 3, 5], 8, mode="static", scale=2.0)
    assert (away.codes.tolist(), even.codes.tolist()) == ([1, 1, 2, 3], [0, 1, 2, 2])


@pytest.mark.parametrize("mode", ["symmetric", "asymmetric", "power"])
@pytest.mark.parametrize("block, columns", [(True, 384), (2, 1002), (64, 128)])
def test_fused_is_one_behind_the_other(device, rng, mode, block, columns):
    x = rng.integers(-128, 128, columns)
    fused = device.quantise(x, 4, mode=mode, group=16, hadamard=block)
    y = device.hadamard(x, None if block is True else block)
    apart = device.quantise(y, 4, mode=mode, group=16)
    for name in ("codes", "scale", "offset"):
        np.testing.assert_array_equal(getattr(fused, name), getattr(apart, name))


def test_a_program_rotates_quantises_and_multiplies(device, rng):
    """Codes feed the matrix unit without the host; the scale comes back with the result."""
    columns, rows = 384, 40
    weights = rng.integers(-1, 2, (rows, columns))
    h = np.kron(hadamard_matrix(12), scipy_hadamard(32))
    layer = device.load(Weights.ternary(weights))
    program = device.program()
    x = program.input(columns)
    codes, scales = program.quantise(x, 4, hadamard=True)
    y = program.apply(layer, codes)
    for vector in (codes, scales, y):
        program.output(vector)
    activations = rng.integers(-128, 128, columns)
    got_codes, words, result = program(activations)
    q = scales.apply(got_codes, words)
    np.testing.assert_array_equal(q.codes, device.quantise(activations, 4, hadamard=True).codes)
    np.testing.assert_array_equal(result, weights @ q.codes)
    assert abs(q.scale[0] * 7 - abs(h @ activations).max()) < 1e-9
    assert program.report.operations == 2
    program.unload()
    layer.unload()


def test_a_program_quantises_what_a_layer_returns(device, rng):
    first, second = rng.integers(-1, 2, (128, 64)), rng.integers(-1, 2, (20, 128))
    layers = [device.load(Weights.ternary(values)) for values in (first, second)]
    program = device.program()
    sums = program.apply(layers[0], program.input(64))
    rotated = program.hadamard(sums, block=1)
    codes, _ = program.quantise(rotated, 8, mode="static", scale=16.0)
    wide = program.quantise(sums, 8, mode="asymmetric", group=32)
    assert (codes.dtype, wide[0].dtype) == ("int8", "uint8")
    for vector in (program.apply(layers[1], codes), *wide):
        program.output(vector)
    x = rng.integers(-4, 5, 64)
    y, unsigned, words = program(x)
    clamped = np.clip(first @ x, -128, 127)
    np.testing.assert_array_equal(y, second @ np.rint(clamped / 16).astype(int))
    assert abs(wide[1].apply(unsigned, words).dequantised() - first @ x).max() <= 0.5 * (
        np.ptp(first @ x) / 255 + 1)
    for layer in layers:
        layer.unload()


def test_samples_as_inputs(device, rng):
    program = device.program()
    codes, scales = program.quantise(program.input(64, "int32"), 6, group=32)
    program.output(codes)
    program.output(scales)
    x = rng.integers(-1 << 27, 1 << 27, 64)
    q = scales.apply(*program(x))
    np.testing.assert_array_equal(q.codes, device.quantise(x, 6, group=32).codes)
    with pytest.raises(UserError, match="input 0 must be one vector of 64 samples of int32"):
        program(x[:3])
    with pytest.raises(UserError, match="input 0 must be integers of int32, not float64"):
        program(x * 1.0)


MISTAKES = {
    "too wide": (lambda d: d.hadamard([2048]), "-2048 and 2047 .12 bits, transform.width., not 2"),
    "float": (lambda d: d.hadamard([1.5]), "integers from -2048 to 2047, not float64"),
    "empty": (lambda d: d.hadamard(np.zeros((0, 4))), "at least one token, not .0, 4."),
    "size": (lambda d: d.hadamard(np.zeros(3000, int)),
             "power of two up to 4096 or 12 . 2..m up to 3072, not 3000; the nearest is 3072"),
    "block": (lambda d: d.hadamard(np.zeros(96, int), 40), "size of block .* the nearest is 32"),
    "divides": (lambda d: d.hadamard(np.zeros(96, int), 64), "which 64 does not; pad them to 128"),
    "outer": (lambda d: d.hadamard(np.zeros(96, int), 48), "all of a vector, 96, not 48"),
    "room": (lambda d: d.hadamard(np.zeros(65536, int), 16), "20480 words of scratchpad, more"),
    "bits": (lambda d: d.quantise([1], 9), "bits must be between 2 and 8 .transform.bits., not 9"),
    "mode": (lambda d: d.quantise([1], mode="round"), "mode must be 'symmetric', 'static', 'powe"),
    "rounding": (lambda d: d.quantise([1], rounding="up"), "'half-even' or 'half-away', not 'up'"),
    "group": (lambda d: d.quantise([1], group=100), "not 100; the nearest is 128"),
    "whole": (lambda d: d.quantise(np.ones(5000, int)), "longer than the largest group, 4096"),
    "scale": (lambda d: d.quantise([1], mode="static"), "scale goes with mode 'static', which"),
    "needless": (lambda d: d.quantise([1], scale=2.0), "scale goes with mode 'static'"),
    "grouped": (lambda d: d.quantise([1], mode="static", scale=1.0, group=16), "must be left out"),
    "tiny": (lambda d: d.quantise([1], mode="static", scale=1e-9), "must be between 1.53e-05"),
    "huge": (lambda d: d.quantise([1], mode="static", scale=1e30), "must be between 1.53e-05"),
    "infinite": (lambda d: d.quantise([1], mode="static", scale=np.inf), "positive finite number"),
    "dtype": (lambda d: d.program().input(4, "uint8"), "dtype must be 'int8', 'int16' or 'int32'"),
    "lanes": (lambda d: (p := d.program()).hadamard(p.input(3, "int8")),
              "a multiple of 4 .transform.lanes. .* not 3 of int8; the nearest size is 4"),
}


@pytest.mark.parametrize("call, message", MISTAKES.values(), ids=MISTAKES)
def test_mistakes(device, call, message):
    with pytest.raises(UserError, match=message):
        call(device)


def test_a_device_without_a_transform():
    with connect("golden:tiny") as device, pytest.raises(
            UserError, match="configuration 'tiny' has no transform; add a section"):
        device.quantise([1, 2])


def test_a_wrong_result_is_found(monkeypatch):
    from luthier.golden import engine

    right = engine.run_transform
    with connect("golden:rotation", check="all") as device:
        def wrong(transform, d, samples):
            done = right(transform, d, samples)
            done.results[3] += 1
            return done

        monkeypatch.setattr(engine, "run_transform", wrong)
        with pytest.raises(ResultMismatch, match="hadamard, row 3, token 0"):
            device.hadamard(np.arange(8))


def test_unsigned_codes_of_all_bits_are_no_activations(device):
    layer = device.load(Weights.ternary(np.ones((2, 16), int)), output=Output("int8"))
    program = device.program()
    codes, _ = program.quantise(program.input(16), 8, mode="asymmetric")
    with pytest.raises(UserError, match="multiplies 16 activations of int8, not a vector of 16 of"):
        program.apply(layer, codes)
    layer.unload()
