# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of the Verilog of :class:`~luthier.hw.link.shell.LinkShell`.

Plus arguments: ``+config=FILE`` (canonical JSON), ``+requests=N`` and ``+stalls=PERCENT`` (how
often each stream waits in a cycle); the seed is cocotb's. The host is
:class:`~.link_model.LinkModel` with the ``cobs`` package, the engine
:class:`~.link_model.EngineModel`. Identification: of the configuration, with a build id of zeros.
"""

import json
import random
import re
from collections import deque
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from ...golden.config import Configuration
from ...golden.protocol import FrameType, Header, LinkCounters, check, identification, seal
from .link_model import EngineModel, LinkModel, encode, random_request

__all__ = ["LinkBench"]

_INPUTS = ("i", "read", "report")
_OUTPUTS = ("o", "request", "write", "run")


class LinkBench:
    """Host and engine around the shell: a queue for each stream, all moved by one loop."""

    def __init__(self, dut, config: Configuration, seed: int, stalls: float):
        self.dut, self.config, self.stalls = dut, config, stalls
        self.rng = random.Random(seed)
        self.content = identification(config, bytes(32))
        self.to_send: deque[int] = deque()
        self.received = bytearray()
        self.cycle = 0
        self.restart()

    def restart(self) -> None:
        """Forget what was under way, as the shell does in a reset."""
        self.engine = EngineModel(self.config)
        self.model = LinkModel(self.config, self.content, EngineModel(self.config))
        self.queues = {name: deque() for name in _INPUTS}
        self.to_send.clear()
        self.received.clear()
        self._held: dict[str, int] = {}

    def _beat(self) -> int:
        """Return the next payload of ``i``, a beat of any size."""
        width = self.config.link.width
        most = min(width, len(self.to_send))
        count = most if not self.stalls else self.rng.randint(1, most)
        beat = int.from_bytes(bytes(self.to_send.popleft() for _ in range(count)), "little")
        return beat | count << 8 * width

    def _offer(self) -> None:
        """Set the inputs for the coming edge."""
        go = self.rng.random
        if self.to_send and not self.queues["i"]:
            self.queues["i"].append(self._beat())
        for name, queue in self.queues.items():
            valid = getattr(self.dut, f"{name}__valid")
            if name not in self._held and queue and go() >= self.stalls:
                self._held[name] = queue[0]
                getattr(self.dut, f"{name}__payload").value = queue[0]
            valid.value = name in self._held
        for name in _OUTPUTS:
            getattr(self.dut, f"{name}__ready").value = go() >= self.stalls

    def _take(self) -> None:
        """Move what the coming edge moves, and check that offers are held."""
        dut, bits = self.dut, self.config.table.beat_bits
        for name in _INPUTS:
            if name in self._held and int(getattr(dut, f"{name}__ready").value):
                del self._held[name]
                self.queues[name].popleft()
        for name in _OUTPUTS:
            if not int(getattr(dut, f"{name}__valid").value):
                assert name not in self._held, f"{name}: valid dropped before ready"
                continue
            payload = int(getattr(dut, f"{name}__payload").value)
            assert self._held.get(name, payload) == payload, f"{name}: payload changed"
            if not int(getattr(dut, f"{name}__ready").value):
                self._held[name] = payload
                continue
            self._held.pop(name, None)
            match name:
                case "o":
                    width = self.config.link.width
                    count = payload >> 8 * width
                    assert 1 <= count <= width
                    beat = payload % (1 << 8 * count)
                    self.received += beat.to_bytes(count, "little")
                case "request":
                    space, address, count = payload % 4, payload >> 2 & 0xFFFF_FFFF, payload >> 34
                    self.queues["read"].extend(
                        self.engine.read(space, address + index) for index in range(count))
                case "write":
                    self.engine.write(payload % 4, payload >> 2 & 0xFFFF_FFFF, payload >> 34)
                    assert payload >> 34 + bits == 0
                case "run":
                    report = self.engine.run(payload & 0xFFFF_FFFF, payload >> 32 & 0xFFFF_FFFF,
                                             payload >> 64)
                    self.queues["report"].append(int.from_bytes(report.pack(), "little"))

    async def step(self) -> None:
        """Run one clock cycle."""
        await FallingEdge(self.dut.clk)
        self._offer()
        await ReadOnly()
        self._take()
        self.cycle += 1

    async def reset(self, cycles: int = 3) -> None:
        """Hold the reset, with all inputs idle."""
        await FallingEdge(self.dut.clk)
        self.restart()
        self.dut.rst.value = 1
        for name in _INPUTS:
            getattr(self.dut, f"{name}__valid").value = 0
        for _ in range(cycles):
            await FallingEdge(self.dut.clk)
        self.dut.rst.value = 0

    async def replies(self, count: int, limit: int = 200_000) -> list[bytes]:
        """Return the next ``count`` frames, still encoded."""
        start = self.cycle
        while self.received.count(0) < count:
            await self.step()
            assert self.cycle - start < limit, (
                f"{self.received.count(0)} of {count} replies after {limit} cycles")
        *frames, rest = bytes(self.received).split(b"\0", count)
        self.received = bytearray(rest)
        return [frame + b"\0" for frame in frames]

    async def exchange(self, content: bytes) -> list[bytes]:
        """Send bytes; the replies must be the model's, which are returned, decoded."""
        expected = self.model.feed(content)
        self.to_send.extend(content)
        received = await self.replies(len(expected))
        assert received == [encode(reply) for reply in expected]
        while self.to_send or self.queues["i"]:
            await self.step()
        return expected

    async def settled(self) -> None:
        """Compare memories and counters with the model's."""
        size = self.config.word_bytes
        for _ in range(200):  # what is damaged at the very end is counted, too
            await self.step()
        assert not self.received
        reply, = await self.exchange(encode(seal(Header(
            type=FrameType.READ, seq=self.rng.getrandbits(16), space=3, count=128 // size))))
        decoded = check(reply)
        assert decoded is not None
        if decoded[0].space == 0:
            counters = LinkCounters.unpack(decoded[1][64:])
            self.dut._log.info("%s after %d cycles", counters, self.cycle)
        assert self.engine.spaces == self.model.engine.spaces
        assert self.engine.runs == self.model.engine.runs


async def _start(dut) -> tuple[LinkBench, int]:
    arguments = cocotb.plusargs
    data = json.loads(Path(str(arguments["config"])).read_text(encoding="utf-8"))
    seed = cocotb.RANDOM_SEED
    bench = LinkBench(dut, Configuration.from_data(data), seed,
                      int(arguments.get("stalls", 0)) / 100)
    dut._log.info("seed %d", seed)
    Clock(dut.clk, 10, "ns").start()
    await bench.reset()
    return bench, int(arguments.get("requests", 100))


@cocotb.test()
async def conversation(dut):
    """Requests of every kind, as many at once as the window allows, some of them repeated."""
    bench, requests = await _start(dut)
    await bench.exchange(b"\0")
    sent: list[bytes] = []
    depth = bench.config.link.cache_depth
    while len(sent) < requests:
        batch = []
        for _ in range(bench.rng.randint(1, bench.config.link.window)):
            if sent and bench.rng.random() < 0.2:
                batch.append(bench.rng.choice(sent[-2 * depth :]))
            else:
                batch.append(encode(random_request(bench.rng, bench.config, len(sent))))
                sent.append(batch[-1])
        await bench.exchange(b"".join(batch))
    await bench.settled()


@cocotb.test()
async def damage(dut):
    """Bits flipped, bytes inserted, deleted or repeated, frames cut: the next good one works."""
    bench, requests = await _start(dut)
    rng = bench.rng
    await bench.exchange(rng.randbytes(99) + b"\0")
    for seq in range(requests):
        frame = bytearray(encode(random_request(rng, bench.config, 2 * seq)))
        for _ in range(rng.choice([0, 1, 1, 2, 5])):
            place = rng.randrange(len(frame))
            match rng.randrange(5):
                case 0:
                    frame[place] ^= 1 << rng.randrange(8)
                case 1:
                    frame.insert(place, rng.randrange(256))
                case 2:
                    del frame[place : place + rng.choice([1, 1, 100])]
                    frame += b"\0"
                case 3:
                    frame[place:place] = frame[: rng.choice([5, 400])]
                case 4:
                    frame[place] = rng.choice([0, 1, 255])
        damaged = bytes(frame) + b"\0"
        # Two good frames may have come of it, more than the smallest window holds.
        pieces = (re.findall(rb"[^\0]*\0", damaged) if bench.config.link.window == 1 else [damaged])
        for piece in pieces:
            await bench.exchange(piece)
        await bench.exchange(encode(random_request(rng, bench.config, 2 * seq + 1)))
    await bench.settled()
    assert bench.model.damaged


@cocotb.test()
async def reset(dut):
    """A reset at any time leaves the shell as new."""
    bench, requests = await _start(dut)
    for _ in range(max(requests // 10, 3)):
        bench.to_send.extend(b"\0" + b"".join(
            encode(random_request(bench.rng, bench.config, seq)) for seq in range(4)))
        for _ in range(bench.rng.randrange(600)):
            await bench.step()
        await bench.reset()
        await bench.exchange(b"\1\2\0")
        await bench.exchange(encode(random_request(bench.rng, bench.config, 1)))
        await bench.settled()
