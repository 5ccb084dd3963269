# SPDX-License-Identifier: Apache-2.0
"""What every command prints: results on standard output, progress and messages on standard error.

A command that takes ``--json FILE|-`` makes one :class:`Output`, prints through it, and ends with
:meth:`Output.write_json`. With ``--json -`` standard output carries the JSON and nothing else.
"""

import json
import logging
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from luthier import __version__

from ..golden.config import Configuration
from ..golden.errors import UserError

__all__ = [
    "SCHEMA_VERSION", "JsonOption", "Output", "configure", "discard", "log", "set_command_line",
    "stdout_failed",
]

#: Version of the JSON that commands write; raised when a key changes its meaning or goes away.
SCHEMA_VERSION = 1

#: Messages and progress. Never results.
log = logging.getLogger("luthier")

JsonOption = Annotated[str | None, typer.Option(
    "--json", metavar="FILE|-",
    help="Write the results as JSON to FILE, or to standard output and nothing else there (-).")]

_command_line: list[str] = []


def set_command_line(arguments: Sequence[str]) -> None:
    """Remember the arguments of this run, which the JSON repeats."""
    _command_line[:] = arguments


class _Handler(logging.Handler):
    """Write messages to whatever ``sys.stderr`` is now; name the level only where it matters."""

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        try:
            sys.stderr.write(f"{prefix}{self.format(record)}\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # nobody can be told; the exit code still says it
            discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Send a stream that can not be written to nowhere, what it still holds included."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def configure(*, quiet: bool = False, debug: bool = False) -> None:
    """Set how much the logger ``luthier`` says: warnings, progress too, or everything."""
    if not any(isinstance(handler, _Handler) for handler in log.handlers):
        log.addHandler(_Handler())
    log.setLevel(logging.DEBUG if debug else logging.WARNING if quiet else logging.INFO)


class Output:
    """Results of one command.

    Parameters
    ----------
    target : str or None
        The value of ``--json``.

    Raises
    ------
    UserError
        If the JSON could not be written there: known before any work is done.
    """

    def __init__(self, target: str | None = None):
        self._target = target
        if target == "":
            raise UserError("--json must be the name of a file, or - for standard output, not ''")
        if target is not None and target != "-":
            path = Path(target)
            try:
                if path.is_dir():
                    raise UserError(f"--json {target}: this is a folder; give the name of a file")
                if not path.parent.is_dir():
                    raise UserError(f"--json {target}: there is no folder {path.parent}; create it "
                                    f"first")
                _try_to_write(path)
            except OSError as error:
                raise self._cannot_write(error) from None

    @property
    def human(self) -> bool:
        """Whether standard output is for people; false with ``--json -``."""
        return self._target != "-"

    def line(self, text: str = "") -> None:
        """Print one line of results."""
        if self.human:
            with _standard_output():
                print(text, flush=True)

    def text(self, piece: str) -> None:
        """Print part of a text at once, without a line feed."""
        if self.human:
            with _standard_output():
                print(piece, end="", flush=True)

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[Any]], *,
              title: str | None = None) -> None:
        """Print a table: with rich on a terminal, aligned columns elsewhere."""
        if not self.human:
            return
        cells = [[str(cell) for cell in row] for row in rows]
        with _standard_output():
            self._table(headers, cells, title)

    @staticmethod
    def _table(headers: Sequence[str], cells: list[list[str]], title: str | None) -> None:
        if title:
            print(f"\n{title}")
        if sys.stdout.isatty():
            from rich import box
            from rich.console import Console
            from rich.table import Table
            from rich.text import Text

            table = Table(*headers, box=box.SIMPLE_HEAD)
            for row in cells:
                table.add_row(*(Text(cell) for cell in row))
            Console().print(table)
        else:
            lines = [list(headers), *cells]
            widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
            for line in lines:
                padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
                print("  ".join(padded).rstrip(), flush=True)

    def write_json(self, data: Mapping[str, Any], *, config: Configuration | None = None,
                   seed: int | None = None) -> None:
        """Write ``data`` with what is needed to repeat the run; nothing without ``--json``."""
        if self._target is None:
            return
        document: dict[str, Any] = {
            "schema": SCHEMA_VERSION,
            "luthier": __version__,
            "command_line": shlex.join(["luthier", *_command_line]),
            "seed": seed,
            "config": config.name if config else None,
            "config_hash": config.hash.hex() if config else None,
        }
        document.update(data)
        text = json.dumps(document, indent=2, allow_nan=False, default=_plain) + "\n"
        if self._target == "-":
            with _standard_output():
                sys.stdout.write(text)
                sys.stdout.flush()
            return
        try:
            Path(self._target).write_text(text)
        except OSError as error:
            raise self._cannot_write(error) from None

    def _cannot_write(self, error: OSError) -> UserError:
        return UserError(f"--json {self._target}: cannot write: {error.strerror or error}; give "
                         f"the name of a file that can be written")

    @contextmanager
    def progress(self, description: str, total: int) -> Iterator[Callable[..., None]]:
        """Show progress on standard error; yields ``advance(steps=1)``.

        A bar on a terminal; elsewhere a line each ten seconds. Nothing with ``--quiet``.
        """
        if not log.isEnabledFor(logging.INFO):
            yield lambda steps=1: None
        elif sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            with Progress(console=Console(stderr=True), transient=True) as bar:
                task = bar.add_task(description, total=total)
                yield lambda steps=1: bar.advance(task, steps)
        else:
            done, last = 0, time.monotonic()

            def advance(steps: int = 1) -> None:
                nonlocal done, last
                done += steps
                if time.monotonic() - last >= 10 and done < total:
                    last = time.monotonic()
                    log.info("%s: %d of %d", description, done, total)

            yield advance


def stdout_failed(error: OSError) -> UserError:
    """Drop what standard output still holds, and return what to say of an error there."""
    discard(sys.stdout)
    return UserError(f"cannot write to standard output: {error.strerror or error}; free some space "
                     f"there, or send the output elsewhere")


@contextmanager
def _standard_output() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # the reader has enough, which is no error
        raise
    except OSError as error:
        raise stdout_failed(error) from None


def _try_to_write(path: Path) -> None:
    """Raise OSError if a file can not be written; leave it, or its absence, as it is."""
    if not path.exists():
        with tempfile.TemporaryFile(dir=path.parent):
            return
    if not path.is_fifo():  # opening one waits for its reader
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, b"")
        finally:
            os.close(descriptor)


def _plain(value: Any) -> Any:
    """Turn NumPy scalars and arrays, bytes and paths into what JSON knows."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
