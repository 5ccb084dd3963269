# SPDX-License-Identifier: Apache-2.0
"""``luthier bench cycles``: the efficiency of any shape and format, and what costs the rest."""

import math
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from ..golden.config import Configuration, load_configuration
from ..golden.descriptor import (
    DESCRIPTOR_BYTES,
    Descriptor,
    Element,
    Refusal,
    source_words,
)
from ..golden.losses import efficiency, losses
from ..golden.refusal import refusal
from ..golden.table import beats, max_columns
from .output import JsonOption, Output
from .plots import check_plot, pyplot, save_plot

__all__ = ["GOAL", "REASONS", "grid", "operation", "register"]

#: Shapes below this efficiency get a reason.
GOAL = 0.97

#: What to say of an operation by the largest part of its losses.
REASONS = {
    "padding": "padding of columns",
    "idle": "fewer than four rows: idle slots",
    "records": "scale records",
    "scaler": "more groups than beats: the scaler takes one a cycle",
    "waiting": "few rows: tables are built longer than they are used",
    "fixed": "short: the fixed cycles of one operation",
}

_PLANES = {"ternary": 1, "w1": 1, "w2": 2, "w4": 4, "w8": 8}
_GROUPS = (128, 32)
_ROW_STEP, _FEWEST_COLUMNS, _COLUMN_STEP, _MOST = 4, 16, 2, 4096


def register(bench: typer.Typer) -> None:
    """Add the command to ``luthier bench``."""

    @bench.command("cycles", epilog="Example: luthier bench cycles --config tiny --plot cycles.png")
    def cycles(
        config: Annotated[str, typer.Option(
            "--config", "-c", metavar="NAME|FILE",
            help="A name that `luthier configs` lists, or the path of a TOML file.")] = "default",
        plot: Annotated[Path | None, typer.Option(
            "--plot", metavar="FILE", help="Draw the efficiency: .png or .svg.")] = None,
        json: JsonOption = None,
    ) -> None:
        """Compute the efficiency of shapes and formats, and what costs the rest.

        From the declared cycles of one operation on one vector; nothing is simulated. Scaled
        results have offsets, but for ternary weights. A reason is the largest part of what is lost.
        """
        output = Output(json)
        check_plot(plot)
        chosen = load_configuration(config)
        rows = grid(chosen)
        _show(output, rows)
        if plot is not None:
            _draw(rows, chosen, plot)
        output.write_json({"rows": rows}, config=chosen)


