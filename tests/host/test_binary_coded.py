# SPDX-License-Identifier: Apache-2.0
"""Planes with coefficients of their own: exact results, real values, a sentence for mistakes."""

from fractions import Fraction

import numpy as np
import pytest

from luthier.golden.errors import UserError
from luthier.host import Output, ResultMismatch, Weights, connect


@pytest.fixture
def device():
    with connect("golden:tiny", check="all") as device:
        yield device


def drawn(rng, planes, rows, columns, group, offsets, bits=13):
    """Return signs, coefficients and offsets of integers that a record holds exactly."""
    groups, most = -(-columns // group) if group else 1, 1 << bits
    c = rng.integers(-most, most + 1, (planes, rows, groups))
    z = rng.integers(-most, most + 1, (rows, groups)) * offsets
    return rng.choice([-1, 1], (planes, rows, columns)), c, z


def exact(signs, c, z, group, x, divisor, bits):
    """Return the definition, rounded once, half to even, and saturated; in Python's integers."""
    planes, rows, columns = signs.shape
    results = np.empty((len(x), rows), object)
    for token, given in enumerate(x.tolist()):
        for row in range(rows):
            total = 0
            for k, activation in enumerate(given):
                g = k // group if group else 0
                weight = sum(int(c[p, row, g]) * int(signs[p, row, k]) for p in range(planes))
                total += (weight + int(z[row, g])) * activation
            rounded = round(Fraction(total, divisor))
            results[token, row] = min(max(rounded, -1 << bits - 1), (1 << bits - 1) - 1)
    return results


@pytest.mark.parametrize(("config", "planes", "rows", "columns", "group", "offsets"), [
    ("tiny", 1, 19, 70, 16, 1),
    ("tiny", 2, 33, 50, 0, 0),
    ("tiny", 2, 5, 65, 0, 1),
    ("tiny", 3, 17, 101, 16, 0),
    ("tiny", 3, 40, 64, 64, 1),
    ("tiny", 4, 20, 100, 48, 1),
    ("tiny", 4, 1, 1, 32, 1),
    ("tiny", 2, 7, 150, 128, 1),
    ("tiny", 3, 20, 150, 0, 1),
    ("tiny", 3, 18, 155, 80, 0),
    ("tiny", 8, 3, 17, 16, 1),
    ("default", 3, 18, 300, 128, 1),
    ("default", 2, 16, 257, 256, 0),
    ("blockram", 3, 20, 140, 32, 1),
    ("wide", 4, 16, 90, 0, 1),
    ("a16", 2, 9, 130, 64, 1),
    ("a5", 3, 35, 128, 64, 0),
])
def test_results_are_the_definition_to_the_bit(config, planes, rows, columns, group, offsets):
    rng = np.random.default_rng([planes, rows, columns, group])
    with connect(f"golden:{config}", check="all") as device:
        half = 1 << device.config.table.activation_bits - 1
        x = rng.integers(-half, half, (3, columns))
        x[1] = rng.choice([-half, half - 1], columns)
        signs, c, z = drawn(rng, planes, rows, columns, group, offsets)
        # Of int16 many saturate, and of int32 every second result is a half to be rounded.
        c, z = c // 8 * 8, z // 8 * 8
        for dtype, divisor in (("int16", 1 << 6), ("int32", 16)):
            weights = Weights.binary_coded(signs, c / 64, z / 64 if offsets else None, group)
            layer = device.load(weights, output=Output(dtype, divisor / 64))
            y = layer(x)
            bits = int(dtype[3:])
            assert y.dtype == dtype and (y == exact(signs, c, z, group, x, divisor, bits)).all()
            assert (layer(x[0]) == y[0]).all()
            assert layer.stats.cycles == layer.declared_cycles()
            layer.unload()


def test_rounding_of_halves_and_saturation(device):
    signs = np.array([[[1, 1]], [[1, -1]]])
    layer = device.load(Weights.binary_coded(signs, [1.5, 1.0]), output=Output("int8"))
    # 2.5 * x[0] + 0.5 * x[1]
    assert layer([[1, 0], [3, 0], [-1, 0], [0, 1], [0, 3], [100, 0], [-100, 0]]).ravel().tolist(
        ) == [2, 8, -2, 0, 2, 127, -128]
    assert layer.stats.saturations == 2
    assert layer([1, 0], onto=[5]).tolist() == [7]


@pytest.mark.parametrize(("planes", "group"), [(2, 0), (3, 16), (4, 48)])
def test_results_are_near_the_real_product(device, planes, group):
    rng = np.random.default_rng(planes)
    groups = -(-100 // group) if group else 1
    signs = rng.choice([-1, 1], (planes, 24, 100))
    c, z = rng.normal(size=(planes, 24, groups)), rng.normal(size=(24, groups))
    weights = Weights.binary_coded(signs, c, z, group)
    index = np.arange(100) // (group or 100)
    real = (c[:, :, index] * signs).sum(axis=0) + z[:, index]
    assert abs(weights.dequantised() - real).max() < 1e-14
    x = rng.integers(-128, 128, (2, 100))
    # A coefficient is rounded by 2**-16 of itself at most, and so is an offset.
    slack = 2**-16 * ((abs(c[:, :, index]).sum(axis=0) + abs(z[:, index])) @ abs(x).T).max()
    y = device.load(weights, output=Output("int32", 0.01))(x)
    assert abs(0.01 * y - x @ real.T).max() <= 0.005 + slack


def test_powers_of_two_are_the_integers_of_as_many_bits(device):
    rng = np.random.default_rng(2)
    q = rng.integers(0, 8, (20, 90))
    scale, zero = rng.normal(size=(20, 3)), rng.uniform(0, 8, (20, 3))
    signs = np.stack([2 * (q >> p & 1) - 1 for p in range(3)])
    c = np.stack([scale * 2**p / 2 for p in range(3)])
    weights = Weights.binary_coded(signs, c, scale * (3.5 - zero), 32)
    integer = Weights.integer(q, 3, scale, zero, 32)
    assert (weights.values == integer.values).all()
    assert abs(weights.dequantised() - integer.dequantised()).max() < 1e-14
    x = rng.integers(-128, 128, (2, 90))
    output = Output("int16", 0.5)
    one, other = (device.load(w, output=output)(x).astype(int) for w in (weights, integer))
    assert abs(one - other).max() <= 1


def test_a_plane_is_as_any_of_one_bit(device):
    weights = Weights.binary_coded([[[1, -1, 1]]], [[0.5]], 2.0)
    assert (weights.planes, weights.coefficients) == (1, None)
    assert device.load(weights)([1, 2, 4]).tolist() == [3]
    assert weights.apply([3], [1, 2, 4]).tolist() == [0.5 * 3 + 2 * 7]


def test_memory_and_cycles_are_those_of_planes_side_by_side(device):
    """Three planes of 70 columns in groups of 16: 80, 80 and 70 columns, four tiles of 64."""
    signs, c, z = drawn(np.random.default_rng(0), 3, 32, 70, 16, 1)
    weights = Weights.binary_coded(signs, c, z, 16)
    assert (weights.shape, weights.planes, weights.coefficients.shape) == ((32, 70), 3, (3, 32, 5))
    assert "32 x 70 3-bit binary-coded" in repr(weights)
    assert weights.beats(device.config) == 4 * 32
    layer = device.load(weights, output=Output("int32"))
    wide = device.load(Weights.integer(np.zeros((32, 230), int), 1, np.ones((32, 15)), 0.25, 16),
                       output=Output("int32"))
    assert (layer.widening.pitch, layer.widening.width) == (80, 230)
    assert layer.words == wide.words
    assert layer.declared_cycles(2) == wide.declared_cycles(2)
    layer(np.zeros(70, int))
    assert layer.stats.efficiency == 3 * 32 * 70 / (layer.stats.cycles * 64)
    whole_rows = Weights.binary_coded(signs, c[:, :, 0])
    assert whole_rows.beats(device.config) == (2 + 2 + 2) * 32
    assert layer(np.zeros(70, int), planes=3).shape == (32,)


def test_padding_gives_way_where_columns_are_short(device):
    """Whole rows take groups of 64, and smaller ones where 512 columns would not do."""
    for columns, pitch in ((100, 128), (128, 128), (129, 160), (145, 160), (150, 160)):
        layer = device.load(Weights.binary_coded(np.ones((3, 2, columns), int), [1, 2, 5]),
                            output=Output("int32"))
        width = 2 * pitch + columns
        assert (layer.widening.pitch, layer.widening.width) == (pitch, width) and width <= 512
        assert layer(np.full(columns, 3)).tolist() == [24 * columns] * 2


@pytest.mark.parametrize(("planes", "group", "size", "offsets"), [
    (2, 0, 128, 0), (3, 128, 128, 1), (3, 64, 64, 0), (2, 96, 32, 1)])
def test_the_cost_is_that_of_the_documents(planes, group, size, offsets):
    """docs/operations.md, "Planes with coefficients of their own"."""
    rows, columns, groups = 160, 700, -(-700 // group) if group else 1
    signs = np.ones((planes, rows, columns), np.int8)
    c = np.random.default_rng(0).normal(size=(planes, rows, groups))
    with connect("golden:default") as device:
        layer = device.load(Weights.binary_coded(signs, c, 0.5 if offsets else None, group),
                            output=Output("int32"))
        tiles = -(-((planes - 1) * -(-columns // size) * size + columns) // 128)
        records = 16 * 128 // size
        words = -(-records // (128 // (40 if offsets else 20)))
        slots = tiles * (rows // 16 * max(16 + words, records) + offsets)
        # 55 fixed cycles, and up to a strip that the scaler is behind.
        assert 0 < layer.declared_cycles() - slots <= 55 + records
        assert layer.sections[0].words(device.config) == tiles * rows // 16 * (16 + words)


def test_tokens_beyond_the_scratchpad_and_mismatches(device):
    rng = np.random.default_rng(4)
    signs, c, z = drawn(rng, 2, 30, 200, 64, 1)
    layer = device.load(Weights.binary_coded(signs, c, z, 64), "coded", Output("int32", 64.0))
    x = rng.integers(-128, 128, (12, 200))
    y = layer(x)
    assert layer.stats.runs == 2
    assert (y == exact(signs, c, z, 64, x, 64, 32)).all()
    layer.flip_weight_bit(7, 150, 1)
    with pytest.raises(ResultMismatch, match="layer coded, row 7, token"):
        layer(x)
    device.check = "never"
    differ = signs.copy()
    # The sign bit of a field of four columns negates all of it; 151 is the highest of its own.
    layer.flip_weight_bit(7, 150, 1)
    layer.flip_weight_bit(7, 151, 1)
    differ[1, 7, 148:152] *= -1
    assert (layer(x) == exact(differ, c, z, 64, x, 64, 32)).all()
    device.check = "sample"
    layer.flip_weight_bit(7, 151, 1)
    assert (layer(x) == y).all()


SIGNS = np.ones((2, 3, 4), int)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Weights.binary_coded(SIGNS * 1.0, [1, 2]), "signs must be integers, -1 or 1, not fl"),
    (lambda: Weights.binary_coded(SIGNS[0], [1, 2]),
     r"signs must have the shape \(planes, rows, columns\) with 1 to 8 planes and at least one row "
     r"and column, not \(3, 4\)"),
    (lambda: Weights.binary_coded([], []), r"signs must have the shape .*, not \(0,\)"),
    (lambda: Weights.binary_coded(np.ones((9, 1, 1), int), np.ones(9)), r"not \(9, 1, 1\)"),
    (lambda: Weights.binary_coded(SIGNS * [1, 1, 0, 1], [1, 2]),
     "signs must be -1 or 1, not 0 as in plane 0, row 0, column 2"),
    (lambda: Weights.binary_coded(SIGNS, 1.0),
     r"coefficients must have the shape \(2,\), \(2, 3\) or \(2, 3, groups\), not \(\)"),
    (lambda: Weights.binary_coded(SIGNS, [1, 2, 3]), r"coefficients must .*, not \(3,\)"),
    (lambda: Weights.binary_coded(SIGNS, np.ones((2, 3, 3)), group=2),
     r"coefficients of plane 0 must be a number or have the shape \(3,\) or \(3, 2\), not \(3, 3"),
    (lambda: Weights.binary_coded(SIGNS, [1, np.nan]),
     "coefficients of plane 1 must be finite, not nan as in row 0, group 0"),
    (lambda: Weights.binary_coded(SIGNS, ["a", "b"]), "plane 0 must be real numbers, not <U1"),
    (lambda: Weights.binary_coded(SIGNS, [1e308, 1e308]),
     "must make finite weights, which they do not in row 0, group 0; make them smaller"),
    (lambda: Weights.binary_coded(SIGNS, [1, 2], [1, 2]),
     r"offsets must be a number or have the shape \(3,\), not \(2,\)"),
    (lambda: Weights.binary_coded(SIGNS, [1, 2], group=-1), "group must be between 0"),
    (lambda: Weights.binary_coded(SIGNS, [1, 2]).apply([1, 2, 3], [1, 2, 3, 4]),
     r"planes of these weights have coefficients of their own, .* output=Output\(...\)"),
])
def test_mistakes_in_weights(make, message):
    with pytest.raises(UserError, match=message):
        make()


def weights(planes=2, columns=40, group=0, rows=3):
    return Weights.binary_coded(np.ones((planes, rows, columns), int), np.arange(1.0, planes + 1),
                                group=group)


def program(device):
    built = device.program()
    built.apply(device.load(weights(3), "coded", Output("int8")), built.input(40))


@pytest.mark.parametrize(("use", "message"), [
    (lambda d: d.load(weights(), "coded"),
     r"layer coded has planes with coefficients of their own, which plain sums leave out; load it "
     r"with output=Output\(...\)"),
    (lambda d: d.load(weights(3, 200), output=Output()),
     r"layer layer0 has 616 columns on the device, 3 planes of 200 side by side, each 208 from the "
     r"next, 104 more than table.max_columns \(512\) of configuration 'tiny'; raise "
     r"table.max_columns to at least 616, or use fewer planes, or split the columns of the layer"),
    (lambda d: d.load(weights(8, 9000), output=Output()),
     r"use fewer planes, or split the columns of the layer, as no configuration may have "
     r"table.max_columns of 72[0-9]{3}"),
    (lambda d: d.load(weights(2, 40, 24), "coded", Output()),
     r"layer coded has groups of 24 columns; on configuration 'tiny' they must be multiples of "
     r"table.smallest_group \(16\); use such groups, or lower"),
    (lambda d: weights(2, 40, 24).beats(d.config), "these weights have groups of 24 columns; on"),
    (lambda d: d.load(weights(), "coded", Output())(np.ones(40, int), planes=1),
     "layer coded has planes with coefficients of their own, all of which the device uses, not 1; "
     "use all 2, or load fewer"),
    (lambda d: d.load(weights(), "coded", Output()).flip_weight_bit(0, 0, 2),
     "plane must be between 0 and 1 in layer coded, not 2"),
    (lambda d: d.load(weights(), "coded", Output())(np.ones(80, int)),
     r"activations must have the shape \(40,\) or \(tokens, 40\)"),
    (program, "layer coded has planes with coefficients of their own, which need the activations 3 "
              "times, and a vector of a program is there once; call it by itself"),
])
def test_mistakes_in_use(device, use, message):
    with pytest.raises(UserError, match=message):
        use(device)


@pytest.mark.parametrize(("key", "message"), [
    ("scaled = false", "layer coded has planes with coefficients of their own, and configuration "
     "'other' has no hardware for such scales; set table.scaled to true, or bring the weights as "
     "Weights.integer with one scale"),
    ('store = "registers"\nrow_block = 32', "hardware for such scales; set table.store to 'lutram' "
     "or 'blockram', not 'registers', or"),
    ('alphabets = "trits"', "layer coded has weights that are in sign planes, and table.alphabets "
     "of configuration 'other' is 'trits'; set it to 'both', or"),
])
def test_devices_that_lack_what_is_needed(tmp_path, key, message):
    path = tmp_path / "other.toml"
    path.write_text(f'name = "other"\n[table]\n{key}\n')
    with connect(f"golden:{path}") as device, pytest.raises(UserError, match=message):
        device.load(weights(), "coded", Output())
