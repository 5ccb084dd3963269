# SPDX-License-Identifier: Apache-2.0
"""``luthier check``: random operations on a device against NumPy's 64-bit integer product."""

import shlex
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from ..golden import table
from ..golden.config import Configuration
from ..golden.errors import CheckFailed, LuthierError
from .bench import FORMATS, DeviceOption, SeedOption, describe
from .output import JsonOption, Output, log
from .torture import BytesPerFaultOption, Line

if TYPE_CHECKING:
    from ..host import Device, Weights

__all__ = ["Operation", "random_operation", "register"]

#: Shapes by turns, so that every corner comes up in a short run too.
SHAPES = ("any", "one row", "one column", "row blocks", "tile edge", "strip edge", "tokens")
#: Limits of one operation, which keep a simulated board quick.
_MOST_BEATS, _MOST_RESULTS = 4096, 8192


@dataclass(frozen=True)
class Operation:
    """One matrix product.

    Attributes
    ----------
    shape : str
        Which of :data:`SHAPES` it is.
    format : str
    weights : Weights
    integers : int64 array, shape (rows, columns)
        What the weights mean, found without the code under test.
    x : int64 array, shape (tokens, columns)
    """

    shape: str
    format: str
    weights: "Weights"
    integers: np.ndarray
    x: np.ndarray

    def __str__(self) -> str:
        rows, columns = self.integers.shape
        return f"{self.format} {rows} x {columns}, {len(self.x)} tokens ({self.shape})"


def random_operation(config: Configuration, seed: int, index: int) -> Operation:
    """Return operation ``index`` of the sequence that ``seed`` starts; each can be had alone."""
    from ..host import Weights

    rng = np.random.default_rng([seed, index])
    format = FORMATS[rng.integers(len(FORMATS))]
    trits = format == "ternary"
    planes = 1 if trits else int(format[1:])
    shape = SHAPES[index % len(SHAPES)]
    rows, columns, tokens = _sizes(config, rng, shape, planes, trits)
    size = (rows, columns)
    low, top = (-1, 2) if trits else (0, 1 << planes)
    match rng.integers(4):
        case 0:  # the extremes alone
            stored = rng.choice([low, top - 1], size=size)
        case 1:
            stored = np.full(size, rng.choice([low, top - 1]))
        case _:
            stored = rng.integers(low, top, size=size)
    half = 1 << config.table.activation_bits - 1
    match rng.integers(4):
        case 0:
            x = rng.choice([-half, half - 1], size=(tokens, columns))
        case 1:
            x = np.full((tokens, columns), -half)
        case _:
            x = rng.integers(-half, half, size=(tokens, columns))
    if trits:
        return Operation(shape, format, Weights.ternary(stored), stored, x)
    odd = 2 * stored - (1 << planes) + 1
    return Operation(shape, format, Weights.integer(stored, planes), odd, x)


