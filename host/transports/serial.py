# SPDX-License-Identifier: Apache-2.0
"""A board on a serial port, through pyserial."""

import time
from urllib.parse import parse_qsl

import serial
from serial.tools import list_ports

from ...golden.errors import DeviceError, UserError
from .base import Transport

__all__ = ["DEFAULT_BAUD", "SerialTransport", "open_serial"]

DEFAULT_BAUD = 1_000_000
#: A read waits in slices, so that Ctrl-C is heard on every system.
_SLICE_SECONDS = 0.05
_WRITE_SECONDS = 10.0
#: Bytes per second that are counted on behind a pseudo-terminal, whose speed is only a number: a
#: simulated board may be there.
_PSEUDO, _PSEUDO_BYTES = "/dev/pts/", 6e3


class SerialTransport(Transport):
    """An open serial port, locked for this process: 8 data bits, no parity, no handshake.

    Parameters
    ----------
    port : serial.Serial
        Open, with a short read time-out.
    url : str
        Its name in messages.
    """

    def __init__(self, port: serial.Serial, url: str):
        self._port = port
        self._url = url

    @property
    def description(self) -> str:
        """The URL."""
        return self._url

    @property
    def simulated(self) -> bool:
        """False."""
        return False

    @property
    def bytes_per_second(self) -> float:
        """The line rate: ten bits for each byte; less for a pseudo-terminal."""
        rate = self._port.baudrate / 10
        return min(rate, _PSEUDO_BYTES) if str(self._port.port).startswith(_PSEUDO) else rate

    @property
    def advice(self) -> str:
        """Cable, port, rate, board."""
        return (f"check the cable, that the device uses {self._port.baudrate} baud (?baud=N), and "
                f"that the board is powered and configured")

    def write(self, data: bytes) -> None:
        """Send all of ``data``; DeviceError if the port is gone or takes nothing for 10 s."""
        try:
            self._port.write(data)
        except serial.SerialTimeoutException:
            raise DeviceError(
                f"{self._url} took no bytes for {_WRITE_SECONDS:.0f} s; {self.advice}") from None
        except (serial.SerialException, OSError) as error:
            raise self._gone(error) from None

    def read(self, timeout: float) -> bytes:
        """Return some bytes, or ``b""`` after ``timeout`` seconds; DeviceError if it is gone."""
        deadline = time.monotonic() + timeout
        try:
            while True:
                data = self._port.read(max(1, self._port.in_waiting))
                if data or time.monotonic() >= deadline:
                    return data
        except (serial.SerialException, OSError, TypeError) as error:
            # pyserial raises TypeError when another thread or close() took the descriptor away
            raise self._gone(error) from None

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def _gone(self, error: Exception) -> DeviceError:
        return DeviceError(f"{self._url} was disconnected or closed ({error}); connect again")


def open_serial(url: str) -> SerialTransport:
    """Open ``serial:PORT?baud=N``, such as ``serial:/dev/ttyUSB0`` or ``serial:COM3?baud=115200``.

    Raises
    ------
    UserError
        If the URL is not of that form.
    DeviceError
        If there is no such port, another program has it, or the rate is not possible.
    """
    port, _, query = url.partition(":")[2].partition("?")
    if not port:
        raise UserError(f"{url!r} must name a port, such as serial:/dev/ttyUSB0 or serial:COM3")
    baud = DEFAULT_BAUD
    options = parse_qsl(query, keep_blank_values=True)
    for key, value in options:
        if key != "baud":
            raise UserError(f"{url!r} has an unknown option {key!r}; the only one is baud=N")
        if len(options) > 1:
            raise UserError(f"{url!r} gives baud {len(options)} times; give it once")
        if not (value.isascii() and value.isdigit() and len(value) < 10 and int(value) > 0):
            raise UserError(f"baud must be a positive integer, not {value!r}, in {url!r}, of at "
                            f"most 9 digits")
        baud = int(value)
    try:
        opened = serial.Serial(port, baud, timeout=_SLICE_SECONDS, write_timeout=_WRITE_SECONDS,
                               exclusive=True)
    except (serial.SerialException, OSError, ValueError) as error:
        raise DeviceError(_why(port, baud, error)) from None
    return SerialTransport(opened, url)


def _why(port: str, baud: int, error: Exception) -> str:
    """Turn an error of pyserial, which words it differently on each system, into a sentence."""
    text = str(error).lower()
    names = ", ".join(sorted(item.device for item in list_ports.comports())) or "none"
    if "no such file" in text or "filenotfound" in text or "cannot find" in text:
        return f"there is no serial port {port}; ports present: {names}"
    if "inappropriate ioctl" in text or "is a directory" in text:
        return f"{port} is not a serial port; ports present: {names}"
    if "lock" in text or "busy" in text or ("windows" not in text and "resource" in text):
        return f"the serial port {port} is in use by another program; close that program first"
    if "permission" in text or "denied" in text:
        return (f"the serial port {port} may not be opened, or another program has it; close that "
                f"program, or on Linux add yourself to the group that owns the port (dialout)")
    return f"the serial port {port} cannot be opened at {baud} baud: {error}"
