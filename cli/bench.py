# SPDX-License-Identifier: Apache-2.0
"""``luthier bench``: one operation of a chosen shape, checked and measured."""

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ..golden.errors import CheckFailed, UserError
from . import chain, chains, cycles, density, encodings, transforms
from .options import FORMATS, DeviceOption, SeedOption, describe, random_weights
from .output import JsonOption, Output, log

if TYPE_CHECKING:
    from ..host import Device, Layer

__all__ = ["Measurement", "measure", "register"]

#: Activations to try until a flipped bit shows: in one draw, they may cancel.
_DRAWS = 20

#: Activations and results together, all tokens: 1 GiB of int64.
_MOST_ELEMENTS = 1 << 27


@dataclass(frozen=True)
class Measurement:
    """What one layer did: ``data`` for JSON and tables, and the first wrong result, if any."""

    data: dict[str, Any]
    failure: CheckFailed | None


def measure(device: "Device", *, format: str, rows: int, columns: int, tokens: int, seed: int,
            reproduce: str, flip: tuple[int, int] | None = None, group: int | None = None,
            dtype: Any = None) -> Measurement:
    """Load a random layer, multiply random activations, compare every result.

    Plain sums are compared with NumPy's int64 product; with ``dtype`` results are scaled, by groups
    if there is a ``group``, and compared with the golden model.

    Raises
    ------
    UserError
        If the device cannot hold the layer, there are too many tokens, or a flipped bit could not
        change a result.
    DeviceError
        If the device fails.
    """
    from ..host import Output, ResultMismatch

    name = f"{format}-{rows}x{columns}"
    if dtype is not None:
        name += f"-{dtype}" + ("" if group is None else f"-g{group}" if group else "-rows")
    _check_size(device, name, rows, columns, tokens)
    rng = np.random.default_rng(seed)
    weights, integers = random_weights(rng, format, rows, columns, group)
    half = 1 << device.config.table.activation_bits - 1
    before = device.link.bytes_sent + device.link.bytes_received
    scaled = None
    if dtype is not None:
        # Random products are about a sixth of the largest result.
        deviation = max(half / 2 * float(np.sqrt((weights.dequantised() ** 2).sum(axis=1).max())),
                        2 * float(abs(weights.s).max()), 2 * float(abs(weights.t).max()))
        scaled = Output(dtype, 6 * (deviation or 1.0) / float(np.iinfo(np.dtype(dtype)).max))
    layer = device.load(weights, name, scaled)
    upload = device.link.bytes_sent + device.link.bytes_received - before
    try:
        if flip is not None:
            layer.flip_weight_bit(*flip)
            log.info("flipped a stored bit of the weight in row %d, column %d", *flip)
        draws = 0
        while True:
            x = rng.integers(-half, half, size=(tokens, columns))
            y = layer(x)
            expected = (x @ integers.T if scaled is None else
                        layer.expected(x, None, None, None, None))
            wrong = np.argwhere(y != expected)
            draws += 1
            if flip is None or len(wrong) or draws == _DRAWS:
                break
    finally:
        layer.unload()
    failure = None
    if len(wrong):
        token, row = (int(i) for i in wrong[0])
        failure = ResultMismatch(
            layer=name, token=token, row=row, expected=int(expected[token, row]),
            got=int(y[token, row]), count=len(wrong), checked=y.size, reproduce=reproduce)
    elif flip is not None:
        raise UserError(
            f"the flipped bit of row {flip[0]}, column {flip[1]} changes no result, because the "
            f"weights that share its byte are zero; choose another weight or --seed")
    return Measurement(_data(device, layer, format, y.size, len(wrong), upload), failure)


def _check_size(device: "Device", name: str, rows: int, columns: int, tokens: int) -> None:
    """Refuse what can only fail, before any array is made."""
    config = device.config
    for what, size, key in (("rows", rows, "max_rows"), ("columns", columns, "max_columns")):
        limit: int = getattr(config.table, key)
        if size > limit:
            raise UserError(
                f"layer {name} has {size} {what}, {size - limit} more than table.{key} ({limit}) "
                f"of configuration {config.name!r}; use fewer {what}, or raise table.{key} to at "
                f"least {size}")
    most = _MOST_ELEMENTS // (rows + columns)
    if tokens > most:
        raise UserError(f"--tokens must be at most {most} with {rows} rows and {columns} columns, "
                        f"not {tokens}; run the command again with another --seed for more")


def _data(device: "Device", layer: "Layer", format: str, results: int, mismatches: int,
          upload: int) -> dict[str, Any]:
    rows, columns = layer.weights.shape
    stats, clock = layer.stats, device.config.clock_hz
    return {
        "layer": layer.name, "rows": rows, "columns": columns, "format": format,
        "tokens": stats.tokens, "results": results, "mismatches": mismatches,
        "cycles": stats.cycles, "declared_cycles": stats.declared_cycles, "beats": stats.beats,
        "starved": stats.starved, "blocked": stats.blocked, "saturations": stats.saturations,
        "efficiency": stats.efficiency, "group": layer.weights.group,
        "output": None if layer.output is None else layer.output.dtype,
        "bits_per_weight": layer.bits_per_weight, "link_bytes": stats.link_bytes,
        "upload_bytes": upload, "clock_hz": clock, "projected_seconds": stats.cycles / clock,
        "cycles_per_second": device.transport.cycles_per_second,
        "build_seconds": device.transport.build_seconds, "device": device.url,
    }


