# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of the Verilog of :class:`~luthier.hw.engine.Engine`, see :mod:`.streams`.

Behind the memory port stands a model that answers each request after 1 to 200 cycles, in order,
with random stalls between beats. The expected scratchpad is the golden engine's.
"""

from collections import deque
from dataclasses import replace

import cocotb
import numpy as np

from ...golden.config import Configuration
from ...golden.descriptor import Descriptor
from ...golden.engine import Engine
from ...golden.protocol import Report, Space
from ...golden.table import columns_per_beat
from ...hw.engine.memory import engine_request, write_request
from ...hw.seam import host_read, host_write, run_request
from ..operations import random_operation, random_program
from ..sparse_operations import random_sparse
from .streams import StreamBench, pack, start, unpack

__all__ = ["EngineBench"]


class EngineBench(StreamBench):
    """Host and memory around the engine."""

    def __init__(self, dut, config: Configuration, *, seed: int, stalls: float):
        super().__init__(
            dut, ("request", "write", "run", "memory__beat"),
            ("read", "report", "memory__request", "memory__write"), seed=seed, stalls=stalls)
        self.config, self.numbers = config, np.random.default_rng(seed)
        self.golden = Engine(config)
        self.golden.memory[:] = self.numbers.integers(0, 256, self.golden.memory.shape)
        #: Cycles from a request to its first beat, each request.
        self.latencies = (1, 200)
        self.most_outstanding = 0

    def clear(self) -> None:
        super().clear()
        self.answers: deque[tuple[int, list[int]]] = deque()

    def taken(self, name: str, payload: int) -> None:
        match name:
            case "memory__request":
                address, length = unpack(engine_request(self.config), payload)
                words = [int.from_bytes(word.tobytes(), "little")
                         for word in self.golden.memory[address : address + length]]
                assert len(words) == length, "a request beyond the end of the memory"
                due = self.cycle + self.rng.randint(*self.latencies)
                self.answers.append((due, words))
                self.most_outstanding = max(self.most_outstanding, len(self.answers))
            case "memory__write":
                address, word = unpack(
                    write_request(8 * self.config.word_bytes, self.config.memory.words), payload)
                self.golden.memory[address] = np.frombuffer(
                    word.to_bytes(self.config.word_bytes, "little"), np.uint8)
            case _:
                super().taken(name, payload)

    def tick(self) -> None:
        if self.answers and self.answers[0][0] <= self.cycle + 1:
            self.queues["memory__beat"].extend(self.answers.popleft()[1])

    async def write(self, space: Space, address: int, words: np.ndarray) -> None:
        """Write words of uint8 (count, D/8)."""
        for offset, word in enumerate(words):
            self.queues["write"].append(pack(
                host_write(self.config), space=space, address=address + offset,
                data=int.from_bytes(word.tobytes(), "little")))
        await self.until(lambda: not self.queues["write"])

    async def read(self, space: Space, address: int, count: int) -> np.ndarray:
        """Return words as uint8 (count, D/8)."""
        most = self.config.link.payload_bytes // self.config.word_bytes
        for first in range(0, count, most):
            self.queues["request"].append(pack(
                host_read(self.config), space=space, address=address + first,
                count=min(most, count - first)))
        await self.until(lambda: len(self.received["read"]) >= count)
        raw = b"".join(word.to_bytes(self.config.word_bytes, "little")
                       for word in self.received["read"])
        self.received["read"].clear()
        return np.frombuffer(raw, np.uint8).reshape(count, -1)

    async def run(self, descriptors: list[Descriptor], repeat: int = 1) -> Report:
        """Write a program and random contents, run it on both engines, compare."""
        program = random_program(self.config, self.numbers, descriptors, repeat)
        await self.write(Space.MEMORY, 0, program.memory)
        self.golden.scratchpad[:] = program.scratchpad
        await self.write(Space.SCRATCHPAD, 0, program.scratchpad)
        self.queues["run"].append(pack(run_request, repeat=repeat, count=len(descriptors)))
        await self.until(lambda: bool(self.received["report"]))
        report = Report.unpack(self.received["report"].pop().to_bytes(64, "little"))
        expected = self.golden.run(0, len(descriptors), repeat)
        for name in ("code", "malformed", "index", "busy", "saturations", "operations"):
            assert getattr(report, name) == getattr(expected, name), (name, report, expected)
        got = await self.read(Space.SCRATCHPAD, 0, self.config.scratchpad.words)
        np.testing.assert_array_equal(got, self.golden.scratchpad)
        return report

    def describe(self, **fixed) -> Descriptor:
        """Return a random operation that fits; sparse ones too, where there is a chain."""
        if self.config.sparse is not None and not fixed and self.rng.random() < 0.6:
            return random_sparse(self.config, self.numbers, rows=self.rng.randint(1, 40),
                                 columns=self.rng.randint(1, 200))
        return random_operation(self.config, self.numbers, rows=self.rng.randint(1, 40), **fixed)


async def _bench(dut) -> tuple[EngineBench, int]:
    config, seed, stalls, count = start(dut)
    bench = EngineBench(dut, config, seed=seed, stalls=stalls)
    await bench.reset()
    return bench, count


@cocotb.test()
async def memory_latencies(dut):
    """Fixed latencies from 1 to 200, then random ones: the results are the same."""
    bench, count = await _bench(dut)
    for latency in (1, 2, 7, 50, 200):
        bench.latencies = (latency, latency)
        await bench.run([bench.describe()])
    bench.latencies = (1, 200)
    for _ in range(count):
        await bench.run([bench.describe()])
    dut._log.info("up to %d requests outstanding", bench.most_outstanding)


@cocotb.test()
async def outstanding_requests(dut):
    """A long operation keeps four requests outstanding at a slow memory."""
    bench, _ = await _bench(dut)
    bench.latencies = (200, 200)
    await bench.run([random_operation(
        bench.config, bench.numbers, rows=64,
        tiles=3 * bench.config.table.beat_bits // columns_per_beat(bench.config, False),
        trits=False, planes_stored=8, planes_used=8, scaled=False, tokens=1)])
    assert bench.most_outstanding >= 4


@cocotb.test()
async def programs(dut):
    """Programs of several descriptors, some of which are refused, and reads of the memory."""
    bench, count = await _bench(dut)
    for _ in range(count):
        # Each waits for the one before it, whatever words they share.
        program = [replace(bench.describe(), wait=index > 0, release=1)
                   for index in range(bench.rng.randint(1, 3))]
        if bench.rng.random() < 0.3:
            bad = bytearray(program[-1].pack())
            bad[bench.rng.randrange(64)] ^= 1 << bench.rng.randrange(8)
            program.append(Descriptor.unpack(bytes(bad)))
        await bench.run(program)
        address = bench.rng.randrange(100)
        got = await bench.read(Space.MEMORY, address, 5)
        np.testing.assert_array_equal(got, bench.golden.memory[address : address + 5])


@cocotb.test()
async def reset_in_the_middle(dut):
    """A reset at any time leaves an engine that works."""
    bench, _ = await _bench(dut)
    for _ in range(5):
        program = random_program(bench.config, bench.numbers, [bench.describe()])
        await bench.write(Space.MEMORY, 0, program.memory)
        bench.queues["run"].append(pack(run_request, repeat=1, count=1))
        for _ in range(bench.rng.randint(1, 300)):
            await bench.step()
        await bench.reset()
    await bench.run([bench.describe()])
