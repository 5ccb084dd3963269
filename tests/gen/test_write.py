# SPDX-License-Identifier: Apache-2.0
"""Generated folders: nobody else's file is lost, and nothing is touched in vain."""

import json
import os

import pytest

from luthier.gen.verilog import Artefact
from luthier.gen.write import write
from luthier.golden.errors import UserError

FIRST = Artefact("module luthier();\nendmodule\n", {"luthier": "0", "build_id": "00"}, bytes(32))
SECOND = Artefact(FIRST.verilog, {"luthier": "0", "build_id": "01"}, bytes(32))


def test_only_what_changed_is_written(tmp_path):
    folder = tmp_path / "a" / "b"
    assert write(FIRST, folder) == {"luthier.v": True, "luthier.json": True}
    assert (folder / "luthier.v").read_bytes() == FIRST.verilog.encode()
    os.utime(folder / "luthier.v", (1, 1))
    os.utime(folder / "luthier.json", (1, 1))
    assert write(FIRST, folder) == {"luthier.v": False, "luthier.json": False}
    assert write(SECOND, folder) == {"luthier.v": False, "luthier.json": True}
    assert (folder / "luthier.v").stat().st_mtime == 1
    assert (folder / "luthier.json").stat().st_mtime != 1
    assert json.loads((folder / "luthier.json").read_text())["build_id"] == "01"
    assert sorted(path.name for path in folder.iterdir()) == ["luthier.json", "luthier.v"]


def test_an_empty_folder_is_taken(tmp_path):
    assert write(FIRST, tmp_path)["luthier.v"]


@pytest.mark.parametrize("name", ["notes.txt", "luthier.v", "luthier.json"])
def test_a_folder_of_others_is_left_alone(tmp_path, name):
    (tmp_path / name).write_text("[]")
    with pytest.raises(UserError, match="was not made by `luthier generate`; give -o the name"):
        write(FIRST, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "[]"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(UserError, match="x is not a folder"):
        write(FIRST, tmp_path / "x")
    with pytest.raises(UserError, match="cannot write to .*x/y: .*x is not a folder; give -o"):
        write(FIRST, tmp_path / "x" / "y")


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(UserError, match="No space left on device"):
        write(FIRST, tmp_path / "x")
    assert list((tmp_path / "x").iterdir()) == []
