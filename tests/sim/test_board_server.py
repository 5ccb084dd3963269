# SPDX-License-Identifier: Apache-2.0
"""The simulated board on a socket; with the echo device as top."""

import logging
import socket
import threading
import time

import pytest

from luthier.gen.verilog import generate
from luthier.golden.config import load_configuration
from luthier.golden.errors import UserError
from luthier.sim import board_server
from luthier.sim.board import Board
from luthier.sim.board_echo import Echo
from luthier.sim.board_server import listen, serve


@pytest.fixture
def address():
    """Address of an echo device; its thread ends with the process."""
    logging.getLogger("luthier").setLevel(logging.ERROR)  # it speaks after the test has ended
    config = load_configuration("tiny")
    board = Board(generate(config, Echo).verilog, config.link.width)
    listener = listen("127.0.0.1", 0)
    threading.Thread(target=serve, args=(board, listener), daemon=True).start()
    return listener.getsockname()


def connect(address):
    return socket.create_connection(address, timeout=10)


def receive(client, count):
    data = b""
    while len(data) < count:
        chunk = client.recv(count - len(data))
        assert chunk, "the server closed the connection"
        data += chunk
    return data


def test_frames_come_back(address):
    with connect(address) as client:
        for text in (b"one\0", b"\0\0two\0", b"a" * 5000 + b"\0" + b"b" * 9 + b"\0"):
            client.sendall(text)
            assert receive(client, len(text)) == text
        client.sendall(b"in two")
        time.sleep(0.05)
        client.sendall(b" pieces\0")
        assert receive(client, 14) == b"in two pieces\0"


def test_one_client_after_another(address):
    for text in (b"first\0", b"second\0"):
        with connect(address) as client:
            client.sendall(text)
            assert receive(client, len(text)) == text


def test_a_second_client_is_turned_away(address):
    with connect(address) as first:
        first.sendall(b"one\0")
        assert receive(first, 4) == b"one\0"
        for early in (b"", b"x" * 5000):  # what is unread would make a reset of the end
            with connect(address) as second:
                second.sendall(early)
                assert second.recv(1) == b""
        first.sendall(b"two\0")
        assert receive(first, 4) == b"two\0"


def test_who_stays_after_being_turned_away_is_cut_off(address, monkeypatch):
    monkeypatch.setattr(board_server, "_FAREWELL", 0.1)
    with connect(address) as first, connect(address) as second:
        first.sendall(b"one\0")
        assert receive(first, 4) == b"one\0"
        assert second.recv(1) == b""
        with pytest.raises(ConnectionError):
            for _ in range(100):
                second.sendall(b"still here")
                time.sleep(0.05)


def test_bytes_that_come_together_with_a_second_client(address, monkeypatch):
    """The server hears of both at once, of the newcomer first."""
    step, calls = board_server._Session._step, []

    def slow(session):
        time.sleep(0.3)
        calls.append(session)
        if len(calls) > 2:  # it looked at its sockets in between, in vain
            step(session)

    monkeypatch.setattr(board_server._Session, "_step", slow)
    with connect(address) as first:
        first.sendall(b"one\0")
        time.sleep(0.45)
        with connect(address) as second:
            time.sleep(0.02)
            first.sendall(b"two\0")
            assert receive(first, 8) == b"one\0two\0"
            assert second.recv(1) == b""


def test_a_client_that_vanishes(address):
    client = connect(address)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset, not close
    client.sendall(b"x" * 10000 + b"\0")
    client.close()
    time.sleep(0.1)
    with connect(address) as client:
        client.sendall(b"after\0")
        assert receive(client, 6)  # what the board still owed comes first


def test_who_comes_right_after_one_that_left_is_served(address):
    """The server may hear of the newcomer while it still has bytes of the one that left."""
    for number in range(20):
        with connect(address) as client:
            client.sendall(b"x" * 3000 + b"\0" + b"y")
            assert client.recv(1)  # it was not turned away
            client.sendall(b"more that is not read")
            if number % 2:  # gone without a farewell, as a killed process
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def test_a_flood_is_slowed_down_not_lost(address, monkeypatch):
    monkeypatch.setattr(board_server, "_QUEUE_BYTES", 1000)
    data = b"f" * 200_000 + b"\0"
    with connect(address) as client:
        sender = threading.Thread(target=client.sendall, args=(data,))
        sender.start()
        assert receive(client, len(data)) == data
        sender.join(10)


def test_busy_port():
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        sentence = f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another port"
        with pytest.raises(UserError, match=sentence):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_other_machines_only_if_asked(host):
    with pytest.raises(UserError, match="can be reached from other machines.*--allow-remote"):
        listen(host, 0)
    if host == "0.0.0.0":
        listen(host, 0, remote=True).close()


def test_unknown_address():
    with pytest.raises(UserError, match="the address 'no.such.host.invalid' to listen on is not"):
        listen("no.such.host.invalid", 0)
