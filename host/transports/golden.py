# SPDX-License-Identifier: Apache-2.0
"""The golden device as a transport: no hardware, no simulator, the same bytes."""

from ...golden.config import Configuration, load_configuration
from ...golden.errors import DeviceError, UserError
from ..device_model import DeviceModel
from .base import Transport

__all__ = ["GoldenTransport", "open_golden"]


class GoldenTransport(Transport):
    """A :class:`~luthier.host.device_model.DeviceModel` that answers within :meth:`write`.

    Time stands still: what is not there when :meth:`read` is called never comes.

    Parameters
    ----------
    device : DeviceModel
        The device.
    description : str, optional
        Its name in messages.
    """

    def __init__(self, device: DeviceModel, description: str | None = None):
        self._device = device
        self._description = description or f"golden:{device.config.name}"
        self._replies = bytearray()
        self._closed = False

    @property
    def device(self) -> DeviceModel:
        """The device behind it."""
        return self._device

    @property
    def description(self) -> str:
        """The URL."""
        return self._description

    @property
    def simulated(self) -> bool:
        """True."""
        return True

    def write(self, data: bytes) -> None:
        """Let the device execute the requests in ``data``."""
        if self._closed:
            raise DeviceError(f"{self._description} is closed; connect again")
        self._replies += self._device.receive(data)

    def read(self, timeout: float) -> bytes:
        """Return the replies so far."""
        if self._closed:
            raise DeviceError(f"{self._description} is closed; connect again")
        data = bytes(self._replies)
        self._replies.clear()
        return data

    def reset(self) -> None:
        """Put the device into the state after power-up."""
        self._device.reset()

    @property
    def resettable(self) -> bool:
        """True."""
        return True

    def close(self) -> None:
        """Forget the replies."""
        self._closed = True
        self._replies.clear()


def open_golden(url: str) -> GoldenTransport:
    """Open ``golden:CONFIG``; CONFIG is a name or the path of a TOML file.

    Raises
    ------
    UserError
        If there is no such configuration, or it is not valid.
    """
    name = url.partition(":")[2]
    if not name:
        raise UserError(f"{url!r} must name a configuration, such as golden:default")
    config: Configuration = load_configuration(name)
    return GoldenTransport(DeviceModel(config), url)
