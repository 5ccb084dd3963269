# SPDX-License-Identifier: Apache-2.0
"""``luthier serve``."""

import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from luthier.cli.main import main
from luthier.cli.serve import parse_address
from luthier.golden.errors import ToolMissing, UserError


@pytest.mark.parametrize(("text", "expected"), [
    ("127.0.0.1:5000", ("127.0.0.1", 5000)),
    ("localhost:0", ("localhost", 0)),
    ("[::1]:80", ("::1", 80)),
])
def test_addresses(text, expected):
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["", "5000", ":5000", "host", "host:", "host:x", "host:65536"])
def test_wrong_addresses(text, capsys):
    with pytest.raises(UserError, match="--listen must be HOST:PORT, such as 127.0.0.1:5000"):
        parse_address(text)
    assert main(["serve", "--listen", text]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_busy_port(capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["serve", "-c", "tiny", "--listen", f"127.0.0.1:{port}"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (f"error: cannot listen on 127.0.0.1:{port}: Address already in use; choose "
                   f"another port, or stop the program that uses it\n")


def test_other_machines(capsys):
    assert main(["serve", "-c", "tiny", "--listen", "0.0.0.0:0"]) == 2
    assert "add --allow-remote if that is what you want" in capsys.readouterr().err


def test_without_tools(capsys, monkeypatch):
    def missing(*_):
        raise ToolMissing("the simulated board needs Verilator")

    monkeypatch.setattr("luthier.gen.tools.find_verilator", missing)
    assert main(["serve", "-c", "tiny", "--listen", "127.0.0.1:0"]) == 3
    assert capsys.readouterr().err == "error: the simulated board needs Verilator\n"


def test_clients_come_and_go_until_ctrl_c(capsys):
    """Another process serves, this one checks twice over the socket, then interrupts it."""
    script = os.path.join(os.path.dirname(sys.executable), "luthier")
    server = subprocess.Popen([script, "serve", "-c", "tiny", "--listen", "127.0.0.1:0"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        found = re.fullmatch(r"serving tiny at (socket://127\.0\.0\.1:\d+)\n", line)
        assert found, server.stderr.read()
        for seed in ("1", "2"):
            arguments = ["check", "--device", found[1], "--operations", "3", "--seed", seed]
            assert main(arguments) == 0, capsys.readouterr().err
    finally:
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=60)
    assert server.returncode == 130
    assert err.endswith("error: interrupted\n")
    assert "Traceback" not in err
