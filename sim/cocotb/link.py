# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of the Verilog of :class:`~luthier.hw.link.shell.LinkShell`, see :mod:`.streams`.

The host is :class:`~.link_model.LinkModel` with the ``cobs`` package, the engine
:class:`~.link_model.EngineModel`. Identification: of the configuration, with a build id of zeros.
"""

import re
from collections import deque

import cocotb

from ...golden.config import Configuration
from ...golden.protocol import FrameType, Header, LinkCounters, check, identification, seal
from ...hw.seam import host_read, host_write, run_request
from .link_model import EngineModel, LinkModel, encode, random_request
from .streams import StreamBench, start, unpack

__all__ = ["LinkBench"]


class LinkBench(StreamBench):
    """Host and engine around the shell."""

    def __init__(self, dut, config: Configuration, *, seed: int, stalls: float):
        self.config, self.content = config, identification(config, bytes(32))
        super().__init__(dut, ("i", "read", "report"), ("o", "request", "write", "run"), seed=seed,
                         stalls=stalls)

    def clear(self) -> None:
        super().clear()
        self.engine = EngineModel(self.config)
        self.model = LinkModel(self.config, self.content, EngineModel(self.config))
        self.to_send: deque[int] = deque()
        self.bytes = bytearray()

    def tick(self) -> None:
        """Make the next payload of ``i`` of the bytes to send: a beat of any size."""
        if not self.to_send or self.queues["i"]:
            return
        width = self.config.link.width
        most = min(width, len(self.to_send))
        count = most if not self.stalls else self.rng.randint(1, most)
        beat = int.from_bytes(bytes(self.to_send.popleft() for _ in range(count)), "little")
        self.queues["i"].append(beat | count << 8 * width)

    def taken(self, name: str, payload: int) -> None:
        match name:
            case "o":
                width = self.config.link.width
                count = payload >> 8 * width
                assert 1 <= count <= width
                beat = payload % (1 << 8 * count)
                self.bytes += beat.to_bytes(count, "little")
            case "request":
                space, address, count = unpack(host_read(self.config), payload)
                self.queues["read"].extend(
                    self.engine.read(space, address + index) for index in range(count))
            case "write":
                self.engine.write(*unpack(host_write(self.config), payload))
            case _:
                report = self.engine.run(*unpack(run_request, payload))
                self.queues["report"].append(int.from_bytes(report.pack(), "little"))

    async def replies(self, count: int) -> list[bytes]:
        """Return the next ``count`` frames, still encoded."""
        await self.until(lambda: self.bytes.count(0) >= count, 200_000)
        *frames, rest = bytes(self.bytes).split(b"\0", count)
        self.bytes = bytearray(rest)
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
        assert not self.bytes
        reply, = await self.exchange(encode(seal(Header(
            type=FrameType.READ, seq=self.rng.getrandbits(16), space=3, count=128 // size))))
        decoded = check(reply)
        assert decoded is not None
        if decoded[0].space == 0:
            counters = LinkCounters.unpack(decoded[1][64:])
            self.dut._log.info("%s after %d cycles", counters, self.cycle)
        assert self.engine.spaces == self.model.engine.spaces
        assert self.engine.runs == self.model.engine.runs


async def _bench(dut) -> tuple[LinkBench, int]:
    config, seed, stalls, count = start(dut)
    bench = LinkBench(dut, config, seed=seed, stalls=stalls)
    await bench.reset()
    return bench, count


@cocotb.test()
async def conversation(dut):
    """Requests of every kind, as many at once as the window allows, some of them repeated."""
    bench, requests = await _bench(dut)
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
    bench, requests = await _bench(dut)
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
    bench, requests = await _bench(dut)
    for _ in range(max(requests // 10, 3)):
        bench.to_send.extend(b"\0" + b"".join(
            encode(random_request(bench.rng, bench.config, seq)) for seq in range(4)))
        for _ in range(bench.rng.randrange(600)):
            await bench.step()
        await bench.reset()
        await bench.exchange(b"\1\2\0")
        await bench.exchange(encode(random_request(bench.rng, bench.config, 1)))
        await bench.settled()
