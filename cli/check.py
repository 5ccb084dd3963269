# SPDX-License-Identifier: Apache-2.0
"""``luthier check``: random operations on a device, every result compared."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from ..golden.errors import CheckFailed, LuthierError
from ..golden.memory_timing import is_exact
from .operations import Operation, random_operation
from .options import DeviceOption, SeedOption, describe
from .output import JsonOption, Output, log
from .sparse_operations import random_sparse_operation
from .torture import BytesPerFaultOption, Line
from .transform_calls import TransformCall, random_transform_call

if TYPE_CHECKING:
    from ..host import Device

__all__ = ["register"]


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

    layer = device.load(operation.weights, name, operation.output)
    try:
        y = layer(operation.x, planes=operation.planes, onto=operation.onto)
        stats = layer.stats
    finally:
        layer.unload()
    if operation.output is None and operation.planes is None:
        expected = operation.x @ operation.integers.T
    else:
        expected = layer.expected(operation.x, None, None, operation.planes, operation.onto)
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
    # Operations of one program overlap, and fetch their descriptors meanwhile.
    alone = stats.report.operations == stats.runs
    late = stats.cycles > stats.declared_cycles + 8 * stats.report.operations
    if device.transport.simulated and is_exact(device.config) and (
            stats.cycles != stats.declared_cycles if alone else late):
        tally.cycle_mismatches += 1
        tally.fail(CheckFailed(
            f"layer {name}: {operation}: took {stats.cycles} cycles, declared are "
            f"{stats.declared_cycles}; reproduce with: {again}"))


def _one_transform(device: "Device", call: TransformCall, name: str, again: str,
                   tally: _Tally) -> None:
    """Make one call and compare results and cycles."""
    from ..host import ResultMismatch

    tally.operations += 1
    tally.results += call.x.size
    device.reproduce = again
    try:
        stats = call.run(device)
    except ResultMismatch as mismatch:
        tally.mismatches += mismatch.count
        tally.wrong += 1
        tally.fail(mismatch)
        return
    finally:
        device.reproduce = ""
    tally.cycles += stats.cycles
    if (device.transport.simulated and is_exact(device.config)
            and stats.cycles != stats.declared_cycles):
        tally.cycle_mismatches += 1
        tally.fail(CheckFailed(f"{name}: {call}: took {stats.cycles} cycles, declared are "
                               f"{stats.declared_cycles}; reproduce with: {again}"))


def _work(device: "Device", seed: int, index: int, again: str, tally: _Tally) -> tuple[
        Operation | TransformCall, Callable[[], None]]:
    """Return an operation, and what runs it.

    Every third is a transform, or the product of a sparse matrix, where the device has these.
    """
    name = f"operation {index}"
    if device.config.transform is not None and index % 3 == 2:
        call = random_transform_call(device.config, seed, index)
        return call, partial(_one_transform, device, call, name, again, tally)
    sparse = device.config.sparse is not None and index % 3 == 1
    draw = random_sparse_operation if sparse else random_operation
    operation = draw(device.config, seed, index)
    return operation, partial(_one, device, operation, name, again, tally)


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
        blocks, extreme values; with scales also groups, mixed precision, fewer planes than stored,
        and results of 8 to 32 bits that are added to others; where the device has a transform
        or a sparse chain, a third of them are transforms and quantisers, or sparse. Plain sums are
        compared with NumPy's 64-bit integer product, scaled results with the golden model. On a
        simulated device without SDRAM the cycles must be those declared, too. With
        --bytes-per-fault the line is bad: what became of the operations is counted, and only wrong
        results, and waits without end, fail.
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
                    operation, work = _work(opened, seed, index, again, tally)
                    log.debug("operation %d: %s", index, operation)
                    try:
                        line.run(index, work, tally.fail, again)
                    except LuthierError:
                        log.error("operation %d (%s) ended early; reproduce with: %s", index,
                                  operation, again)
                        raise
                    advance()
            output.line(f"operations  {operations}, seed {seed}")
            output.line(f"results     {tally.results} compared, {tally.mismatches} wrong")
            if opened.transport.simulated:
                output.line(f"cycles      {tally.cycles}, " + (
                    f"{tally.cycle_mismatches} operations took other than the declared cycles"
                    if is_exact(opened.config) else
                    "not compared: with an SDRAM those declared are a projection"))
            disturbed = line.show(output, opened, tally.operations - tally.wrong, tally.wrong)
            output.write_json(
                {"operations": tally.operations, "results": tally.results,
                 "mismatches": tally.mismatches, "cycle_mismatches": tally.cycle_mismatches,
                 "cycles": tally.cycles, "start": start, "device": opened.url} | disturbed,
                config=opened.config, seed=seed)
        if tally.failure is not None:
            raise tally.failure
