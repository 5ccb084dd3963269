# SPDX-License-Identifier: Apache-2.0
"""Sparse weights: the smallest encoding, scales, pruning, and a sentence for every mistake."""

import numpy as np
import pytest

from luthier.golden.errors import UserError
from luthier.golden.sparse.encodings import MalformedStream
from luthier.host import SparseWeights, prune, prune_groups, read_sparse


def random_weights(rows=48, columns=512, bits=4, seed=0):
    half = 1 << bits - 1
    return np.random.default_rng(seed).integers(-half, half, (rows, columns))


@pytest.mark.parametrize("kept, block", [(1, 4), (2, 4), (4, 8), (8, 16), (4, 16), (2, 16), (4, 4)])
@pytest.mark.parametrize("bits", [4, 8])
def test_patterns(kept, block, bits):
    """The smallest of the pattern's encodings is chosen; any of them can be asked for."""
    pruned = prune(random_weights(bits=bits), kept, block)
    best = SparseWeights(pruned, bits, pattern=(kept, block))
    assert (best.form.kept, best.form.block) == (kept, block)
    assert (best.unpacked() == pruned).all()
    sizes = []
    for encoding in ("dense",) if kept == block else ("index", "bitmap"):
        one = SparseWeights(pruned, bits, pattern=(kept, block), encoding=encoding)
        assert one.form.encoding == encoding and (one.unpacked() == pruned).all()
        assert 8 * (one.beats.size + one.scale_beats.size) == one.bits_per_weight * pruned.size
        sizes.append(one.bits_per_weight)
    assert best.bits_per_weight <= min(sizes)
    assert best.command == {"words": 48 * -(-512 // best.form.columns)}


def test_chooses_without_a_pattern():
    assert SparseWeights(random_weights(), 4).form.encoding == "dense"
    assert SparseWeights(prune(random_weights(), 2, 4), 4).form.encoding == "pairs"
    assert SparseWeights(prune(random_weights(), 8, 16), 4).form.encoding == "bitmap"
    groups = SparseWeights(prune_groups(random_weights(), 0.5), 4, group=16)
    assert groups.form.encoding == "bsr" and groups.bits_per_weight <= 2.8
    assert groups.command == {"rows": 48, "places": 32}
    outliers = np.where(np.random.default_rng(1).random((48, 512)) < 0.01, 100, 0)
    found = SparseWeights(outliers, group=0)
    assert found.form.encoding == "csr" and found.bits_per_weight < 0.5
    assert (found.unpacked() == outliers).all() and "csr of 8 bits" in repr(found)


@pytest.mark.parametrize("encoding", ["dense", "bsr", "csr"])
@pytest.mark.parametrize("group", [0, 16, 128])
def test_scales(encoding, group):
    """Real weights are within half a step of the stored mantissas."""
    values, rng = prune_groups(random_weights(8, 300, 8), 0.6), np.random.default_rng(2)
    real = rng.uniform(0, 0.07, (8, -(-300 // group) if group else 1))
    found = SparseWeights(values, scales=real, group=group, encoding=encoding)
    index = np.arange(300) // (group or 300)
    step = np.ldexp(1.0, -found.shift)
    error = abs(found.dequantised() - real[:, index] * values)
    assert (error <= step / 2 * abs(values.astype(int)) * (1 + 1e-12)).all()
    assert 1 << 15 <= real.max() / step <= 1 << 16
    stored = found.scale_beats.view("<u2").reshape(-1)
    expected = np.rint(real / step).astype(int)
    if encoding == "bsr" and group == 16:  # of groups that are kept; gaps are short here
        there = np.pad(values, ((0, 0), (0, 4))).reshape(8, -1, 16).any(axis=2)
        assert set(expected[there]) <= set(stored.tolist())
        assert len(stored) < expected.size
    else:
        assert (stored[: expected.size] == expected.reshape(-1)).all()
    assert (SparseWeights(values, scales=0.0).dequantised() == 0).all()


def test_prune():
    row = [[3, -5, 1, 5, 0, 0, 2, -128, 9]]
    assert prune(np.array(row, np.int8), 2, 4).tolist() == [[0, -5, 0, 5, 0, 0, 2, -128, 9]]
    assert prune([[1, 1, 1, 1]], 2, 4).tolist() == [[1, 1, 0, 0]]
    groups = prune_groups([[1] * 16 + [-2] * 20], 2 / 3)
    assert groups.tolist() == [[0] * 16 + [-2] * 16 + [0] * 4]
    assert not prune_groups([[1, 2]], 1).any()


W = np.ones((3, 32), int)


@pytest.mark.parametrize("make, text", [
    (lambda: SparseWeights(np.ones((2, 3))), "sparse weights must be integers, not float64"),
    (lambda: SparseWeights(W, 3), "bits of sparse weights must be 4 or 8, not 3"),
    (lambda: SparseWeights(9 * W, 4), "between -8 and 7, not 9 as in row 0, column 0"),
    (lambda: SparseWeights(W, beat_bits=32), "beat_bits must be 64, 128, 256 or 512, not 32"),
    (lambda: SparseWeights(W, scales=-1), "scales must be at least 0, not -1.0 as in row 0"),
    (lambda: SparseWeights(W, encoding="zip"), "encoding must be dense, index, .* not 'zip'"),
    (lambda: SparseWeights(W, pattern=(2, 4)), "a block of a 2:4 matrix must have at most 2 "
     r"weights that are not zero, not 4 as in row 0, block 0 \(columns 0 to 3\); prune it"),
    (lambda: SparseWeights(W, pattern="24"), "pattern must be two integers"),
    (lambda: SparseWeights(W, pattern=(2, 5)), "M of the pattern must be 4, 8 or 16, not 5"),
    (lambda: SparseWeights(W, pattern=(3, 4)), "N of the pattern must be a power of two, not 3; "
     "the next is 4"),
    (lambda: SparseWeights(W, pattern=(5, 4)), "N of the pattern must be between 1 and 4"),
    (lambda: SparseWeights(0 * W, pattern=(2, 4), encoding="csr"), "pattern must be left out"),
    (lambda: SparseWeights(0 * W, pattern=(2, 8), encoding="pairs"), "of pattern 2:8 of 8 bits "
     "cannot be stored in encoding 'pairs' in beats of 128 bits; choose another"),
    (lambda: SparseWeights(W, encoding="bsr", beat_bits=64), "cannot be stored in encoding 'bsr'"),
    (lambda: prune_groups(W, 1.5), "share of groups to be dropped must be between 0 and 1"),
    (lambda: prune(W, 0, 4), "N of the pattern must be between 1 and 4, not 0"),
])
def test_mistakes(make, text):
    with pytest.raises(UserError, match=text):
        make()


def test_first_offending_block_is_named():
    pruned = prune(random_weights(8, 64), 2, 4)
    pruned[5, 40:44] = 1
    with pytest.raises(UserError, match="not 4 as in row 5, block 10"):
        SparseWeights(pruned, 4, pattern=(2, 4))


def test_reads_bytes_and_refuses_cut_ones():
    pruned = prune(random_weights(8, 64), 2, 4)
    found = SparseWeights(pruned, 4, pattern=(2, 4), encoding="index")
    content = found.beats.tobytes()
    assert (read_sparse(found.form, found.shape, content) == pruned).all()
    with pytest.raises(MalformedStream, match="whole beats of 16 bytes, not 191 bytes; it was cut"):
        read_sparse(found.form, found.shape, content[:-1])
    with pytest.raises(MalformedStream, match="too short for 8 x 64 weights"):
        read_sparse(found.form, found.shape, content[:-16])
    with pytest.raises(MalformedStream, match="positions that do not ascend, as in row 0, block 0"):
        read_sparse(found.form, found.shape, b"\0" + content[1:])
