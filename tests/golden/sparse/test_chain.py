# SPDX-License-Identifier: Apache-2.0
"""The golden chain against dense 64-bit products."""

import re

import numpy as np
import pytest

from luthier.golden.errors import UserError
from luthier.golden.sparse import Chain, Pattern, chain_product, fewest, pack_words, prune

#: Parameters, by what is packed.
CONFIGS = {
    "w8a8": {},
    "w8a8_single": {"least": 1, "slots": 32},
    "w4a8_rows": {"weight_bits": 4, "packing": "rows"},
    "w4a8_rows_four": {"weight_bits": 4, "packing": "rows", "least": 4},
    "w4a8_symmetric": {"weight_bits": 4, "packing": "rows", "symmetric": True, "least": 4},
    "w4a4_tokens": {"weight_bits": 4, "activation_bits": 4, "packing": "tokens"},
    "w4u8_rows": {"weight_bits": 4, "packing": "rows", "activation_signed": False},
    "u4u4_rows": {"weight_bits": 4, "activation_bits": 4, "packing": "rows",
                  "weight_signed": False, "activation_signed": False},
    "w8a8_tokens": {"packing": "tokens", "multiplier": "dsp48e2", "least": 4},
    "w8a8_rows": {"packing": "rows", "multiplier": "dsp48e2", "least": 4, "block": 8},
    "small": {"block": 4, "slots": 8, "weight_bits": 3, "activation_bits": 5},
}


def data_of(config, rows, columns, rng, corner=False):
    """Return a dense matrix and activations."""
    weights, activations = config.weight_range, config.activation_range
    shape = (config.tokens, columns) if config.tokens == 2 else (columns,)
    if corner:
        return (rng.choice([weights.least, weights.most], (rows, columns)),
                rng.choice([activations.least, activations.most], shape))
    return (rng.integers(weights.least, weights.most + 1, (rows, columns)),
            rng.integers(activations.least, activations.most + 1, shape))


def shared(matrix, rows):
    """Return the matrix with zeros where another of so many rows has zeros."""
    kept = (matrix.reshape(-1, rows, matrix.shape[1]) != 0).all(axis=1)
    return matrix * np.repeat(kept, rows, axis=0)


@pytest.mark.parametrize("corner", [False, True])
@pytest.mark.parametrize("text", ["dense", "2:4", "1:4", "4:8", "8:16", "4:16", "2:16"])
@pytest.mark.parametrize("name", CONFIGS)
def test_product(name, text, corner):
    config = Chain(**CONFIGS[name])
    rng = np.random.default_rng(1)
    pattern = Pattern.parse(text, config.block)
    if pattern.block > config.block or pattern.within(config.block).nonzeros < config.least:
        return
    matrix, x = data_of(config, 2 * config.rows, 5 * config.block, rng, corner)
    matrix = shared(prune(matrix, pattern), config.slot_rows)
    words = pack_words(config, matrix)
    assert np.array_equal(chain_product(config, words, x).T, matrix @ x.T.astype(np.int64))
    count = pattern.within(config.block).nonzeros
    assert max(int(counts.max()) for counts in words.counts) <= count
    if corner and config.slot_rows == 1 and config.weight_range.least:
        # No weight is zero but for the pattern: words are as many as they should be, and full.
        assert words.total * config.slots == np.count_nonzero(matrix)
        assert all((weights != 0).all() for weights in words.weights)


@pytest.mark.parametrize("name", CONFIGS)
def test_mixed_and_ragged(name):
    """Any N in any block, and rows and columns that fill neither row group nor block."""
    config, rng = Chain(**CONFIGS[name]), np.random.default_rng(2)
    for rows, columns in ((1, 1), (config.rows + 3, 3 * config.block + 1), (2 * config.rows, 96)):
        matrix, x = data_of(config, rows, columns, rng)
        matrix[:, ::3] = 0
        matrix[rng.random(matrix.shape) < rng.random(columns)] = 0
        words = pack_words(config, matrix)
        assert np.array_equal(chain_product(config, words, x).T, matrix @ x.T.astype(np.int64))


def test_counts_given():
    config, matrix = Chain(), np.eye(8, 32, dtype=np.int64)
    words = pack_words(config, matrix, [np.array([16, 4])])
    assert words.total == 8 + 2
    x = np.arange(32)
    assert np.array_equal(chain_product(config, words, x), x[:8])
    with pytest.raises(UserError, match="block 0 of row group 0 needs 4 weights of 16 columns, "
                                        "not 2; use 4"):
        pack_words(config, np.ones((8, 16), int) * (np.arange(16) < 3), [np.array([2])])


