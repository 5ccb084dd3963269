# SPDX-License-Identifier: Apache-2.0
"""``luthier bench chain``: layers that feed each other on the device, in one program."""

import shlex
from typing import Annotated

import numpy as np
import typer

from ..golden.errors import UserError
from .options import FORMATS, DeviceOption, SeedOption, describe, random_weights
from .output import JsonOption, Output

__all__ = ["register"]


def register(bench: typer.Typer) -> None:
    """Add the command to ``luthier bench``."""

    @bench.command("chain", epilog="Example: luthier bench chain --device golden:default")
    def chain(
        device: DeviceOption = "sim:default",
        rows: Annotated[int, typer.Option(
            "--rows", min=1, help="Rows of the first layer, columns of the second.")] = 1024,
        columns: Annotated[int, typer.Option(
            "--columns", min=1, help="Columns of the first layer, rows of the second.")] = 1280,
        layers: Annotated[int, typer.Option(
            "--layers", min=2, max=64, help="How many, of the two shapes by turns.")] = 2,
        format: Annotated[str, typer.Option(
            "--format", help="Of the weights: ternary, or w1 to w8 for so many bits.")] = "ternary",
        seed: SeedOption = 0,
        json: JsonOption = None,
    ) -> None:
        """Run layers as one program, each on the results of the one before it.

        Results become activations on the device, and only those of the last layer cross the link.
        All are compared with the golden model. Efficiency counts everything from the request to the
        report: descriptors, waiting for results, records of scales.
        """
        from ..host import Output as Scaled
        from ..host import connect

        output = Output(json)
        if format not in FORMATS:
            raise UserError(f"--format must be ternary or w1 to w8, not {format!r}")
        rng = np.random.default_rng(seed)
        again = shlex.join(["luthier", "bench", "chain", "--device", device, "--rows", str(rows),
                            "--columns", str(columns), "--layers", str(layers), "--format", format,
                            "--seed", str(seed)])
        with connect(device, check="all", seed=seed) as opened:
            describe(output, opened)
            opened.reproduce = again
            config = opened.config
            half = 1 << config.table.activation_bits - 1
            dtype = "int8" if config.activation_bytes == 1 else "int16"
            program = opened.program()
            vector = program.input(columns)
            for index in range(layers):
                shape = (columns, rows) if index % 2 else (rows, columns)
                weights, _ = random_weights(rng, format, *shape)
                spread = float(np.sqrt((weights.dequantised() ** 2).sum(axis=1).mean()))
                layer = opened.load(weights, f"layer{index}", Scaled(dtype, 2 * (spread or 1.0)))
                vector = program.apply(layer, vector)
            program.output(vector)
            (y,) = program(rng.integers(-half, half, columns))
            report = program.report
            data = {
                "format": format, "rows": rows, "columns": columns, "layers": layers,
                "results": y.size, "mismatches": 0, "operations": report.operations,
                "cycles": report.cycles, "elapsed": report.elapsed, "beats": report.busy,
                "saturations": report.saturations, "efficiency": program.efficiency,
                "link_bytes": program.link_bytes, "bytes_between_layers": program.bytes_between,
                "activation_bytes": columns * config.activation_bytes, "result_bytes": y.nbytes,
                "device": opened.url,
            }
            output.table((f"{format}, {layers} layers", "value"), [
                ("results checked", f"{y.size}, all equal"),
                ("operations in one request", f"{report.operations}"),
                ("cycles, request to report", f"{report.elapsed}"),
                ("weight beats", f"{report.busy}"),
                ("results saturated", f"{report.saturations}"),
                ("efficiency over the program", f"{100 * program.efficiency:.2f} %"),
                ("link bytes, frames included", f"{program.link_bytes}"),
                ("  of which activations in, results out",
                 f"{data['activation_bytes']}, {data['result_bytes']}"),
                ("  of which between the layers", f"{program.bytes_between}"),
            ])
            output.write_json(data, config=config, seed=seed)
