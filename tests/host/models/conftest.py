# SPDX-License-Identifier: Apache-2.0
"""A small random model."""

import numpy as np
import pytest

from luthier.host.models import Block, LanguageModel, Matrix
from luthier.host.models.language_model import MATRICES


def random_model(seed=5, *, width=23, hidden=17, layers=2, vocabulary="\nabcdef "):
    """Return a model whose every part matters, of sizes that fill no tile."""
    rng = np.random.default_rng(seed)
    shapes = {"up": (2 * hidden, width), "down": (width, hidden)}

    def matrix(name, rows, columns):
        return Matrix(name, rng.integers(-1, 2, (rows, columns), np.int8),
                      rng.integers(1500, 9000, columns), (int(rng.integers(1 << 15, 1 << 16)), 23))

    blocks = [Block({name: matrix(f"blocks.{number}.{name}", *shapes.get(name, (width, width)))
                     for group in MATRICES for name in group},
                    rng.integers(0, 65536, width) if number else np.zeros(width, np.int64))
              for number in range(layers)]
    return LanguageModel(
        name="random", vocabulary=vocabulary,
        embedding=rng.integers(-4000, 4000, (len(vocabulary), width)), blocks=blocks,
        head=matrix("head", len(vocabulary), width), about={"license": "none"})


@pytest.fixture
def model():
    return random_model()


@pytest.fixture
def make_model():
    return random_model
