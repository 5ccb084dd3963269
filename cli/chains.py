# SPDX-License-Identifier: Apache-2.0
"""``luthier bench sparse``: what sparse chains of multipliers cost, and how busy they are."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..golden.errors import UserError
from .options import SeedOption, numbers
from .output import JsonOption, Output
from .plots import check_plot, pyplot, save_plot
from .synthesis import cell, check_route

__all__ = ["register"]

_COLUMNS = {
    "busy": "dsp_busy", "MAC/DSP/cycle": "macs_per_dsp_per_cycle", "bits/weight": "bits_per_weight",
    "LUT": "lut", "sites": "sites", "FF": "ff", "DSP": "dsp"}


#: Of these, three digits are shown.
_FINE = ("dsp_busy", "macs_per_dsp_per_cycle", "bits_per_weight")


def register(bench: typer.Typer) -> None:
    """Add the command to ``luthier bench``."""

    @bench.command("sparse", epilog="Example: luthier bench sparse --slots 16 --blocks 4 "
                                    "--precisions w8a8 --plot sparse.png")
    def sparse(
        target: Annotated[str, typer.Option("--target", help="ecp5 or xc7.")] = "ecp5",
        slots: Annotated[int, typer.Option(
            "--slots", min=4, max=512, help="Multipliers of each chain: a power of two.")] = 64,
        blocks: Annotated[str, typer.Option(
            "--blocks", help="M, columns that a multiplier chooses from, with commas.")] = "4,16",
        precisions: Annotated[str, typer.Option(
            "--precisions", help="Of w8a8, w4a8 and w4a4, with commas.")] = "w8a8,w4a8,w4a4",
        cycles: Annotated[int, typer.Option(
            "--cycles", min=1, max=1 << 20, help="That each product takes, about.")] = 4096,
        seed: SeedOption = 0,
        plot: Annotated[Path | None, typer.Option(
            "--plot", metavar="FILE", help="Draw products per multiplier and cycle: .png or "
                                           ".svg.")] = None,
        route: Annotated[bool, typer.Option(
            "--route", help="Place and route too, for ecp5: the median Fmax of three seeds. Takes "
                            "minutes.")] = False,
        json: JsonOption = None,
    ) -> None:
        """Multiply sparse matrices on chains of multipliers, beside a dense chain of as many.

        Each chain is compiled and multiplies a matrix of each pattern, and one whose blocks keep
        different numbers of weights; sums and cycles must be those of the golden model. Then it is
        synthesised with Yosys. A dense chain has no choice of activations.
        """
        output = Output(json)
        if target not in ("ecp5", "xc7"):
            raise UserError(f"--target must be ecp5 or xc7, not {target!r}")
        check_route(route, target)
        check_plot(plot)
        from ..gen.chains import chain_designs, measure_chain, stored_bits
        from ..gen.routing import ROUTED_TARGETS, SEEDS
        from ..golden.sparse import Pattern
        from ..sim.busy_chain import BusyChain

        names = [name.strip() for name in precisions.split(",")]
        chosen = chain_designs(target, slots, numbers("--blocks", blocks), names)
        seeds = SEEDS if route else ()
        rows: list[dict[str, Any]] = []
        with output.progress("designs and seeds" if route else "designs",
                             len(chosen) * (2 + len(seeds))) as advance:
            for design in chosen:
                chain, config = BusyChain(design.make(), cycles, seed), design.config
                patterns: list[tuple[tuple[int, ...], str, float]] = [
                    ((kept,), str(Pattern(kept, config.block)), stored_bits(design, kept))
                    for kept in design.kept]
                if len(design.kept) > 1:
                    mean = sum(bits for _, _, bits in patterns) / len(patterns)
                    patterns.append((design.kept, "mixed", mean))
                found = [(name, *chain.run(kept), bits) for kept, name, bits in patterns]
                advance()
                cost = measure_chain(design, target, seeds=seeds, done=advance)
                rows += [{"design": design.name, "block": config.block, "pattern": name,
                          "precision": design.precision, "packing": config.packing,
                          "slots": slots, "dsp_busy": busy, "macs_per_dsp_per_cycle": rate,
                          "bits_per_weight": bits} | cost for name, busy, rate, bits in found]
        _show(output, rows, target, route)
        output.line("busy: part of all cycles in which every multiplier has a weight; MAC/DSP/cycle"
                    ": products of the dense matrix; bits/weight: weights and index, without "
                    "scales, derived; mixed: blocks of all patterns by chance")
        device = ROUTED_TARGETS[target] if route else None
        if route:
            output.line(f"MHz: of the clock on the {device}, median of {len(seeds)} seeds")
        if plot is not None:
            _draw(rows, plot)
        output.write_json({"target": target, "device": device, "seeds": list(seeds),
                           "cycles": cycles, "rows": rows}, seed=seed)


def _show(output: Output, rows: list[dict[str, Any]], target: str, route: bool) -> None:
    columns = _COLUMNS | ({"MHz": "fmax_mhz"} if route else {})
    output.table((f"chain for {target}", "M", "precision", "pattern", *columns), [
        (row["design"], str(row["block"]), row["precision"], row["pattern"],
         *(f"{row[key]:.3f}" if key in _FINE else cell(row[key]) for key in columns.values()))
        for row in rows])


def _draw(rows: list[dict[str, Any]], path: Path) -> None:
    plt = pyplot()
    names = list(dict.fromkeys(row["precision"] for row in rows))
    figure, axes = plt.subplots(1, len(names), figsize=(4 * len(names), 4), squeeze=False,
                                layout="constrained", sharey=True)
    for ax, name in zip(axes[0], names):
        shown = [row for row in rows if row["precision"] == name]
        labels = ["dense chain" if row["design"] == "dense" else
                  f"{row['pattern']}, M = {row['block']}" for row in shown]
        ax.bar(labels, [row["macs_per_dsp_per_cycle"] for row in shown],
               color=["gray" if row["design"] == "dense" else "C0" for row in shown])
        ax.tick_params(axis="x", rotation=90)
        ax.set_title(name)
    figure.supylabel("dense products per multiplier and cycle")
    save_plot(figure, path)
