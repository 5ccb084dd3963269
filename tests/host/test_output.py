# SPDX-License-Identifier: Apache-2.0
"""Scaled results: near the real product, equal to the golden model, and a sentence for mistakes."""

import numpy as np
import pytest

from luthier.golden.errors import UserError
from luthier.host import Output, ResultMismatch, Weights, connect


@pytest.fixture
def device():
    with connect("golden:tiny", check="all") as device:
        yield device


def scaled(kind, rng, rows=40, columns=130):
    """Return weights of a kind, and what they mean, made here."""
    if kind == "ternary":
        values, scale = rng.integers(-1, 2, (rows, columns)), rng.normal(size=rows)
        return Weights.ternary(values, scale), values * scale[:, None]
    if kind == "ternary groups":
        values, scale = rng.integers(-1, 2, (rows, columns)), rng.normal(size=(rows, 4))
        real = values * np.repeat(scale, 40, axis=1)[:, :columns]
        return Weights.ternary(values, scale, 40), real
    bits, group = kind
    groups = -(-columns // group) if group else 1
    q = rng.integers(0, 1 << bits, (rows, columns))
    scale, zero = rng.normal(size=(rows, groups)), rng.uniform(0, 1 << bits, (rows, groups))
    index = np.arange(columns) // (group or columns)
    return Weights.integer(q, bits, scale, zero, group), scale[:, index] * (q - zero[:, index])


@pytest.mark.parametrize("kind", ["ternary", "ternary groups", (1, 0), (4, 16), (4, 32), (3, 48),
                                  (8, 64), (2, 128), (5, 500)], ids=str)
@pytest.mark.parametrize("dtype", ["int8", "int16", "int32"])
def test_results_are_near_the_real_product(device, kind, dtype):
    rng = np.random.default_rng(7)
    weights, real = scaled(kind, rng)
    x = rng.integers(-128, 128, (3, 130))
    wanted = x @ real.T
    largest = abs(wanted).max()
    # A scale is rounded by 2**-17 of itself, or by 2**-32 of the largest: what that makes of sums.
    slack = 2**-16 * (abs(real) + abs(real).max() / 2**15).max() * abs(x).sum(axis=1).max() * 4
    output = Output(dtype, 1.01 * largest / np.iinfo(dtype).max)
    layer = device.load(weights, output=output)
    y = layer(x)
    assert y.dtype == dtype and layer.stats.saturations == 0
    assert abs(output.real(y) - wanted).max() <= output.scale / 2 + slack
    assert layer(x[0]).tolist() == y[0].tolist()


def test_one_scale_takes_no_memory(device):
    values = np.random.default_rng(0).integers(-1, 2, (64, 80))
    plain = device.load(Weights.ternary(values))
    layer = device.load(Weights.ternary(values, 0.37), output=Output("int16", 0.5))
    assert layer.words == plain.words and layer.bits_per_weight == plain.bits_per_weight == 1.6
    x = np.arange(80) - 40
    assert abs(layer(x) - values @ x * 0.74).max() <= 0.5 + 1e-2
    by_rows = device.load(Weights.ternary(values, np.linspace(1, 2, 64)), output=Output("int16"))
    # Six words for each of four strips.
    assert by_rows.bits_per_weight == pytest.approx(1.6 + 4 * 6 * 64 / (64 * 80))


def test_large_and_small_scales(device):
    values = np.ones((2, 8), int)
    x = np.full(8, 100)
    for scale in (1e-30, 2**-40, 0.001, 1, 3e4, 1e6, 6e8):
        y = device.load(Weights.ternary(values, scale), output=Output("int32", 1.0))(x)
        wanted = min(800 * scale, 2**31 - 1)
        assert abs(y[0] - wanted) <= 0.5 + wanted * 2**-15
    assert device.load(Weights.ternary(values, 0.0), output=Output("int8"))(x).tolist() == [0, 0]
    with pytest.raises(UserError, match="layer layer8: a scale is 1e.10 times the output's scale "
                                        "of 1, more than the device can .*raise the output's"):
        device.load(Weights.ternary(values, 1e10), output=Output())


def test_saturation_is_counted_and_added_results_too(device):
    layer = device.load(Weights.ternary([[1, 1], [1, -1], [-1, -1]]), output=Output("int8", 1.0))
    assert layer([100, 100]).tolist() == [127, 0, -128] and layer.stats.saturations == 2
    assert layer([100, 100], onto=[-128, 5, 1]).tolist() == [-1, 5, -127]
    assert layer([50, 10], onto=[100, 5, -100]).tolist() == [127, 45, -128]
    assert layer.stats.saturations == 2


def test_planes_and_mixed_precision(device):
    rng = np.random.default_rng(1)
    q = rng.integers(0, 256, (50, 100))
    bits = np.repeat([8, 2, 5, 3], 16)[:50]
    weights = Weights.integer(q >> (8 - bits)[:, None], bits, 0.1, (2.0**bits - 1) / 2)
    assert [len(rows) for rows, _ in weights.sections()] == [16, 16, 2, 16]
    x = rng.integers(-128, 128, (4, 100))
    layer = device.load(weights, "mixed", Output("int16", 2.0))
    y = layer(x)
    assert abs(2.0 * y - x @ weights.dequantised().T).max() <= 1.1
    assert layer.stats.report.operations == 4 and layer.stats.runs == 1
    coarse = layer(x, planes=3)
    assert layer.stats.cycles < layer.declared_cycles(4)
    assert abs(2.0 * coarse - x @ (0.05 * weights.used(3)).T).max() <= 1.1
    plain = device.load(weights)
    assert (plain(x) == x @ weights.values.T.astype(int)).all()
    assert (plain(x, planes=2) == x @ weights.used(2).T).all()
    layer.flip_weight_bit(20, 3)
    with pytest.raises(ResultMismatch, match="layer mixed, row 20, token"):
        layer(x)
    assert "2- to 8-bit" in repr(weights)


def test_used_planes_are_the_upper_bits():
    q = np.arange(16)[None]
    weights = Weights.integer(q, 4)
    assert weights.used(4).tolist() == weights.values.tolist()
    assert weights.used(2)[0].tolist() == [4 * (2 * (v >> 2) - 3) for v in range(16)]
    assert set(weights.used(1)[0].tolist()) == {-8, 8}


def test_a_device_without_scales(tmp_path):
    path = tmp_path / "plain.toml"
    path.write_text('name = "plain"\n[table]\nscaled = false\n')
    with connect(f"golden:{path}", check="all") as device:
        weights = Weights.integer([[1, 2, 3]], 2)
        with pytest.raises(UserError, match="asks for scaled results, which configuration 'plain' "
                                            "has no hardware for; set table.scaled to true, or"):
            device.load(weights, output=Output())
        layer = device.load(weights)
        assert layer([1, 1, 1]).tolist() == [3]
        assert layer([1, 1, 1], planes=2).tolist() == [3]
        with pytest.raises(UserError, match="'plain' cannot leave planes out; set table.scaled"):
            layer([1, 1, 1], planes=1)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Output("int4"), "dtype must be 'int8', 'int16' or 'int32', not 'int4'"),
    (lambda: Output("int8", 0), "scale must be a positive finite number, not 0"),
    (lambda: Output("int8", float("nan")), "not nan"),
    (lambda: Output("int8", "1"), "not '1'"),
    (lambda: Output("int8", True), "not True"),
    (lambda: Weights.integer([[1]], [1, 2]), r"bits must be one integer or have the shape \(1,\)"),
    (lambda: Weights.integer([[1], [1]], [1, 9]), "between 1 and 8, not 9 as in row 1"),
    (lambda: Weights.integer([[1], [2]], [2, 1]), "integer weights of 1 bits must be between 0 "
                                                  "and 1, not 2 as in row 1, column 0"),
    (lambda: Weights.integer([[1]], [1.5]), "bits must be integers, not float64"),
])
def test_mistakes_in_outputs_and_weights(make, message):
    with pytest.raises(UserError, match=message):
        make()


