# SPDX-License-Identifier: Apache-2.0
"""The command ``luthier``: options that every command shares, and what an error becomes.

Each command is a module of this package with ``register(app)``. Those modules are imported at every
start, so they import other rooms inside their functions only: a host-only install has no Amaranth.
"""

import contextlib
import importlib
import os
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from luthier import __version__

from ..golden.errors import LuthierError
from .output import configure, log, set_command_line

__all__ = ["COMMANDS", "app", "main"]

#: Modules with a ``register`` function, in the order of ``luthier --help``.
COMMANDS = ("run", "check", "bench", "generate", "serve", "configs", "doctor")

_INTERRUPTED = 130
_BROKEN_PIPE = 141


class _Group(TyperGroup):
    """Commands whose end by Ctrl-C or a closed pipe has one exit code, whatever Typer does."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            log.error("interrupted")
            raise typer.Exit(_INTERRUPTED) from None
        except BrokenPipeError:  # `luthier configs | head -1` is not an error
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(_BROKEN_PIPE) from None


app = typer.Typer(
    cls=_Group, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="First steps: luthier doctor, then luthier run. Each command explains itself: "
           "luthier check --help. Exit codes: 0 all well, 1 a check failed, 2 a mistake in what "
           "was asked, 3 a tool is missing, 4 the device, 130 interrupted.")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"luthier {__version__}")
        raise typer.Exit


@app.callback()
def luthier(
    context: typer.Context,
    version: Annotated[bool, typer.Option(
        "--version", callback=_show_version, is_eager=True,
        help="Print the version and exit.")] = False,
    quiet: Annotated[bool, typer.Option(
        "--quiet", "-q", help="Print results, warnings and errors only.")] = False,
    debug: Annotated[bool, typer.Option(
        "--debug", help="Print more, and a traceback with every error.")] = False,
) -> None:
    """Generate, verify and drive look-up-table engines for compressed language models.

    A device is named by a URL, the same everywhere: sim:CONFIG (the generated Verilog, simulated),
    golden:CONFIG (the integer model), serial:PORT?baud=N, socket://HOST:PORT. CONFIG is a name that
    `luthier configs` lists, or the path of a TOML file.
    """
    configure(quiet=quiet, debug=debug)


for _name in COMMANDS:
    importlib.import_module(f".{_name}", __package__).register(app)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : list of str, optional
        What follows ``luthier``; by default that of this process.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    set_command_line(arguments)
    configure()
    try:
        app(arguments, prog_name="luthier")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except KeyboardInterrupt:  # outside a command: while a module is imported, say
        log.error("interrupted")
        return _INTERRUPTED
    except LuthierError as error:
        log.debug("%s", traceback.format_exc())
        log.error("%s", error)
        return error.exit_code
    except Exception as error:
        log.debug("%s", traceback.format_exc())
        log.error("internal error: %s: %s; run with --debug (luthier --debug ...) for the "
                  "traceback, and report it", type(error).__name__, error)
        return 1
    return 0
