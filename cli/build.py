# SPDX-License-Identifier: Apache-2.0
"""``luthier build``: the bitstream of a board."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..golden.config import Configuration, load_configuration
from ..golden.errors import UserError
from .output import JsonOption, Output
from .synthesis import parse_seeds

if TYPE_CHECKING:
    from ..boards.board import Board

__all__ = ["BoardOption", "ConfigOption", "FolderOption", "folder_of", "register"]

BoardOption = Annotated[str, typer.Option(
    "--board", "-b", metavar="NAME", help="A board, such as ulx3s_85f; any other name lists them.")]
ConfigOption = Annotated[str | None, typer.Option(
    "--config", "-c", metavar="NAME|FILE",
    help="The device: a name that `luthier configs` lists, or the path of a TOML file; by default "
         "the configuration with the board's name.")]
FolderOption = Annotated[str | None, typer.Option(
    "--output", "-o", metavar="DIR",
    help="Folder of the results: a new one, or one that this command made; by default "
         "build/BOARD.")]


def folder_of(given: str | None, board: str) -> Path:
    """Return the folder of a board's results; UserError for an empty name."""
    if given == "":
        raise UserError("-o must be the name of a folder, not ''")
    return Path(given or f"build/{board}")


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("build", epilog="Example: luthier build --board ulx3s_85f, then luthier flash "
                                 "--board ulx3s_85f")
    def build(
        board: BoardOption,
        config: ConfigOption = None,
        target: FolderOption = None,
        seeds: Annotated[str, typer.Option(
            "--seeds", metavar="N,N,...",
            help="Where the placer starts from; the fastest result is kept.")] = "1,2,3",
        json: JsonOption = None,
    ) -> None:
        """Build a board's bitstream with Yosys and nextpnr, from pip alone.

        The hashes of the device are in the
        identification that it sends, and the first 32 bits of the build id are the bitstream's user
        code where the family has one. The folder keeps what each tool said. For a Xilinx board it
        gets a Vivado project, and the cells are those of Yosys' synthesis.
        """
        from ..boards.catalogue import find_board
        from ..gen.tools import require_amaranth
        from ..gen.write import check_folder

        output = Output(json)
        tried = parse_seeds(seeds)
        found = find_board(board)
        configuration = load_configuration(config or board)
        folder = folder_of(target, board)
        require_amaranth("fpga")
        check_folder(folder)
        if found.target == "xc7":
            _project(output, found, configuration, folder)
            return
        from ..boards import build as builder

        with output.progress(f"building {found.title}", len(tried) + 3) as advance:
            built = builder.build(found, configuration, folder, tried, advance)
        output.table(["clock", "MHz", "wanted"], [
            (clock, f"{value['achieved']:.1f}", f"{value['constraint']:.1f}")
            for clock, value in built.fmax.items()], title=f"seed {built.seed}")
        output.line(built.critical_path)
        output.table(["cells", "used", "of"], [
            (kind, value["used"], value["available"])
            for kind, value in built.utilization.items() if value["used"]], title=found.title)
        output.line(f"\nconfiguration {configuration.name}, hash {configuration.hash.hex()}")
        output.line(f"build id {built.build_id.hex()}")
        output.line(f"{built.bitstream}: {built.bitstream.stat().st_size} bytes")
        output.write_json({
            "board": board, "fmax": built.fmax, "speed_by_seed": built.speed_by_seed,
            "utilization": built.utilization, "bitstream": built.bitstream,
            "build_id": built.build_id, "critical_path": built.critical_path,
            "seconds": built.seconds}, config=configuration, seed=built.seed)


def _project(output: Output, board: "Board", config: Configuration, folder: Path) -> None:
    """Write a Vivado project, and say what Yosys makes of it."""
    from ..boards.vivado import SCRIPT, vivado_project

    with output.progress(f"preparing {board.title}", 1) as advance:
        build_id, resources = vivado_project(board, config, folder)
        advance()
    used = {name: value for name, value in asdict(resources).items() if value}
    output.table(["cells", "used"], list(used.items()), title=f"{board.title}, by Yosys")
    output.line(f"\nconfiguration {config.name}, hash {config.hash.hex()}")
    output.line(f"build id {build_id.hex()}")
    output.line(f"next, in {folder}: vivado -mode batch -source {SCRIPT}")
    output.write_json({"board": board.name, "fmax": {}, "utilization": used, "bitstream": None,
                       "build_id": build_id, "script": folder / SCRIPT}, config=config, seed=None)
