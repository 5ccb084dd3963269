# SPDX-License-Identifier: Apache-2.0
"""Connect to a device."""

from pathlib import Path

from ..golden.config import Configuration, load_configuration
from ..golden.errors import DeviceError, UserError
from .arguments import whole
from .driver import Device
from .open_device import users
from .results import Check, known_check
from .transports import Transport, open_transport

__all__ = ["connect"]


def connect(url: str | Transport, config: Configuration | str | Path | None = None, *,
            check: Check = "never", seed: int = 0) -> "Device":
    """Connect to a device.

    Parameters
    ----------
    url : str or Transport
        ``sim:CONFIG``, ``golden:CONFIG``, ``serial:PORT?baud=N`` or ``socket://HOST:PORT``; or an
        open transport that no other open device uses.
    config : Configuration, str or Path, optional
        The configuration that the device must have; by default, whatever it has.
    check : str
        Results to compare with the golden model: ``"all"``, ``"sample"`` (64 in each call) or
        ``"never"``.
    seed : int
        Of the sample; at least 0.

    Raises
    ------
    UserError
        If an argument is wrong.
    ToolMissing
        If the transport needs a part of Luthier that is not installed.
    DeviceError
        If there is no device, it does not answer, or it is another than expected.
    """
    check, seed = known_check(check), whole(seed, "seed", 0)
    given = config
    if isinstance(config, str | Path):
        config = load_configuration(config)
    elif config is not None and not isinstance(config, Configuration):
        raise UserError(f"config must be a Configuration, a name or a path, not {config!r}")
    transport = url if isinstance(url, Transport) else open_transport(url)
    if id(transport) in users:
        raise UserError(f"{transport.description} is used by a device that is still open; close "
                        f"that device first, or use it")
    try:
        device = Device(transport, check=check, seed=seed)
        if config is not None and config.hash != device.config.hash:
            name = config.name if isinstance(given, Configuration) else given
            scheme = device.url.partition(":")[0]
            other = f"connect to {scheme}:{name}, " if scheme in ("golden", "sim") else ""
            raise DeviceError(
                f"{device.url} was generated from configuration {device.config.name!r} with hash "
                f"{device.config.hash.hex()}, not from {config.name!r} with hash "
                f"{config.hash.hex()}; {other}generate it again with `luthier generate "
                f"--config {name} -o DIR`, or connect without a configuration to use it as it is")
    except BaseException:
        transport.close()
        raise
    return device
