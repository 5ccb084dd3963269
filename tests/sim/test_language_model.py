# SPDX-License-Identifier: Apache-2.0
"""Language models on simulated boards: the integer model's text, within the declared cycles."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from luthier.host.models import NumpyMatrices, Sampler, generate, load_model

LUTHIER = str(Path(sys.executable).with_name("luthier"))


def generated(*arguments):
    """Run ``luthier run`` with every result checked; return its JSON."""
    result = subprocess.run([LUTHIER, "run", *arguments, "--check", "all", "--json", "-"],
                            capture_output=True, text=True, timeout=1200)
    assert result.returncode == 0, result.stderr
    data = json.loads(result.stdout)
    assert data["mismatches"] == data["late_requests"] == 0 < data["results"]
    return data


@pytest.mark.parametrize("name, characters", [("shakespeare", 8), ("shakespeare-small", 16)])
def test_text(name, characters):
    data = generated(name, "--device", "sim:default", "--characters", str(characters))
    model = load_model(name)
    wanted = generate(model, NumpyMatrices(model), "ROMEO:", characters, Sampler(0.7, 0))
    assert data["text"] == "".join(wanted)
    # Whatever the link costs: the matrices alone, and all of it.
    assert data["cycles_per_character"] < data["cycles_per_character_with_link"]
    assert data["efficiency"] > (0.94 if name == "shakespeare" else 0.7)


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["a16", "blockram", "registers", "wide"])
def test_text_on_other_configurations(name):
    data = generated("shakespeare-small", "--device", f"sim:{name}", "--characters", "100")
    model = load_model("shakespeare-small")
    wanted = generate(model, NumpyMatrices(model), "ROMEO:", 100, Sampler(0.7, 0))
    assert data["text"] == "".join(wanted)


@pytest.mark.nightly
def test_three_hundred_characters():
    """The main job, and the same text without hardware."""
    assert (generated("--device", "sim:default")["text"]
            == generated("--device", "golden:default")["text"])
