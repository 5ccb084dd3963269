# SPDX-License-Identifier: Apache-2.0
"""Encodings of rows of groups and of single weights, against SciPy's compressed rows."""

import numpy as np
import pytest
from scipy import sparse

from luthier.golden.errors import UserError
from luthier.golden.sparse.encodings import (
    Defect,
    Items,
    MalformedStream,
    RowFormat,
    decode_rows,
    encode_rows,
    matrix_items,
    read_rows,
    row_places,
)
from luthier.sim.sparse_matrices import format_name, random_matrix, row_formats

FORMATS = [form for beat_bits in (64, 128, 256, 512) for weight_bits in (4, 8)
           for form in row_formats(beat_bits, weight_bits)]


@pytest.mark.parametrize("form", FORMATS, ids=format_name)
@pytest.mark.parametrize("density", [0.02, 0.5, 1.0])
def test_round_trip(form, density):
    rng = np.random.default_rng(form.slots)
    for rows, columns in ((1, 1), (11, 1000), (5, 333)):
        matrix = random_matrix(form, rng, rows, columns, density)
        beats = encode_rows(form, matrix_items(form, matrix))
        assert beats.dtype == np.uint8 and beats.shape[1] * 8 == form.beat_bits
        assert (read_rows(form, rows, columns, beats) == matrix).all()


@pytest.mark.parametrize("form", FORMATS, ids=format_name)
def test_items_are_those_of_compressed_rows(form):
    """Those that fill aside, the places and weights that SciPy finds; each row ends once."""
    matrix = random_matrix(form, np.random.default_rng(3), 13, 96 * form.group, 0.1)
    items = matrix_items(form, matrix)
    rows = np.cumsum(items.ends) - items.ends
    steps = np.cumsum(items.gaps + 1)
    starts = np.concatenate([[0], steps[items.ends]])
    places = steps - 1 - starts[rows]
    there = ~items.filling
    expected = sparse.bsr_matrix(matrix, blocksize=(1, form.group))
    expected.sort_indices()
    assert (rows[there] == np.repeat(np.arange(13), np.diff(expected.indptr))).all()
    assert (places[there] == expected.indices).all()
    assert (items.weights[there] == expected.data[:, 0]).all()
    assert not items.weights[items.filling].any() and items.ends.sum() == 13
    assert items.gaps.max() <= form.longest_gap


@pytest.mark.parametrize("form", FORMATS, ids=format_name)
def test_words(form):
    """A word is of one row and of one beat; together they are the matrix."""
    matrix = random_matrix(form, np.random.default_rng(4), 9, 50 * form.group, 0.3)
    beats = encode_rows(form, matrix_items(form, matrix))
    found = decode_rows(form, 9, row_places(form, matrix.shape[1]), beats)
    assert found.report.errors == 0 and found.ends.sum() == 9
    sums = np.zeros_like(matrix)
    row = 0
    for word in range(len(found.ends)):
        for slot, weight in enumerate(found.weights[word]):
            place = found.places[word, slot // form.group]
            column = place * form.block + found.positions[word, slot]
            if weight:
                sums[row, column] += weight
        row += found.ends[word]
    assert (sums == matrix).all()


def test_bits_of_groups():
    """Entries lie before their groups, a gap in the low bits and the end of a row above."""
    form = RowFormat(encoding="bsr", beat_bits=64)
    matrix = np.zeros((2, 176), int)
    matrix[0, 16:32], matrix[0, 160:176], matrix[1, 0] = 1, 2, 3
    beats = [int.from_bytes(beat.tobytes(), "little") for beat in encode_rows(
        form, matrix_items(form, matrix))]
    # Group 1; 9 is 8 further on, so that one of zeros comes between; then row 1.
    assert beats == [0x8_8_7_1, 0x1111_1111_1111_1111, 0, 0x2222_2222_2222_2222, 3]


def test_bits_of_single_weights():
    form = RowFormat(encoding="csr", beat_bits=64, weight_bits=8, gap_bits=7)
    matrix = np.zeros((3, 300), int)
    matrix[0, 2], matrix[0, 5], matrix[2, 129] = -1, 4, 5
    beats = [int.from_bytes(beat.tobytes(), "little") for beat in encode_rows(
        form, matrix_items(form, matrix))]
    assert beats == [0x7F00_8000_8204_02FF, 0x8105]


def test_out_of_range():
    form = RowFormat(encoding="bsr", beat_bits=128)
    ones = np.ones((3, 16), np.int64)
    items = Items(np.array([1, 3, 2]), np.array([False, True, True]), ones, np.zeros(3, bool))
    beats = encode_rows(form, items)
    found = decode_rows(form, 2, 5, beats)
    assert (found.report.errors, found.report.first) == (1, Defect.RANGE)
    assert found.malformed.tolist() == [True, False] and found.ends.tolist() == [True, True]
    assert found.weights.sum(axis=1).tolist() == [16, 16]
    with pytest.raises(MalformedStream, match="beyond column 79, as in row 0; encode"):
        read_rows(form, 2, 80, beats)
    with pytest.raises(MalformedStream, match="beyond column 90, as in row 0"):
        read_rows(form, 2, 91, beats)  # the last group, beyond the last column


@pytest.mark.parametrize("form", [form for form in FORMATS if form.beat_bits == 128],
                         ids=format_name)
def test_wrong_length(form):
    matrix = random_matrix(form, np.random.default_rng(6), 9, 40 * form.group, 0.4)
    matrix[:, -1] = 1
    beats, places = encode_rows(form, matrix_items(form, matrix)), row_places(form, len(matrix[0]))
    whole = decode_rows(form, 9, places, beats)
    for cut in range(len(beats)):
        found = decode_rows(form, 9, places, beats[:cut])
        assert found.report.first == Defect.TRUNCATED and found.ends.sum() == 9
        came = found.weights.any(axis=1).sum()
        assert (found.weights[:came] == whole.weights[:came]).all()
        with pytest.raises(MalformedStream, match="too short for 9 x"):
            read_rows(form, *matrix.shape, beats[:cut])
    longer = np.concatenate([beats, beats])
    found = decode_rows(form, 9, places, longer)
    assert found.report.first == Defect.OVERLONG and (found.weights == whole.weights).all()
    with pytest.raises(MalformedStream, match="too long for 9 x"):
        read_rows(form, *matrix.shape, longer)


@pytest.mark.parametrize("given, text", [
    ({"encoding": "coo"}, "encoding must be bsr or csr, not 'coo'"),
    ({"gap_bits": 4}, "gap_bits of bsr must be 3 or 7, not 4"),
    ({"block": 8}, "block of bsr must be 16, not 8"),
    ({"beat_bits": 64, "weight_bits": 8}, "16 weights of 8 bits are more; take wider beats"),
    ({"encoding": "csr", "gap_bits": 7}, "weights of 4 bits must be 3 or 11, not 7"),
    ({"encoding": "csr", "gap_bits": 3, "weight_bits": 8}, "weights of 8 bits must be 7, not 3"),
])
def test_wrong_format(given, text):
    with pytest.raises(UserError, match=text):
        RowFormat(**{"encoding": "bsr"} | given)


def test_refusals():
    form = RowFormat(encoding="csr", gap_bits=11)
    with pytest.raises(UserError, match="columns of csr must be between 1 and 65535, not 70000"):
        row_places(form, 70000)
    with pytest.raises(UserError, match="between -8 and 7, not -9 as in row 0, column 1"):
        matrix_items(form, np.array([[0, -9]]))
