# SPDX-License-Identifier: Apache-2.0
"""Model files: what is written is read, and one sentence for all that can be wrong."""

import json
import re

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from luthier.golden.errors import UserError
from luthier.host.models import load_model, named_models, save_model
from luthier.host.models.language_model import MATRICES


@pytest.fixture
def path(model, tmp_path):
    path = tmp_path / "random.safetensors"
    save_model(model, path)
    return path


def metadata(path, **changes):
    with safe_open(path, "numpy") as file:
        return {"luthier": json.dumps(json.loads(file.metadata()["luthier"]) | changes)}


def refused(path, words):
    with pytest.raises(UserError) as error:
        load_model(path)
    assert re.search(words, str(error.value)), str(error.value)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_what_is_written_is_read(model, path):
    read = load_model(path)
    assert (read.name, read.vocabulary, read.about) == ("random", model.vocabulary, model.about)
    assert (read.embedding == model.embedding).all()
    for mine, other in zip(read.blocks, model.blocks, strict=True):
        assert (mine.bound == other.bound).all()
    for mine, other in zip(read.groups(), model.groups(), strict=True):
        for a, b in zip(mine, other, strict=True):
            assert (a.name, a.gain) == (b.name, b.gain)
            assert (a.trits == b.trits).all() and (a.norm == b.norm).all()
    again = path.with_name("again.safetensors")
    save_model(read, again)
    assert again.read_bytes() == path.read_bytes()


def test_the_models_that_come_with_luthier():
    assert named_models() == ["shakespeare", "shakespeare-small"]
    large, small = (load_model(name) for name in named_models())
    assert 1_000_000 <= large.ternary_weights <= 2_000_000
    assert small.ternary_weights <= 520_000
    for model in (large, small):
        assert model.about["license"] == "Apache-2.0"
        density = np.concatenate([matrix.trits.reshape(-1) for group in model.groups()
                                  for matrix in group])
        assert 0.3 < abs(density).mean() < 0.8


def test_no_such_model(tmp_path):
    refused(tmp_path / "none.safetensors", "there is no model .* must be shakespeare or "
                                           "shakespeare-small, or the path of a .safetensors file")


@pytest.mark.parametrize("cut", [0, 4, 100, 5000, -1])
def test_a_truncated_file(path, cut):
    path.write_bytes(path.read_bytes()[:cut])
    refused(path, "it is damaged, cut short or no safetensors file")


def test_another_file(path):
    path.write_text("To be, or not to be.")
    refused(path, "it is damaged, cut short or no safetensors file")


def test_a_foreign_model(path):
    save_file({"x": np.zeros(3)}, path)
    refused(path, "not of a Luthier language model; training/README.md tells")


def test_damaged_metadata(path):
    save_file({"x": np.zeros(3)}, path, metadata={"luthier": "{"})
    refused(path, "its metadata are damaged")


def test_a_file_without_permission(path, monkeypatch):
    from luthier.host.models import file

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(file, "safe_open", refuse)
    refused(path, "it can not be read: Permission denied")


@pytest.mark.parametrize("key, value, words", [
    ("version", 2, "holds version 2 of architecture 'matmul-free'; this Luthier reads version 1"),
    ("architecture", "transformer", "of architecture 'transformer'"),
    ("width", 0, "its width must be from 1 to 16384, not 0"),
    ("width", True, "its width must be from 1 to 16384, not True"),
    ("layers", "many", "its layers must be from 1 to 256, not 'many'"),
    ("hidden", 99999999999, "its hidden must be from 1 to 16384"),
    ("hidden", 16, r"'blocks\.0\.up\.trits' must be uint8 of shape"),
    ("width", 24, "'bounds' must be uint16 of shape"),
    ("vocabulary", "aabcdef ", "its vocabulary has a character twice"),
    ("vocabulary", "abc", "'embedding' must be int16 of shape"),
    ("name", "", "its name must be a text, not ''"),
    ("vocabulary", 5, "its vocabulary must be a text, not 5"),
    ("about", {"license": 3}, "its about must be an object of texts"),
    ("format", "other", "not of a Luthier language model")])
def test_wrong_metadata(path, key, value, words):
    save_file(load_file(path), path, metadata=metadata(path, **{key: value}))
    refused(path, words)


@pytest.mark.parametrize("name, change, words", [
    ("head.norm", None, "it has no tensor 'head.norm'"),
    ("bounds", lambda t: t.astype(np.int16), "'bounds' must be uint16 of shape .*, not int16"),
    ("head.norm", lambda t: t[1:], r"must be int16 of shape \(23,\), not int16 of \(22,\)"),
    ("head.trits", lambda t: t | 0xFF, "has a byte that is no code for five trits"),
    ("head.gain", lambda t: 0 * t, "must be a mantissa from 1 to 65535 and an exponent"),
    ("head.gain", lambda t: t + [0, 400], "an exponent from -255 to 255, not")])
def test_wrong_tensors(path, name, change, words):
    tensors = load_file(path)
    tensor = tensors.pop(name)
    if change is not None:
        tensors[name] = change(tensor).astype(change(tensor).dtype if name == "bounds"
                                              else tensor.dtype)
    save_file(tensors, path, metadata=metadata(path))
    refused(path, words)


def test_any_byte_may_be_wrong(path):
    """A damaged file is refused or read, and never ends in another error."""
    whole = path.read_bytes()
    rng = np.random.default_rng(3)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            model = load_model(path)
        except UserError:
            continue
        assert len(model.groups()) == len(MATRICES) * 2 + 1
