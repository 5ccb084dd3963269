# SPDX-License-Identifier: Apache-2.0
"""``luthier serve``: the simulated board on a socket."""

from typing import Annotated

import typer

from ..golden.config import load_configuration
from ..golden.errors import UserError
from .output import log

__all__ = ["parse_address", "register"]


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``; IPv6 addresses in brackets, port 0 is any free one.

    Raises
    ------
    UserError
        If it is not of that form.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
        raise UserError(f"--listen must be HOST:PORT, such as 127.0.0.1:5000, not {text!r}")
    return host, int(port)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("serve", epilog="Example: luthier serve --config tiny --listen 127.0.0.1:5000, "
                 "and in another terminal: luthier check --device socket://127.0.0.1:5000")
    def serve(
        config: Annotated[str | None, typer.Option(
            "--config", "-c", metavar="NAME|FILE",
            help="A name that `luthier configs` lists, or the path of a TOML file; default if "
                 "neither this nor --board is given.")] = None,
        address: Annotated[str, typer.Option(
            "--listen", metavar="HOST:PORT",
            help="Where to listen; port 0 takes any free one.")] = "127.0.0.1:5000",
        board: Annotated[str | None, typer.Option(
            "--board", "-b", metavar="NAME",
            help="Simulate the top of this board with its serial line, behind a pseudo-terminal; "
                 "with it --config is the board's own if none is given.")] = None,
        remote: Annotated[bool, typer.Option(
            "--allow-remote", help="Allow an address that other machines can reach.")] = False,
    ) -> None:
        """Simulate a board and serve it on a TCP socket, or a pseudo-terminal, until Ctrl-C.

        One client at a time; when it leaves, another may come, and the board keeps its state. A
        line says when the board is ready, and where. With --board each bit on the board's pins is
        simulated, at the speed that the client sets on the terminal.
        """
        if board is not None:
            _serve_board(board, config or board)
            return
        host, port = parse_address(address)
        configuration = load_configuration(config or "default")
        from ..sim import board_server
        from ..sim.transport import build_board

        # The socket first: nobody should wait for a build to hear that the port is taken.
        listener = board_server.listen(host, port, remote=remote)
        with listener:
            simulated = build_board(configuration)
            bound = listener.getsockname()
            where = f"[{bound[0]}]:{bound[1]}" if ":" in bound[0] else f"{bound[0]}:{bound[1]}"
            print(f"serving {configuration.name} at socket://{where}", flush=True)
            log.info("Ctrl-C ends it")
            try:
                board_server.serve(simulated, listener)
            finally:
                simulated.close()


def _serve_board(name: str, config: str) -> None:
    """Serve the top of a board behind a pseudo-terminal."""
    from ..boards.catalogue import find_board
    from ..boards.verilog import board_verilog
    from ..gen.tools import find_compiler, find_verilator, require_amaranth

    board = find_board(name)
    configuration = load_configuration(config)
    find_verilator()
    require_amaranth("sim")
    find_compiler()
    from ..sim.pins import PinBoard
    from ..sim.terminal import Terminal
    from ..sim.with_sdram import chips_verilog, with_chips

    artefact = board_verilog(board, configuration, around=with_chips)
    simulated = PinBoard(artefact.verilog + chips_verilog(configuration), configuration.clock_hz,
                         reset_level=int(not board.pins()["rst"].inverted))
    terminal = Terminal(simulated)
    print(f"serving {board.title} at serial:{terminal.path}?baud={board.baud}", flush=True)
    log.info("Ctrl-C ends it")
    try:
        terminal.serve()
    finally:
        terminal.close()
        simulated.close()
