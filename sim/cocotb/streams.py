# SPDX-License-Identifier: Apache-2.0
"""Base of the cocotb benches: a queue for each stream of a unit, all moved by one loop."""

import json
import random
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import cocotb
from amaranth.lib.data import StructLayout
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from ...golden.config import Configuration

__all__ = ["StreamBench", "pack", "start", "unpack"]


def pack(layout: StructLayout, **fields: int) -> int:
    """Return the payload of a stream with these fields."""
    return sum(value << layout[name].offset for name, value in fields.items())


def unpack(layout: StructLayout, payload: int) -> tuple[int, ...]:
    """Return the fields of a payload, in the layout's order."""
    return tuple(payload >> field.offset & (1 << field.width) - 1 for _, field in layout)


class StreamBench:
    """Drive the input streams of a unit and collect what its output streams deliver.

    Inputs change on the falling edge; what valid and ready say before the rising edge is moved. An
    offer is held until it is taken, and outputs are checked to do the same.

    Parameters
    ----------
    dut
        The unit; its streams are ``NAME__valid``, ``NAME__ready`` and ``NAME__payload``.
    inputs, outputs : iterable of str
        Names of the streams.
    seed : int
        Of the random stalls.
    stalls : float
        Probability that a stream waits in a cycle; 0 for full rate.

    Attributes
    ----------
    queues : dict of str to deque of int
        Payloads to send.
    received : dict of str to list of int
        Payloads taken.
    cycle : int
        Cycles since the start.
    """

    def __init__(self, dut, inputs: Iterable[str], outputs: Iterable[str], *, seed: int,
                 stalls: float):
        self.dut, self.stalls, self.rng, self.cycle = dut, stalls, random.Random(seed), 0
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.clear()

    def clear(self) -> None:
        """Forget what was under way, as the unit does in a reset."""
        self.queues: dict[str, deque[int]] = {name: deque() for name in self.inputs}
        self.received: dict[str, list[int]] = {name: [] for name in self.outputs}
        self._held: dict[str, int] = {}

    def taken(self, name: str, payload: int) -> None:
        """Note a transfer of an output stream; a bench with models behind a port overrides this."""
        self.received[name].append(payload)

    def tick(self) -> None:
        """Prepare a cycle; a bench with models overrides this."""

    async def step(self) -> None:
        """Run one clock cycle."""
        await FallingEdge(self.dut.clk)
        self.tick()
        for name, queue in self.queues.items():
            if name not in self._held and queue and self.rng.random() >= self.stalls:
                self._held[name] = queue[0]
                getattr(self.dut, f"{name}__payload").value = queue[0]
            getattr(self.dut, f"{name}__valid").value = name in self._held
        for name in self.outputs:
            getattr(self.dut, f"{name}__ready").value = self.rng.random() >= self.stalls
        await ReadOnly()
        for name in self.inputs:
            if name in self._held and int(getattr(self.dut, f"{name}__ready").value):
                del self._held[name]
                self.queues[name].popleft()
        for name in self.outputs:
            self._look(name)
        self.cycle += 1

    def _look(self, name: str) -> None:
        if not int(getattr(self.dut, f"{name}__valid").value):
            assert name not in self._held, f"{name}: valid dropped before ready"
            return
        payload = int(getattr(self.dut, f"{name}__payload").value)
        assert self._held.get(name, payload) == payload, f"{name}: payload changed while stalled"
        if int(getattr(self.dut, f"{name}__ready").value):
            self._held.pop(name, None)
            self.taken(name, payload)
        else:
            self._held[name] = payload

    async def until(self, condition, limit: int = 100_000) -> None:
        """Run until ``condition()`` holds; fail after ``limit`` cycles."""
        start = self.cycle
        while not condition():
            await self.step()
            assert self.cycle - start < limit, f"nothing after {limit} cycles"

    async def reset(self, cycles: int = 3) -> None:
        """Hold the reset, with all inputs idle."""
        await FallingEdge(self.dut.clk)
        self.clear()
        self.dut.rst.value = 1
        for name in self.inputs:
            getattr(self.dut, f"{name}__valid").value = 0
        for _ in range(cycles):
            await FallingEdge(self.dut.clk)
        self.dut.rst.value = 0


def start(dut) -> tuple[Configuration, int, float, int]:
    """Start the clock; return what the plus arguments say.

    ``+config=FILE`` (canonical JSON), ``+stalls=PERCENT`` and ``+count=N`` (how much to do). The
    seed is cocotb's, and is printed.

    Returns
    -------
    config : Configuration
    seed : int
    stalls : float
    count : int
    """
    arguments = cocotb.plusargs
    data = json.loads(Path(str(arguments["config"])).read_text(encoding="utf-8"))
    seed = cocotb.RANDOM_SEED
    dut._log.info("seed %d", seed)
    Clock(dut.clk, 10, "ns").start()
    stalls = int(str(arguments.get("stalls", 0))) / 100
    return Configuration.from_data(data), seed, stalls, int(str(arguments.get("count", 20)))
