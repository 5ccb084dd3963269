# SPDX-License-Identifier: Apache-2.0
"""The choice of characters, text and loss."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest

from luthier.golden.errors import UserError
from luthier.host import connect
from luthier.host.models import (
    DeviceMatrices,
    NumpyMatrices,
    Sampler,
    generate,
    load_model,
    loss,
    validation_part,
)

LOGITS = np.array([100, 3000, -700, 3000, 2000])


def test_temperature_zero_takes_the_first_of_the_largest():
    assert {Sampler(0, seed)(LOGITS) for seed in range(5)} == {1}


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_frequencies_are_those_of_the_softmax(temperature):
    draws, sampler = 20000, Sampler(temperature, 3)
    counts = np.bincount([sampler(LOGITS) for _ in range(draws)], minlength=5)
    weights = np.exp(LOGITS / 2048 / temperature)
    wanted = draws * weights / weights.sum()
    assert (abs(counts - wanted) < 5 * np.sqrt(wanted)).all()


def test_the_stream_is_the_same_everywhere():
    sampler = Sampler(1.0, 42)
    flat = np.zeros(1000, np.int64)
    assert [sampler(flat) for _ in range(8)] == [
        int(raw) * 1000 >> 64 for raw in np.random.PCG64(42).random_raw(8)]
    assert [Sampler(1.0, 42)(flat), Sampler(1.0, 43)(flat)] == [773, 652]


@pytest.mark.parametrize("temperature", [-1, 0.001, 1000, math.nan, math.inf, "hot"])
def test_a_wrong_temperature(temperature):
    with pytest.raises(UserError, match=r"temperature must be 0 or from 0\.01 to 100, not"):
        Sampler(temperature, 0)


def test_a_wrong_seed():
    with pytest.raises(UserError, match="seed must be an integer of at least 0, not -1"):
        Sampler(1.0, -1)


def test_text_is_the_same_on_a_device(model):
    def text(multiply, temperature, seed):
        return "".join(generate(model, multiply, "abc", 40, Sampler(temperature, seed)))

    with connect("golden:tiny", check="all") as device:
        for temperature, seed in ((0, 0), (1.0, 1), (5.0, 2)):
            mine = text(NumpyMatrices(model), temperature, seed)
            assert len(mine) == 40 and set(mine) <= set(model.vocabulary)
            multiply = DeviceMatrices(model, device)
            assert text(multiply, temperature, seed) == mine
            assert multiply.figures[0].tokens == 3 + 39
            multiply.unload()


def test_an_empty_prompt(model):
    with pytest.raises(UserError, match="the prompt is empty"):
        next(generate(model, NumpyMatrices(model), "", 5, Sampler(0, 0)))


def test_loss(model):
    letters = np.random.default_rng(4).integers(0, 8, 60)
    multiply, states, total = NumpyMatrices(model), model.start(), 0.0
    for now, after in zip(letters[:-1], letters[1:], strict=True):
        logits = model(np.array([now]), states, multiply)[0] / 2048
        total -= logits[after] - math.log(sum(math.exp(value) for value in logits))
    done = []
    got = loss(model, letters, multiply, chunk=16, advance=done.append)
    assert got == pytest.approx(total / 59, abs=1e-12) and done == [16, 16, 16, 11]
    assert loss(model, letters, multiply, chunk=59) == pytest.approx(got, abs=1e-12)
    with pytest.raises(UserError, match="at least 2 characters, not 1"):
        loss(model, letters[:1], multiply)


def test_the_validation_part():
    assert validation_part("0123456789" * 3) == "789"


PROGRAM = """
from luthier.host.models import NumpyMatrices, Sampler, generate, load_model
model = load_model("shakespeare-small")
print("".join(generate(model, NumpyMatrices(model), "ROMEO:", 60, Sampler(0.8, 7))))
"""


def test_the_text_is_the_same_in_every_environment():
    """Hash seeds, thread counts and NumPy's choice of instructions change no byte."""
    found = set()
    for changes in ({"PYTHONHASHSEED": "1"},
                    {"PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
                     "OPENBLAS_CORETYPE": "NEHALEM",
                     "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512_SKX"},
                    {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}):
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", PROGRAM], check=True,
                              capture_output=True, env={**os.environ, **changes}, timeout=120)
        found.add(done.stdout)
    model = load_model("shakespeare-small")
    found.add("".join(generate(model, NumpyMatrices(model), "ROMEO:", 60, Sampler(0.8, 7))).encode()
              + b"\n")
    assert len(found) == 1
