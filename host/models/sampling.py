# SPDX-License-Identifier: Apache-2.0
"""The choice of the next character: integers, the same on every computer."""

import math
from fractions import Fraction
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ...golden.errors import UserError
from ...golden.vector import exponential
from ..arguments import whole

__all__ = ["Sampler"]

_LOWEST, _HIGHEST = 0.01, 100.0


class Sampler:
    """Draws characters with probabilities ``exp(logit / temperature)``.

    With d the distance of a logit to the largest, its weight is
    ``exponential(d * inverse >> 16)`` with ``inverse = round(65536 / temperature)``. A character is
    the first whose cumulated weight exceeds ``raw * total >> 64``, with ``raw`` the next 64 bits of
    ``numpy.random.PCG64(seed)``, whose stream NumPy keeps the same on all platforms and versions.

    Parameters
    ----------
    temperature : float
        0 for the largest logit, the first one of equals; else 0.01 to 100.
    seed : int
        At least 0.

    Raises
    ------
    UserError
        If one is something else.
    """

    def __init__(self, temperature: float, seed: int):
        real = isinstance(temperature, int | float) and math.isfinite(temperature)
        if not real or not (temperature == 0 or _LOWEST <= temperature <= _HIGHEST):
            raise UserError(f"temperature must be 0 or from {_LOWEST} to {_HIGHEST:g}, not "
                            f"{temperature!r}; 0 always takes the most likely character")
        self._inverse = round((1 << 16) / Fraction(temperature)) if temperature else 0
        self._bits = np.random.PCG64(whole(seed, "seed", 0))

    def __call__(self, logits: NDArray[np.int64]) -> int:
        """Return the chosen character's code; logits are (characters,), 11 fraction bits."""
        if not self._inverse:
            return int(logits.argmax())
        distance = (logits.max() - logits).tolist()
        sums = list(accumulate(exponential(d * self._inverse >> 16) for d in distance))
        threshold = int(self._bits.random_raw()) * sums[-1] >> 64
        return next(code for code, total in enumerate(sums) if total > threshold)