@pytest.mark.parametrize(("use", "message"), [
    (lambda d, w: d.load(w, output="int8"), r"output must be an Output, such as Output\('int8', "),
    (lambda d, w: d.load(Weights.integer(np.zeros((1, 40), int), 4, group=8, scales=[[1, 2, 3, 4,
     5]]), output=Output()), "groups of 8 columns; on configuration 'tiny' they must be multiples "
                             r"of table.smallest_group \(16\)"),
    (lambda d, w: d.load(Weights.ternary(np.zeros((1, 80), int), [[1, 2]], 64), output=Output()),
     r"groups of 64 columns; .* multiples of 40; .*Weights.integer\(array \+ 1, 2, scale, 1, "
     r"group=64\)"),
    (lambda d, w: d.load(w)([1, 2], onto=[1]), "loaded without output, so its results cannot"),
    (lambda d, w: d.load(w, output=Output("int8"))([1, 2], onto=[128]), "between -128 and 127"),
    (lambda d, w: d.load(w, output=Output("int8"))([1, 2], onto=[1, 2]), r"shape \(1,\) of the"),
    (lambda d, w: d.load(w, output=Output("int8"))([1, 2], onto=[0.5]), "not float64"),
    (lambda d, w: d.load(w)([1, 2], planes=0), "planes must be between 1 and 1 in layer layer"),
])
def test_mistakes_in_use(device, use, message):
    with pytest.raises(UserError, match=message):
        use(device, Weights.ternary([[1, -1]]))


def test_ternary_groups_as_two_planes(device):
    """What the message above advises."""
    rng = np.random.default_rng(3)
    values, scale = rng.integers(-1, 2, (8, 130)), rng.normal(size=(8, 3))
    layer = device.load(Weights.integer(values + 1, 2, scale, 1, group=64),
                        output=Output("int16", 0.1))
    x = rng.integers(-128, 128, 130)
    real = values * np.repeat(scale, 64, axis=1)[:, :130]
    assert abs(0.1 * layer(x) - real @ x).max() <= 0.06
