# SPDX-License-Identifier: Apache-2.0
"""``luthier bench fwht``: what Walsh-Hadamard transforms cost, and when results come."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..golden.errors import UserError
from .options import numbers
from .output import JsonOption, Output
from .plots import check_plot, pyplot, save_plot
from .synthesis import cell, check_route

__all__ = ["register"]

_COLUMNS = {
    "LUT": "lut", "carry": "carry", "RAM LUT": "ram_lut", "FF": "ff", "block RAM": "block_ram",
    "memory": "memory_bits", "bound": "bound_bits", "adders": "adders", "first": "first_result",
    "LUT/sample": "lut_per_sample"}


def register(bench: typer.Typer) -> None:
    """Add the command to ``luthier bench``."""

    @bench.command("fwht", epilog="Example: luthier bench fwht --target ecp5 --sizes 64 --plot "
                                  "fwht.png")
    def fwht(
        target: Annotated[str, typer.Option("--target", help="ecp5 or xc7.")] = "ecp5",
        sizes: Annotated[str, typer.Option(
            "--sizes", help="N, samples of a transform, with commas: powers of two.")] = (
                "64,1024,4096"),
        lanes: Annotated[str, typer.Option(
            "--lanes", help="P, samples a cycle; those above N are left out.")] = "1,4,16",
        widths: Annotated[str, typer.Option("--widths", help="Bits of a sample, 2 to 16.")] = "8",
        plot: Annotated[Path | None, typer.Option(
            "--plot", metavar="FILE", help="Draw LUTs per sample a cycle: .png or .svg.")] = None,
        route: Annotated[bool, typer.Option(
            "--route", help="Place and route too, for ecp5: the median Fmax of three seeds. Takes "
                            "minutes.")] = False,
        json: JsonOption = None,
    ) -> None:
        """Synthesise Walsh-Hadamard pipelines with Yosys, beside all butterflies at once.

        All butterflies at once, and the pipeline of the same throughput, are there up to 64
        samples. The pipeline takes any size up to N at run time, the other only N. LUTs per sample
        count carry cells and distributed RAM as the LUT sites that they take or block. The cycles
        to the first results are simulated.
        """
        output = Output(json)
        if target not in ("ecp5", "xc7"):
            raise UserError(f"--target must be ecp5 or xc7, not {target!r}")
        check_route(route, target)
        check_plot(plot)
        from ..gen.routing import ROUTED_TARGETS, SEEDS
        from ..gen.transforms import LARGEST_PARALLEL, designs, measure
        from ..sim.first_result import first_result

        chosen = designs(numbers("--sizes", sizes), numbers("--lanes", lanes),
                         numbers("--widths", widths))
        seeds = SEEDS if route else ()
        device = ROUTED_TARGETS[target] if route else None
        rows: list[dict[str, Any]] = []
        with output.progress("designs and seeds" if route else "designs",
                             len(chosen) * (1 + len(seeds))) as advance:
            for design in chosen:
                found = first_result(design.make())
                rows.append(measure(design, target, seeds=seeds, done=advance)
                            | {"first_result": found})
        _show(output, rows, target, route)
        output.line(f"memory, bound: bits of delays, and of the N - P samples that must wait; "
                    f"first: cycles to the first results, simulated; parallel: up to N = "
                    f"{LARGEST_PARALLEL}, the lanes that a pipeline may have")
        if route:
            output.line(f"MHz: of the clock on the {device}, median of {len(seeds)} seeds")
        if plot is not None:
            _draw(rows, target, plot)
        output.write_json({"target": target, "device": device, "seeds": list(seeds), "rows": rows})


def _show(output: Output, rows: list[dict[str, Any]], target: str, route: bool) -> None:
    columns = _COLUMNS | ({"MHz": "fmax_mhz"} if route else {})
    output.table((f"design for {target}", "N", "P", "w", *columns), [
        (row["design"], str(row["n"]), str(row["p"]), str(row["width"]),
         *(cell(row[key]) for key in columns.values())) for row in rows])


def _draw(rows: list[dict[str, Any]], target: str, path: Path) -> None:
    plt = pyplot()
    widths = list(dict.fromkeys(row["width"] for row in rows))
    figure, axes = plt.subplots(1, len(widths), figsize=(5 * len(widths), 4), squeeze=False,
                                layout="constrained")
    for ax, width in zip(axes[0], widths):
        shown = [row for row in rows if row["width"] == width]
        for size in dict.fromkeys(row["n"] for row in shown):
            pipeline = [row for row in shown if (row["n"], row["design"]) == (size, "pipeline")]
            ax.plot([row["p"] for row in pipeline], [row["lut_per_sample"] for row in pipeline],
                    marker="o", label=f"pipeline, N = {size}")
        parallel = [row for row in shown if row["design"] == "parallel"]
        if parallel:
            ax.plot([row["p"] for row in parallel], [row["lut_per_sample"] for row in parallel],
                    "kx", label="all butterflies at once")
        ax.set_xscale("log", base=2)
        ax.set_ylim(bottom=0)
        ax.set_title(f"samples of {width} bits")
        ax.set_xlabel("P, samples a cycle")
        ax.legend()
    figure.supylabel(f"{target} LUT sites per sample and cycle")
    save_plot(figure, path)
