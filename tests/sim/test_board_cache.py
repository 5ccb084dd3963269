# SPDX-License-Identifier: Apache-2.0
"""The cache of simulated boards: one build each, whole entries, this user's only."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from luthier.golden.config import load_configuration
from luthier.golden.errors import UserError
from luthier.sim import board_cache
from luthier.sim.board_cache import cache_folder, fetch
from luthier.sim.transport import build_board

PROGRAM = """
import pathlib, sys, time
from luthier.sim.board_cache import fetch

def build(folder):
    with open(sys.argv[1], "a") as file:
        file.write("built\\n")
    time.sleep(0.5)
    (folder / "x.so").write_text("content")

path, seconds = fetch("key", "x.so", build)
assert path.read_text() == "content"
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "luthier"


def writer(text):
    """Return a build function and the list of its calls."""
    calls = []

    def build(folder):
        calls.append(folder)
        (folder / "x.so").write_text(text)

    return build, calls


def test_second_time_is_from_the_cache(cache):
    build, calls = writer("one")
    path, seconds = fetch("key", "x.so", build)
    assert path.read_text() == "one"
    assert seconds >= 0
    assert fetch("key", "x.so", build) == (path, None)
    assert len(calls) == 1
    assert fetch("other", "x.so", build)[0] != path
    assert sorted(item.name for item in cache.iterdir()) == [
        "key", "key.lock", "other", "other.lock"]


def test_only_this_user_may_look(cache):
    assert stat.S_IMODE(cache_folder().stat().st_mode) == 0o700
    cache.chmod(0o777)
    cache_folder()
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


def test_a_folder_of_another_user_is_refused(cache, monkeypatch):
    cache_folder()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(UserError, match="belongs to another user; set XDG_CACHE_HOME"):
        cache_folder()


def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="file/luthier cannot be used: .*; set XDG_CACHE_HOME"):
        cache_folder()


def test_the_folder_is_checked_before_the_hardware_is_generated(tmp_path, monkeypatch):
    monkeypatch.setattr("luthier.gen.verilog.generate", None)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="file/luthier cannot be used: .*; set XDG_CACHE_HOME"):
        build_board(load_configuration("tiny"))


@pytest.mark.parametrize(("system", "expected"), [
    ("linux", ".cache/luthier"), ("darwin", "Library/Caches/luthier")])
def test_the_place_without_xdg(tmp_path, monkeypatch, system, expected):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", system)
    assert cache_folder() == tmp_path / expected


@pytest.mark.parametrize("damage", [
    lambda entry: (entry / "x.so").write_text("onX"),
    lambda entry: (entry / "x.so").unlink(),
    lambda entry: (entry / "record.json").write_text("{"),
    lambda entry: (entry / "record.json").write_text("[]"),
    lambda entry: (entry / "record.json").write_text("{}"),
    lambda entry: (entry / "record.json").unlink(),
])
def test_a_damaged_entry_is_built_again(cache, damage):
    build, calls = writer("one")
    path, _ = fetch("key", "x.so", build)
    damage(cache / "key")
    path, seconds = fetch("key", "x.so", build)
    assert path.read_text() == "one"
    assert seconds is not None
    assert len(calls) == 2
    assert fetch("key", "x.so", build)[1] is None


def test_a_failed_build_leaves_nothing(cache):
    def fail(folder: Path):
        (folder / "x.so").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("key", "x.so", fail)
    assert [item.name for item in cache.iterdir()] == ["key.lock"]


def test_two_processes_build_once(tmp_path):
    log = tmp_path / "log"
    command = [sys.executable, "-c", PROGRAM, str(log)]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert log.read_text() == "built\n"


def test_a_killed_builder_frees_the_lock(cache, tmp_path):
    program = PROGRAM.replace("time.sleep(0.5)", "time.sleep(60)")
    log = tmp_path / "log"
    process = subprocess.Popen([sys.executable, "-c", program, str(log)])
    while not log.exists():
        time.sleep(0.02)
    process.kill()
    process.wait(60)
    build, calls = writer("one")
    assert fetch("key", "x.so", build)[0].read_text() == "one"
    assert len(calls) == 1


def test_old_entries_go(cache, monkeypatch):
    monkeypatch.setattr(board_cache, "_KEEP", 2)
    build, _ = writer("one")
    for key in ("a", "b", "c"):
        fetch(key, "x.so", build)
    (cache / "build-crashed").mkdir()
    for index, name in enumerate(("build-crashed", "a", "b", "c")):
        os.utime(cache / name, (index, index))
    fetch("b", "x.so", build)  # used again
    fetch("d", "x.so", build)
    # b was used, c is among the two newest; a is not.
    assert sorted(path.name for path in cache.iterdir() if path.is_dir()) == ["b", "c", "d"]
    assert not (cache / "a.lock").exists()
    assert json.loads((cache / "b" / "record.json").read_text())["sha256"]
