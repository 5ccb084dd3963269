# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""COBS decoder and packer against the cobs package."""

import random

import pytest
from amaranth.back import verilog
from amaranth.hdl import Module, ResetInserter, Signal, Value
from amaranth.lib import wiring
from cobs import cobs

from luthier.hw.link.decoder import CobsDecoder
from luthier.hw.link.packer import Packer
from luthier.sim.streams import byte_beats, joined, simulate, source

WIDTHS = (1, 2, 4, 8)


def text(length, seed=1):
    """Return bytes without 00."""
    rng = random.Random(seed)
    return bytes(rng.randint(1, 255) for _ in range(length))


CORNERS = [
    b"", b"\0", b"\0\0\0\0\0\0\0\0\0", b"\1", b"\xff" * 9, text(6), text(7), text(8),
    *(text(length) for length in (252, 253, 254, 255, 256, 507, 508, 509)),
    text(253) + b"\0", text(254) + b"\0", text(255) + b"\0", b"\0" + text(254) + b"\0" + text(3),
    text(5) + b"\0\0" + text(1) + b"\0",
]


def random_frames(seed, count):
    rng = random.Random(seed)
    return [bytes(rng.choice([0, 1, 255, rng.randrange(256)]) for _ in range(rng.randint(0, 40)))
            for _ in range(count)]


def split(stream):
    """Model: return (bytes, whole) of each frame in a byte stream, hunting first."""
    frames = []
    for piece in stream.split(b"\0")[1:-1]:
        if piece:
            try:
                frames.append((cobs.decode(piece), True))
            except cobs.DecodeError:
                frames.append((None, False))
    return frames


def observer(stream, frames, count, *, times=None, packed=None):
    """Collect ``count`` frames from an output that is always ready."""
    async def bench(ctx):
        beats, cycle = [], 0
        while len(frames) < count:
            _, _, valid, beat = await ctx.tick().sample(stream.valid, stream.payload)
            if valid:
                if times is not None:
                    times.append((cycle, beat["last"]))
                if packed is not None:
                    assert beat["last"] or beat["count"] == packed
                    assert not beat["last"] or beat["data"] >> 8 * beat["count"] == 0
                beats.append(beat)
                if beat["last"]:
                    frames.append((joined(beats) if beat["ok"] else None, bool(beat["ok"])))
                    beats = []
            cycle += 1

    return bench


class Packed(wiring.Component):
    """Decoder and packer."""

    def __init__(self, width):
        self.decoder, self.packer = CobsDecoder(width), Packer(width)
        super().__init__({"i": self.decoder.signature.members["i"],
                          "o": self.packer.signature.members["o"]})

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder, m.submodules.packer = self.decoder, self.packer
        wiring.connect(m, wiring.flipped(self.i), self.decoder.i)
        wiring.connect(m, self.decoder.o, self.packer.i)
        wiring.connect(m, self.packer.o, wiring.flipped(self.o))
        return m


def decode(dut, content, width, *, probability=1.0, seed=0, ragged=False, packed=None):
    expected, frames = split(content), []
    rng = random.Random(seed) if ragged else None
    simulate(dut, [
        source(dut.i, byte_beats(content, width, rng), probability=probability, seed=seed),
        observer(dut.o, frames, len(expected), packed=packed)], observed=[dut.o])
    assert frames == expected, f"seed {seed}"
    return frames


@pytest.mark.parametrize("probability, ragged", [(1.0, False), (0.6, True)])
@pytest.mark.parametrize("width", WIDTHS)
def test_equals_package(width, probability, ragged):
    frames = CORNERS + random_frames(5, 30)
    if ragged:  # the long ones once each is enough
        frames = CORNERS[:10] + CORNERS[16:] + random_frames(5, 20)
    content = b"\0" + b"".join(cobs.encode(frame) + b"\0" for frame in frames)
    received = decode(Packed(width), content, width, probability=probability, ragged=ragged, seed=3,
                      packed=width)
    assert received == [(frame, True) for frame in frames]


