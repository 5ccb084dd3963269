# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Transmit side of the link: slots to frames."""

import random

import pytest
from amaranth.back import verilog

from luthier.golden.protocol import Header, seal
from luthier.hw.link.transmitter import Transmitter
from luthier.sim.cocotb.link_model import encode
from luthier.sim.streams import byte_beats, joined, simulate

WIDTHS = (1, 2, 4, 8)
PAYLOAD = 256


def reply(length, seed=0):
    rng = random.Random(f"{seed} {length}")
    return seal(Header(type=0x82, seq=rng.getrandbits(16), length=length, count=9),
                bytes(rng.choice([0, *7 * [rng.randrange(1, 256)]]) for _ in range(length)))


async def fill(ctx, dut, slot, frame):
    """Write a frame without its CRC to a slot: data, then header, as the executor does."""
    width = dut.width
    for body, content in ((1, frame[16:-4]), (0, frame[:16])):
        for index, beat in enumerate(byte_beats(content, width)):
            for name, value in [("enable", 1), ("slot", slot), ("body", body), ("index", index),
                                ("word", beat["data"])]:
                ctx.set(getattr(dut.write, name), value)
            await ctx.tick()
    ctx.set(dut.write.enable, 0)


async def send(ctx, dut, slot):
    ctx.set(dut.send.payload, slot)
    ctx.set(dut.send.valid, 1)
    await ctx.tick().until(dut.send.ready)
    ctx.set(dut.send.valid, 0)


@pytest.mark.parametrize("slots, probability", [(1, 0.5), (2, 1.0), (8, 0.7)])
@pytest.mark.parametrize("width", WIDTHS)
def test_sends_slots(width, slots, probability):
    dut, rng, received, sent = Transmitter(width, PAYLOAD, slots), random.Random(4), bytearray(), []
    frames = [reply(length) for length in (0, 8, 64, PAYLOAD, 16)]

    async def main(ctx):
        held = {}
        for number, frame in enumerate(frames):
            slot = number % slots
            while ctx.get(dut.busy) and ctx.get(dut.slot) == slot:
                await ctx.tick()
            await fill(ctx, dut, slot, frame)
            held[slot] = frame
            for chosen in (slot, rng.choice(list(held))):  # a repeat, perhaps of an older one
                await send(ctx, dut, chosen)
                sent.append(held[chosen])

    async def collect(ctx):
        while received.count(0) < 2 * len(frames):
            ctx.set(dut.o.ready, rng.random() < probability)
            _, _, valid, ready, beat = await ctx.tick().sample(
                dut.o.valid, dut.o.ready, dut.o.payload)
            if valid and ready:
                received.extend(joined([beat]))

    simulate(dut, [main, collect], observed=[dut.o])
    assert received == b"".join(encode(frame) for frame in sent)


def test_converts():
    text = verilog.convert(Transmitter(1, PAYLOAD, 2), name="transmitter", emit_src=False,
                           strip_internal_attrs=True)
    assert "module transmitter(" in text


def test_bad_width_is_named():
    with pytest.raises(ValueError, match=r"^width must be 1, 2, 4 or 8, not 3$"):
        Transmitter(3, PAYLOAD, 2)
