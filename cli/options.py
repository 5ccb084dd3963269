# SPDX-License-Identifier: Apache-2.0
"""Options and first lines that several commands share."""

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ..golden.errors import UserError
from .output import Output

if TYPE_CHECKING:
    from ..host import Device, Weights
    from ..host.results import Check

__all__ = ["FORMATS", "CheckOption", "DeviceOption", "PruneOption", "SeedOption", "check_of",
           "describe", "numbers", "random_weights"]

#: Weight formats by name.
FORMATS = ("ternary", *(f"w{bits}" for bits in range(1, 9)))

DeviceOption = Annotated[str, typer.Option(
    "--device", metavar="URL",
    help="sim:CONFIG, golden:CONFIG, serial:PORT?baud=N or socket://HOST:PORT.")]
CheckOption = Annotated[str, typer.Option(
    "--check", metavar="all|sample|none",
    help="Which of the device's results to compare with the integer model.")]
PruneOption = Annotated[str | None, typer.Option(
    "--prune", metavar="N:M", help="Keep N of each M weights of a row, such as 2:4, and multiply "
                                   "on the sparse chain.")]
SeedOption = Annotated[int, typer.Option(
    "--seed", min=0, help="Of the random weights and activations.")]


def check_of(value: str) -> "Check":
    """Return what the driver calls this value of ``--check``; UserError for another."""
    if value not in ("all", "sample", "none"):
        raise UserError(f"--check must be all, sample or none, not {value!r}")
    return "never" if value == "none" else value


def random_weights(rng: np.random.Generator, format: str, rows: int, columns: int,
                   group: int | None = None) -> "tuple[Weights, np.ndarray]":
    """Return random weights and their canonical integers, int64 array (rows, columns).

    With ``group``, columns of a group or 0 for whole rows, they have random scales and, but for
    ternary ones, zero points.

    Raises
    ------
    UserError
        If there is no such format.
    """
    from ..host import Weights

    if format not in FORMATS:
        raise UserError(f"--format must be ternary or w1 to w8, not {format!r}")
    if format == "ternary":
        trits = rng.integers(-1, 2, size=(rows, columns))
        return Weights.ternary(trits, *_scales(rng, rows, columns, group)), trits
    bits = int(format[1:])
    q = rng.integers(0, 1 << bits, size=(rows, columns))
    if group is None:
        return Weights.integer(q, bits), 2 * q - (1 << bits) + 1
    scales, group = _scales(rng, rows, columns, group)
    zeros = rng.uniform(0, 1 << bits, scales.shape)
    return Weights.integer(q, bits, scales, zeros, group), 2 * q - (1 << bits) + 1


def _scales(rng: np.random.Generator, rows: int, columns: int,
            group: int | None) -> tuple[Any, int]:
    if group is None:
        return 1.0, 0
    return rng.uniform(0.5, 1, (rows, -(-columns // group) if group else 1)), group


def describe(output: Output, device: "Device") -> None:
    """Print what the device is."""
    config, transport = device.config, device.transport
    table = config.table
    output.line(f"device      {device.url}: configuration {config.name}, hash "
                f"{config.hash.hex()[:16]}")
    if transport.generated is not None:
        output.line(f"generated   {transport.generated}")
    build = device.build_id.hex()[:16] if any(device.build_id) else "none, this is the golden model"
    if transport.build_seconds is not None:
        build += f", ready in {transport.build_seconds:.1f} s"
    output.line(f"build       {build}")
    output.line(f"unit        {table.beat_bits} weight bits a cycle, {table.activation_bits}-bit "
                f"activations, {config.memory.words * config.word_bytes >> 10} KiB of device "
                f"memory")


def numbers(option: str, text: str) -> list[int]:
    """Return the different numbers of an option, in order of size."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() for part in parts):
        raise UserError(f"{option} must be numbers with commas, such as 4,8, not {text!r}")
    return sorted(set(map(int, parts)))
