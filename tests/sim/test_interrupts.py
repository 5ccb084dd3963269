# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, killed peers and closed sockets in mid-operation: the next run works."""

import contextlib
import random
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import luthier.host
import luthier.sim
from luthier.golden.config import load_configuration
from luthier.golden.errors import DeviceError
from luthier.host import Weights, connect
from luthier.host.device_model import DeviceModel

LUTHIER = str(Path(sys.executable).with_name("luthier"))
#: Where Ctrl-C comes.
ROOMS = tuple(str(Path(module.__file__).parent) for module in (luthier.host, luthier.sim))


def product(device, seed, rows=30, columns=100):
    """Load, multiply, compare, unload."""
    rng = np.random.default_rng(seed)
    trits = rng.integers(-1, 2, size=(rows, columns))
    x = rng.integers(-128, 128, size=(3, columns))
    layer = device.load(Weights.ternary(trits))
    try:
        assert (layer(x) == x @ trits.T).all()
    finally:
        layer.unload()


# Ctrl-C ------------------------------------------------------------------------------------------


def count_lines(call, stop=None):
    """Call, count the lines of Luthier that run, and let Ctrl-C come at one of them."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        if not frame.f_code.co_filename.startswith(ROOMS):
            return None
        if event == "line":
            count += 1
            if count == stop:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(("url", "points"), [("golden:tiny", 150), ("sim:tiny", 50)])
def test_ctrl_c_anywhere(url, points):
    """At a random line of the host, the device model or the board."""
    rng = random.Random(1)
    with connect(url) as device:
        kept = device.load(Weights.ternary([[1, -1, 1]]))
        kept([1, 2, 3])
        lines = count_lines(lambda: product(device, 0))
        assert lines > 1000
        free = device.free_words
        for point in sorted(rng.sample(range(1, lines), points)):
            with pytest.raises(KeyboardInterrupt):
                count_lines(lambda point=point: product(device, point), point)
            assert kept([point % 100, 2, 3]).tolist() == [point % 100 + 1], point
            product(device, -point % 1000)
        # Between two lines an area may be lost, but no more.
        assert device.free_words >= free - 5 * 100


# Sockets closed in mid-operation -----------------------------------------------------------------


class Server:
    """One device behind a socket, client after client; may close after some bytes."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self.listener.getsockname()[1]}"
        self.model = DeviceModel(load_configuration("tiny"))
        self.most = 1 << 60
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection, contextlib.suppress(OSError):
                    left = self.most
                    while data := connection.recv(min(left, 4096)):
                        connection.sendall(self.model.receive(data))
                        left -= len(data)
                        if left <= 0:
                            break


@pytest.fixture
def server():
    server = Server()
    yield server
    server.listener.close()


SENTENCE = r"closed the connection; |was lost or closed \(.*\); connect again"


@pytest.mark.parametrize("most", [1, 30, 400, 600, 700, 1111, 1500, 2000])
def test_the_server_closes_in_mid_operation(server, most):
    server.most = most
    with pytest.raises(DeviceError, match=SENTENCE), connect(server.url) as device:
        for seed in range(10):
            product(device, seed)
    server.most = 1 << 60
    with connect(server.url) as device:
        product(device, most)


@pytest.mark.parametrize("call", [1, 2, 5, 9, 14, 20])
def test_the_client_closes_in_mid_operation(server, call):
    with connect(server.url) as device:
        transport, real, calls = device.transport, device.transport.read, []

        def read(timeout):
            calls.append(timeout)
            if len(calls) == call:
                transport.close()
            return real(timeout)

        transport.read = read
        for _ in range(2):
            with pytest.raises(DeviceError, match=SENTENCE):
                for seed in range(call):  # replies may arrive together: at least one read each
                    product(device, seed)
    with connect(server.url) as device:
        product(device, 3)


# Processes killed in mid-operation ---------------------------------------------------------------


def serve(listen="127.0.0.1:0"):
    """Start ``luthier serve``; return the process and its URL."""
    process = subprocess.Popen([LUTHIER, "serve", "-c", "tiny", "--listen", listen],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found = re.fullmatch(r"serving tiny at (socket://\S+)\n", process.stdout.readline())
    assert found
    return process, found[1]


@contextlib.contextmanager
def checking(url, operation):
    """``luthier check`` in another process, in the middle of an operation."""
    process = subprocess.Popen([LUTHIER, "--debug", "check", "--device", url, "-n", "1000000"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if line.startswith(f"debug: operation {operation}:"):
                break
        assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def test_clients_that_are_killed_or_interrupted():
    server, url = serve()
    try:
        for operation in (1, 4, 10):
            with checking(url, operation) as client:
                client.kill()
                client.wait(60)
            with connect(url) as device:
                product(device, operation)
        for operation in (2, 6):
            with checking(url, operation) as client:
                client.send_signal(signal.SIGINT)
                _, err = client.communicate(timeout=60)
                assert client.returncode == 130 and err.endswith("error: interrupted\n")
                assert "Traceback" not in err
            with connect(url) as device:
                product(device, operation)
    finally:
        server.kill()
        server.communicate(timeout=60)


def test_a_server_that_is_killed():
    server, url = serve()
    try:
        with connect(url) as device:
            product(device, 0)
            threading.Timer(0.05, server.kill).start()
            with pytest.raises(DeviceError, match=SENTENCE):
                for seed in range(100_000):
                    product(device, seed)
            with pytest.raises(DeviceError, match=SENTENCE):
                product(device, 1)
    finally:
        server.kill()
        server.communicate(timeout=60)
    with pytest.raises(DeviceError, match="nothing listens at"):
        connect(url)
    again, same = serve(url.removeprefix("socket://"))
    try:
        assert same == url
        with connect(url) as device:
            product(device, 2)
    finally:
        again.kill()
        again.communicate(timeout=60)
