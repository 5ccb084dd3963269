# SPDX-License-Identifier: Apache-2.0
"""Hadamard matrices of model sizes against published rows and constructions written differently."""

import numpy as np
import pytest

from luthier.golden.hadamard import (
    ORDERS,
    blocks,
    factor,
    hadamard,
    hadamard_outer,
    hadamard_size,
    outer_width,
)

CASES = [(order, variant) for variant, orders in ORDERS.items() for order in orders]

#: Rows as the libraries print them: QuaRot's 12, SpinQuant's 44, Dao-AILab's 12, 20, 28.
PUBLISHED = {
    (12, "quarot", 0): "+-----------",
    (12, "quarot", 1): "++-+---+++-+",
    (12, "quarot", 2): "+++-+---+++-",
    (12, "quarot", 11): "+-+---+++-++",
    (40, "quarot", 1): "++-++----+-+-++++--+++-++----+-+-++++--+",
    (40, "dao", 39): "+-++----+-+-++++--++-+--++++-+-+----++--",
    (44, "quarot", 1): "++-++-+-++---+-----+++-+---+++++-+++--+-+--+",
    (12, "dao", 0): "+-++++++++++",
    (12, "dao", 1): "--+-+-+-+-+-",
    (12, "dao", 2): "+++-++----++",
    (12, "dao", 11): "+-+--+-++---",
    (20, "dao", 0): "+----+----++--++-++-",
    (20, "dao", 5): "-+++++-----+--+++--+",
    (20, "dao", 10): "--++-+-++-+-----++++",
    (20, "dao", 19): "+--+--++------+----+",
    (28, "dao", 0): "+------++----++-+--+-+--++--",
    (28, "dao", 7): "--++++-+-------++--+++-+--+-",
    (28, "dao", 14): "-+-++-++--++--+--------++++-",
    (28, "dao", 26): "+--++-+-++-+-+----+++-----+-",
}


@pytest.mark.parametrize("order, variant", CASES)
def test_orthogonal(order, variant):
    h = hadamard(order, variant)
    assert h.shape == (order, order) and set(np.unique(h)) == {-1, 1}
    assert np.array_equal(h @ h.T, order * np.eye(order, dtype=int))
    assert np.array_equal(h.T @ h, order * np.eye(order, dtype=int))


@pytest.mark.parametrize("order, variant, row", PUBLISHED)
def test_published_rows(order, variant, row):
    printed = "".join("-+"[int(value > 0)] for value in hadamard(order, variant)[row])
    assert printed == PUBLISHED[order, variant, row]


