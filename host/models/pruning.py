# SPDX-License-Identifier: Apache-2.0
"""Language models with sparse matrices."""

from dataclasses import replace

import numpy as np

from ...golden.errors import UserError
from ..pruning import prune
from .language_model import Block, LanguageModel, Matrix

__all__ = ["pattern_of", "pruned"]

#: Bits that the norm of a column is rounded to.
_NORM_BITS = 24


def pattern_of(text: str) -> tuple[int, int]:
    """Return N and M of a text such as ``2:4``.

    Raises
    ------
    UserError
        If it is none.
    """
    kept, colon, block = text.partition(":")
    if not colon or not kept.isdecimal() or not block.isdecimal():
        raise UserError(f"a pattern must be N:M, such as 2:4, not {text!r}")
    return int(kept), int(block)


def pruned(model: LanguageModel, kept: int, block: int) -> LanguageModel:
    """Return the model with only the N largest weights of each M columns of every matrix.

    All trits are as large as each other, so that what counts is a weight's effect on the sum: times
    the norm that its column is multiplied by. Of equals the first stays. Nothing is trained again.

    Raises
    ------
    UserError
        If there is no such pattern.
    """

    def matrix(whole: Matrix) -> Matrix:
        size = np.abs(whole.norm)
        size = 1 + (size << _NORM_BITS) // (int(size.max()) + 1)
        left = prune(whole.trits.astype(np.int64) * size, kept, block) != 0
        return replace(whole, trits=whole.trits * left)

    blocks = [Block({name: matrix(one) for name, one in part.matrices.items()}, part.bound)
              for part in model.blocks]
    return LanguageModel(
        name=f"{model.name} pruned to {kept}:{block}", vocabulary=model.vocabulary,
        embedding=model.embedding, blocks=blocks, head=matrix(model.head), about=model.about)
