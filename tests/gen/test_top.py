# SPDX-License-Identifier: Apache-2.0
"""The real device of every named configuration: other tools accept it, and it does not vary."""

import os
import re
import subprocess
import sys

import pytest

from luthier.gen.lint import WAIVERS, lint, yosys_check
from luthier.gen.verilog import generate
from luthier.golden.config import load_configuration, named_configurations

PROGRAM = """
import sys
from luthier.gen.verilog import generate
from luthier.golden.config import load_configuration
sys.stdout.write(generate(load_configuration(sys.argv[1])).verilog)
"""


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=() if name in ("tiny", "default") else pytest.mark.nightly)
    for name in named_configurations()])
def test_lint_check_and_determinism(name, tmp_path):
    first = generate(load_configuration(name))
    path = tmp_path / "luthier.v"
    path.write_text(first.verilog)
    assert lint(path) == ""
    assert yosys_check(path) == ""
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    result = subprocess.run([sys.executable, "-c", PROGRAM, name], env=environment, check=True,
                            capture_output=True)
    assert result.stdout == first.verilog.encode()


def test_every_waiver_is_needed(tmp_path):
    path = tmp_path / "luthier.v"
    path.write_text(generate(load_configuration("tiny")).verilog)
    complaints = lint(path, waivers=None)
    rules = set(re.findall(r"-rule (\w+)", WAIVERS.read_text()))
    assert rules == set(re.findall(r"%Warning-(\w+)", complaints))
