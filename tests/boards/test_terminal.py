# SPDX-License-Identifier: Apache-2.0
"""The top of a board, its pins and its serial line, behind a pseudo-terminal."""

import contextlib
import re
import sys
import threading
import time

import numpy as np
import pytest

from luthier.boards.catalogue import find_board
from luthier.boards.verilog import board_verilog
from luthier.cli.main import main
from luthier.golden.config import load_configuration
from luthier.golden.errors import DeviceError
from luthier.host import Weights, connect, conversation
from luthier.sim.pins import PinBoard
from luthier.sim.terminal import Terminal
from luthier.sim.with_sdram import chips_verilog, with_chips

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")

#: Seconds after which a failure has to be told.
LIMIT = 5.0


@contextlib.contextmanager
def serving(name, config):
    """Yield a terminal that a thread serves, and its URL."""
    board, configuration = find_board(name), load_configuration(config)
    artefact = board_verilog(board, configuration, around=with_chips)
    simulated = PinBoard(artefact.verilog + chips_verilog(configuration), configuration.clock_hz,
                         reset_level=int(not board.pins()["rst"].inverted))
    terminal, stop = Terminal(simulated), threading.Event()

    def serve():
        with contextlib.suppress(OSError, ValueError):  # the cable was pulled
            while not stop.is_set():
                terminal.step(0.02)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield terminal, f"serial:{terminal.path}?baud={board.baud}"
    finally:
        stop.set()
        thread.join(30)
        terminal.close()
        simulated.close()


@pytest.fixture(scope="module")
def small():
    with serving("ulx3s_85f", "tiny") as (terminal, url):
        yield terminal, url


@pytest.fixture
def patient(monkeypatch):
    """The driver waits longer: other tests may leave the simulation little of the machine."""
    monkeypatch.setattr(conversation, "_REPLY_SECONDS", {True: 0.001, False: 2.0})


def multiply(device, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-1, 2, (33, 100))
    x = rng.integers(-128, 128, 100, dtype=np.int8)
    layer = device.load(Weights.ternary(matrix))
    assert np.array_equal(layer(x), matrix @ x.astype(np.int64))
    layer.unload()


def test_multiplies(small, seed, patient):
    terminal, url = small
    with connect(url, "tiny", check="all") as device:
        multiply(device, seed)
    assert terminal.baud == 2_000_000


def test_commands(small, seed, capsys, patient):
    assert main(["bench", "gemv", "--device", small[1], "--rows", "20", "--columns", "70",
                 "--seed", str(seed)]) == 0
    assert re.search(r"mismatches +0\b", capsys.readouterr().out)


def test_wrong_rate_and_back(small, seed, monkeypatch):
    url = small[1]
    for baud in (115_200, 1_000_000, 3_000_000):
        begin = time.monotonic()
        with pytest.raises(DeviceError, match=f"gave no answer within .*; check the cable, that "
                                              f"the device uses {baud} baud"):
            connect(url.replace("2000000", str(baud)))
        assert time.monotonic() - begin < LIMIT
    monkeypatch.setattr(conversation, "_REPLY_SECONDS", {True: 0.001, False: 2.0})
    with connect(url) as device:
        multiply(device, seed)


def test_rate_that_is_near(small, seed, patient):
    with connect(small[1].replace("2000000", "2030000")) as device:
        multiply(device, seed)


def test_second_program(small, patient):
    with connect(small[1]):
        with pytest.raises(DeviceError, match="is in use by another program; close that program"):
            connect(small[1])


def test_other_bitstream(small, patient):
    with pytest.raises(DeviceError, match="was generated from configuration 'tiny' with hash .*, "
                                          "not from 'default' with hash .*; generate it again"):
        connect(small[1], "default")


def test_cable_pulled(seed, patient):
    with serving("ulx3s_85f", "tiny") as (terminal, url):
        with connect(url) as device:
            layer = device.load(Weights.ternary(np.ones((40, 80), np.int8)))
            timer = threading.Timer(0.1, terminal.close)
            timer.start()
            begin = time.monotonic()
            with pytest.raises(DeviceError, match="was disconnected or closed"):
                for _ in range(10_000):
                    layer(np.ones(80, np.int8))
            assert time.monotonic() - begin < LIMIT
            timer.join()
    with serving("ulx3s_85f", "tiny") as (_, url), connect(url) as device:
        multiply(device, seed)


@pytest.mark.nightly
def test_language_model_on_ulx3s(capsys, patient):
    with serving("ulx3s_85f", "ulx3s_85f") as (_, url):
        assert main(["run", "shakespeare", "--device", url, "--characters", "40"]) == 0
    assert re.search(r"mismatches +0\b", capsys.readouterr().out)
