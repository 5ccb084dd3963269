# SPDX-License-Identifier: Apache-2.0
"""``luthier doctor``: which tools are there, and how to install what is missing."""

import dataclasses
import platform

import typer

from luthier import __version__

from ..golden.errors import ToolMissing
from .output import JsonOption, Output

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("doctor", epilog="Example: luthier doctor")
    def doctor(json: JsonOption = None) -> None:
        """Show which tools are installed, with versions, and how to install the others.

        Exit code 3 if something is missing that `luthier run` needs; 0 otherwise. Driving a board
        and the golden model need none of them but Python.
        """
        from ..gen.tools import find_tools

        output = Output(json)
        tools = find_tools()
        output.line(f"luthier {__version__} on {platform.platform()}\n")
        output.table(
            ("tool", "found", "needed for"),
            [(tool.name, tool.version or ("MISSING" if tool.required else "missing"), tool.purpose)
             for tool in tools])
        missing = [tool for tool in tools if tool.version is None]
        if missing:
            output.line("\nTo install what is missing:")
            for tool in missing:
                output.line(f"  {tool.name}: {tool.remedy}")
        output.write_json({"platform": platform.platform(),
                           "tools": [dataclasses.asdict(tool) for tool in tools]})
        needed = [tool.name for tool in missing if tool.required]
        if needed:
            raise ToolMissing(f"`luthier run` needs {', '.join(needed)}")
        output.line("\nAll that `luthier run` needs is here.")
