# SPDX-License-Identifier: Apache-2.0
"""What the packaged models know of their text, which LUTHIER_TEXT names (tinyshakespeare.txt)."""

import os
import re
from pathlib import Path

import pytest

from luthier.host.models import (
    NumpyMatrices,
    Sampler,
    generate,
    load_model,
    loss,
    validation_part,
)

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif("LUTHIER_TEXT" not in os.environ,
                       reason="LUTHIER_TEXT does not name the text, tinyshakespeare.txt")]


@pytest.fixture(scope="module")
def text():
    return Path(os.environ["LUTHIER_TEXT"]).read_text()


@pytest.mark.parametrize("name, most", [("shakespeare", 1.47), ("shakespeare-small", 1.54)])
def test_loss(text, name, most):
    model = load_model(name)
    part = validation_part(text)
    nats = loss(model, model.encode(part, "the text"), NumpyMatrices(model), chunk=2048)
    print(f"{name}: {nats:.4f} nats per character")
    assert nats <= most
    assert abs(nats - float(model.about["training_loss"])) < 0.01


@pytest.mark.parametrize("name", ["shakespeare", "shakespeare-small"])
def test_most_words_are_words(text, name):
    """Of the words of three letters or more in 2,000 characters, 80 % occur in the text."""
    model = load_model(name)
    known = {word.lower() for word in re.findall("[A-Za-z]{3,}", text)}
    made = "".join(generate(model, NumpyMatrices(model), "ROMEO:", 2000, Sampler(0.7, 0)))
    words = re.findall("[A-Za-z]{3,}", made)
    right = sum(word.lower() in known for word in words) / len(words)
    print(f"{name}: {100 * right:.1f} % of {len(words)} words")
    assert right >= 0.8
