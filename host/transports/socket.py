# SPDX-License-Identifier: Apache-2.0
"""A device behind a TCP socket, such as a simulated board in another process."""

import socket
import time
from urllib.parse import urlsplit

from ...golden.errors import DeviceError, UserError
from .base import Transport

__all__ = ["SocketTransport", "open_socket"]

_CONNECT_SECONDS = 10.0
_WRITE_SECONDS = 10.0
#: A read waits in slices, so that Ctrl-C is heard on every system.
_SLICE_SECONDS = 0.2


class SocketTransport(Transport):
    """A connected TCP socket. Time is wall time, whatever is behind the socket.

    Parameters
    ----------
    connection : socket.socket
        Connected.
    url : str
        Its name in messages.
    """

    def __init__(self, connection: socket.socket, url: str):
        self._connection = connection
        self._url = url
        self._heard = False

    @property
    def description(self) -> str:
        """The URL."""
        return self._url

    @property
    def simulated(self) -> bool:
        """False: this side cannot tell."""
        return False

    @property
    def advice(self) -> str:
        """The server, and who else uses it."""
        return ("check that the server still runs, that it serves a Luthier device, and that no "
                "other client uses it")

    def write(self, data: bytes) -> None:
        """Send all of ``data``; DeviceError if the connection is gone or stuck for 10 s."""
        try:
            self._connection.settimeout(_WRITE_SECONDS)
            self._connection.sendall(data)
        except TimeoutError:
            raise DeviceError(
                f"{self._url} took no bytes for {_WRITE_SECONDS:.0f} s; {self.advice}") from None
        except OSError as error:
            raise self._gone(error) from None

    def read(self, timeout: float) -> bytes:
        """Return some bytes, or ``b""`` after ``timeout`` seconds; DeviceError if it is gone."""
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            try:
                self._connection.settimeout(min(max(left, 1e-4), _SLICE_SECONDS))
                data = self._connection.recv(1 << 16)
            except TimeoutError:
                if left <= 0:
                    return b""
                continue
            except OSError as error:
                raise self._gone(error) from None
            if not data:
                raise self._ended()
            self._heard = True
            return data

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ended(self) -> DeviceError:
        if self._heard:
            return DeviceError(f"the server at {self._url} closed the connection; check that it "
                               f"still runs, and connect again")
        return DeviceError(
            f"the server at {self._url} closed the connection; it serves one client at a time: "
            f"close other clients, or start it again")

    def _gone(self, error: OSError) -> DeviceError:
        # A server that turns a client away closes with bytes unread, which resets the connection.
        if not self._heard and isinstance(error, ConnectionError):
            return self._ended()
        return DeviceError(
            f"the connection to {self._url} was lost or closed ({error.strerror or error}); "
            f"connect again")


def open_socket(url: str) -> SocketTransport:
    """Open ``socket://HOST:PORT``; IPv6 addresses in brackets.

    Raises
    ------
    UserError
        If the URL is not of that form.
    DeviceError
        If nothing listens there.
    """
    if "@" in url:
        raise UserError("a socket: URL must have the form socket://HOST:PORT, without a user or "
                        "password, which Luthier's protocol does not have; leave them out")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, None
    if not host or not port or parts is None or parts.path not in ("", "/") or (
            "?" in url or "#" in url):
        raise UserError(f"{url!r} must have the form socket://HOST:PORT with a port of 1 to 65535")
    try:
        connection = socket.create_connection((host, port), timeout=_CONNECT_SECONDS)
    except ConnectionRefusedError:
        raise DeviceError(
            f"nothing listens at {url}; start the server there, or check host and port") from None
    except (socket.gaierror, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise DeviceError(f"the host {host!r} of {url} is not known: {why}") from None
    except TimeoutError:
        raise DeviceError(
            f"{url} did not accept a connection within {_CONNECT_SECONDS:.0f} s; check the address "
            f"and the firewall") from None
    except OSError as error:
        raise DeviceError(f"{url} cannot be reached: {error.strerror or error}") from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return SocketTransport(connection, url)
