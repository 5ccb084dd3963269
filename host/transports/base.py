# SPDX-License-Identifier: Apache-2.0
"""What every way to reach a device offers: bytes out, bytes in, with limits."""

import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from ...golden.errors import DeviceError

__all__ = ["Transport"]


class Transport(ABC):
    """A byte stream to and from a device, with a clock of its own.

    Nothing above a transport knows which one it is. Times are seconds of the transport's own time:
    of simulated time for a simulated board, of the wall clock otherwise, so that a slow simulation
    is not a silent device. A transport serves one thread.

    Raises
    ------
    DeviceError
        From :meth:`write` and :meth:`read` when the connection is gone, and from the functions that
        open a transport.
    """

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send all of ``data``."""

    @abstractmethod
    def read(self, timeout: float) -> bytes:
        """Return some bytes as soon as there are any; ``b""`` after ``timeout`` seconds without."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the device; a second call does nothing."""

    def reset(self) -> None:
        """Reset the device, where :attr:`resettable`; what it was sending ends."""
        raise DeviceError(f"{self.description} cannot be reset from here; reset it by hand")

    @property
    def resettable(self) -> bool:
        """Whether :meth:`reset` works: on simulated devices in this process."""
        return False

    @property
    @abstractmethod
    def description(self) -> str:
        """How to name the device in a sentence, such as its URL."""

    @property
    @abstractmethod
    def simulated(self) -> bool:
        """Whether time here is simulated time."""

    @property
    def bytes_per_second(self) -> float:
        """Lower bound of the speed, each way, from which time limits are derived.

        Simulated: one byte per cycle at the slowest clock that a configuration allows. Otherwise
        100 000, for a simulated board behind a socket.
        """
        return 1e6 if self.simulated else 1e5

    @property
    def advice(self) -> str:
        """What to check when the device does not answer; an imperative clause."""
        return "check that the device is powered and configured"

    @property
    def cycles_per_second(self) -> float | None:
        """Clock cycles per second of wall time of a simulated board, where it measures them."""
        return None

    @property
    def generated(self) -> str | None:
        """What was generated to have this device, in a few words; None for one that exists."""
        return None

    @property
    def build_seconds(self) -> float | None:
        """Seconds that the simulated board took to build, where there was something to build."""
        return None

    def now(self) -> float | None:
        """Return the transport's time in seconds, or None where it has no clock to read.

        A simulated transport may override this; if it does not, a wait ends after its limit without
        a byte, and after a stated number of bytes that are no reply.
        """
        return None if self.simulated else time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
