# SPDX-License-Identifier: Apache-2.0
"""What the README promises."""

import re
from pathlib import Path

from luthier.cli.main import COMMANDS, main

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_examples_run(capsys):
    """On the integer model, which is quick; the board behind it makes no difference here."""
    first, *others = re.findall(r"```python\n(.*?)```", README, re.S)
    assert "sim:default" in first
    names = {}
    exec(first.replace("sim:default", "golden:default"), names)
    for example in others:
        exec(example, names)
    cycles, efficiency = capsys.readouterr().out.split()
    assert int(cycles) > 0
    assert 0 < float(efficiency) <= 1


def test_the_example_of_the_language_models_runs(capsys):
    document = (Path(__file__).parents[2] / "docs" / "language_models.md").read_text()
    example, = re.findall(r"```python\n(.*?)```", document, re.S)
    exec(example, {})
    assert len(capsys.readouterr().out) == 40


def test_the_example_of_binary_coded_weights_runs():
    document = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    example, = re.findall(r"```python\n(.*?)```", document, re.S)
    exec(example, {})


def test_the_example_of_sparse_weights_runs():
    document = Path(__file__).parents[2] / "docs" / "units" / "sparse_encodings.md"
    example, = re.findall(r"```python\n(.*?)```", document.read_text(), re.S)
    names = {}
    exec(example, names)
    assert (names["weights"].form.encoding, names["weights"].bits_per_weight) == ("pairs", 2.875)
    assert (names["weights"].unpacked() == names["weights"].values).all()


def test_the_exit_codes_are_those_of_the_help(capsys):
    assert main(["--help"]) == 0
    of_help = re.search(r"Exit codes: (.*)\.", " ".join(capsys.readouterr().out.split()))[1]
    of_readme = re.search(r"Exit codes:\s(.*?)\.\n", README, re.S)[1]
    codes = [re.findall(r"(?:^|, )(\d+) ", " ".join(text.split())) for text in (of_help, of_readme)]
    assert codes[0] == codes[1] == ["0", "1", "2", "3", "4", "70", "130"]


def test_the_table_lists_every_command():
    assert set(re.findall(r"^\| `luthier (\w+)", README, re.M)) == set(COMMANDS)
