# SPDX-License-Identifier: Apache-2.0
"""``sim:CONFIG``: the generated Verilog as a device.

Importing this module needs neither Amaranth nor Verilator; opening a board does.
"""

from typing import TYPE_CHECKING

from ..golden.config import Configuration, load_configuration
from ..golden.errors import DeviceError, UserError
from ..host.transports.base import Transport

if TYPE_CHECKING:
    from .board import Board

__all__ = ["SimTransport", "build_board", "open_sim"]


class SimTransport(Transport):
    """A simulated board in this process. Its time is simulated time: cycles over ``clock_hz``.

    Parameters
    ----------
    board : Board
        The running model.
    config : Configuration
        What it was built from.
    url : str, optional
        Its name in messages.
    """

    def __init__(self, board: "Board", config: Configuration, url: str | None = None):
        self._board = board
        self._config = config
        self._url = url or f"sim:{config.name}"
        self._closed = False

    @property
    def description(self) -> str:
        """The URL."""
        return self._url

    @property
    def simulated(self) -> bool:
        """True."""
        return True

    @property
    def advice(self) -> str:
        """This is a defect of the hardware, not of a cable."""
        return "the simulated hardware hangs: report it with the command that shows it"

    @property
    def bytes_per_second(self) -> float:
        """What the link moves each way at the configuration's clock, idle cycles aside."""
        return float(self._config.link.width * self._config.clock_hz)

    @property
    def cycles(self) -> int:
        """Clock cycles since the board was opened."""
        return self._board.cycles

    @property
    def cycles_per_second(self) -> float | None:
        """Simulated cycles per second of wall time so far."""
        return self._board.cycles_per_second

    @property
    def generated(self) -> str:
        """The size of the Verilog, and what became of it."""
        return (f"{self._board.verilog_lines} lines of Verilog, compiled to a simulated board with "
                f"Verilator")

    @property
    def build_seconds(self) -> float | None:
        """Time that compiling took; None if the board was in the cache."""
        return self._board.build_seconds

    def now(self) -> float:
        """Return simulated seconds."""
        return self._board.cycles / self._config.clock_hz

    def write(self, data: bytes) -> None:
        """Queue ``data``; the board takes it while :meth:`read` lets time pass."""
        self._check_open()
        self._board.send(data)

    def read(self, timeout: float) -> bytes:
        """Run to the end of a frame or for ``timeout`` simulated seconds; return what came out."""
        self._check_open()
        return self._board.run(max(1, round(timeout * self._config.clock_hz)))

    def reset(self) -> None:
        """Reset the board, which keeps its memories; bytes that it has not taken are lost."""
        self._check_open()
        self._board.reset()

    @property
    def resettable(self) -> bool:
        """True."""
        return True

    def close(self) -> None:
        """Free the model."""
        self._closed = True
        self._board.close()

    def _check_open(self) -> None:
        if self._closed:
            raise DeviceError(f"{self._url} is closed; connect again")


def build_board(config: Configuration) -> "Board":
    """Generate and compile the hardware of a configuration, or take it from the cache.

    Raises
    ------
    ToolMissing
        If Amaranth, Verilator or a C++ compiler is missing.
    UserError
        If the cache folder can not be used.
    """
    from ..gen.tools import find_compiler, find_verilator, require_amaranth

    find_verilator()
    require_amaranth("sim")
    find_compiler()
    from .board_cache import cache_folder

    cache_folder()  # before the work, whose result would go there
    from ..gen.verilog import generate
    from ..hw.top import Luthier
    from .board import Board
    from .with_sdram import chips_verilog, with_chips

    artefact = generate(config, lambda config, head: with_chips(Luthier(config, head), config))
    return Board(artefact.verilog + chips_verilog(config), config.link.width)


def open_sim(url: str) -> SimTransport:
    """Open ``sim:CONFIG``; CONFIG is a name or the path of a TOML file.

    Raises
    ------
    UserError
        If there is no such configuration, or it is not valid.
    ToolMissing
        If Amaranth, Verilator or a C++ compiler is missing.
    """
    name = url.partition(":")[2]
    if not name:
        raise UserError(f"{url!r} must name a configuration, such as sim:default")
    config = load_configuration(name)
    return SimTransport(build_board(config), config, url)
