# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""COBS encoder against the cobs package."""

import random

import pytest
from amaranth.back import verilog
from amaranth.hdl import ResetInserter, Signal
from cobs import cobs

from luthier.hw.link.encoder import CobsEncoder, GroupSender
from luthier.hw.link.scanner import GroupScanner
from luthier.sim.streams import byte_beats, joined, simulate, sink, source

WIDTHS = (1, 2, 4, 8)


def text(length, seed=1):
    """Return bytes without 00."""
    rng = random.Random(seed)
    return bytes(rng.randint(1, 255) for _ in range(length))


CORNERS = [
    b"", b"\0", b"\0" * 9, b"\0" * 40, b"\1", b"\xff" * 9, text(6), text(7), text(8),
    *(text(length) for length in (252, 253, 254, 255, 256, 507, 508, 509)),
    text(253) + b"\0", text(254) + b"\0", text(255) + b"\0", b"\0" + text(254) + b"\0" + text(3),
    text(254) + b"\0\0", text(5) + b"\0\0" + text(1) + b"\0", b"\0" * 60 + text(300),
]


def random_frames(seed, count):
    rng = random.Random(seed)
    return [bytes(rng.choice([0, 1, 255, rng.randrange(256)]) for _ in range(rng.randint(0, 40)))
            for _ in range(count)]


def words(frames, width):
    """Return frames as payloads of ``frame_beat(width)``."""
    found = []
    for frame in frames:
        beats = byte_beats(frame, width) or [{"data": 0, "count": 0}]
        found += [beat | {"last": beat is beats[-1]} for beat in beats]
    return found


def collector(stream, received, frames, probability=1.0, times=None, seed=0):
    """Collect bytes until that many frames have ended."""
    rng = random.Random(seed)

    async def bench(ctx):
        cycle = 0
        while received.count(0) < frames:
            ctx.set(stream.ready, rng.random() < probability)
            _, _, valid, ready, beat = await ctx.tick().sample(
                stream.valid, stream.ready, stream.payload)
            if valid and ready:
                assert beat["count"]
                received.extend(joined([beat]))
                if times is not None:
                    times.append(cycle)
            cycle += 1

    return bench


@pytest.mark.parametrize("p_valid, p_ready", [(1, 1), (0.4, 1), (0.8, 0.4)])
@pytest.mark.parametrize("width", WIDTHS)
def test_equals_package(width, p_valid, p_ready):
    frames = CORNERS + random_frames(7, 20)
    if p_valid != p_ready:  # the long ones once each is enough
        frames = CORNERS[:9] + CORNERS[11:14] + CORNERS[18:21] + random_frames(8, 12)
    dut, received = CobsEncoder(width), bytearray()
    simulate(dut, [
        source(dut.i, words(frames, width), probability=p_valid, seed=1),
        collector(dut.o, received, len(frames), p_ready, seed=2)],
        observed=[dut.o])
    assert received == b"".join(cobs.encode(frame) + b"\0" for frame in frames)


@pytest.mark.parametrize("width", WIDTHS)
def test_full_rate(width):
    frames = [text(size, seed=size) for size in (2000, 254, 16, 500)]
    dut, received, times = CobsEncoder(width), bytearray(), []
    simulate(dut, [source(dut.i, words(frames, width)),
                   collector(dut.o, received, len(frames), times=times)])
    # The first group has to be complete before its code is known; then no cycle is lost.
    cycles = sum(-(-size // width) for frame in frames
                 for size in [*(255 for _ in range(len(frame) // 254)), len(frame) % 254 + 1]
                 if size > 1) + len(frames)
    first = -(-254 // width) - 1 + dut.latency
    assert times[0] == first
    # A full group that ends inside a word costs the scanner a cycle, but it may be ahead.
    full = sum(len(frame) // 254 for frame in frames) if width > 2 else 0
    assert 0 <= times[-1] - (first + cycles - 1) <= full


@pytest.mark.parametrize("width", WIDTHS)
def test_scanner_cycles(width):
    """One cycle per word and one more per 00 that is not the word's last byte or ends the frame."""
    frames = [text(16), b"\0" * 16, b"\0" + text(15), text(15) + b"\0" + text(8)]
    dut, groups, times = GroupScanner(width), [], []
    passed: list = []
    sent = words(frames, width)
    cycles = 0
    for beat in sent:
        content = beat["data"].to_bytes(width, "little")
        cycles += 1 + content[:-1].count(0) + (content[-1] == 0 and beat["last"])
    count = sum(frame.count(0) + 1 for frame in frames)
    simulate(dut, [source(dut.i, sent), sink(dut.words, passed, len(sent)),
                   sink(dut.groups, groups, count, times=times)],
             observed=[dut.words, dut.groups])
    assert times[-1] == cycles - 1 + dut.latency
    assert [(group["code"], group["last"]) for group in groups] == [
        (len(part) + 1, index == frame.count(0)) for frame in frames
        for index, part in enumerate(frame.split(b"\0"))]


@pytest.mark.parametrize("width", WIDTHS)
def test_reset_in_mid_frame(width):
    dut, reset, received = CobsEncoder(width), Signal(), bytearray()

    async def bench(ctx):
        await source(dut.i, words([text(400)], width)[:-1])(ctx)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        await source(dut.i, words([b"good\0frame"], width))(ctx)
        await collector(dut.o, received, 1)(ctx)

    simulate(ResetInserter(reset)(dut), [bench])
    assert received == cobs.encode(b"good\0frame") + b"\0"


@pytest.mark.parametrize("unit", [CobsEncoder, GroupScanner, GroupSender])
@pytest.mark.parametrize("width", [1, 8])
def test_converts(width, unit):
    verilog_text = verilog.convert(unit(width), name="unit", emit_src=False,
                                   strip_internal_attrs=True)
    assert "module unit(" in verilog_text


@pytest.mark.parametrize("unit", [CobsEncoder, GroupScanner, GroupSender])
def test_bad_width_is_named(unit):
    with pytest.raises(ValueError, match=r"^width must be 1, 2, 4 or 8, not 5$"):
        unit(5)
