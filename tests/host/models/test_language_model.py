# SPDX-License-Identifier: Apache-2.0
"""The integer model: against one in exact fractions, in chunks, and on devices."""

import hashlib
import math
from fractions import Fraction

import numpy as np
import pytest

from luthier.golden.errors import UserError
from luthier.golden.vector import sigmoid
from luthier.host import ResultMismatch, connect
from luthier.host.models import DeviceMatrices, NumpyMatrices, load_model

PROMPT = "First Citizen:\nBefore we proceed any further, hear me speak.\n"


def sigma(x):
    return int(sigmoid(np.array(x)))


def silu(x, argument, fraction):
    return round(Fraction(x * sigma(argument), 1 << fraction))


def scaled(value):
    """Round to 16 bits, saturating."""
    return max(-32768, min(32767, round(value)))


def product(matrix, x, fraction):
    """One matrix by the documents, in Python's integers and fractions alone."""
    v = [a * int(norm) for a, norm in zip(x, matrix.norm, strict=True)]
    peak = max(map(abs, v))
    codes = [round(Fraction(127 * a, peak)) if peak else 0 for a in v]
    squares = sum(a * a for a in x) + len(x) * 2 ** (2 * fraction) // 2**20
    up = (64 - squares.bit_length()) // 2
    quotient = Fraction(matrix.gain[0] * peak << up, math.isqrt(squares << 2 * up))
    quotient /= 2 ** matrix.gain[1]
    shift = next((s for s in range(63, -1, -1) if round(quotient * 2**s) < 1 << 15), 0)
    multiplier = round(quotient * 2**shift)
    return [scaled(Fraction(multiplier * sum(int(w) * c for w, c in zip(row, codes, strict=True)),
                            1 << shift)) for row in matrix.trits]


def by_definition(model, letters):
    """Logits after each letter, one element at a time."""
    states = [[0] * model.width for _ in model.blocks]
    found = []
    for letter in letters:
        x = [int(value) for value in model.embedding[letter]]
        for block, h in zip(model.blocks, states, strict=True):
            candidate, forget, gate = (product(block.matrices[name], x, 11)
                                       for name in ("candidate", "forget", "gate"))
            for i, low in enumerate(block.bound.tolist()):
                f = min(65535, low + round(Fraction((65536 - low) * sigma(forget[i]), 65536)))
                c = silu(candidate[i], candidate[i], 11)
                h[i] = round(Fraction(f * h[i] + (65536 - f) * c, 65536))
            mixed = [round(Fraction(silu(s, round(Fraction(s, 32)), 16) * g, 2048))
                     for s, g in zip(h, gate, strict=True)]
            x = [a + b for a, b in zip(x, product(block.matrices["output"], mixed, 16),
                                       strict=True)]
            up = product(block.matrices["up"], x, 11)
            half = len(up) // 2
            mixed = [round(Fraction(silu(a, a, 11) * b, 2048))
                     for a, b in zip(up[:half], up[half:], strict=True)]
            x = [a + b for a, b in zip(x, product(block.matrices["down"], mixed, 16), strict=True)]
        found.append(product(model.head, x, 11))
    return found


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_the_model_is_that_of_the_documents(make_model, seed):
    model = make_model(seed)
    letters = np.random.default_rng(seed).integers(0, len(model.vocabulary), 25)
    logits = model(letters, model.start(), NumpyMatrices(model))
    assert logits.tolist() == by_definition(model, letters)
    assert len(set(logits.reshape(-1).tolist())) > 50


def test_chunks_and_single_characters_are_the_same(model):
    letters = np.random.default_rng(1).integers(0, 8, 40)
    multiply, states = NumpyMatrices(model), model.start()
    at_once = model(letters, states, multiply)
    one_by_one = model.start()
    for place, letter in enumerate(letters):
        logits = model(np.array([letter]), one_by_one, multiply)
        assert (logits[0] == at_once[place]).all()
    assert (states == one_by_one).all()


