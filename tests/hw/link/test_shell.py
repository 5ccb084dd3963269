# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The whole link against the model of host and engine."""

import random
from collections import deque

import pytest
from amaranth.back import verilog
from amaranth.hdl import ResetInserter, Signal

from luthier.golden.config import Configuration
from luthier.golden.protocol import (
    FrameType,
    Header,
    LinkCounters,
    Status,
    check,
    identification,
    seal,
)
from luthier.hw.link.shell import LinkShell
from luthier.sim.cocotb.link_model import EngineModel, LinkModel, encode, random_request
from luthier.sim.streams import simulate


def configuration(width=1, bits=64, **link):
    return Configuration.from_data({
        "name": "test",
        "table": {"beat_bits": bits, "row_block": 32, "max_rows": 512, "max_columns": 512},
        "scratchpad": {"words": 512}, "memory": {"words": 8192},
        "link": {"width": width, "payload_bytes": 128, "window": 2, "cache_depth": 2} | link})


class Bench:
    """A shell, the engine behind it, and the bytes it sends."""

    def __init__(self, config, probability=1.0, seed=1):
        self.config, self.probability = config, probability
        self.rng = random.Random(seed)
        self.content = identification(config, bytes(range(1, 33)))
        self.dut = LinkShell(config, self.content)
        self.engine = EngineModel(config)
        self.model = LinkModel(config, self.content, EngineModel(config))
        self.received = bytearray()
        self.frames, self.times = [], []
        self.cycle = 0
        self.hold_report = self.hold_output = False

    async def send(self, ctx, content):
        """Send bytes in beats of any size."""
        width, position = self.config.link.width, 0
        stream = self.dut.i
        while position < len(content):
            while self.rng.random() >= self.probability:
                await ctx.tick()
            most = min(width, len(content) - position)
            count = most if self.probability == 1 else self.rng.randint(1, most)
            data = int.from_bytes(content[position : position + count], "little")
            ctx.set(stream.payload, {"data": data, "count": count})
            ctx.set(stream.valid, 1)
            await ctx.tick().until(stream.ready)
            ctx.set(stream.valid, 0)
            position += count

    async def replies(self, ctx, count):
        """Wait until that many frames have come, and return them decoded."""
        start = self.cycle
        while len(self.frames) < count:
            await ctx.tick()
            if self.cycle - start > 20_000:
                raise TimeoutError(f"{len(self.frames)} of {count} replies")
        taken, self.frames = self.frames[:count], self.frames[count:]
        return taken

    async def surroundings(self, ctx):
        """Take what the shell sends and play the engine, one loop for all streams."""
        dut, rng = self.dut, self.rng
        words, reports, pause = deque(), deque(), 0
        sinks = (dut.o, dut.request, dut.write, dut.run)
        sampled = [signal for stream in sinks
                   for signal in (stream.valid, stream.ready, stream.payload)]
        sampled += [dut.read.valid, dut.read.ready, dut.report.valid, dut.report.ready]
        while True:
            for stream in sinks:
                ctx.set(stream.ready, rng.random() < self.probability)
            if self.hold_output:
                ctx.set(dut.o.ready, 0)
            _, _, *values = await ctx.tick().sample(*sampled)
            self.cycle += 1
            o, request, write, run = (values[3 * k + 2] if values[3 * k] and values[3 * k + 1]
                                      else None for k in range(4))
            if o is not None:
                assert 1 <= o.count <= self.config.link.width
                self.received += o.data.to_bytes(8, "little")[: o.count]
                while b"\0" in self.received:
                    frame, _, self.received = self.received.partition(b"\0")
                    self.frames.append(bytes(frame) + b"\0")
                    self.times.append(self.cycle)
            if request is not None:
                words.extend(self.engine.read(request.space, request.address + index)
                             for index in range(request.count))
            if write is not None:
                self.engine.write(write.space, write.address, write.data)
            if run is not None:
                pause = rng.randint(1, 20)
                report = self.engine.run(run.base, run.repeat, run.count).pack()
                reports.append(int.from_bytes(report, "little"))
            read_valid, read_ready, report_valid, report_ready = values[12:]
            if not read_valid or read_ready:
                ctx.set(dut.read.valid, 0)
                if words and rng.random() < self.probability:
                    ctx.set(dut.read.payload, words.popleft())
                    ctx.set(dut.read.valid, 1)
            pause = max(pause - 1, 0)
            if report_valid and report_ready:
                ctx.set(dut.report.valid, 0)
            elif not report_valid and reports and not pause and not self.hold_report:
                ctx.set(dut.report.payload, reports.popleft())
                ctx.set(dut.report.valid, 1)

    def run(self, bench, wrap=lambda unit: unit):
        """Run a test bench with everything around the shell."""
        async def main(ctx):
            await bench(ctx)
            assert not self.frames and not self.received

        dut = self.dut
        unit = wrap(dut)
        # A reset may take an offer back.
        observed = [dut.o, dut.request, dut.write, dut.run] if unit is dut else []
        simulate(unit, [main], observed=observed, background=[self.surroundings])

    async def exchange(self, ctx, *frames, expect=None):
        """Send sealed frames, compare the replies with the model's, and return them."""
        content = b"".join(encode(frame) if frame else b"\0" for frame in frames)
        expected = self.model.feed(content)
        await self.send(ctx, content)
        received = await self.replies(ctx, len(expected))
        assert received == [encode(reply) for reply in expected]
        return [check(reply) for reply in expected]


