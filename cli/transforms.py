# SPDX-License-Identifier: Apache-2.0
"""``luthier bench fwht``: what Walsh-Hadamard transforms cost, and how fast they are."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..golden.errors import CheckFailed, UserError
from .options import SeedOption
from .output import JsonOption, Output
from .plots import check_plot, pyplot, save_plot

__all__ = ["register"]


def register(bench: typer.Typer) -> None:
    """Add the command to ``luthier bench``."""

    @bench.command("fwht", epilog="Example: luthier bench fwht --target ecp5 --plot fwht.png")
    def fwht(
        target: Annotated[str, typer.Option("--target", help="xc7, ecp5 or ice40.")] = "ecp5",
        sizes: Annotated[list[int] | None, typer.Option(
            "--size", metavar="N", show_default=False,
            help="Samples of a transform, several times for several; 64, 256, 1024, 4096.")] = None,
        lanes: Annotated[list[int] | None, typer.Option(
            "--lanes", metavar="P", show_default=False,
            help="Samples a cycle, likewise; 1, 4, 16.")] = None,
        widths: Annotated[list[int] | None, typer.Option(
            "--width", metavar="W", show_default=False,
            help="Bits of a sample, likewise; all sizes have the first, 8, and one has the "
                 "others, 4 and 16, too.")] = None,
        route: Annotated[bool, typer.Option(
            "--route", help="Place and route too, for ecp5 and ice40: the median Fmax of three "
                            "seeds. Takes minutes.")] = False,
        seed: SeedOption = 0,
        plot: Annotated[Path | None, typer.Option(
            "--plot", metavar="FILE", help="Draw LUT sites and memory: .png or .svg.")] = None,
        json: JsonOption = None,
    ) -> None:
        """Synthesise streaming Walsh-Hadamard transforms with Yosys, count, and simulate them.

        Beside each stands what theory asks for: N - P words of memory, 2 P log2 N adders, and first
        results N/P - 1 cycles after the first beat. Networks of butterflies, which take a whole
        vector a cycle, are compared with pipelines of as many lanes. The first results are measured
        in a simulation, which checks all of them.
        """
        output = Output(json)
        _check(target, plot, route)
        from ..gen.routing import ROUTED_TARGETS, SEEDS
        from ..gen.transforms import designs, measure
        from ..sim.first_output import first_output

        chosen = designs(widths or (8, 4, 16), *(
            [sizes or (64, 256, 1024, 4096), lanes or (1, 4, 16)]))
        seeds = SEEDS if route else ()
        with output.progress("designs", len(chosen) * (2 + len(seeds))) as advance:
            rows = measure(chosen, target, seeds=seeds, done=advance)
            for design, row in zip(chosen, rows, strict=True):
                row["first_output"] = first_output(design, seed)
                advance()
        _show(output, rows, route)
        if route:
            output.line(f"MHz: of the clock on the {ROUTED_TARGETS[target]}, median of "
                        f"{len(seeds)} seeds")
        if plot is not None:
            _draw(rows, target, plot)
        output.write_json({"target": target, "seeds": list(seeds), "rows": rows}, seed=seed)
        for row in rows:
            if row["first_output"] != row["latency"]:
                raise CheckFailed(
                    f"{row['design']}, N = {row['n']}, P = {row['p']}: the first results came "
                    f"after {row['first_output']} cycles, declared are {row['latency']}; reproduce "
                    f"with: luthier bench fwht --size {row['n']} --lanes {row['p']} --seed {seed}")


def _check(target: str, plot: Path | None, route: bool) -> None:
    from ..gen.routing import ROUTED_TARGETS
    from ..gen.synthesis import TARGETS
    from ..gen.tools import require_nextpnr

    if target not in TARGETS:
        raise UserError(f"--target must be {' or '.join(TARGETS)}, not {target!r}")
    if route and target not in ROUTED_TARGETS:
        raise UserError(f"--route is for --target {' or '.join(ROUTED_TARGETS)}, not {target}; "
                        f"leave it out")
    check_plot(plot)
    if route:
        require_nextpnr(target)


def _show(output: Output, rows: list[dict[str, Any]], route: bool) -> None:
    columns = {"LUT": "lut", "RAM LUT": "ram_lut", "carry": "carry", "FF": "ff",
               "block RAM": "block_ram", "sites/sample": "sites_per_sample",
               "memory bits": "memory_bits", "least": "least_bits", "adders": "adders",
               "first result": "first_output", "": "least_latency"}
    if route:
        columns["MHz"] = "fmax_mhz"

    def cell(key: str, value: float | None) -> str:
        if value is None:
            return ""
        if key == "sites_per_sample":
            return f"{value:.0f}"
        return f"{value:.0f}" if value == int(value) else f"{value:.1f}"

    output.table(
        ("design", "N", "P", "bits", *(name or "least" for name in columns)),
        [(row["design"], str(row["n"]), str(row["p"]), str(row["width"]),
          *(cell(key, row[key]) for key in columns.values())) for row in rows])
    output.line("sites: LUTs, carry cells and distributed RAM, as the LUT sites that they take or "
                "block, for each sample a cycle; least: (N - P) bits, and N/P - 1 cycles")


def _draw(rows: list[dict[str, Any]], target: str, path: Path) -> None:
    plt = pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    width = rows[0]["width"]
    pipelines = [row for row in rows if row["design"] == "pipeline" and row["width"] == width]
    for number, lanes in enumerate(sorted({row["p"] for row in pipelines})):
        some = sorted((row for row in pipelines if row["p"] == lanes), key=lambda row: row["n"])
        sizes, color = [row["n"] for row in some], f"C{number}"
        axes[0].plot(sizes, [row["sites"] for row in some], "o-", color=color, label=f"P = {lanes}")
        axes[1].plot(sizes, [row["memory_bits"] or None for row in some], "o-", color=color)
        axes[1].plot(sizes, [row["least_bits"] or None for row in some], ":", color=color)
    network = [row for row in rows if row["design"] == "parallel"]
    axes[0].plot([row["n"] for row in network], [row["sites"] for row in network], "k^",
                 label="all samples at once")
    axes[0].set(title=f"{target} LUT sites, {width}-bit samples", ylabel="LUT sites")
    axes[1].set(title="bits of delay memory; dotted: (N - P) w", ylabel="bits")
    for ax in axes:
        ax.set(xscale="log", yscale="log", xlabel="samples N")
        ax.set_xscale("log", base=2)
    axes[0].legend()
    save_plot(figure, path)