def test_accumulators_reach_their_bits():
    """The worst case fills the accumulator, and one block more wraps."""
    config = Chain(columns=64, weight_bits=8, activation_bits=8)
    x, matrix = np.full(64, -128), np.full((8, 64), -128)
    assert chain_product(config, pack_words(config, matrix), x).max() == 64 * 16384
    assert 64 * 16384 < 1 << config.accumulator_bits - 1 <= 2 * 64 * 16384


def test_cycles():
    config = Chain(slots=16, least=2, lanes=2)
    assert (config.groups, config.rows, config.beats, config.levels) == (8, 8, 4, 3)
    assert config.cycles([10]) == 9 + config.latency + 4
    assert config.cycles([10, 1, 1]) == 9 + 4 + 4 + config.latency + 4
    assert config.words(np.array([2, 4, 16])) == 1 + 2 + 8


def test_patterns():
    assert str(Pattern.parse("2:4")) == "2:4" and str(Pattern.parse("dense", 8)) == "dense"
    assert Pattern.parse("2:4").within(16) == Pattern(8, 16)
    assert Pattern.parse("1:4").offsets(16) == (0, 4, 8, 12)
    assert Pattern.parse("2:4").offsets(8) == (0, 0, 4, 4)
    pruned = prune(np.array([[1, -3, 2, 0, 5, 5, 5, 5]]), Pattern(2, 4))
    assert pruned.tolist() == [[0, -3, 2, 0, 5, 5, 0, 0]]
    assert fewest(pruned, 4) == 2 and fewest(pruned, 8) == 4 and fewest(0 * pruned, 4, 2) == 2


@pytest.mark.parametrize("text, said", [
    ("3:4", "weights in a block of 4 columns must be 1, 2 or 4, not 3"),
    ("2:5", "a block must have 4, 8 or 16 columns, not 5"),
    ("half", "a pattern must be dense or N:M, such as 2:4, not 'half'"),
])
def test_wrong_pattern(text, said):
    with pytest.raises(UserError, match=re.escape(said)):
        Pattern.parse(text)


def test_pattern_too_large():
    with pytest.raises(UserError, match="pattern 2:16 does not fit a chain of blocks of 4 columns"):
        Pattern(2, 16).within(4)


@pytest.mark.parametrize("changes, said", [
    ({"block": 5}, "block must be 4, 8 or 16 columns, not 5"),
    ({"slots": 8}, "slots must be a power of two from block=16 to 512, not 8"),
    ({"slots": 48}, "slots must be a power of two from block=16 to 512, not 48"),
    ({"least": 3}, "least must be 1, 2 or 4 weights of a block, not 3"),
    ({"weight_bits": 1}, "weight_bits must be 2 to 16, not 1"),
    ({"activation_bits": 17}, "activation_bits must be 2 to 16, not 17"),
    ({"packing": "both"}, "packing must be none, rows or tokens, not 'both'"),
    ({"multiplier": "dsp"}, "multiplier must be one of mult18x18, dsp48e1, dsp48e2, mac16, not"),
    ({"columns": 8}, "columns must be a multiple of block=16, not 8"),
    ({"columns": 1 << 20}, "sums of 1048576 columns take 36 bits, more than 32; have fewer"),
    ({"lanes": 16}, "lanes must be a power of two up to 8, the sums of a row group, not 16"),
    ({"packing": "rows"}, "mult18x18 stands no two products of 8 by 8 bits with packing='rows', "
                          "not a run of least=2; use packing='none', or fewer bits"),
    ({"packing": "rows", "multiplier": "dsp48e1", "least": 4},
     "dsp48e1 stands a run of 2 of 8 by 8 bits"),
    ({"multiplier": "mac16", "activation_bits": 16, "activation_signed": False, "columns": 16},
     "mac16 multiplies 16 by 16 bits, signed, not 17 by 8"),
])
def test_wrong_config(changes, said):
    with pytest.raises(UserError, match=re.escape(said)):
        Chain(**changes)


def test_wrong_type():
    with pytest.raises(TypeError, match="slots must be an integer, not '16'"):
        Chain(slots="16")


@pytest.mark.parametrize("config, matrix, said", [
    (Chain(), np.array([[128]]), "weights must be -128 to 127, not 128 to 128"),
    (Chain(columns=16), np.zeros((1, 17), int), "a chain for 16 columns can not take 17; generate"),
])
def test_wrong_matrix(config, matrix, said):
    with pytest.raises(UserError, match=re.escape(said)):
        pack_words(config, matrix)