def operation(config: Configuration, format: str, group: int | None, rows: int,
              columns: int) -> Descriptor:
    """Return an operation on one vector, its program, weights and records at the first addresses.

    ``group`` is None for plain sums and 0 for scales of whole rows, which are what the driver makes
    of a group that is no shorter, too.
    """
    trits, planes = format == "ternary", _PLANES[format]
    d = Descriptor(
        flags=Descriptor.TRITS * trits, rows=rows, columns=columns, planes_stored=planes,
        planes_used=planes, source_type=config.activation_bytes - 1,
        weights=-(-DESCRIPTOR_BYTES // config.word_bytes))
    fields: dict[str, Any] = {"destination": source_words(config, d)}
    if group is not None:
        fields |= {
            "flags": d.flags | Descriptor.SATURATE | Descriptor.SCALED
            | Descriptor.OFFSETS * (not trits),
            "destination_type": Element.INT8, "group": group if group < columns else 0,
            "scales": d.weights + beats(config, rows=rows, columns=columns, planes=planes,
                                        trits=trits)}
    return Descriptor(**vars(d) | fields)


def grid(config: Configuration) -> list[dict[str, Any]]:
    """Return what each operation of the grid takes, by format, group, rows and columns.

    Shapes whose sums could leave int32 are not among them; ``fits`` is whether the memories are
    large enough.
    """
    found: list[dict[str, Any]] = []
    for format, group in _kinds(config):
        trits, planes = format == "ternary", _PLANES[format]
        for rows in _sizes(1, config.table.max_rows, _ROW_STEP):
            for columns in _sizes(_FEWEST_COLUMNS, max_columns(config, planes=planes),
                                  _COLUMN_STEP):
                d = operation(config, format, group, rows, columns)
                parts = losses(config, d)
                share = efficiency(config, weights=rows * columns * planes, cycles=parts.cycles,
                                   trits=trits)
                found.append({
                    "format": format, "group": group, "rows": rows, "columns": columns,
                    "cycles": parts.cycles,
                    "beats": beats(config, rows=rows, columns=columns, planes=planes, trits=trits),
                    "efficiency": share, "work": float(parts.work),
                    "losses": {name: float(lost) for name, lost in parts.lost().items()},
                    "reason": REASONS[parts.largest] if share < GOAL else None,
                    "fits": refusal(config, d) == Refusal.NONE})
    return found


def _kinds(config: Configuration) -> Iterator[tuple[str, int | None]]:
    """Yield the formats and groups that a device has, plain ones first."""
    t = config.table
    formats = [format for format in _PLANES if (t.trits if format == "ternary" else t.planes)]
    groups = [group for group in _GROUPS if t.smallest_group <= group <= t.beat_bits]
    for group in [None, *([0, *groups] if t.records else [])]:
        for format in formats:
            if not group or format != "ternary":
                yield format, group


def _sizes(first: int, limit: int, step: int) -> list[int]:
    """Return sizes from ``first``, each ``step`` times the one before, and the limit at the end."""
    limit, sizes = min(limit, _MOST), [first]
    while sizes[-1] * step < limit:
        sizes.append(sizes[-1] * step)
    return sizes if sizes[-1] >= limit else [*sizes, limit]


def _percent(share: float) -> str:
    """Return percents rounded down: nothing below 97 % reads 97.0."""
    return f"{math.floor(1000 * share) / 10:.1f}"


def _title(row: dict[str, Any]) -> str:
    group = row["group"]
    return row["format"] + ("" if group is None else
                            f", groups of {group}" if group else ", scaled rows")


def _show(output: Output, rows: list[dict[str, Any]]) -> None:
    output.line("efficiency in percent: rows down, columns across")
    for title, kind in groupby(rows, _title):
        lines = [list(line) for _, line in groupby(kind, lambda row: row["rows"])]
        output.table(
            ("", *(str(row["columns"]) for row in lines[0])),
            [(str(line[0]["rows"]), *(_percent(row["efficiency"]) + "*" * (not row["fits"])
                                      for row in line)) for line in lines], title=title)
    if not all(row["fits"] for row in rows):
        output.line("*: larger than the memories of this configuration")
    output.table(("weights", "rows", "columns", "percent", "largest loss"), _areas(rows),
                 title=f"Below {100 * GOAL:.0f} %")


def _areas(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return a line for each rectangle of shapes of one format that have the same reason."""
    areas: list[list[dict[str, Any]]] = []
    last: dict[Any, int] = {}  # of the row before: the place of the area that it belongs to
    for _, line in groupby(rows, lambda row: (_title(row), row["rows"])):
        here: dict[Any, int] = {}
        for reason, run in groupby(line, lambda row: row["reason"]):
            run = list(run)
            key = (_title(run[0]), reason, run[0]["columns"], run[-1]["columns"])
            if reason is not None:
                here[key] = last.get(key, len(areas))
                areas[here[key]:here[key] + 1] = [
                    [*(areas[last[key]] if key in last else []), *run]]
        last = here
    return [(_title(area[0]), *(_range(str(area[0][key]), str(area[-1][key]))
                                for key in ("rows", "columns")),
             _range(*(_percent(end(row["efficiency"] for row in area)) for end in (min, max))),
             area[0]["reason"]) for area in areas]


def _range(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def _draw(rows: list[dict[str, Any]], config: Configuration, path: Path) -> None:
    plt = pyplot()
    kinds = {title: list(kind) for title, kind in groupby(rows, _title)}
    formats = list(dict.fromkeys(row["format"] for row in rows))
    groups = list(dict.fromkeys(row["group"] for row in rows))
    figure, axes = plt.subplots(len(groups), len(formats), squeeze=False, layout="constrained",
                                figsize=(3.6 * len(formats), 3.6 * len(groups)))
    for ax in axes.flat:
        ax.set_axis_off()
    for title, kind in kinds.items():
        ax = axes[groups.index(kind[0]["group"]), formats.index(kind[0]["format"])]
        lines = [list(line) for _, line in groupby(kind, lambda row: row["rows"])]
        ax.imshow([[100 * row["efficiency"] for row in line] for line in lines], vmin=0,
                  vmax=100, origin="lower", aspect="auto")
        for y, line in enumerate(lines):
            for x, row in enumerate(line):
                ax.text(x, y, math.floor(100 * row["efficiency"]), ha="center", va="center",
                        fontsize="x-small", color="w" if row["efficiency"] < 0.6 else "k")
        ax.set_axis_on()
        ax.set_title(title)
        ax.set_xticks(range(len(lines[0])), [row["columns"] for row in lines[0]], rotation=60,
                      fontsize="small")
        ax.set_yticks(range(len(lines)), [line[0]["rows"] for line in lines], fontsize="small")
    figure.colorbar(axes[0, 0].images[0], ax=axes, label="efficiency in percent", aspect=60)
    figure.suptitle(f"configuration {config.name}")
    figure.supxlabel("columns")
    figure.supylabel("rows")
    save_plot(figure, path)
