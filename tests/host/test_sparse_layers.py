# SPDX-License-Identifier: Apache-2.0
"""Sparse weights on a device: alone, in programs, and what goes wrong."""

import numpy as np
import pytest

from luthier.golden.config import load_configuration
from luthier.golden.descriptor import Descriptor, Opcode
from luthier.golden.errors import DeviceError, UserError
from luthier.golden.sparse_operation import lane_cycles, most_lane_cycles
from luthier.golden.timing import cycles
from luthier.host import Output, ResultMismatch, SparseWeights, Weights, connect, prune

ROWS, COLUMNS = 100, 90


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


@pytest.fixture
def device():
    with connect("golden:sparse", check="all") as found:
        yield found


@pytest.fixture
def values(rng):
    return prune(rng.integers(-128, 128, (ROWS, COLUMNS)), 2, 4)


@pytest.fixture
def x(rng):
    return rng.integers(-128, 128, (3, COLUMNS))


def test_sums(device, values, x):
    layer = device.load(SparseWeights(values, pattern=(2, 4)))
    assert (layer(x) == x @ values.T).all()
    assert (layer(x[0]) == values @ x[0]).all()
    assert layer.stats.cycles == layer.declared_cycles()
    assert layer.stats.efficiency == pytest.approx(
        ROWS * COLUMNS / 2 / 16 / layer.stats.cycles)


