# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Receive side of the link: what is kept, what is dropped and how it is counted."""

import random

import pytest
from amaranth.back import verilog
from cobs import cobs

from luthier.golden.protocol import Header, check, seal
from luthier.hw.link.receiver import Receiver
from luthier.sim.cocotb.link_model import encode
from luthier.sim.streams import byte_beats, simulate, source

WIDTHS = (1, 2, 4, 8)
PAYLOAD = 128


class Bench:
    """A receiver, a reader of its requests, and counts of its events."""

    def __init__(self, width, window=2):
        self.width = width
        self.dut = Receiver(width, PAYLOAD, window)
        self.requests, self.damaged, self.overruns = [], 0, 0
        self.hold = False

    async def _count(self, ctx):
        while True:
            _, _, damaged, overrun = await ctx.tick().sample(self.dut.damaged, self.dut.overrun)
            self.damaged += damaged
            self.overruns += overrun

    async def _word(self, ctx, rng):
        reader = self.dut.reader
        while not ctx.get(reader.valid) or rng.random() < 0.2:
            await ctx.tick()
        word = ctx.get(reader.word)
        ctx.set(reader.take, 1)
        await ctx.tick()
        ctx.set(reader.take, 0)
        return word.to_bytes(self.width, "little")

    async def _read(self, ctx):
        rng, reader = random.Random(1), self.dut.reader
        while True:
            while self.hold:
                await ctx.tick()
            content = b""
            while len(content) < 16:
                content += await self._word(ctx, rng)
            size = 16 + Header.unpack(content).length
            while len(content) < size:
                content += await self._word(ctx, rng)
            ctx.set(reader.done, 1)
            await ctx.tick()
            ctx.set(reader.done, 0)
            self.requests.append(content[:size])

    def run(self, *benches):
        async def settle(ctx):
            await ctx.tick().repeat(250)

        async def main(ctx):
            for bench in (*benches, settle):
                await bench(ctx)

        simulate(self.dut, [main], background=[self._count, self._read])

    def send(self, content, seed=None):
        rng = random.Random(seed) if seed is not None else None
        return source(self.dut.i, byte_beats(content, self.width, rng))


def request(length, seq=1, seed=0):
    rng = random.Random(f"{seed} {length}")
    return seal(Header(type=3, seq=seq, length=length, address=rng.getrandbits(64)),
                bytes(rng.choice([0, 1, rng.randrange(256)]) for _ in range(length)))


@pytest.mark.parametrize("width, ragged", [(1, None), (2, 5), (4, 6), (8, None), (8, 7)])
def test_any_size(width, ragged):
    """Every remainder of the last word, up to the largest frame, and nothing larger."""
    frames = [request(length) for length in (*range(10), 63, 127, 128)]
    long = [request(length) for length in (129, 130, 135, 136, 200)]
    short = [frames[0][:size] for size in (1, 7, 12, 15, 16, 17, 19)]
    bench = Bench(width)
    sends = []
    for frame in (*frames, *long, *short, frames[3]):

        async def pause(ctx):
            await ctx.tick().repeat(10)

        sends += [bench.send(encode(frame), ragged), pause]
    bench.run(bench.send(b"\0"), *sends)
    assert bench.requests == [frame[:-4] for frame in (*frames, frames[3])]
    assert bench.damaged == len(long) + len(short)
    assert bench.overruns == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_one_wrong_bit(width):
    frame, rng = request(3), random.Random(2)
    bench, content = Bench(width), b"\0"
    bits = rng.sample(range(8 * len(frame)), 24)
    for bit in bits:
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        assert check(bytes(damaged)) is None
        content += encode(bytes(damaged))
    wrong_length = seal(Header(type=3, seq=1, length=4), b"abc")
    unended = cobs.encode(frame)[:-2] + b"\0"
    bench.run(bench.send(content + encode(wrong_length) + unended + encode(frame)))
    assert bench.requests == [frame[:-4]]
    assert bench.damaged == len(bits) + 2


@pytest.mark.parametrize("width, window", [(1, 1), (1, 8), (2, 2), (4, 4), (8, 1), (8, 8)])
def test_window_and_overruns(width, window):
    bench = Bench(width, window)
    frames = [request(0, seq=seq) for seq in range(window + 3)]

    async def hold(ctx):
        bench.hold = True

    async def release(ctx):
        await ctx.tick().repeat(10)
        assert bench.overruns == 2
        bench.hold = False
        await ctx.tick().repeat(250)

    # Back to back, so that a frame begins as soon as it can after the one before. The reader of
    # this bench already waits for the first.
    bench.run(hold, bench.send(b"\0" + b"".join(encode(frame) for frame in frames[:-1])), release,
              bench.send(encode(frames[-1])))
    assert bench.requests == [frame[:-4] for frame in (*frames[:window], frames[-1])]
    assert (bench.damaged, bench.overruns) == (0, 2)


def test_converts():
    text = verilog.convert(Receiver(1, PAYLOAD, 2), name="receiver", emit_src=False,
                           strip_internal_attrs=True)
    assert "module receiver(" in text


def test_bad_width_is_named():
    with pytest.raises(ValueError, match=r"^width must be 1, 2, 4 or 8, not 3$"):
        Receiver(3, PAYLOAD, 2)
