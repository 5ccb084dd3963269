# SPDX-License-Identifier: Apache-2.0
"""``luthier bench encodings``: what sparse weights take of memory, encoding by encoding."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ..golden.errors import UserError
from ..golden.sparse.encodings import BLOCK_ENCODINGS, GROUP, ROW_ENCODINGS, fitting_formats
from .options import SeedOption
from .output import JsonOption, Output
from .plots import check_plot, pyplot, save_plot

__all__ = ["grid", "register"]

_ENCODINGS = (*BLOCK_ENCODINGS, *ROW_ENCODINGS)
_PATTERNS = ((1, 4), (2, 4), (1, 8), (2, 8), (4, 8), (1, 16), (2, 16), (4, 16), (8, 16))
#: Percents of groups or of single weights that are there.
_GROUPS = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
_SINGLE = (0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 15, 20, 30, 40, 50, 60, 80, 100)
_MOST = 1 << 24


def register(bench: typer.Typer) -> None:
    """Add the command to ``luthier bench``."""

    @bench.command("encodings", epilog="Example: luthier bench encodings --bits 8 --plot bits.svg")
    def encodings(
        rows: Annotated[int, typer.Option("--rows", min=1, help="Of the matrices.")] = 256,
        columns: Annotated[int, typer.Option("--columns", min=16, max=65535)] = 4096,
        bits: Annotated[int, typer.Option("--bits", metavar="4|8", help="Of a weight.")] = 4,
        beat_bits: Annotated[int, typer.Option(
            "--beat-bits", metavar="64|128|256|512", help="Bits of a memory word.")] = 128,
        seed: SeedOption = 0,
        plot: Annotated[Path | None, typer.Option(
            "--plot", metavar="FILE", help="Draw the bits: .png or .svg.")] = None,
        json: JsonOption = None,
    ) -> None:
        """Encode random sparse matrices and print the bits for each weight, zeros included.

        Of patterns N:M, of groups of 16 that are there at random, and of single weights. Indices
        and padding count; scales, which are the same for all but groups, do not.
        """
        output = Output(json)
        check_plot(plot)
        if bits not in (4, 8):
            raise UserError(f"--bits must be 4 or 8, not {bits}")
        if beat_bits not in (64, 128, 256, 512):
            raise UserError(f"--beat-bits must be 64, 128, 256 or 512, not {beat_bits}")
        if rows * columns > _MOST:
            raise UserError(f"--rows times --columns must be at most {_MOST}, not {rows * columns}")
        found = grid(rows, columns, bits, beat_bits, seed)
        _show(output, found)
        if plot is not None:
            _draw(found, f"{bits}-bit weights, {rows} x {columns}, beats of {beat_bits} bits", plot)
        output.write_json({"rows": found}, seed=seed)


def grid(rows: int, columns: int, bits: int, beat_bits: int, seed: int) -> list[dict[str, Any]]:
    """Return, for each kind of matrix, the bits a weight of the best format of each encoding."""
    found: list[dict[str, Any]] = []
    rng = np.random.default_rng(seed)
    for kind, share, name, there in _matrices(rng, rows, columns):
        matrix = np.where(there, rng.integers(1, 1 << bits - 1, (rows, columns)), 0)
        best: dict[str, float] = {}
        for form, cost in fitting_formats(matrix, bits, beat_bits):
            best.setdefault(form.encoding, cost.bits_per_weight)
        found.append({"kind": kind, "share": share, "pattern": name, "bits": best,
                      "smallest": min(best, key=best.__getitem__)})
    return found


def _matrices(rng: np.random.Generator, rows: int,
              columns: int) -> Iterator[tuple[str, float, str, np.ndarray]]:
    """Yield kind, share, name and which weights are there."""
    yield "blocks", 1.0, "dense", np.ones((rows, columns), bool)
    for kept, block in _PATTERNS:
        order = np.argsort(rng.random((rows, -(-columns // block), block)), axis=2)
        yield ("blocks", kept / block, f"{kept}:{block}",
               (order < kept).reshape(rows, -1)[:, :columns])
    for percent in _GROUPS:
        there = rng.random((rows, -(-columns // GROUP))) < percent / 100
        yield ("groups", percent / 100, f"{percent} % of groups",
               there.repeat(GROUP, axis=1)[:, :columns])
    for percent in _SINGLE:
        yield ("single", percent / 100, f"{percent} % of weights",
               rng.random((rows, columns)) < percent / 100)


def _show(output: Output, found: list[dict[str, Any]]) -> None:
    output.table(("weights there", *_ENCODINGS, "smallest"), [
        (row["pattern"], *(f"{row['bits'][name]:.3f}" if name in row["bits"] else ""
                           for name in _ENCODINGS), row["smallest"]) for row in found])


def _draw(found: list[dict[str, Any]], title: str, path: Path) -> None:
    plt = pyplot()
    figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained", sharey=True)
    for ax, kind in zip(axes, ("blocks", "groups", "single")):
        rows = [row for row in found if row["kind"] == kind]
        if kind == "blocks":
            rows.sort(key=lambda row: row["share"])
        for color, name in enumerate(_ENCODINGS):
            points = [(place if kind == "blocks" else 100 * row["share"], row["bits"][name])
                      for place, row in enumerate(rows) if name in row["bits"]]
            if points:
                ax.plot(*zip(*points), "o" if kind == "blocks" else "-", color=f"C{color}",
                        label=name, alpha=0.8)
        ax.set_title({"blocks": "patterns N:M", "groups": "groups of 16 at random",
                      "single": "single weights at random"}[kind])
        if kind == "blocks":
            ax.set_xticks(range(len(rows)), [row["pattern"] for row in rows], rotation=60)
        else:
            ax.set_xlabel("percent that are there")
        ax.grid(alpha=0.3)
    axes[2].set_xscale("log")
    dense = found[0]["bits"]["dense"]
    axes[0].set(ylabel="bits for each weight, without scales", ylim=(0, 2 * dense))
    axes[2].legend(loc="upper left")
    figure.suptitle(title)
    save_plot(figure, path)
