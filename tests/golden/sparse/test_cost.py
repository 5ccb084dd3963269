# SPDX-License-Identifier: Apache-2.0
"""Declared bits are those of the bytes made; and the bounds that encodings have to keep."""

import numpy as np
import pytest

from luthier.golden.sparse.encodings import (
    BlockFormat,
    ColumnMajor,
    RowFormat,
    block_cost,
    block_words,
    encode_blocks,
    encode_rows,
    encoded_scales,
    fitting_formats,
    matrix_items,
    row_cost,
    scale_count,
)
from luthier.sim.sparse_matrices import block_formats, random_matrix, row_formats


@pytest.mark.parametrize("weight_bits", [4, 8])
@pytest.mark.parametrize("beat_bits", [64, 128, 256, 512])
def test_declared_bits_are_those_of_the_bytes(beat_bits, weight_bits):
    rng = np.random.default_rng(beat_bits)
    for rows, columns in ((1, 1), (3, 256), (5, 1000)):
        for form in block_formats(beat_bits, weight_bits):
            matrix = random_matrix(form, rng, rows, columns)
            beats = encode_blocks(form, *block_words(form, matrix))
            cost = block_cost(form, rows, columns)
            scales = encoded_scales(np.ones(scale_count(form, rows, columns), int), beat_bits)
            assert (cost.stream, cost.scales) == (8 * beats.size, 8 * scales.size)
            assert cost.padding >= 0 and cost.weights == rows * columns
        for form in row_formats(beat_bits, weight_bits):
            items = matrix_items(form, random_matrix(form, rng, rows, columns, 0.2))
            for group in (0, 16, 128):
                cost = row_cost(form, rows, columns, items, group)
                assert cost.stream == 8 * encode_rows(form, items).size and cost.padding >= 0
                scales = encoded_scales(np.ones(scale_count(
                    form, rows, columns, group, len(items.gaps)), int), beat_bits)
                assert cost.scales == 8 * scales.size


@pytest.mark.parametrize("beat_bits", [64, 128, 256, 512])
@pytest.mark.parametrize("encoding, kept, block, most", [
    ("index", 2, 4, 3.0), ("bitmap", 2, 4, 3.0), ("pairs", 2, 4, 2.75), ("bitmap", 8, 16, 3.0)])
def test_half_sparse(encoding, kept, block, most, beat_bits):
    """W4 2:4 and 8:16: at most 3.0 bits a weight, 3.15 with scales; all of it real bytes."""
    form = BlockFormat(encoding=encoding, kept=kept, block=block, beat_bits=beat_bits)
    matrix = random_matrix(form, np.random.default_rng(0), 256, 4096)
    beats = encode_blocks(form, *block_words(form, matrix))
    scales = encoded_scales(np.ones(256 * 32, int), beat_bits)
    assert 8 * beats.size / matrix.size <= most <= 3.0
    assert 8 * (beats.size + scales.size) / matrix.size <= most + 0.125 <= 3.15
    cost = block_cost(form, *matrix.shape)
    assert cost.scaled_bits_per_weight == 8 * (beats.size + scales.size) / matrix.size


@pytest.mark.parametrize("beat_bits", [64, 128, 256, 512])
def test_half_dropped_groups(beat_bits):
    """Half of the groups of 16 dropped at random, a scale for each kept: at most 2.8 bits."""
    form, rng = RowFormat(encoding="bsr", beat_bits=beat_bits), np.random.default_rng(1)
    groups = np.zeros((256, 256), bool)
    for row in groups:
        row[rng.permutation(256)[:128]] = True
    matrix = np.where(groups.repeat(16, axis=1), rng.choice([-8, 7, 1], (256, 4096)), 0)
    items = matrix_items(form, matrix)
    beats = encode_rows(form, items)
    scales = encoded_scales(np.ones(len(items.gaps), int), beat_bits)
    assert 8 * (beats.size + scales.size) / matrix.size <= 2.8
    cost = row_cost(form, *matrix.shape, items, 16)
    assert cost.scaled_bits_per_weight == 8 * (beats.size + scales.size) / matrix.size


def test_smallest_comes_first():
    """What each encoding is for, on matrices made so."""
    rng = np.random.default_rng(2)

    def best(matrix, weight_bits=4):
        found = fitting_formats(matrix, weight_bits, 128)
        sizes = [cost.stream + cost.scales for _, cost in found]
        assert sizes == sorted(sizes)
        return found[0][0]

    def matrix(kept, block):
        form = BlockFormat(encoding="index", kept=kept, block=block)
        order = np.argsort(rng.random((64, 1024 // block, block)), axis=2) < form.kept
        return np.where(order.reshape(64, 1024), 3, 0)

    assert best(rng.integers(1, 8, (64, 1024))).encoding == "dense"
    assert best(matrix(2, 4)).encoding == "pairs"
    assert best(matrix(8, 16)) == BlockFormat(encoding="bitmap", kept=8, block=16)
    assert best(matrix(2, 16)) == BlockFormat(encoding="index", kept=2, block=16)
    assert best(np.where(rng.random((64, 64)) < 0.4, 1, 0).repeat(16, axis=1)).encoding == "bsr"
    assert best(np.where(rng.random((64, 1024)) < 0.01, 99, 0), 8).encoding == "csr"
    assert best(np.zeros((4, 1024), int)).encoding == "csr"


@pytest.mark.parametrize("weight_bits", [4, 8])
@pytest.mark.parametrize("row_block", [0, 48, 64])
def test_column_major(weight_bits, row_block):
    """The product from the beats that are read; as many bytes as non-zeros ask for."""
    rng, half = np.random.default_rng(3), 1 << weight_bits - 1
    matrix = rng.integers(-half, half, (160, 300))
    layout = ColumnMajor(160, 300, weight_bits, 128, row_block)
    beats = layout.encode(matrix)
    assert beats.shape == (layout.beats, 16)
    for zeros in (0.0, 0.3, 0.6, 1.0):
        x = np.where(rng.random(300) < zeros, 0, rng.integers(-128, 128, 300))
        assert (layout.product(beats, x) == matrix @ x).all()
        assert layout.bytes_read(x) == 16 * len(layout.addresses(x))
        assert layout.bytes_read(x) * 300 == beats.size * np.count_nonzero(x)
        assert (np.diff(layout.addresses(x)) > 0).all()


def test_column_major_skips():
    """60 % of the activations zero, as in BitNet-2B's down projection: 40 % of the bytes."""
    rng = np.random.default_rng(4)
    layout = ColumnMajor(2560, 6912, 4, 128)
    x = rng.integers(1, 128, 6912)
    x[rng.permutation(6912)[: round(0.6 * 6912)]] = 0
    share = layout.bytes_read(x) / (layout.beats * 16)
    assert share == np.count_nonzero(x) / 6912
    assert share <= 0.45