@pytest.mark.parametrize("width", WIDTHS)
def test_garbage_and_damage(width):
    rng = random.Random(width)
    content = rng.randbytes(20).replace(b"\0", b"\1") + b"\0\0\0\0"
    for frame in CORNERS[:8] + random_frames(width, 40):
        encoded = bytearray(cobs.encode(frame))
        for _ in range(rng.randrange(3)):
            match rng.randrange(4):
                case 0:
                    encoded[rng.randrange(len(encoded))] = rng.choice([0, 255, rng.randrange(256)])
                case 1:
                    encoded.insert(rng.randrange(len(encoded) + 1), rng.randrange(256))
                case 2:
                    del encoded[rng.randrange(len(encoded)) :]
                    encoded += b"\1"
                case 3:
                    encoded += rng.randbytes(3)
        content += bytes(encoded) + b"\0" + cobs.encode(b"good\0frame") + b"\0"
    received = decode(Packed(width), content, width, ragged=True, seed=width, packed=width)
    assert received.count((b"good\0frame", True)) == 48
    assert received.count((None, False)) > 10


@pytest.mark.parametrize("width", WIDTHS)
def test_first_frame_is_hunted_away(width):
    encoded = cobs.encode(b"abc") + b"\0"
    assert decode(CobsDecoder(width), 2 * encoded, width) == [(b"abc", True)]


@pytest.mark.parametrize("width", WIDTHS)
def test_throughput_and_latency(width):
    frames = [text(600), b"\0" * 9, text(3) + b"\0" + text(20), b""]
    content = b"\0" + b"".join(cobs.encode(frame) + b"\0" for frame in frames)
    dut, received, times, accepted = CobsDecoder(width), [], [], []

    async def watch(ctx):
        cycle = 0
        while len(received) < len(frames):
            _, _, valid, ready = await ctx.tick().sample(dut.i.valid, dut.i.ready)
            if valid and ready:
                accepted.append(cycle)
            cycle += 1

    simulate(dut, [source(dut.i, byte_beats(content, width)), watch,
                   observer(dut.o, received, len(frames), times=times)])
    cycles, groups = 1, 0
    for frame in frames:
        encoded = cobs.encode(frame)
        while encoded:
            group, encoded = encoded[: encoded[0]], encoded[encoded[0] :]
            cycles += -(-len(group) // width)
            groups += 1
        cycles += 1
    ends = [cycle for cycle, last in times if last]
    # The first byte is accepted in cycle 0; the last 00 is alone in the window.
    assert 0 <= ends[-1] - dut.latency - (cycles - 1) <= (groups if width > 1 else 0)
    if width == 1:
        assert accepted == list(range(len(content)))


@pytest.mark.parametrize("width", WIDTHS)
def test_reset_in_mid_frame(width):
    dut, reset, frames = CobsDecoder(width), Signal(), []
    before = byte_beats(b"\0" + cobs.encode(text(30)), width)
    after = byte_beats(cobs.encode(text(5)) + b"\0" + cobs.encode(b"good") + b"\0", width)

    async def bench(ctx):
        await source(dut.i, before)(ctx)
        ctx.set(reset, 1)
        await ctx.tick().repeat(2)
        ctx.set(reset, 0)
        await source(dut.i, after)(ctx)

    async def observe(ctx):
        await ctx.tick().until(reset)
        await observer(dut.o, frames, 1)(ctx)

    simulate(ResetInserter(reset)(dut), [bench, observe])
    assert frames == [(b"good", True)]


@pytest.mark.parametrize("unit", [CobsDecoder, Packer])
@pytest.mark.parametrize("width", [1, 8])
def test_converts(width, unit):
    dut = unit(width)
    # A stream that is always ready has no signal for it.
    values = [Value.cast(value) for _, _, value in dut.signature.flatten(dut)]
    ports = [value for value in values if isinstance(value, Signal)]
    verilog_text = verilog.convert(dut, name="unit", ports=ports, emit_src=False,
                                   strip_internal_attrs=True)
    assert "module unit(" in verilog_text


@pytest.mark.parametrize("unit", [CobsDecoder, Packer])
def test_bad_width_is_named(unit):
    with pytest.raises(ValueError, match=r"^width must be 1, 2, 4 or 8, not 3$"):
        unit(3)
