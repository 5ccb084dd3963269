# SPDX-License-Identifier: Apache-2.0
"""A transport that fails on demand, in front of the device model."""

from collections.abc import Callable

import pytest

from luthier.golden.config import load_configuration
from luthier.host.device_model import DeviceModel
from luthier.host.transports.golden import GoldenTransport


class Faulty(GoldenTransport):
    """A device whose line may change each chunk of bytes.

    ``to_device(data)`` and ``to_host(data)`` return what arrives; replies are held back for
    ``late`` silent reads.
    """

    def __init__(self, device: DeviceModel):
        super().__init__(device, "golden:faulty")
        self.to_device: Callable[[bytes], bytes] = bytes
        self.to_host: Callable[[bytes], bytes] = bytes
        self.late = 0
        self.sent: list[bytes] = []
        self.timeouts: list[float] = []
        self.closed = False
        self._held: list[tuple[int, bytes]] = []

    def write(self, data):
        self.sent.append(data)
        super().write(self.to_device(data))

    def read(self, timeout):
        data = super().read(timeout)
        data = self.to_host(data) if data else data
        if data and self.late:
            self._held.append((self.late, data))
            data = b""
        if data:
            return data
        self.timeouts.append(timeout)
        self._held = [(reads - 1, held) for reads, held in self._held]
        if self._held and self._held[0][0] < 0:
            return self._held.pop(0)[1]
        return b""

    def close(self):
        self.closed = True
        super().close()


@pytest.fixture
def tiny():
    return load_configuration("tiny")


@pytest.fixture
def faulty(tiny):
    return Faulty(DeviceModel(tiny))


@pytest.fixture
def make_faulty():
    return Faulty
