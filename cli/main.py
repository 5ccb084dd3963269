# SPDX-License-Identifier: Apache-2.0
"""The command ``luthier``: options that every command shares, and what an error becomes.

Each command is a module of this package with ``register(app)``. Those modules are imported at every
start, so they import other rooms inside their functions only: a host-only install has no Amaranth.
"""

import importlib
import io
import os
import sys
import traceback
import warnings
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from luthier import __version__

from ..golden.errors import LuthierError
from .output import configure, discard, log, set_command_line, stdout_failed

__all__ = ["COMMANDS", "app", "main"]

#: Modules with a ``register`` function, in the order of ``luthier --help``.
COMMANDS = ("run", "eval", "rotate", "check", "bench", "generate", "build",
            "flash", "serve", "configs", "doctor")

_MISTAKE = 2
_DEFECT = 70  # EX_SOFTWARE; 1 would mean that a check failed
_INTERRUPTED = 130
_BROKEN_PIPE = 141


class _Group(TyperGroup):
    """Commands whose end by Ctrl-C or a closed pipe has one exit code, whatever Typer does."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # Amaranth warns of each component that was made and not elaborated.
            warnings.filterwarnings("ignore", ".* created but never used")
            log.error("interrupted")
            raise typer.Exit(_INTERRUPTED) from None
        except BrokenPipeError:  # `luthier configs | head -1` is not an error
            discard(sys.stdout)
            raise typer.Exit(_BROKEN_PIPE) from None


app = typer.Typer(
    cls=_Group, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="First steps: luthier doctor, then luthier run. Each command explains itself: "
           "luthier check --help. Exit codes: 0 all well, 1 a check failed, 2 a mistake in what "
           "was asked, 3 a tool is missing, 4 the device, 70 a defect of Luthier, 130 interrupted.")


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
    _open_streams()
    set_command_line(arguments)
    configure()
    code = _run(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
        return code or _BROKEN_PIPE
    except OSError as error:
        log.error("%s", stdout_failed(error))
        return code if code not in (0, _DEFECT) else _MISTAKE
    return code


def _open_streams() -> None:
    """Give standard streams that the caller closed somewhere to go."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            try:
                os.fstat(descriptor)
            except OSError:  # else the next file opened would take its number
                os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(os.devnull, "w" if descriptor else "r"))


def _run(arguments: list[str]) -> int:
    try:
        app(arguments, prog_name="luthier")
    except SystemExit as end:
        if end.code == 1:  # Typer's, when nobody reads the help; nothing of ours ends like this
            return _BROKEN_PIPE
        return end.code if isinstance(end.code, int) else 0 if end.code is None else _DEFECT
    except KeyboardInterrupt:  # outside a command: while a module is imported, say
        log.error("interrupted")
        return _INTERRUPTED
    except LuthierError as error:
        log.debug("%s", traceback.format_exc())
        log.error("%s", error)
        return error.exit_code
    except MemoryError:
        log.debug("%s", traceback.format_exc())
        log.error("not enough memory for this; use smaller --rows, --columns or --tokens, or a "
                  "smaller configuration")
        return _MISTAKE
    except OSError as error:
        if _fails(sys.stderr):
            discard(sys.stderr)
        elif _fails(sys.stdout):
            log.error("%s", stdout_failed(error))
        else:
            return _defect(error)
        return _MISTAKE
    except Exception as error:
        return _defect(error)
    return 0


def _fails(stream: TextIO) -> bool:
    """Return whether a stream can not be written to: full, say, as an error has suggested."""
    try:
        stream.flush()  # it still holds what it could not write, unless it has no buffer
        os.write(stream.fileno(), b"")
    except io.UnsupportedOperation:  # not a file
        return False
    except OSError:
        return True
    return False


def _defect(error: Exception) -> int:
    log.debug("%s", traceback.format_exc())
    log.error("internal error: %s: %s; run with --debug (luthier --debug ...) for the traceback, "
              "and report it", type(error).__name__, error)
    return _DEFECT