def test_blocks_are_as_full_as_they_must_be(device, rng, values):
    """4-bit weights fit too; what is not 2:4 is stored as dense."""
    small = device.load(SparseWeights(values // 16, 4))
    dense = device.load(SparseWeights(rng.integers(-8, 8, (ROWS, COLUMNS)), 4))
    assert (small.sections[0].form.kept, dense.sections[0].form.kept) == (2, 4)
    x = rng.integers(-128, 128, COLUMNS)
    assert (dense(x) == dense.weights.values.astype(int) @ x).all()


def test_output(device, values, x):
    """One scale for the matrix is applied on the device; results can be added to others."""
    layer = device.load(SparseWeights(values, scales=0.5, group=0), output=Output("int16", 16.0))
    wanted = np.rint(x @ values.T * 0.5 / 16)
    assert (layer(x) == np.clip(wanted, -32768, 32767)).all()
    there = np.full((3, ROWS), 1000, np.int16)
    assert (layer(x, onto=there) == np.clip(wanted + 1000, -32768, 32767)).all()


def test_outliers_on_top_of_tables(device, rng, x):
    """Sums of tables and of the chain are exact before they are rounded once."""
    low = rng.integers(0, 16, (ROWS, COLUMNS))
    outliers = np.where(rng.random((ROWS, COLUMNS)) < 0.1, rng.integers(-128, 128, low.shape), 0)
    program = device.program()
    source = program.input(COLUMNS)
    table = device.load(Weights.integer(low, 4), output=Output("int32", 0.5))
    chain = device.load(SparseWeights(outliers, group=0, scales=1.0), output=Output("int32", 0.5))
    sums = program.apply(chain, source, onto=program.apply(table, source))
    program.output(program.rescale(sums, "int16", 0.25))
    (y,) = program(x[0])
    assert (y == np.clip(np.rint((low + outliers) @ x[0] * 2 * 0.25), -32768, 32767)).all()


def test_single_weights(device, rng, x):
    """Where asked for, and where they take fewer cycles than blocks; a cycle each."""
    few = np.where(rng.random((ROWS, COLUMNS)) < 0.02, rng.integers(1, 128, (ROWS, COLUMNS)), 0)
    count = np.count_nonzero(few)
    layer = device.load(SparseWeights(few))
    assert (layer(x) == x @ few.T).all()
    assert layer.sections[0].form.encoding == "csr"
    assert 0 < layer.stats.cycles - 3 * (count + (ROWS - len(np.unique(np.nonzero(few)[0])))) < 64
    assert layer.stats.cycles == layer.declared_cycles(3)
    assert layer.work() == count
    assert layer.bits_per_weight * few.size == pytest.approx(16 * max(count, ROWS), rel=0.2)
    more = prune(rng.integers(-128, 128, (ROWS, COLUMNS)), 1, 4)
    asked, blocks = (device.load(SparseWeights(more, encoding=encoding))
                     for encoding in ("csr", None))
    assert (asked(x) == x @ more.T).all()
    assert (asked.sections[0].form.encoding, blocks.sections[0].form.encoding) == ("csr", "pairs")
    assert asked.declared_cycles() > 2 * blocks.declared_cycles()


@pytest.mark.parametrize("rows, there, encoding", [
    (60, 200, "pairs"),  # rows without a weight take a cycle, too
    (256, 280, "csr"),  # the index of blocks takes beats
])
def test_the_fewest_cycles(device, rng, rows, there, encoding):
    """Of 256 rows of 32 columns: 256 beats of blocks, and 48 of their index."""
    values = np.zeros((256, 32), int)
    values[np.arange(there) % rows, 3 + 4 * (np.arange(there) // rows)] = 5
    layer = device.load(SparseWeights(values))
    assert layer.sections[0].form.encoding == encoding
    x = rng.integers(-128, 128, 32)
    assert (layer(x) == values @ x).all()


def test_single_weights_where_blocks_are_too_full(rng, x, tmp_path):
    config = tmp_path / "pairs.toml"
    config.write_text('name = "pairs"\n[sparse]\nkept = [1, 2]\ncsr = true\n')
    values = rng.integers(-128, 128, (ROWS, COLUMNS))
    with connect(f"golden:{config}", check="all") as device:
        layer = device.load(SparseWeights(values, scales=0.5, group=0), output=Output("int32"))
        assert (layer(x, onto=np.full((3, ROWS), 7, np.int32)) == np.rint(x @ values.T * 0.5) + 7
                ).all()


def test_checks_find_a_flipped_bit_of_a_single_weight(device, rng):
    """Also one that makes the weight zero."""
    values = np.where(rng.random((ROWS, COLUMNS)) < 0.02, 8, 0)
    values[5] = 0
    values[70, 3] = 8
    layer = device.load(SparseWeights(values))
    layer.flip_weight_bit(70, 3, 3)
    with pytest.raises(ResultMismatch, match="row 70"):
        layer(np.full(COLUMNS, 100))
    layer.flip_weight_bit(70, 3, 0)
    with pytest.raises(ResultMismatch, match="row 70"):
        layer(np.full(COLUMNS, 100))


def test_scale_by_token(device, values, x):
    program = device.program()
    source = program.input(COLUMNS)
    layer = device.load(SparseWeights(values))
    program.output(program.apply(layer, source, by_token="int16"))
    (y,) = program(x[0], scales=[(3, 7)])
    assert (y == np.rint(values @ x[0] * 3 / 128)).all()


def test_checks_find_a_flipped_bit(device, values):
    layer = device.load(SparseWeights(values))
    row, column = (int(i) for i in np.argwhere(values)[7])
    layer.flip_weight_bit(row, column, 3)
    with pytest.raises(ResultMismatch, match=f"row {row}"):
        layer(np.full(COLUMNS, 100))
    zero = tuple(int(i) for i in np.argwhere(values == 0)[0])
    with pytest.raises(UserError, match="is zero and not stored; choose another"):
        layer.flip_weight_bit(*zero)


def test_malformed_memory_is_reported(device, values, x):
    layer = device.load(SparseWeights(values))
    device.write_memory(layer.address, np.full((1, 16), 255, np.uint8))
    with pytest.raises(DeviceError, match="words of sparse weights in layer layer0 that no encoder "
                                          "writes"):
        layer(x[0])
    layer.unload()
    again = device.load(SparseWeights(values))
    assert (again(x[0]) == values @ x[0]).all()


def test_memory_is_what_the_format_says(device, values):
    """2:4 pairs of 8 bits: 4 bits of weights and 0.75 of index for each weight of the matrix."""
    layer = device.load(SparseWeights(values))
    padded = 104 * 92
    assert layer.bits_per_weight * values.size == pytest.approx(padded * 4.75, abs=128)


@pytest.mark.parametrize("weights, output, message", [
    (SparseWeights(np.ones((2, 20000), int)), None, "20000 columns, 11808 more than"),
    (SparseWeights(np.ones((2, 8), int), scales=[1.0, 2.0]), Output("int8"),
     "has scales of its own for rows or groups"),
    (SparseWeights(np.ones((2, 8), int), scales=1e30), Output("int8"), "more than the device can"),
])
def test_what_a_device_cannot_load(device, weights, output, message):
    with pytest.raises(UserError, match=message):
        device.load(weights, output=output)


def test_a_limit_of_time_for_single_weights():
    """Of words of which only their number is known."""
    config = load_configuration("sparse")
    d = Descriptor(opcode=Opcode.SPARSE, rows=3, columns=20, planes_stored=0, planes_used=0,
                   scales=4, destination=64)
    most = cycles(config, d, most_lane_cycles(config, d))
    rng = np.random.default_rng(1)
    for _ in range(50):
        memory = rng.integers(0, 256, (4, config.word_bytes), dtype=np.uint8)
        assert cycles(config, d, lane_cycles(config, d, memory)) <= most


def test_other_devices():
    weights = SparseWeights(np.ones((2, 8), int))
    with connect("golden:default") as device:
        with pytest.raises(UserError, match=r"no sparse chain; give it a section \[sparse\]"):
            device.load(weights)
        with pytest.raises(UserError, match="load takes Weights .* or SparseWeights, not ndarray"):
            device.load(np.ones((2, 8)))


def test_no_planes(device, values, x):
    layer = device.load(SparseWeights(values))
    with pytest.raises(UserError, match="of which all bits are used; leave planes out"):
        layer(x, planes=2)


@pytest.mark.parametrize("change, message", [
    ({"kept": [4, 2]}, r"sparse.kept must be different powers of two that ascend, not \[4, 2\]"),
    ({"kept": []}, "sparse.kept must be a list of numbers of weights"),
    ({"kept": [8]}, r"sparse.kept \(\[8\]\) must not exceed block \(4\)"),
    ({"block": 5}, "sparse.block must be 4, 8 or 16, not 5"),
    ({"weight_bits": 3}, "sparse.weight_bits must be 4 or 8, not 3"),
    ({"lanes": 8}, r"sparse.lanes \(8\) must be at most 4"),
    ({"csr": 1}, "sparse.csr must be true or false, not 1"),
])
def test_configurations_that_cannot_be(change, message):
    config = load_configuration("sparse")
    data = config.model_dump(exclude_none=True)
    data["sparse"] |= change
    with pytest.raises(UserError, match=message):
        type(config).from_data(data)


@pytest.mark.parametrize("key", ["max_rows", "max_columns"])
def test_single_weights_in_16_bits(key):
    data = load_configuration("sparse").model_dump(exclude_none=True)
    data["table"][key], data["scratchpad"]["words"] = 65536, 8192
    with pytest.raises(UserError, match=f"table.{key} \\(65536\\) must be at most 65535 with"):
        type(load_configuration("sparse")).from_data(data)
    data["sparse"]["csr"] = False
    type(load_configuration("sparse")).from_data(data)


def test_sums_that_would_not_fit():
    data = load_configuration("sparse").model_dump(exclude_none=True)
    data["table"]["activation_bits"] = 16
    with pytest.raises(UserError, match=r"max_columns \(8192\) must be at most 508, so that sums"):
        type(load_configuration("sparse")).from_data(data)
    data["table"]["max_columns"], data["sparse"]["block"] = 256, 16
    data["sparse"]["kept"] = [2]
    with pytest.raises(UserError, match=r"sparse.block \(16\) must be at most 8, the activations"):
        type(load_configuration("sparse")).from_data(data)
