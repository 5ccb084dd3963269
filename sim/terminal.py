# SPDX-License-Identifier: Apache-2.0
"""A simulated board behind a pseudo-terminal, at the speed that is set there."""

import contextlib
import errno
import logging
import os
import pty
import select
import struct
import sys
import time
import tty

from ..golden.errors import ToolMissing, UserError
from .pins import PinBoard

__all__ = ["Terminal"]

log = logging.getLogger("luthier")

#: Cycles between looks at the terminal while the board works.
_SLICE = 20_000
#: Seconds after the last byte for which the board goes on at full speed, and the part of the time
#: for which it works after that while a reply is due.
_PATIENCE, _REST = 10.0, 0.02
#: Bytes that wait for the line at most; the writer is made to wait beyond.
_QUEUE_BYTES = 1 << 16
_TCGETS2, _SPEED_OFFSET = 0x802C542A, 40  # Linux: input and output speed end struct termios2


class Terminal:
    """A pseudo-terminal whose other end is a board's serial port.

    The lines have the speed that a program sets on the terminal: at another than the board's, both
    hear garbage, as on a real line. The board keeps its state from one program to the next.

    Parameters
    ----------
    board : PinBoard

    Raises
    ------
    ToolMissing
        On systems where a speed that is set can not be read.
    UserError
        If there is no pseudo-terminal left.
    """

    def __init__(self, board: PinBoard):
        if not sys.platform.startswith("linux"):
            raise ToolMissing("a board behind a pseudo-terminal needs Linux; use a simulated board "
                              "on a socket: luthier serve --config NAME")
        self._board = board
        try:
            self._end, other = pty.openpty()
        except OSError as error:
            raise UserError(f"there is no pseudo-terminal to be had ({error.strerror or error}); "
                            f"close programs that use them") from None
        self._path = os.ttyname(other)
        tty.setraw(other)  # nothing is echoed or changed before a program sets it up
        os.close(other)
        os.set_blocking(self._end, False)
        self._pending, self._inside, self._active = 0, False, 0.0
        self._unsent = b""
        self._said = 0

    @property
    def path(self) -> str:
        """What to open, such as ``/dev/pts/3``."""
        return self._path

    @property
    def baud(self) -> int:
        """The speed that is set on the terminal."""
        import fcntl

        settings = fcntl.ioctl(self._end, _TCGETS2, bytes(64))
        _, output = struct.unpack_from("II", settings, _SPEED_OFFSET - 4)
        return output

    def serve(self) -> None:
        """Pass bytes on in both directions until interrupted or closed."""
        while True:
            self.step()

    def step(self, limit: float = 0.5) -> None:
        """Take what was written to the terminal, let time pass, and hand over what came.

        ``limit`` is how many seconds to wait if nothing is expected of the board.
        """
        due = bool(self._pending or self._board.waiting or self._inside)
        eager = time.monotonic() - self._active < _PATIENCE
        wait = limit if not due else 0.0 if eager else _REST
        if self._board.waiting < _QUEUE_BYTES:
            self._take(wait)
        if self._pending or self._board.waiting or self._inside:
            baud = self.baud
            if baud and baud != self._said:
                log.info("%s: %d baud", self._path, baud)
                self._said = baud
            received = self._board.run(_SLICE, baud) if baud else b""
            if received:
                self._pending = max(0, self._pending - received.count(0))
                self._active = time.monotonic()
            self._give(received)

    def close(self) -> None:
        """Close the terminal, as if the cable were pulled."""
        with contextlib.suppress(OSError):
            os.close(self._end)
        self._end = -1

    def _take(self, wait: float) -> None:
        """Queue what was written to the terminal for the line."""
        if not select.select([self._end], [], [], wait)[0]:
            return
        try:
            data = os.read(self._end, 1 << 16)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            time.sleep(wait or _REST)  # no program has it open
            self._pending, self._inside, self._unsent = 0, False, b""
            return
        for chunk in data.split(b"\0")[:-1]:
            self._pending += bool(chunk) or self._inside
            self._inside = False
        self._inside |= not data.endswith(b"\0")
        self._board.send(data)
        self._active = time.monotonic()

    def _give(self, data: bytes) -> None:
        """Hand bytes to the terminal; what nobody reads is kept until it is full, then lost."""
        self._unsent = (self._unsent + data)[-_QUEUE_BYTES:]
        if self._unsent:
            with contextlib.suppress(OSError):
                self._unsent = self._unsent[os.write(self._end, self._unsent):]
