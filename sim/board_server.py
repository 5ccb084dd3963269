# SPDX-License-Identifier: Apache-2.0
"""The simulated board behind a TCP socket, one client at a time."""

import contextlib
import ipaddress
import logging
import select
import selectors
import socket
import threading
import time

from ..golden.errors import UserError
from .board import Board

__all__ = ["listen", "serve"]

log = logging.getLogger("luthier")

#: Cycles between looks at the socket while the board works.
_SLICE = 20_000
#: Seconds at full speed without a byte in or out; then the board runs half of the time.
_PATIENCE = 10.0
#: A client that sends faster than the board takes is made to wait beyond this many bytes.
_QUEUE_BYTES = 1 << 20
#: Seconds that a client which is turned away has to take notice.
_FAREWELL = 1.0


def listen(host: str, port: int, *, remote: bool = False) -> socket.socket:
    """Return a listening socket; port 0 is any free one.

    Raises
    ------
    UserError
        If the address is not this machine's loopback and ``remote`` is not set, or is not known,
        or the port is taken.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"the address {host!r} to listen on is not known: {why}") from None
    if not remote and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise UserError(f"{host} can be reached from other machines, and the link has no password; "
                        f"listen on 127.0.0.1, or add --allow-remote if that is what you want")
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror or error}; choose "
                        f"another port, or stop the program that uses it") from None
    return listener


def serve(board: Board, listener: socket.socket) -> None:
    """Connect clients to the board, one after another, until interrupted.

    The board keeps its state from one client to the next, as a real one would. Who comes while
    another is connected is turned away.
    """
    with listener:
        while True:
            client, address = listener.accept()
            log.info("client %s connected", address[0])
            with client, contextlib.suppress(ConnectionError, TimeoutError):
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _Session(board, client).run(listener)
            log.info("client %s left after %d cycles in all", address[0], board.cycles)


def _turn_away(client: socket.socket) -> None:
    """Close so that the client sees an end of the stream, which unread bytes would make a reset."""
    end = time.monotonic() + _FAREWELL
    with client, contextlib.suppress(OSError):
        client.settimeout(_FAREWELL)
        client.shutdown(socket.SHUT_WR)
        while client.recv(1 << 16) and time.monotonic() < end:
            pass


class _Session:
    """One client: bytes to the board, bytes back, and time for the board while it has work."""

    def __init__(self, board: Board, client: socket.socket):
        self._board = board
        self._client = client
        self._pending = 0  # frames sent that have had no reply; damaged ones never do
        self._inside = False  # within a frame
        self._active = 0.0

    def run(self, listener: socket.socket) -> None:
        """Serve until the client leaves."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._client, selectors.EVENT_READ)
            selector.register(listener, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(self._wait()):
                    if key.fileobj is listener:
                        if self._left():
                            return
                        other, address = listener.accept()
                        threading.Thread(target=_turn_away, args=(other,), daemon=True).start()
                        log.warning("turned away client %s: another is connected", address[0])
                    elif self._left():  # which does not wait if the listener's turn took it all
                        return
                self._step()

    def _wait(self) -> float | None:
        """Return how long the board may rest: for ever if nothing is expected of it."""
        if not self._pending and not self._board.waiting:
            return None
        return 0.0 if time.monotonic() - self._active < _PATIENCE else _SLICE / 1e6

    def _left(self) -> bool:
        """Take what the client sent, without waiting; True if it has left after that."""
        while self._board.waiting < _QUEUE_BYTES and select.select([self._client], [], [], 0)[0]:
            if not self._receive():
                return True
        return False

    def _receive(self) -> bool:
        """Pass on what the client sent; False if it has left."""
        data = self._client.recv(1 << 16)
        for chunk in data.split(b"\0")[:-1]:
            self._pending += bool(chunk) or self._inside
            self._inside = False
        self._inside |= not data.endswith(b"\0") and bool(data)
        self._board.send(data)
        self._active = time.monotonic()
        return bool(data)

    def _step(self) -> None:
        if not self._pending and not self._board.waiting:
            return
        reply = self._board.run(_SLICE)
        if reply:
            self._client.settimeout(10)
            self._client.sendall(reply)
            self._pending = max(0, self._pending - reply.count(0))
            self._active = time.monotonic()
