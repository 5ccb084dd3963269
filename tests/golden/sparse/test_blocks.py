# SPDX-License-Identifier: Apache-2.0
"""Encodings of N:M blocks against a reader that takes one bit after another, and NumPy."""

import itertools

import numpy as np
import pytest

from luthier.golden.errors import UserError
from luthier.golden.sparse.encodings import (
    BlockFormat,
    Defect,
    MalformedStream,
    block_words,
    decode_blocks,
    encode_blocks,
    read_blocks,
)
from luthier.sim.sparse_matrices import block_formats, format_name, random_matrix

FORMATS = [form for beat_bits in (64, 128, 256, 512) for weight_bits in (4, 8)
           for form in block_formats(beat_bits, weight_bits)]


def take(bits, count):
    """Take the next bits off a list, lowest first."""
    value = sum(bit << place for place, bit in enumerate(bits[:count]))
    del bits[:count]
    return value


def slow_read(form, rows, columns, beats):
    """Read a packet by the description of the formats, without anything of ours."""
    waiting = [int.from_bytes(beat.tobytes(), "little") for beat in beats]
    index, matrix = [], np.zeros((rows, columns), int)
    per_block = {"dense": 0, "index": form.kept * (form.block.bit_length() - 1),
                 "bitmap": form.block, "pairs": 3}[form.encoding]
    slots = form.beat_bits // form.weight_bits
    pairs = list(itertools.combinations(range(4), 2))
    for row in range(rows):
        for start in range(0, columns, slots // form.kept * form.block):
            while len(index) < per_block * slots // form.kept:
                beat = waiting.pop(0)
                index += [beat >> bit & 1 for bit in range(form.beat_bits)]
            beat = waiting.pop(0)
            payload = [beat >> bit & 1 for bit in range(form.beat_bits)]
            for block in range(slots // form.kept):
                if form.encoding == "dense":
                    places = list(range(form.block))
                elif form.encoding == "index":
                    places = [take(index, form.block.bit_length() - 1) for _ in range(form.kept)]
                elif form.encoding == "bitmap":
                    places = [place for place in range(form.block) if take(index, 1)]
                else:
                    places = pairs[take(index, 3)]
                for place in places:
                    weight = take(payload, form.weight_bits)
                    weight -= (weight >> form.weight_bits - 1) << form.weight_bits
                    column = start + block * form.block + place
                    if column < columns:
                        matrix[row, column] += weight
                    else:
                        assert weight == 0
    assert not waiting
    return matrix


@pytest.mark.parametrize("form", FORMATS, ids=format_name)
def test_round_trip(form):
    rng = np.random.default_rng(form.slots + form.kept)
    for rows, columns in ((1, 1), (3, form.columns), (7, form.columns * 2 + form.block + 1)):
        matrix = random_matrix(form, rng, rows, columns)
        beats = encode_blocks(form, *block_words(form, matrix))
        assert beats.dtype == np.uint8 and beats.shape[1] * 8 == form.beat_bits
        assert (read_blocks(form, rows, columns, beats) == matrix).all()


@pytest.mark.parametrize("form", FORMATS[::3], ids=format_name)
def test_bit_by_bit(form):
    matrix = random_matrix(form, np.random.default_rng(1), 2, form.columns + 5)
    beats = encode_blocks(form, *block_words(form, matrix))
    assert (slow_read(form, *matrix.shape, beats) == matrix).all()


def test_index_of_two_in_four_is_that_of_sparse_tensor_cores():
    """Rows 1,2 | 3,4 | 6,7 | 6,8 of hipSPARSELt's description are pairs 0 1, 2 3, 1 2, 1 3."""
    form = BlockFormat(encoding="index", kept=2, block=4, weight_bits=4, beat_bits=64)
    row = np.zeros((1, 16), int)
    row[0, [0, 1, 6, 7, 9, 10, 13, 15]] = 1, 2, 3, 4, 5, 6, 7, -8
    index, payload = encode_blocks(form, *block_words(form, row))[[0, 1]]
    assert index[:2].tolist() == [0b1110_0100, 0b1101_1001]
    assert payload[:4].tolist() == [0x21, 0x43, 0x65, 0x87]


DEFECTS = [
    ("index", 2, 4, Defect.ORDER, 0, "positions that do not ascend, as in row 1, block 2"),
    ("index", 4, 8, Defect.ORDER, 0, "positions that do not ascend"),
    ("bitmap", 8, 16, Defect.COUNT, 0xFFFF, "not exactly 8 bits set, as in row 1, block 2"),
    ("bitmap", 2, 4, Defect.COUNT, 0, "not exactly 2 bits set"),
    ("pairs", 2, 4, Defect.CODE, 7, "a code of a pair above 5, as in row 1, block 2"),
]


@pytest.mark.parametrize("encoding, kept, block, defect, bad, text", DEFECTS)
def test_malformed_block(encoding, kept, block, defect, bad, text):
    """Its weights are zero, all others are as they were, and the host refuses it."""
    form = BlockFormat(encoding=encoding, kept=kept, block=block, beat_bits=128)
    rng = np.random.default_rng(5)
    matrix = random_matrix(form, rng, 3, form.columns)
    weights, positions = block_words(form, matrix)
    beats = encode_blocks(form, weights, positions)
    at = form.index_bits + 2 * form.entry_bits  # of row 1, block 2 in the index
    stream = np.unpackbits(beats, axis=1, bitorder="little")
    places = [beat for beat in range(len(beats))
              if beat not in np.arange(3) - (-form.index_bits * np.arange(1, 4) // 128)]
    for bit in range(form.entry_bits):
        stream[places[(at + bit) // 128], (at + bit) % 128] = bad >> bit & 1
    damaged = np.packbits(stream, axis=1, bitorder="little")
    found = decode_blocks(form, 3, damaged)
    assert (found.report.errors, found.report.first) == (1, defect)
    assert np.argwhere(found.malformed).tolist() == [[1, 2]]
    expected = weights.copy()
    expected[1, 2 * kept : 3 * kept] = 0
    assert (found.weights == expected).all()
    with pytest.raises(MalformedStream, match=text):
        read_blocks(form, 3, form.columns, damaged)


@pytest.mark.parametrize("form", [form for form in FORMATS if form.beat_bits == 128],
                         ids=format_name)
def test_wrong_length(form):
    """As many words as asked for; those that did not come have no weights."""
    matrix = random_matrix(form, np.random.default_rng(2), 3, 2 * form.columns)
    weights, positions = block_words(form, matrix)
    beats = encode_blocks(form, weights, positions)
    for cut in range(len(beats)):
        found = decode_blocks(form, 6, beats[:cut])
        assert found.report.first == Defect.TRUNCATED and found.report.errors == 1
        came = found.weights.any(axis=1).sum()
        assert (found.weights[:came] == weights[:came]).all() and not found.weights[came:].any()
        with pytest.raises(MalformedStream, match="too short for 3 x"):
            read_blocks(form, *matrix.shape, beats[:cut])
    longer = np.concatenate([beats, beats[:2]])
    found = decode_blocks(form, 6, longer)
    assert found.report.first == Defect.OVERLONG and (found.weights == weights).all()
    assert (found.positions == positions).all()
    with pytest.raises(MalformedStream, match="too long for 3 x"):
        read_blocks(form, *matrix.shape, longer)


def test_encoder_refuses():
    form = BlockFormat(encoding="index", kept=2, block=4)
    matrix = np.zeros((2, 12), int)
    matrix[1, 8:11] = 1
    with pytest.raises(UserError, match="2:4 sparse must have at most 2 weights in each 4 columns, "
                                        "not 3 as in row 1, block 2; prune it first"):
        block_words(form, matrix)
    with pytest.raises(UserError, match="between -8 and 7, not 8 as in row 0, column 3"):
        block_words(form, np.array([[0, 0, 0, 8]]))
    weights, positions = block_words(form, np.ones((1, 4), int) * [1, 0, 0, 1])
    for bad in ([3, 0], [1, 1], [0, 4], [-1, 2]):
        positions[0, 4:6] = bad
        with pytest.raises(MalformedStream, match=r"as in word 0, block 2; sort them"):
            encode_blocks(form, weights, positions)


@pytest.mark.parametrize("given, text", [
    ({"encoding": "csc"}, "encoding must be dense, index, bitmap or pairs, not 'csc'"),
    ({"beat_bits": 96}, "beat_bits must be 64, 128, 256 or 512, not 96"),
    ({"weight_bits": 3}, "weight_bits must be 4 or 8, not 3"),
    ({"block": 32}, "block must be 4, 8 or 16, not 32"),
    ({"kept": 3}, "kept must be 1, 2, 4 or 8, not 3"),
    ({"kept": True}, "kept must be 1, 2, 4 or 8, not True"),
    ({"encoding": "dense"}, "kept of a dense block must be 16, not 2"),
    ({"encoding": "pairs"}, "block of pairs must be 4, not 16"),
    ({"encoding": "pairs", "block": 4, "kept": 1}, "kept of pairs must be 2, not 1"),
    ({"encoding": "dense", "kept": 16, "beat_bits": 64, "weight_bits": 8},
     "64 bits must hold a block, and 16 weights of 8 bits are more; take wider beats"),
])
def test_wrong_format(given, text):
    with pytest.raises(UserError, match=text):
        BlockFormat(**{"encoding": "index", "kept": 2, "block": 16} | given)
