# SPDX-License-Identifier: Apache-2.0
"""``luthier generate``: from a configuration to Verilog and its manifest."""

import time
from pathlib import Path
from typing import Annotated

import typer

from ..golden.config import load_configuration
from ..golden.errors import UserError
from .output import JsonOption, Output, log

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("generate", epilog="Example: luthier generate --config tiny -o build/tiny")
    def generate(
        config: Annotated[str, typer.Option(
            "--config", "-c", metavar="NAME|FILE",
            help="A name that `luthier configs` lists, or the path of a TOML file.")],
        target: Annotated[str, typer.Option(
            "--output", "-o", metavar="DIR",
            help="Where to write: a new folder, or one that this command made.")],
        json: JsonOption = None,
    ) -> None:
        """Write luthier.v and luthier.json, the same bytes every time.

        luthier.v is one file of Verilog with the top module `luthier`. luthier.json describes it:
        ports, parameters, address spaces, hashes. A file is touched only if its content changes.
        """
        from ..gen.tools import require_amaranth

        output = Output(json)
        if not target:
            raise UserError("-o must be the name of a folder, not ''")
        folder = Path(target)
        configuration = load_configuration(config)
        require_amaranth()
        from ..gen import verilog
        from ..gen.write import VERILOG, check_folder, write

        check_folder(folder)
        begin = time.monotonic()
        log.info("generating %s", configuration.name)
        artefact = verilog.generate(configuration)
        changed = write(artefact, folder)
        for name, different in changed.items():
            output.line(f"{folder / name}: {'written' if different else 'unchanged'}")
        output.line(f"configuration {configuration.name}, hash {configuration.hash.hex()}")
        output.line(f"build id {artefact.build_id.hex()}")
        log.info("%d lines of Verilog in %.1f s", artefact.verilog.count("\n"),
                 time.monotonic() - begin)
        output.write_json(
            {"build_id": artefact.build_id, "folder": folder, "changed": changed,
             "verilog": str(folder / VERILOG)}, config=configuration)
