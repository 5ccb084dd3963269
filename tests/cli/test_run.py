# SPDX-License-Identifier: Apache-2.0
"""``luthier run`` and ``luthier eval`` on the golden device and in NumPy."""

import json
import re
import shlex

import pytest

from luthier.cli.main import main
from luthier.golden.engine import Engine
from luthier.host.models import NumpyMatrices, Sampler, generate, load_model, loss, pruned

SMALL = ["run", "shakespeare-small", "--device", "golden:default", "--characters", "12"]


def text_of(prompt, characters, temperature, seed):
    model = load_model("shakespeare-small")
    return "".join(generate(model, NumpyMatrices(model), prompt, characters,
                            Sampler(temperature, seed)))


def test_text_and_tables(capsys):
    assert main([*SMALL, "--prompt", "JULIET:", "--temperature", "0"]) == 0
    out = capsys.readouterr().out
    assert "golden:default: configuration default" in out
    assert "shakespeare-small: 499840 ternary weights" in out
    assert f"\n\nJULIET:{text_of('JULIET:', 12, 0, 0)}\n\n" in out
    assert re.search(r"blocks\.2\.candidate\+forget\+gate +\d+ +\d+ +\d+ +768 +\d\d\.\d\d %", out)
    assert re.search(r"characters generated +12\n", out)
    assert re.search(r"mismatches +0\n", out)


def test_sparse_matrices(capsys):
    """Pruned, on the chain: the text of the pruned model, and no wrong result."""
    model = pruned(load_model("shakespeare-small"), 2, 4)
    text = "".join(generate(model, NumpyMatrices(model), "ROMEO:", 4, Sampler(0, 0)))
    assert main(["run", "shakespeare-small", "--prune", "2:4", "--device", "golden:sparse",
                 "--characters", "4", "--temperature", "0", "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["text"] == text and data["mismatches"] == 0 and data["prune"] == "2:4"


@pytest.mark.nightly
def test_sparse_matrices_on_the_board(capsys):
    for kept, board in (("2:4", "sim:sparse"), ("1:4", "sim:sparse")):
        assert main(["run", "shakespeare-small", "--prune", kept, "--device", board,
                     "--characters", "60", "--json", "-"]) == 0
        data = json.loads(capsys.readouterr().out)
        assert data["mismatches"] == data["late_requests"] == 0
        with capsys.disabled():  # what is printed would be read as JSON the next time
            print(f"{kept}: {data['cycles_per_character']:.0f} cycles a character, "
                  f"{data['efficiency']:.1%} efficiency")


def test_json(capsys):
    command = [*SMALL, "--seed", "4", "--temperature", "1", "--json", "-"]
    assert main(command) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["text"] == text_of("ROMEO:", 12, 1, 4) and data["seed"] == 4
    passes, results = 6 + 11, sum(
        len(matrix.trits) for group in load_model("shakespeare-small").groups()
        for matrix in group)
    assert data["passes"] == passes and data["results"] == passes * results
    assert data["mismatches"] == data["late_requests"] == 0
    assert data["cycles"] == data["declared_cycles"] > 0 and len(data["layers"]) == 13
    assert data["cycles_per_character"] == pytest.approx(
        sum(layer["elapsed"] for layer in data["layers"]))
    assert 0 < data["efficiency"] < 1 and data["characters_per_second"] > 0
    assert data["projected_characters_per_second_without_link"] == pytest.approx(
        data["clock_hz"] / data["cycles_per_character"])
    for check, wanted in (("sample", passes * 19 * 64), ("none", 0)):
        assert main([*command, "--check", check]) == 0
        again = json.loads(capsys.readouterr().out)
        assert again["results"] == wanted and again["text"] == data["text"]


def test_a_wrong_result_fails(capsys, monkeypatch):
    real = Engine._multiply

    def wrong(self, packed, x, d):
        sums, of_x = real(self, packed, x, d)
        if (d.rows, d.columns) == (512, 128):
            sums[0, 7] -= 1000
        return sums, of_x

    monkeypatch.setattr(Engine, "_multiply", wrong)
    assert main(SMALL) == 1
    captured = capsys.readouterr()
    assert re.search(r"mismatches +1\n", captured.out)
    found = re.search(r"layer blocks\.0\.up, row 7, .*reproduce with: luthier (.*)", captured.err)
    assert found and main(shlex.split(found[1])) == 1


@pytest.mark.parametrize("arguments, words", [
    (["--prompt", ""], "the prompt is empty"),
    (["--prompt", "a\tb"], "the prompt has the character '\\t' at place 1, which model"),
    (["--temperature", "-3"], "temperature must be 0 or from 0.01 to 100, not -3.0"),
    (["--check", "some"], "--check must be all, sample or none, not 'some'"),
    (["--device", "golden:tiny"], "model shakespeare-small does not fit configuration 'tiny': it "
                                  "needs "),
    (["--prune", "2-4"], "a pattern must be N:M, such as 2:4, not '2-4'"),
    (["--prune", "3:4"], "N of the pattern must be a power of two, not 3"),
    (["--prune", "2:4"], "does not fit configuration 'default': it needs a section [sparse]; use "
                         "configuration sparse"),
    (["--device", "golden:a5"], "use configuration a16 or arty_a7_100 or arty_a7_35 or "
                                  "blockram or default or ecpix5_85f or prefill or registers or "
                                  "rotation or sparse or ulx3s_12f or ulx3s_85f or wide")])
def test_mistakes(capsys, arguments, words):
    assert main([*SMALL, *arguments]) == 2
    captured = capsys.readouterr()
    assert words in captured.err and captured.err.count("\n") == 1


def test_no_such_model(capsys):
    assert main(["run", "hamlet"]) == 2
    assert "there is no model 'hamlet'" in capsys.readouterr().err


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("To be, or not to be, that is the question:\n" * 30)
    return path


def test_eval(capsys, text):
    model = load_model("shakespeare-small")
    part = text.read_text()[len(text.read_text()) * 9 // 10 :]
    wanted = loss(model, model.encode(part, ""), NumpyMatrices(model))
    assert main(["eval", "shakespeare-small", "--text", str(text)]) == 0
    assert f"{wanted:.4f} nats per character over {len(part) - 1} " in capsys.readouterr().out
    assert main(["eval", "shakespeare-small", "--text", str(text), "--device", "golden:default",
                 "--check", "all", "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["loss"] == wanted and data["link_bytes"] > 0


def test_eval_says_what_pruning_costs(capsys, text):
    assert main(["eval", "shakespeare-small", "--text", str(text), "--prune", "2:4", "--json",
                 "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["loss"] > data["loss_with_all_weights"] and data["prune"] == "2:4"


def test_mistakes_of_eval(capsys, tmp_path, text):
    def refused(path, words):
        assert main(["eval", "shakespeare-small", "--text", str(path)]) == 2
        assert words in capsys.readouterr().err

    refused(tmp_path / "none", "cannot be read: No such file or directory; give the path of a text")
    refused(tmp_path, "cannot be read: Is a directory")
    text.write_bytes(b"To be \xff or")
    refused(text, "byte 6 is not UTF-8")
    text.write_text("x" * 100 + "#")
    refused(text, "the last tenth of ")
    text.write_text("")
    refused(text, "is empty; give at least one character")