@pytest.mark.parametrize("order", [12, 20, 44, 60, 68, 108, 140])
def test_paley_1(order):
    """By Euler's criterion, element by element."""
    q, h = order - 1, hadamard(order)
    for i in range(q):
        assert h[0, i + 1] == -1 and h[i + 1, 0] == 1
        for j in range(q):
            residue = pow(i - j, (q - 1) // 2, q)
            assert h[i + 1, j + 1] == (1 if residue in (0, 1) else -1)
    assert h[0, 0] == 1 and np.array_equal(h + h.T, 2 * np.eye(order))  # skew


@pytest.mark.parametrize("order", [28, 36, 76, 148])
def test_paley_2(order):
    """The conference matrix is symmetric, C^2 = q I, and each quarter is it plus or minus one."""
    h, n = hadamard(order), order // 2
    a, b, c, d = h[:n, :n], h[:n, n:], h[n:, :n], h[n:, n:]
    conference = (a + b) // 2
    assert np.array_equal(conference @ conference, (n - 1) * np.eye(n))
    assert np.array_equal(a - b, 2 * np.eye(n)) and np.array_equal(b, c)
    assert np.array_equal(d, -a)
    squares = {pow(x, 2, n - 1) for x in range(1, n - 1)}
    assert [int(j) for j in np.flatnonzero(conference[1, 1:] > 0)] == sorted(
        -s % (n - 1) for s in squares)


@pytest.mark.parametrize("order, variant, sums", [
    (52, "quarot", (1, 1, 1, -7)), (156, "quarot", (-9, -5, -5, -5)),
    (172, "quarot", (7, 7, 7, -5)), (20, "dao", (-3, -3, 1, 1)), (28, "dao", (-5, -1, -1, -1))])
def test_williamson(order, variant, sums):
    """Four symmetric circulants whose squares add up to K I, and row sums that are known."""
    h, n = hadamard(order, variant), order // 4
    a, b, c, d = (h[:n, first : first + n] for first in range(0, order, n))
    for circulant in (a, b, c, d):
        assert np.array_equal(circulant, circulant.T)
        assert np.array_equal(circulant, np.roll(np.roll(circulant, 1, 0), 1, 1))
    assert np.array_equal(a @ a + b @ b + c @ c + d @ d, order * np.eye(n))
    assert np.array_equal(h, np.block([[a, b, c, d], [-b, a, -d, c], [-c, d, a, -b],
                                       [-d, -c, b, a]]))
    assert tuple(part[0].sum() for part in (a, b, c, d)) == sums


@pytest.mark.parametrize("order, variant", CASES)
def test_blocks_are_circulant(order, variant):
    sizes, h = blocks(order, variant), hadamard(order, variant)
    edges = np.cumsum([0, *sizes])
    assert edges[-1] == order
    for top, bottom in zip(edges, edges[1:]):
        for left, right in zip(edges, edges[1:]):
            block = h[top:bottom, left:right]
            assert np.array_equal(block[:, 1:], np.roll(block[:, :-1], 1, axis=0))
            assert np.array_equal(block.T[:, 1:], np.roll(block.T[:, :-1], 1, axis=0))


def test_variants_and_transposes():
    symmetric = {(order, variant) for order, variant in CASES
                 if np.array_equal(hadamard(order, variant), hadamard(order, variant).T)}
    assert symmetric == {(28, "quarot"), (36, "quarot"), (76, "quarot"), (148, "quarot"),
                         (12, "dao")}
    assert [order for order in ORDERS["dao"]
            if np.array_equal(hadamard(order), hadamard(order, "dao"))] == [40]


@pytest.mark.parametrize("size, factors", [
    (11008, (172, 6)), (13824, (108, 7)), (14336, (28, 9)), (5120, (40, 7)), (6912, (108, 6)),
    (18944, (148, 7)), (4864, (76, 6)), (9728, (76, 7)), (17408, (68, 8)), (4096, (1, 12)),
    (12, (12, 0)), (20, (20, 0)), (1, (1, 0)), (28672, (28, 10)), (2304, (36, 6)), (6656, (52, 7)),
    (8960, (140, 6)), (22016, (172, 7)), (2816, (44, 6)), (960, (60, 4)), (1248, (156, 3))])
def test_factor(size, factors):
    assert factor(size) == factors
    order, m = factors
    assert order << m == size


@pytest.mark.parametrize("size, variant, nearest", [
    (11000, "quarot", 11008), (25600, "quarot", 24576), (13696, "quarot", 13824), (0, "quarot", 1),
    (-3, "quarot", 1), (11008, "dao", 10240), (6, "quarot", 4)])
def test_no_such_size(size, variant, nearest):
    with pytest.raises(ValueError, match=rf"^size must be a power of two, or one times 12, 20, .*, "
                                         rf"not {size}; the nearest is {nearest}$"):
        factor(size, variant)


@pytest.mark.parametrize("order, variant, message", [
    (10, "quarot", "order must be 12, 20, .* or 172 with variant 'quarot', not 10; the nearest is"
                   " 12"),
    (172, "dao", "order must be 12, 20, 28 or 40 with variant 'dao', not 172; the nearest is 40"),
    (12, "quip", "variant must be 'quarot' or 'dao', not 'quip'")])
def test_no_such_matrix(order, variant, message):
    for function in (hadamard, blocks):
        with pytest.raises(ValueError, match=f"^{message}$"):
            function(order, variant)


def test_wrong_types():
    with pytest.raises(TypeError, match=r"^order must be an integer, not 12\.0$"):
        hadamard(12.0)
    with pytest.raises(TypeError, match=r"^size must be an integer, not '12'$"):
        factor("12")
    with pytest.raises(ValueError, match="^the size of x must be a multiple of 12, not 25; the "
                                         "nearest is 24$"):
        hadamard_outer(np.zeros(25), 12)


@pytest.mark.parametrize("size, variant", [(48, "quarot"), (80, "dao"), (172 * 4, "quarot"),
                                           (64, "quarot"), (12 * 8, "dao")])
@pytest.mark.parametrize("transpose", [False, True])
def test_whole_transform_is_the_kronecker_product(size, variant, transpose):
    order, m = factor(size, variant)
    sylvester = np.array([[(-1) ** (i & j).bit_count() for j in range(1 << m)]
                          for i in range(1 << m)])
    h = np.kron(hadamard(order, variant) if order > 1 else [[1]], sylvester)
    x = np.random.default_rng(1).integers(-128, 128, (3, size))
    assert np.array_equal(hadamard_size(x, variant=variant, transpose=transpose),
                          x @ (h if transpose else h.T))


def test_40_has_the_factor_2_outermost():
    """So 5120 = 40 * 128 is not 20 * 256, whose factor 2 is inside."""
    outer, inner = (np.kron(*pair) for pair in ([[[1, 1], [1, -1]], hadamard(20)],
                                                [hadamard(20), [[1, 1], [1, -1]]]))
    assert np.array_equal(outer, hadamard(40)) and not np.array_equal(inner, hadamard(40))
    x = np.random.default_rng(2).integers(-8, 8, 160)
    assert np.array_equal(hadamard_outer(x, 40), np.kron(outer, np.eye(4, dtype=int)) @ x)


@pytest.mark.parametrize("order, variant", CASES)
@pytest.mark.parametrize("width", [8, 16])
def test_width_is_enough_and_needed(order, variant, width):
    """A column that agrees with a row, as far as words can, reaches the limit."""
    least, bits = -1 << width - 1, outer_width(order, width)
    for sign in (1, -1):
        h = sign * hadamard(order, variant)
        worst = np.where(h[0] > 0, least, -least - 1) @ h[0]
        assert -1 << bits - 1 <= worst < -1 << bits - 2
    assert order * -least < 1 << bits - 1
