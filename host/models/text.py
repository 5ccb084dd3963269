# SPDX-License-Identifier: Apache-2.0
"""Text out of a model, and how well it predicts a text."""

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ...golden.errors import UserError
from ...golden.vector import RESULT_FRACTION
from .language_model import LanguageModel, Multiply
from .sampling import Sampler

__all__ = ["generate", "loss", "validation_part"]


def generate(model: LanguageModel, multiply: Multiply, prompt: str, characters: int,
             sampler: Sampler) -> Iterator[str]:
    """Yield the characters that follow the prompt, one after the other.

    Raises
    ------
    UserError
        If the prompt is empty or has a character that the model does not know.
    """
    letters, states = model.encode(prompt, "the prompt"), model.start()
    logits = model(letters[:1], states, multiply)
    for place in range(1, len(letters)):
        logits = model(letters[place : place + 1], states, multiply)
    for left in range(characters, 0, -1):
        code = sampler(logits[0])
        yield model.vocabulary[code]
        if left > 1:
            logits = model(np.array([code]), states, multiply)


def validation_part(text: str) -> str:
    """Return the last tenth of a text by position, which training did not see."""
    return text[len(text) * 9 // 10 :]


def loss(model: LanguageModel, letters: NDArray[np.int64], multiply: Multiply, *,
         chunk: int = 512, advance: Callable[[int], None] = lambda steps: None) -> float:
    """Return the mean negative log-likelihood of each character but the first: nats.

    Parameters
    ----------
    model : LanguageModel
    letters : int64 array, shape (characters,)
        Codes of at least two characters; the state is carried from the first.
    multiply : callable
    chunk : int
        Characters whose matrices are multiplied at once.
    advance : callable, optional
        Called with the number of characters done since the last call.
    """
    if len(letters) < 2:
        raise UserError(f"the text to evaluate must have at least 2 characters, not {len(letters)}")
    states, sums = model.start(), []
    for start in range(0, len(letters) - 1, chunk):
        given = letters[start : min(start + chunk, len(letters) - 1)]
        wanted = letters[start + 1 : start + 1 + len(given)]
        logits = model(given, states, multiply) / (1 << RESULT_FRACTION)
        top = logits.max(axis=1)
        likelihood = logits[np.arange(len(given)), wanted] - top
        likelihood -= np.log(np.exp(logits - top[:, None]).sum(axis=1))
        sums.append(-math.fsum(likelihood))
        advance(len(given))
    return math.fsum(sums) / (len(letters) - 1)