def hello(seq=0, nonce=0, session=1):
    return seal(Header(type=FrameType.HELLO, seq=seq, count=session, address=nonce))


def read(seq, space, address, count, **fields):
    return seal(Header(type=FrameType.READ, seq=seq, space=space, address=address, count=count,
                       **fields))


def write(seq, space, address, count, data):
    return seal(Header(type=FrameType.WRITE, seq=seq, length=len(data), space=space,
                       address=address, count=count), data)


def run(seq, base, repeat=1, count=1, data=b""):
    return seal(Header(type=FrameType.RUN, seq=seq, length=len(data), count=count,
                       address=base | repeat << 32), data)


async def counters(bench, ctx, seq):
    """Read the link's counters, unless the model counts otherwise."""
    size = bench.config.word_bytes
    (_, data), = await bench.exchange(ctx, read(seq, 3, 0, 128 // size))
    return LinkCounters.unpack(data[64:])


@pytest.mark.parametrize("width, bits", [(1, 64), (4, 256)])
def test_hello(width, bits):
    bench = Bench(configuration(width, bits))

    async def main(ctx):
        await bench.exchange(ctx, b"")  # ends the hunting
        (header, data), = await bench.exchange(ctx, hello(7, 0x123456789ABCDEF0))
        assert header == Header(type=0x81, seq=7, length=128, count=1, address=0x123456789ABCDEF0)
        assert data == bench.content[:128]
        # The whole identification, frame by frame.
        size, content = bench.config.word_bytes, b""
        for start in range(0, len(bench.content), 128):
            count = min(128, len(bench.content) - start) // size
            (_, data), = await bench.exchange(ctx, read(start, 0, start // size, count))
            content += data
        assert content == bench.content

    bench.run(main)


@pytest.mark.parametrize("width", [2])
def test_every_status(width):
    """Requests that are wrong in one field, and good ones after each."""
    bench = Bench(configuration(width))
    word = bytes(range(1, 9))
    cases = [
        (seal(Header(type=0, seq=1)), Status.UNKNOWN_TYPE),
        (seal(Header(type=5, seq=2, count=1)), Status.UNKNOWN_TYPE),
        (seal(Header(type=0x82, seq=3, count=1)), Status.UNKNOWN_TYPE),
        (read(4, 4, 0, 1), Status.BAD_SPACE),
        (read(5, 255, 0, 0), Status.BAD_SPACE),
        (write(6, 0, 0, 1, word), Status.BAD_SPACE),
        (write(7, 3, 0, 1, word), Status.BAD_SPACE),
        (read(8, 1, 0, 0), Status.BAD_COUNT),
        (read(9, 1, 0, 17), Status.BAD_COUNT),
        (read(10, 1, 0, 0x8001), Status.BAD_COUNT),
        (seal(Header(type=2, seq=11, space=1, count=1, length=8), word), Status.BAD_COUNT),
        (write(12, 1, 0, 0, b""), Status.BAD_COUNT),
        (write(13, 1, 0, 2, word), Status.BAD_COUNT),
        (write(14, 2, 0, 1, word + b"1"), Status.BAD_COUNT),
        (write(15, 2, 0, 1, word[:3]), Status.BAD_COUNT),
        (read(16, 1, 512, 1), Status.BAD_ADDRESS),
        (read(17, 1, 511, 2), Status.BAD_ADDRESS),
        (read(18, 0, len(bench.content) // 8, 1), Status.BAD_ADDRESS),
        (read(19, 3, 1, 16), Status.BAD_ADDRESS),
        (write(20, 2, 8192, 1, word), Status.BAD_ADDRESS),
        (read(21, 2, 1 << 63, 1), Status.BAD_ADDRESS),
        (run(22, 2, count=0), Status.BAD_COUNT),
        (run(23, 2, data=b"x"), Status.BAD_COUNT),
        (run(24, 3), Status.REFUSED),
        (run(25, 4, repeat=7, count=65535), Status.OK),
        (write(26, 2, 8191, 1, word), Status.OK),
        (read(27, 1, 511, 1), Status.OK),
        (read(28, 2, 8176, 16), Status.OK),
    ]

    async def main(ctx):
        await bench.exchange(ctx, b"", hello(0xFFFF))
        for number, (frame, status) in enumerate(cases):
            (header, data), = await bench.exchange(ctx, frame)
            assert header.space == status, frame
            assert bool(data) == (header.type != 0x83 and status in (Status.OK, Status.REFUSED))
            if number % 5 == 0:
                await bench.exchange(ctx, write(1000 + number, 2, number, 1, word))
        assert bench.engine.spaces == bench.model.engine.spaces
        assert bench.engine.runs == bench.model.engine.runs == [(3, 1, 1), (4, 7, 65535)]

    bench.run(main)


@pytest.mark.parametrize("width", [1, 4])
def test_sessions(width):
    """Nothing but HELLO before one with a session, which the first such HELLO gives."""
    bench = Bench(configuration(width))
    requests = [read(1, 1, 0, 1), write(2, 1, 0, 1, bytes(8)), run(3, 2), read(4, 3, 0, 16),
                seal(Header(type=9, seq=5))]

    async def main(ctx):
        await bench.exchange(ctx, b"")
        for session, known in [(None, 0), (0, 0), (0xBEEF, 0xBEEF), (7, 0xBEEF), (0, 0xBEEF)]:
            if session is not None:
                (header, data), = await bench.exchange(ctx, hello(9, 1, session))
                assert (header.space, header.count, data) == (0, known, bench.content[:128])
            for request in requests:
                for _ in range(2):  # executed, and from the cache
                    (header, _), = await bench.exchange(ctx, request)
                    assert (header.space == Status.NO_SESSION) == (not known)
        assert bench.engine.runs == 3 * [(2, 1, 1)]
        assert bench.engine.spaces == bench.model.engine.spaces

    bench.run(main)


@pytest.mark.parametrize("width, depth", [(1, 2), (2, 1), (8, 4)])
def test_repeats_and_eviction(width, depth):
    bench = Bench(configuration(width, cache_depth=depth, window=1))

    async def main(ctx):
        await bench.exchange(ctx, b"", hello(0xFFFF))
        for seq in range(depth + 1):
            await bench.exchange(ctx, run(seq, 2 * seq))
        for seq in range(1, depth + 1):  # held: the same reply, not run again
            await bench.exchange(ctx, run(seq, 2 * seq))
            await bench.exchange(ctx, hello(seq)[:-1] + b"?")  # damaged
        assert len(bench.engine.runs) == depth + 1
        await bench.exchange(ctx, run(0, 0))  # evicted: run again
        assert len(bench.engine.runs) == depth + 2
        # Only the number counts, not what is asked.
        await bench.exchange(ctx, read(0, 1, 5, 2))
        # HELLO is never answered from the cache, and empties it, but is then in it.
        await bench.exchange(ctx, hello(0, 1))
        await bench.exchange(ctx, hello(0, 2))
        await bench.exchange(ctx, run(0, 0))
        assert len(bench.engine.runs) == depth + 2
        if depth > 1:
            await bench.exchange(ctx, run(depth, 8))
            assert len(bench.engine.runs) == depth + 3
        assert await counters(bench, ctx, 99) == LinkCounters(
            frames=len(bench.engine.runs) + 4, damaged=depth, repeats=depth + 2)

    bench.run(main)


def test_slot_in_use():
    """A reply that is being sent again is not overwritten by the next, however slow the host."""
    bench = Bench(configuration(8, payload_bytes=1024))

    async def main(ctx):
        await bench.exchange(ctx, b"", hello(0xFFFF))
        reads = [read(seq, 2, 200 * seq, 128) for seq in range(3)]
        await bench.exchange(ctx, reads[0])
        await bench.exchange(ctx, reads[1])
        bench.hold_output = True
        content = encode(reads[0]) + encode(reads[2])  # the latter's slot is the former's
        expected = bench.model.feed(content)
        await bench.send(ctx, content)
        await ctx.tick().repeat(400)
        bench.hold_output = False
        assert await bench.replies(ctx, 2) == [encode(reply) for reply in expected]

    bench.run(main)


@pytest.mark.parametrize("width, window", [(1, 2), (8, 4)])
def test_overruns(width, window):
    """Requests beyond the window are dropped and counted, and nothing else suffers."""
    bench = Bench(configuration(width, window=window, cache_depth=window))

    async def main(ctx):
        await bench.exchange(ctx, b"", hello(0xFFFF))
        bench.hold_report = True
        kept = [run(1, 2), *(read(seq, 1, seq, 2) for seq in range(2, window + 1))]
        lost = [read(seq, 1, seq, 2) for seq in range(100, 103)]
        await bench.send(ctx, b"".join(encode(frame) for frame in kept + lost))
        await ctx.tick().repeat(20)
        bench.hold_report = False
        expected = bench.model.feed(b"".join(encode(frame) for frame in kept))
        assert await bench.replies(ctx, window) == [encode(reply) for reply in expected]
        bench.model.overruns = len(lost)
        await bench.exchange(ctx, read(100, 1, 0, 1))
        assert (await counters(bench, ctx, 9)).overruns == 3

    bench.run(main)


def damage(rng, encoded):
    """Return an encoded frame with a defect, still ended by 00."""
    content = bytearray(encoded)
    place = rng.randrange(len(content) - 1)
    match rng.randrange(6):
        case 0:
            content[place] ^= 1 << rng.randrange(8)
        case 1:
            content.insert(place, rng.randrange(256))
        case 2:
            del content[place]
        case 3:
            del content[place:-1]
        case 4:
            content[:0] = rng.randbytes(rng.randint(1, 30))
        case 5:
            content[place:place] = rng.randbytes(300)
    return bytes(content)


@pytest.mark.parametrize("width, probability", [(1, 1.0), (2, 0.6), (4, 1.0), (8, 0.6)])
def test_good_after_damaged(width, probability):
    bench, rng = Bench(configuration(width), probability, seed=width), random.Random(width)

    async def main(ctx):
        garbage = rng.randbytes(50) + b"\0\0"
        bench.model.feed(garbage)
        await bench.send(ctx, garbage)
        await bench.exchange(ctx, hello(0xFFFF))
        for seq in range(10):
            size = rng.choice([1, 2, 16])
            frame = encode(write(seq, 1, seq, size, rng.randbytes(8 * size)))
            broken = damage(rng, frame)
            expected = bench.model.feed(broken)
            await bench.send(ctx, broken)
            assert await bench.replies(ctx, len(expected)) == [encode(one) for one in expected]
            await bench.exchange(ctx, read(100 + seq, 1, seq, size))
        found = await counters(bench, ctx, 999)
        assert found.damaged == bench.model.damaged > 4
        assert bench.engine.spaces == bench.model.engine.spaces

    bench.run(main)


@pytest.mark.parametrize("width, bits, probability", [
    (1, 512, 1.0), (2, 128, 0.5), (4, 64, 0.7), (8, 64, 0.6), (8, 512, 1.0)])
def test_random_conversation(width, bits, probability):
    config = configuration(width, bits, window=4, cache_depth=4)
    bench, rng = Bench(config, probability, seed=bits), random.Random(bits + width)

    async def main(ctx):
        await bench.exchange(ctx, b"", hello(0xFFFF))
        sent = []
        for number in range(5):
            frames = [random_request(rng, config, 10 * number + index) if rng.random() < 0.85
                      or not sent else rng.choice(sent[-6:]) for index in range(rng.randint(1, 4))]
            sent += frames
            await bench.exchange(ctx, *frames)
        assert bench.engine.spaces == bench.model.engine.spaces
        assert bench.engine.runs == bench.model.engine.runs

    bench.run(main)


@pytest.mark.parametrize("width", [1, 8])
def test_reset_in_mid_frame(width):
    bench, reset = Bench(configuration(width)), Signal()

    async def main(ctx):
        await bench.exchange(ctx, b"", hello(0xFFFF))
        await bench.exchange(ctx, run(1, 2))
        await bench.send(ctx, encode(write(2, 1, 0, 4, bytes(range(32)))) + encode(hello())[:9])
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        bench.received.clear()
        bench.model = LinkModel(bench.config, bench.content, EngineModel(bench.config))
        rest = encode(hello())[9:]  # hunted away
        bench.model.feed(rest)
        await bench.send(ctx, rest)
        (header, data), = await bench.exchange(ctx, read(0, 3, 0, 16))
        assert (header.space, data) == (Status.NO_SESSION, b"")
        await bench.exchange(ctx, hello())
        (_, data), = await bench.exchange(ctx, read(1, 3, 0, 16))
        assert data == LinkCounters(frames=3).pack().rjust(80, b"\0").ljust(128, b"\0")

    bench.run(main, wrap=ResetInserter(reset))


@pytest.mark.parametrize("width, bits", [(1, 64), (4, 256), (8, 64)])
def test_throughput(width, bits):
    """Data moves both ways at `width` bytes per cycle, but for the overhead of a request."""
    config = configuration(width, bits, payload_bytes=256, window=4, cache_depth=4)
    bench, rng = Bench(config), random.Random(1)
    count = 256 // config.word_bytes
    data = bytes(rng.randint(1, 255) for _ in range(256))
    wire = (256 + 16 + 4 + 3) / width  # cycles of a frame

    async def main(ctx):
        await bench.exchange(ctx, b"", hello(0xFFFF))
        start = bench.cycle
        await bench.exchange(ctx, *(write(seq, 1, 0, count, data) for seq in range(4)))
        writes = bench.cycle - start
        bench.times.clear()
        await bench.exchange(ctx, *(read(seq, 1, 0, count) for seq in range(4, 8)))
        reads = bench.times[-1] - bench.times[0]
        overhead = 12 + 32 // width
        # Four frames in, one execution and one small reply; the time from reply to reply.
        assert writes <= 4 * wire + 256 / width + 5 * overhead + 26 / width + 10
        assert reads <= 3 * max(1.01 * wire, 256 / width + overhead + 3)

    bench.run(main)


@pytest.mark.parametrize("width, bits", [(1, 64), (8, 128)])
def test_converts(width, bits):
    """The port list, and the identification as whole words."""
    config = configuration(width, bits)
    content = identification(config, bytes(range(1, 33)))
    text = verilog.convert(LinkShell(config, content), name="link", emit_src=False,
                           strip_internal_attrs=True)
    header = text[text.index("module link(") :]
    ports = {name.strip() for name in header[len("module link(") : header.index(")")].split(",")}
    streams = {"i": 1, "o": 1, "request": 1, "read": 1, "write": 1, "run": 1, "report": 1}
    assert ports == {"clk", "rst"} | {
        f"{name}__{part}" for name in streams for part in ("valid", "ready", "payload")}
    size = config.word_bytes
    for start in range(0, len(content), size):
        word = content[start : start + size][::-1].hex()
        assert f"[{start // size}] = {bits}'h{word};" in text


def test_bad_arguments_are_named():
    config = configuration(bits=128)
    with pytest.raises(TypeError, match=r"^config must be a Configuration, not 'tiny'$"):
        LinkShell("tiny", bytes(128))
    with pytest.raises(TypeError, match=r"^identification must be bytes, not 5$"):
        LinkShell(config, 5)
    for size in (112, 136):
        with pytest.raises(ValueError, match=rf"at least 128 bytes long and a multiple of 16, not "
                                             rf"{size}$"):
            LinkShell(config, bytes(size))
