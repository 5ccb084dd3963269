# SPDX-License-Identifier: Apache-2.0
"""``luthier bench density``: what lanes and units cost, beside what people build otherwise."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..golden.errors import UserError
from .output import JsonOption, Output, log
from .plots import check_plot, pyplot, save_plot
from .synthesis import cell, check_route

__all__ = ["register"]


def register(bench: typer.Typer) -> None:
    """Add the command to ``luthier bench``."""

    @bench.command("density", epilog="Example: luthier bench density --target ecp5 --plot "
                                     "density.png")
    def density(
        target: Annotated[str, typer.Option(
            "--target", help="xc7, ecp5, ice40, or asic for the cells of a Liberty file.")] = "xc7",
        liberty: Annotated[Path | None, typer.Option(
            "--liberty", metavar="FILE", help="Cells for --target asic; may be a .gz.")] = None,
        beat_bits: Annotated[int | None, typer.Option(
            "--beat-bits", show_default=False,
            help="D, weight bits a cycle: 64, 128, 256 or 512; 128, or 256 for asic, which is a "
                 "tile of 64 rows.")] = None,
        activation_bits: Annotated[int, typer.Option(
            "--activation-bits", help="A, 4 to 16.")] = 8,
        plot: Annotated[Path | None, typer.Option(
            "--plot", metavar="FILE", help="Draw LUTs or gates per weight: .png or .svg.")] = None,
        route: Annotated[bool, typer.Option(
            "--route", help="Place and route too, for ecp5 and ice40: the median Fmax of three "
                            "seeds. Takes minutes.")] = False,
        json: JsonOption = None,
    ) -> None:
        """Synthesise the table unit, its lane and baselines with Yosys, and count.

        A lane goes from a beat of weights to its sum; a unit is everything, in plain mode. LUTs per
        weight count carry cells and distributed RAM as the LUT sites that they take or block.
        With --route nextpnr places and routes each unit, its ports between registers. For asic
        there are tiles: two tokens, rows that share their tables, and accumulators; a gate is
        the area of the library's least NAND.
        """
        output = Output(json)
        _check(target, liberty, plot, route)
        from ..gen.density import designs, measure
        from ..gen.routing import ROUTED_TARGETS, SEEDS
        from ..gen.synthesis import CELL_SCRIPT

        beat_bits = beat_bits or (256 if target == "asic" else 128)
        chosen = designs(beat_bits, activation_bits, target)
        if target == "ice40":
            log.info("iCE40 has no distributed RAM: tables in it are left out")
        seeds = SEEDS if route else ()
        device = ROUTED_TARGETS[target] if route else None
        units = sum(design.part == "unit" for design in chosen)
        with output.progress("designs and seeds" if route else "designs",
                             len(chosen) + units * len(seeds)) as advance:
            rows = measure(chosen, target, liberty, advance, seeds=seeds)
        _show(output, rows, target, route)
        if target == "asic":
            output.line(f"made by: {CELL_SCRIPT}")
        if route:
            output.line(f"MHz: of the clock on the {device}, median of {len(seeds)} seeds")
        if plot is not None:
            _draw(rows, target, plot)
        output.write_json({"target": target, "beat_bits": beat_bits,
                           "activation_bits": activation_bits,
                           "liberty": liberty and liberty.name, "device": device,
                           "script": CELL_SCRIPT if target == "asic" else None,
                           "seeds": list(seeds), "rows": rows})


def _check(target: str, liberty: Path | None, plot: Path | None, route: bool) -> None:
    from ..gen.synthesis import TARGETS

    if target not in (*TARGETS, "asic"):
        raise UserError(f"--target must be {', '.join(TARGETS)} or asic, not {target!r}")
    if target == "asic" and liberty is None:
        raise UserError("--target asic needs the cells: give --liberty FILE")
    if target != "asic" and liberty is not None:
        raise UserError(f"--liberty is for --target asic, not {target}; leave it out")
    if liberty is not None and not liberty.is_file():
        raise UserError(f"--liberty {liberty}: there is no such file")
    check_route(route, target)
    check_plot(plot)


def _kind(row: dict[str, Any]) -> str:
    return "ternary" if row["alphabet"] == "trits" else f"{row['bits']}-bit"


def _name(row: dict[str, Any]) -> str:
    table = f", {row['store']}, K = {row['k']}" if row["store"] else ""
    return f"{row['design']}, {row['part']}{table}"


def _show(output: Output, rows: list[dict[str, Any]], target: str, route: bool) -> None:
    if target == "asic":
        columns = {"um2": "area_um2", "gates": "gates", "FF": "ff", "levels": "levels",
                   "gates/weight": "gates_per_weight"}
    else:
        columns = {"LUT": "lut", "RAM LUT": "ram_lut", "carry": "carry", "FF": "ff", "DSP": "dsp",
                   "block RAM": "block_ram", "LUT/weight": "lut_per_weight"}
    if route:
        columns["MHz"] = "fmax_mhz"
    table = []
    for row in sorted(rows, key=lambda row: (row["alphabet"], row["bits"], row["part"])):
        cells = [cell(row[key], 2 if key.endswith("per_weight") else 1)
                 for key in columns.values()]
        factor = "" if row["factor"] is None else f"{row['factor']:.2f}"
        table.append((_kind(row), _name(row), str(row["weights_per_cycle"]), *cells, factor))
    output.table(("weights", f"design for {target}", "a cycle", *columns, "denser by"), table)
    output.line("denser by: than the best lane without tables and DSPs for the same weights"
                if target != "asic" else
                "levels: cells on the longest path; gates/weight: and token; denser by: than the "
                "best tile without tables for the same weights")
    if not all(row.get("ff_in_area", True) for row in rows):
        output.line("The library has no flip-flops: areas and gates are those of the logic alone")


def _draw(rows: list[dict[str, Any]], target: str, path: Path) -> None:
    plt = pyplot()
    key = "gates_per_weight" if target == "asic" else "lut_per_weight"
    kinds = list(dict.fromkeys(map(_kind, rows)))
    figure, axes = plt.subplots(1, len(kinds), figsize=(4 * len(kinds), 4), layout="constrained")
    for ax, kind in zip([axes] if len(kinds) == 1 else axes, kinds):
        shown = [row for row in rows if _kind(row) == kind]
        bars = ax.bar([_name(row).replace(", ", "\n", 1) for row in shown],
                      [row[key] for row in shown],
                      color=["C0" if row["store"] else "C7" for row in shown])
        ax.bar_label(bars, fmt="%.1f")
        ax.set_title(f"{kind} weights")
        ax.tick_params(axis="x", labelsize="small")
    figure.supylabel("gates per weight, token and cycle" if target == "asic"
                     else f"{target} LUT sites per weight and cycle")
    save_plot(figure, path)
