# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of the Verilog of :class:`~luthier.hw.table.TableUnit`, see :mod:`.streams`.

The expected results are plain int64 products.
"""

import cocotb
import numpy as np

from ...golden.config import Configuration
from ...golden.weights import pack_planes, pack_trits
from .streams import StreamBench, start

__all__ = ["TableBench"]


class TableBench(StreamBench):
    """Random matrices and vectors into the unit, results out."""

    def __init__(self, dut, config: Configuration, *, seed: int, stalls: float):
        super().__init__(dut, ("command", "activations", "weights"), ("results",), seed=seed,
                         stalls=stalls)
        self.config, self.numbers = config, np.random.default_rng(seed)

    def clear(self) -> None:
        super().clear()
        self.expected: list[int] = []

    def send(self, rows: int, columns: int, planes: int) -> None:
        """Queue an operation; ``planes`` 0 for trits."""
        t, rng = self.config.table, self.numbers
        half = 1 << t.activation_bits - 1
        x = rng.integers(-half, half, columns)
        if rng.random() < 0.2:
            x[:] = rng.choice([-half, half - 1, 0])
        if planes:
            values = 2 * rng.integers(0, 2**planes, (rows, columns)) - (2**planes - 1)
            beats = pack_planes(values, planes, t.beat_bits, t.row_block)
        else:
            values = rng.integers(-1, 2, (rows, columns))
            beats = pack_trits(values, t.beat_bits, t.row_block)
        row_bits = t.max_rows.bit_length()
        self.queues["command"].append(
            int(planes == 0) | (planes or 1) << 1 | rows << 5 | columns << 5 + row_bits)
        per_word = self.config.activations_per_word
        padded = np.zeros(-(-columns // per_word) * per_word, np.int64)
        padded[:columns] = x
        words = [sum((int(value) % (2 * half)) << lane * t.activation_bits
                     for lane, value in enumerate(word)) for word in padded.reshape(-1, per_word)]
        self.queues["activations"].extend(words * -(-rows // t.row_block))
        self.queues["weights"].extend(int.from_bytes(beat.tobytes(), "little") for beat in beats)
        products = values.astype(np.int64) @ x
        for row, product in enumerate(products):
            self.expected.append(int(product) % (1 << 32) | (row == rows - 1) << 32)

    async def finish(self) -> None:
        """Run until all results are there, and compare."""
        await self.until(lambda: len(self.received["results"]) >= len(self.expected))
        assert self.received["results"] == self.expected
        self.dut._log.info("%d results equal", len(self.expected))
        for _ in range(50):
            await self.step()
        assert self.received["results"] == self.expected, "results that nobody asked for"


async def _bench(dut) -> tuple[TableBench, int]:
    config, seed, stalls, count = start(dut)
    bench = TableBench(dut, config, seed=seed, stalls=stalls)
    await bench.reset()
    return bench, count


@cocotb.test()
async def random_operations(dut):
    """Random shapes and formats, back to back."""
    bench, count = await _bench(dut)
    for _ in range(count):
        rows = bench.rng.choice([1, 2, 3, 4, 5, 16, 17, 33, bench.rng.randint(1, 80)])
        columns = bench.rng.choice([1, 2, 5, 40, 41, 64, 65, bench.rng.randint(1, 200)])
        bench.send(rows, columns, bench.rng.randint(0, 8))
    await bench.finish()


@cocotb.test()
async def full_rate(dut):
    """With nothing stalled, beats are taken in every cycle once the first tables are built."""
    bench, _ = await _bench(dut)
    bench.stalls = 0
    bench.send(bench.config.table.row_block, 3 * bench.config.table.beat_bits, 3)
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
        bench.send(20, 100, bench.rng.randint(0, 3))
        bench.send(5, 30, 0)
        for _ in range(bench.rng.randint(1, 150)):
            await bench.step()
        await bench.reset()
    bench.send(20, 100, 2)
    await bench.finish()
