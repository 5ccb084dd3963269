# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of the Verilog of the table units, see :mod:`.streams`.

The expected results are the golden engine's.
"""

import cocotb
import numpy as np

from ...golden.config import Configuration
from ...golden.table import columns_per_beat
from ...hw.table.commands import table_command
from ...hw.table.stage import result_layout
from ..unit_case import unit_case
from .streams import StreamBench, start

__all__ = ["TableBench"]


class TableBench(StreamBench):
    """Random operations into the unit, results out."""

    def __init__(self, dut, config: Configuration, *, seed: int, stalls: float):
        super().__init__(dut, ("command", "activations", "weights"), ("results",), seed=seed,
                         stalls=stalls)
        self.config, self.numbers = config, np.random.default_rng(seed)

    def clear(self) -> None:
        super().clear()
        self.expected: list[list[int]] = []  # results of each token
        self.saturations = 0

    def send(self, **fixed) -> None:
        """Queue an operation; ``fixed`` as for :func:`luthier.sim.operations.random_operation`."""
        case = unit_case(self.config, self.numbers, **fixed)
        bits = self.config.table.activation_bits
        layout = table_command(self.config)
        self.queues["command"].extend(
            int(layout.const(command).as_bits()) for command in case.commands)
        self.queues["activations"].extend(
            sum(value % (1 << bits) << lane * bits for lane, value in enumerate(word))
            for word in case.activations)
        self.queues["weights"].extend(case.weights)
        self.expected += [[value % (1 << 32) | last << 32 for value in values]
                          for values, last in case.results]
        self.saturations += case.saturations

    async def finish(self) -> None:
        """Run until all results are there, and compare."""
        await self.until(lambda: len(self.received["results"]) >= len(self.expected))
        bits = result_layout.size
        results = [[word >> bits * lane & (1 << bits) - 1 for lane in range(len(values))]
                   for word, values in zip(self.received["results"], self.expected)]
        assert [[result % (1 << 33) for result in of_row] for of_row in results] == self.expected
        assert sum(result >> 33 for of_row in results for result in of_row) == self.saturations
        self.dut._log.info("%d results equal", len(self.expected))
        for _ in range(50):
            await self.step()
        assert len(self.received["results"]) == len(self.expected), "results that nobody asked for"


async def _bench(dut) -> tuple[TableBench, int]:
    config, seed, stalls, count = start(dut)
    bench = TableBench(dut, config, seed=seed, stalls=stalls)
    await bench.reset()
    return bench, count


@cocotb.test()
async def random_operations(dut):
    """Random shapes and formats, back to back."""
    bench, count = await _bench(dut)
    tiles = 3 * bench.config.table.beat_bits // columns_per_beat(bench.config, False)
    for _ in range(count):
        rows = bench.rng.choice([1, 2, 3, 4, 5, 16, 17, 33, bench.rng.randint(1, 80)])
        bench.send(rows=rows, tiles=bench.rng.randint(1, tiles))
    await bench.finish()


@cocotb.test()
async def full_rate(dut):
    """With nothing stalled, beats are taken in every cycle once the first tables are built."""
    bench, _ = await _bench(dut)
    bench.stalls = 0
    columns = 3 * bench.config.table.beat_bits
    bench.send(rows=bench.config.table.row_block, columns=columns,
               tiles=columns // columns_per_beat(bench.config, False),
               trits=False, planes_stored=3, planes_used=3, scaled=False, tokens=1)
    beats = len(bench.queues["weights"])
    await bench.until(lambda: len(bench.queues["weights"]) < beats)
    before = bench.cycle
    await bench.until(lambda: not bench.queues["weights"])
    assert bench.cycle - before == beats - 1
    await bench.finish()


@cocotb.test()
async def reset_in_the_middle(dut):
    """A reset at any time leaves nothing behind."""
    bench, _ = await _bench(dut)
    for _ in range(10):
        bench.send(rows=20)
        bench.send(rows=5, trits=True)
        for _ in range(bench.rng.randint(1, 150)):
            await bench.step()
        await bench.reset()
    bench.send(rows=20)
    await bench.finish()
