# SPDX-License-Identifier: Apache-2.0
"""``luthier run``: the shortest way from nothing to checked results."""

import shlex

import typer

from .bench import measure
from .options import DeviceOption, SeedOption, describe
from .output import JsonOption, Output, log

__all__ = ["LAYERS", "register"]

#: What runs: format, rows, columns.
LAYERS = (("ternary", 1024, 1280), ("w4", 1024, 1024))


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("run", epilog="Example: luthier run --device golden:default")
    def run(
        device: DeviceOption = "sim:default",
        seed: SeedOption = 0,
        json: JsonOption = None,
    ) -> None:
        """Run a ternary and a 4-bit layer on a device, and check every result.

        With a sim: device the hardware is generated and compiled first, which takes a while the
        first time only.
        """
        from ..host import connect

        output = Output(json)
        results = []
        with connect(device) as opened:
            describe(output, opened)
            with output.progress("layers", len(LAYERS)) as advance:
                for format, rows, columns in LAYERS:
                    log.debug("running %s, %d x %d", format, rows, columns)
                    again = shlex.join([
                        "luthier", "bench", "gemv", "--device", device, "--rows", str(rows),
                        "--columns", str(columns), "--format", format, "--seed", str(seed)])
                    results.append(measure(opened, format=format, rows=rows, columns=columns,
                                           tokens=1, seed=seed, reproduce=again))
                    advance()
            layers = [result.data for result in results]
            figures = (
                ("results checked", lambda d: d["results"]),
                ("mismatches", lambda d: d["mismatches"]),
                ("cycles", lambda d: d["cycles"]),
                ("declared", lambda d: d["declared_cycles"]),
                ("efficiency", lambda d: f"{100 * d['efficiency']:.2f} %"),
                ("bits/weight", lambda d: f"{d['bits_per_weight']:.3f}"),
                ("link bytes", lambda d: d["link_bytes"]),
                (f"time at {opened.config.clock_hz / 1e6:g} MHz",
                 lambda d: f"{1e6 * d['projected_seconds']:.1f} us"),
            )
            output.line()
            output.table(("layer", *(name for name, _ in figures)),
                         [(data["layer"], *(get(data) for _, get in figures)) for data in layers])
            mismatches = sum(data["mismatches"] for data in layers)
            checked = sum(data["results"] for data in layers)
            speed = opened.transport.cycles_per_second
            output.line()
            output.line(f"{checked} results compared with NumPy's 64-bit product: "
                        + ("all are equal." if not mismatches else f"{mismatches} DIFFER."))
            if speed is not None:
                output.line(f"Simulated at {speed:.3g} cycles per second.")
            output.write_json(
                {"layers": layers, "results": checked, "mismatches": mismatches,
                 "cycles": sum(data["cycles"] for data in layers), "cycles_per_second": speed,
                 "build_seconds": opened.transport.build_seconds, "device": opened.url},
                config=opened.config, seed=seed)
        for result in results:
            if result.failure is not None:
                raise result.failure
