# SPDX-License-Identifier: Apache-2.0
"""A character-level MatMul-free language model in integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...golden import vector
from ...golden.errors import UserError

__all__ = ["MATRICES", "Block", "LanguageModel", "Matrix", "Multiply", "Product"]

#: Matrices of a block, in groups that multiply at the same time.
MATRICES = (("candidate", "forget", "gate"), ("output",), ("up",), ("down",))
#: Exponent of the epsilon that is added to the mean square of a vector.
_EPSILON = -20


@dataclass(frozen=True)
class Matrix:
    """Ternary weights, the norm of what they multiply, and their gain.

    Attributes
    ----------
    name : str
        Such as ``blocks.0.up``.
    trits : int8 array, shape (rows, columns)
    norm : int64 array, shape (columns,)
        12 fraction bits.
    gain : tuple of int
        Mantissa of 16 bits and exponent: ``mantissa * 2**-exponent`` is
        ``scale * sqrt(columns) * 2**(11 - 12) / 127``.
    """

    name: str
    trits: NDArray[np.int8]
    norm: NDArray[np.int64]
    gain: tuple[int, int]


@dataclass(frozen=True)
class Block:
    """Matrices by the names of :data:`MATRICES`, and the least values of the forget gate.

    ``bound`` is an int64 array, shape (width,), with 16 fraction bits.
    """

    matrices: dict[str, Matrix]
    bound: NDArray[np.int64]

    def group(self, names: Sequence[str]) -> tuple[Matrix, ...]:
        """Return the matrices of these names."""
        return tuple(self.matrices[name] for name in names)


@dataclass(frozen=True)
class Product:
    """One matrix's part of a request: codes, and the output stage for each token.

    Attributes
    ----------
    matrix : Matrix
    codes : int8 array, shape (tokens, columns)
    multiplier, shift : int64 array, shape (tokens, 1)
    """

    matrix: Matrix
    codes: NDArray[np.int8]
    multiplier: NDArray[np.int64]
    shift: NDArray[np.int64]


class Multiply(Protocol):
    """What multiplies: NumPy, or a device."""

    def __call__(self, products: Sequence[Product]) -> Sequence[NDArray[np.integer]]:
        """Return the results of 16 bits, (tokens, rows) each, in order."""
        ...


class LanguageModel:
    """Characters in, 16-bit logits of the next one out; no float in between.

    After Zhu et al., "Scalable MatMul-free Language Modeling" (arXiv 2406.02528), as its published
    code has it. With ``x`` the residual, each matrix has its own RMS norm and int8 codes of what it
    multiplies (:func:`~luthier.golden.vector.codes`)::

        f = bound + (1 - bound) * sigmoid(forget(x))
        h = f * h + (1 - f) * silu(candidate(x))
        x = x + output(gate(x) * silu(h))
        a, b = halves of up(x)
        x = x + down(silu(a) * b)

    and the logits are ``head(x)`` after the last block. Widths and rounding of every step are in
    :mod:`luthier.golden.vector`.

    Parameters
    ----------
    name : str
    vocabulary : str
        The characters, in the order of their codes.
    embedding : int64 array, shape (characters, width)
        11 fraction bits.
    blocks : list of Block
    head : Matrix
    about : dict of str
        Licence, data and the like, for people.
    """

    def __init__(self, *, name: str, vocabulary: str, embedding: NDArray[np.int64],
                 blocks: Sequence[Block], head: Matrix, about: dict[str, str]):
        self.name, self.vocabulary, self.about = name, vocabulary, about
        self.embedding, self.blocks, self.head = embedding, tuple(blocks), head
        self._codes = {letter: code for code, letter in enumerate(vocabulary)}

    @property
    def width(self) -> int:
        """Elements of the residual and of a state."""
        return self.embedding.shape[1]

    def groups(self) -> list[tuple[Matrix, ...]]:
        """Return the matrices in the order of their requests, grouped as they are multiplied."""
        return [*(block.group(names) for block in self.blocks for names in MATRICES), (self.head,)]

    @property
    def ternary_weights(self) -> int:
        """Weights in matrices."""
        return sum(matrix.trits.size for group in self.groups() for matrix in group)

    def encode(self, text: str, what: str) -> NDArray[np.int64]:
        """Return the codes of characters, shape (characters,).

        Raises
        ------
        UserError
            If there are none, or one is not in the vocabulary; ``what`` names the text.
        """
        if not text:
            raise UserError(f"{what} is empty; give at least one character")
        for place, letter in enumerate(text):
            if letter not in self._codes:
                known = "".join(self.vocabulary).replace("\n", "\\n")
                raise UserError(
                    f"{what} has the character {letter!r} at place {place}, which model "
                    f"{self.name} does not know; use only these: {known}")
        return np.array([self._codes[letter] for letter in text], np.int64)

    def start(self) -> NDArray[np.int64]:
        """Return the states before a text: zeros, shape (layers, width)."""
        return np.zeros((len(self.blocks), self.width), np.int64)

    def __call__(self, letters: NDArray[np.int64], states: NDArray[np.int64],
                 multiply: Multiply) -> NDArray[np.int64]:
        """Return the logits after each of ``letters``, shape (tokens, characters).

        Parameters
        ----------
        letters : int64 array, shape (tokens,)
            Codes of characters that follow each other.
        states : int64 array, shape (layers, width)
            Changed to those after the last letter.
        multiply : callable
        """
        x = self.embedding[letters]
        for block, state in zip(self.blocks, states, strict=True):
            candidate, forget, gate = multiply(
                [quantised(matrix, x, vector.RESULT_FRACTION)
                 for matrix in block.group(MATRICES[0])])
            h = _recurrence(vector.forget_gate(forget, block.bound), vector.silu(candidate), state)
            x = x + _one(multiply, block.matrices["output"],
                         vector.gated(vector.silu_of_state(h), gate))
            up, = multiply([quantised(block.matrices["up"], x, vector.RESULT_FRACTION)])
            half = up.shape[1] // 2
            x = x + _one(multiply, block.matrices["down"],
                         vector.gated(vector.silu(up[:, :half]), up[:, half:]))
        logits, = multiply([quantised(self.head, x, vector.RESULT_FRACTION)])
        return logits.astype(np.int64)


def _one(multiply: Multiply, matrix: Matrix, activations: NDArray[np.int64]) -> NDArray[np.integer]:
    return multiply([quantised(matrix, activations, vector.ACTIVATION_FRACTION)])[0]


def _recurrence(gate: NDArray[np.int64], candidate: NDArray[np.int64],
                state: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the states after each token, and leave the last in ``state``."""
    after = np.empty_like(candidate)
    for token in range(len(after)):
        state[:] = after[token] = vector.decayed(gate[token], state, candidate[token])
    return after


def quantised(matrix: Matrix, x: NDArray[np.int64], fraction: int) -> Product:
    """Return codes and token scales of vectors (tokens, columns) with so many fraction bits.

    The epsilon of the mean square is 2**-20.
    """
    codes, largest = vector.codes(x, matrix.norm)
    squares = (x * x).sum(axis=-1) + (x.shape[-1] << 2 * fraction + _EPSILON)
    scales = np.array([vector.token_scale(total, peak, matrix.gain) for total, peak in
                       zip(squares.tolist(), largest.tolist(), strict=True)], np.int64)
    return Product(matrix, codes, scales[:, :1], scales[:, 1:])