@pytest.mark.parametrize("url", ["golden:tiny", "golden:a16"])
def test_a_device_gives_the_same_logits(model, url):
    letters = np.random.default_rng(2).integers(0, 8, 12)
    wanted = model(letters, model.start(), NumpyMatrices(model))
    with connect(url, check="all") as device:
        free = device.free_words
        multiply = DeviceMatrices(model, device)
        assert (model(letters, model.start(), multiply) == wanted).all()
        states = model.start()
        for place in range(3):
            logits = model(letters[place : place + 1], states, multiply)
            assert (logits[0] == wanted[place]).all()
        assert {figures.tokens for figures in multiply.figures} == {12 + 3}
        assert all(figures.cycles <= figures.declared_cycles and not figures.late
                   and 0 < figures.efficiency < 1 for figures in multiply.figures)
        multiply.unload()
        assert device.free_words == free


def test_a_damaged_weight_is_found(model):
    with connect("golden:tiny", check="all") as device:
        multiply = DeviceMatrices(model, device)
        row, column = np.argwhere(model.blocks[1].matrices["down"].trits)[3]
        layer = next(layer for group in multiply._groups.values() for layer in group.layers
                     if layer.name == "blocks.1.down")
        layer.flip_weight_bit(int(row), int(column))
        with pytest.raises(ResultMismatch, match=r"layer blocks\.1\.down, row"):
            for letter in range(8):
                model(np.array([letter]), model.start(), multiply)


def test_the_logits_of_a_fixed_prompt():
    """The same on every computer, for as long as these models are the ones that are packaged."""
    found = {}
    for name in ("shakespeare", "shakespeare-small"):
        model = load_model(name)
        logits = model(model.encode(PROMPT, "it"), model.start(), NumpyMatrices(model))
        assert logits.shape == (len(PROMPT), 65) and abs(logits).max() < 32767
        found[name] = hashlib.sha256(logits.astype("<i2").tobytes()).hexdigest()
    assert found == {
        "shakespeare": "d261825ec4c87fbc3ea0ca88eda1c225f429c3bfdbb816ad6492737c157812aa",
        "shakespeare-small": "ec56562b3e1f84b1e818eacae570039ed96ebc3dfdf712dfe28b65f0d281521f",
    }


@pytest.mark.parametrize("config, words", [
    ("tiny", r"its largest matrix needs table\.max_rows of 960, 448 more than 512; use "
             r"configuration .*default"),
    ("a5", r"needs table\.activation_bits of 8 or 16, .* not 5; use configuration .*default")])
def test_a_configuration_that_does_not_fit(config, words):
    with connect(f"golden:{config}") as device:
        with pytest.raises(UserError, match=words):
            DeviceMatrices(load_model("shakespeare"), device)


def test_a_memory_that_is_too_small(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text("name = \"small\"\n[memory]\nwords = 16384\n[table]\nbeat_bits = 128\n"
                    "row_block = 1024\n[scratchpad]\nwords = 2048\n")
    with connect(f"golden:{path}") as device:
        with pytest.raises(UserError, match=r"model shakespeare does not fit configuration "
                           r"'small': it needs 21\d\d\d words of device memory, \d+ more than the "
                           r"16384 there are; use configuration .*default"):
            DeviceMatrices(load_model("shakespeare"), device)
        DeviceMatrices(load_model("shakespeare-small"), device)


def test_what_was_loaded_is_unloaded_where_there_is_no_room_for_all(model):
    with connect("golden:tiny") as device:
        free = device.free_words
        taken = device.allocate(free - 100, "something else")
        with pytest.raises(UserError, match=r"layer blocks\.0\.\w+ needs \d+ words of device"):
            DeviceMatrices(model, device)
        device.free(taken, free - 100)
        assert device.free_words == free


def test_a_character_that_it_does_not_know(model):
    with pytest.raises(UserError, match=r"the prompt has the character 'z' at place 2, which "
                                        r"model random does not know; use only these: \\nabcdef "):
        model.encode("abz", "the prompt")