def _sizes(config: Configuration, rng: np.random.Generator, shape: str, planes: int,
           trits: bool) -> tuple[int, int, int]:
    """Return rows, columns and tokens that the device can hold."""
    t = config.table
    most_columns = table.max_columns(config, planes=planes)
    per_beat = table.columns_per_beat(config, trits)
    rows, columns, tokens = _spread(rng, 300), _spread(rng, min(2000, most_columns)), 1
    match shape:
        case "one row":
            rows = 1
        case "one column":
            columns = 1
        case "row blocks":
            rows = t.row_block * int(rng.integers(1, 4)) + int(rng.integers(-17, 18))
        case "tile edge":
            columns = per_beat * int(rng.integers(1, 6)) + int(rng.integers(-1, 2))
        case "strip edge":
            rows = 16 * int(rng.integers(1, 9)) + int(rng.integers(-1, 2))
        case "tokens":
            tokens = _spread(rng, 40)
    columns = min(max(columns, 1), most_columns)
    beats = min(_MOST_BEATS, config.memory.words // 4)
    source_words = -(-columns // config.activations_per_word)
    while columns > 1 and (planes * -(-columns // per_beat) > beats
                           or source_words >= config.scratchpad.words):
        columns = columns // 2
        source_words = -(-columns // config.activations_per_word)
    rows = min(max(rows, 1), t.max_rows, beats // (planes * -(-columns // per_beat)),
               (config.scratchpad.words - source_words) * config.results_per_word)
    return rows, columns, min(tokens, max(1, _MOST_RESULTS // rows))


def _spread(rng: np.random.Generator, most: int) -> int:
    """Return a size from 1 to ``most``, small ones as likely as large ones."""
    return min(most, int(np.exp(rng.uniform(0, np.log(most + 1)))))


@dataclass
class _Tally:
    operations: int = 0
    results: int = 0
    mismatches: int = 0
    wrong: int = 0  # operations with mismatches
    cycle_mismatches: int = 0
    cycles: int = 0
    failure: CheckFailed | None = None

    def fail(self, failure: CheckFailed) -> None:
        """Print a failure; the first one decides the exit code."""
        log.error("%s", failure)
        self.failure = self.failure or failure


def _one(device: "Device", operation: Operation, name: str, again: str, tally: _Tally) -> None:
    """Run one operation and compare results and cycles."""
    from ..host import ResultMismatch

    layer = device.load(operation.weights, name)
    try:
        y = layer(operation.x)
        stats = layer.stats
    finally:
        layer.unload()
    expected = operation.x @ operation.integers.T
    wrong = np.argwhere(y != expected)
    tally.operations += 1
    tally.results += y.size
    tally.mismatches += len(wrong)
    tally.wrong += len(wrong) > 0
    tally.cycles += stats.cycles
    if len(wrong):
        token, row = (int(i) for i in wrong[0])
        tally.fail(ResultMismatch(
            layer=f"{name}: {operation}", token=token, row=row, expected=int(expected[token, row]),
            got=int(y[token, row]), count=len(wrong), checked=y.size, reproduce=again))
    if device.transport.simulated and stats.cycles != stats.declared_cycles:
        tally.cycle_mismatches += 1
        tally.fail(CheckFailed(
            f"layer {name}: {operation}: took {stats.cycles} cycles, declared are "
            f"{stats.declared_cycles}; reproduce with: {again}"))


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("check", epilog="Example: luthier check --device golden:tiny --operations 50")
    def check(
        device: DeviceOption = "sim:default",
        operations: Annotated[int, typer.Option(
            "--operations", "-n", min=1, help="How many.")] = 100,
        seed: SeedOption = 0,
        start: Annotated[int, typer.Option(
            "--start", min=0, help="Number of the first: to repeat one that failed.")] = 0,
        bytes_per_fault: BytesPerFaultOption = 0,
        json: JsonOption = None,
    ) -> None:
        """Run random operations on a device and compare every result.

        Shapes, formats and values vary: ternary and 1 to 8 bits, one row, one column, several row
        blocks, extreme values. The reference is NumPy's 64-bit integer product. On a simulated
        device the cycles must be those declared, too. With --bytes-per-fault the line is bad: what
        became of the operations is counted, and only wrong results, and waits without end, fail.
        """
        from ..host import connect

        output = Output(json)
        tally, line = _Tally(), Line(device, bytes_per_fault, seed)
        with connect(line.transport) as opened:
            describe(output, opened)
            with output.progress("operations", operations) as advance:
                for index in range(start, start + operations):
                    again = shlex.join(["luthier", "check", "--device", device, "--operations", "1",
                                        "--start", str(index), "--seed", str(seed),
                                        *line.options])
                    operation = random_operation(opened.config, seed, index)
                    log.debug("operation %d: %s", index, operation)
                    try:
                        line.run(index, partial(_one, opened, operation, f"operation {index}",
                                                again, tally), tally.fail, again)
                    except LuthierError:
                        log.error("operation %d (%s) ended early; reproduce with: %s", index,
                                  operation, again)
                        raise
                    advance()
            output.line(f"operations  {operations}, seed {seed}")
            output.line(f"results     {tally.results} compared, {tally.mismatches} wrong")
            if opened.transport.simulated:
                output.line(f"cycles      {tally.cycles}, {tally.cycle_mismatches} operations took "
                            f"other than the declared cycles")
            disturbed = line.show(output, opened, tally.operations - tally.wrong, tally.wrong)
            output.write_json(
                {"operations": tally.operations, "results": tally.results,
                 "mismatches": tally.mismatches, "cycle_mismatches": tally.cycle_mismatches,
                 "cycles": tally.cycles, "start": start, "device": opened.url} | disturbed,
                config=opened.config, seed=seed)
        if tally.failure is not None:
            raise tally.failure