def show(output: Output, data: dict[str, Any]) -> None:
    """Print the figures of one measurement."""
    rows: list[tuple[str, str]] = [
        ("results checked", f"{data['results']}"),
        ("mismatches", f"{data['mismatches']}"),
        ("cycles", f"{data['cycles']} (declared {data['declared_cycles']})"),
        ("weight beats", f"{data['beats']}"),
        ("cycles starved, blocked", f"{data['starved']}, {data['blocked']}"),
        *([] if data["output"] is None else [("results saturated", f"{data['saturations']}")]),
        ("efficiency", f"{100 * data['efficiency']:.2f} %"),
        ("bits per weight in memory", f"{data['bits_per_weight']:.3f}"),
        ("link bytes, upload", f"{data['upload_bytes']}"),
        ("link bytes, activations and results", f"{data['link_bytes']}"),
        (f"time at {data['clock_hz'] / 1e6:g} MHz", f"{1e6 * data['projected_seconds']:.1f} us"),
    ]
    if data["cycles_per_second"] is not None:
        rows.append(("simulated cycles per second", f"{data['cycles_per_second']:.3g}"))
    output.table((data["layer"], "value"), rows)


def _weight(text: str) -> tuple[int, int]:
    row, comma, column = text.partition(",")
    if not (comma and row.strip().isdecimal() and column.strip().isdecimal()):
        raise UserError(f"--flip-weight-bit must be ROW,COLUMN, such as 17,100, not {text!r}")
    return int(row), int(column)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    bench = typer.Typer(no_args_is_help=True, rich_markup_mode=None,
                        help="Measure one operation of a chosen shape.")
    app.add_typer(bench, name="bench")

    @bench.callback()
    def commands() -> None:
        """Measure one operation of a chosen shape."""

    @bench.command("gemv", epilog="Example: luthier bench gemv --device sim:tiny --rows 128 "
                                  "--columns 320 --format w4")
    def gemv(
        device: DeviceOption = "sim:default",
        rows: Annotated[int, typer.Option("--rows", min=1, help="Rows of the matrix.")] = 1024,
        columns: Annotated[int, typer.Option("--columns", min=1, help="Columns.")] = 1280,
        format: Annotated[str, typer.Option(
            "--format", help="Of the weights: ternary, or w1 to w8 for so many bits.")] = "ternary",
        tokens: Annotated[int, typer.Option(
            "--tokens", min=1, help="Vectors to multiply.")] = 1,
        seed: SeedOption = 0,
        output_type: Annotated[str | None, typer.Option(
            "--output", metavar="TYPE",
            help="Scale the results on the device and round them to int8, int16 or int32.")] = None,
        group: Annotated[int | None, typer.Option(
            "--group", min=0, help="Columns that share a scale and, but for ternary weights, a "
                                   "zero point; 0 for whole rows. With --output.")] = None,
        flip_weight_bit: Annotated[str | None, typer.Option(
            "--flip-weight-bit", metavar="ROW,COLUMN",
            help="Flip a stored bit of this weight first: the check must then fail.")] = None,
        json: JsonOption = None,
    ) -> None:
        """Multiply a random matrix with random vectors, check every result, show the figures.

        Results are compared with NumPy's 64-bit integer product, or with --output with the golden
        model; any difference is exit code 1.
        """
        from ..host import connect

        output = Output(json)
        flip = None if flip_weight_bit is None else _weight(flip_weight_bit)
        if format not in FORMATS:
            raise UserError(f"--format must be ternary or w1 to w8, not {format!r}")
        if output_type not in (None, "int8", "int16", "int32"):
            raise UserError(f"--output must be int8, int16 or int32, not {output_type!r}")
        if group is not None and output_type is None:
            raise UserError("--group is for scaled results; give --output TYPE, too")
        command = ["luthier", "bench", "gemv", "--device", device, "--rows", str(rows), "--columns",
                   str(columns), "--format", format, "--tokens", str(tokens), "--seed", str(seed)]
        if output_type is not None:
            command += ["--output", output_type]
        if group is not None:
            command += ["--group", str(group)]
        if flip is not None:
            command += ["--flip-weight-bit", f"{flip[0]},{flip[1]}"]
        with connect(device) as opened:
            describe(output, opened)
            result = measure(opened, format=format, rows=rows, columns=columns, tokens=tokens,
                             seed=seed, flip=flip, group=group, dtype=output_type,
                             reproduce=shlex.join(command))
            show(output, result.data)
            output.write_json(result.data, config=opened.config, seed=seed)
        if result.failure is not None:
            raise result.failure

    chain.register(bench)
    density.register(bench)
    cycles.register(bench)
    encodings.register(bench)
    transforms.register(bench)
    chains.register(bench)
