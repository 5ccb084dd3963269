# SPDX-License-Identifier: Apache-2.0
"""Parts of the executor: cache, checks and local spaces, and the memory of slots."""

import random

import pytest
from amaranth.back import verilog

from luthier.golden.config import load_configuration
from luthier.golden.protocol import LinkCounters, Status, check, identification
from luthier.hw.link.cache import ReplyCache
from luthier.hw.link.check import RequestCheck
from luthier.hw.link.local import LocalSpaces
from luthier.hw.link.slots import SlotMemory
from luthier.sim.cocotb.link_model import EngineModel, LinkModel, encode, random_request
from luthier.sim.streams import simulate


@pytest.mark.parametrize("depth", [1, 2, 8])
def test_cache_is_a_ring(depth):
    dut, rng, held = ReplyCache(depth), random.Random(depth), []

    async def bench(ctx):
        slot = 0
        for _ in range(300):
            seq = rng.randrange(2 * depth + 1)
            ctx.set(dut.seq, seq)
            found = [place for number, place in held if number == seq]
            assert ctx.get(dut.hit) == bool(found)
            assert ctx.get(dut.slot) == (found[0] if found else 0)
            assert ctx.get(dut.oldest) == slot
            insert = not found and rng.random() < 0.5
            clear = not insert and rng.random() < 0.05
            ctx.set(dut.insert, insert)
            ctx.set(dut.clear, clear)
            if insert:
                held[:] = [*held, (seq, slot)][-depth:]
                slot = (slot + 1) % depth
            if clear:
                held.clear()
            await ctx.tick()
            ctx.set(dut.insert, 0)
            ctx.set(dut.clear, 0)

    simulate(dut, [bench])


@pytest.mark.parametrize("name", ["tiny", "a16", "wide"])
def test_checks_equal_model(name):
    config = load_configuration(name)
    content = identification(config, bytes(32))
    model = LinkModel(config, content, EngineModel(config))
    model.feed(b"\0")
    dut, rng = RequestCheck(config, len(content) // config.word_bytes), random.Random(name)
    seen = set()

    async def bench(ctx):
        for seq in range(400):
            frame = random_request(rng, config, seq)
            header, _ = check(frame)
            if seq % 50 == 0:
                model.session = 0
            ctx.set(dut.session, model.session != 0)
            reply, _ = check(model.feed(encode(frame))[0])
            ctx.set(dut.header, {
                "type": header.type, "seq": header.seq, "length": header.length,
                "space": header.space, "count": header.count, "address": header.address})
            expected = Status.OK if reply.space == Status.REFUSED else Status(reply.space)
            assert Status(ctx.get(dut.status)) == expected, f"{header}, seed {name}"
            seen.add(expected)
            await ctx.tick()

    simulate(dut, [bench])
    assert seen == set(Status) - {Status.REFUSED}


@pytest.mark.parametrize("bits", [64, 128, 256, 512])
def test_local_spaces(bits):
    rng, size = random.Random(bits), bits // 8
    content, report = rng.randbytes(3 * 128 + 64), rng.randbytes(64)
    dut = LocalSpaces(bits, content)

    async def read(ctx, status, count):
        found = b""
        for address in range(count):
            ctx.set(dut.status, status)
            ctx.set(dut.address, address)
            ctx.set(dut.enable, 1)
            await ctx.tick().repeat(dut.latency)
            ctx.set(dut.enable, 0)
            ctx.set(dut.address, rng.randrange(2))
            if rng.random() < 0.5:
                await ctx.tick()  # the word stays
            found += ctx.get(dut.word).to_bytes(size, "little")
        return found

    async def bench(ctx):
        assert await read(ctx, 0, len(content) // size) == content
        assert await read(ctx, 1, 128 // size) == bytes(128)
        for address in range(64 // size):
            word = report[address * size : (address + 1) * size]
            ctx.set(dut.report_address, address)
            ctx.set(dut.report_word, int.from_bytes(word, "little"))
            ctx.set(dut.report_enable, 1)
            await ctx.tick()
        ctx.set(dut.report_enable, 0)
        for name, count in [("executed", 5), ("damaged", 4), ("overrun", 3), ("repeat", 2)]:
            ctx.set(getattr(dut, name), 1)
            await ctx.tick().repeat(count)
            ctx.set(getattr(dut, name), 0)
        counters = LinkCounters(frames=5, damaged=4, overruns=3, repeats=2).pack()
        assert await read(ctx, 1, 128 // size) == (report + counters).ljust(128, b"\0")

    simulate(dut, [bench])


@pytest.mark.parametrize("width, slots", [(1, 1), (2, 4), (8, 8)])
def test_slot_memory(width, slots):
    dut, rng, model = SlotMemory(width, 128, slots), random.Random(width), {}
    places = [(slot, body, index) for slot in range(slots)
              for body in (0, 1) for index in range((128 if body else 16) // width)]

    async def bench(ctx):
        shown = None
        for _ in range(3):
            for write in rng.sample(places, len(places)):
                word, read = rng.getrandbits(8 * width), rng.choice(places)
                enable = rng.random() < 0.7
                names = ("slot", "body", "index")
                for name, target, chosen in zip(names, write, read, strict=True):
                    ctx.set(getattr(dut.write, name), target)
                    ctx.set(getattr(dut, name), chosen)
                ctx.set(dut.write.enable, 1)
                ctx.set(dut.write.word, word)
                ctx.set(dut.enable, enable)
                await ctx.tick().repeat(dut.latency)
                if enable:
                    shown = model.get(read, 0)
                if shown is not None:
                    assert ctx.get(dut.word) == shown
                model[write] = word

    simulate(dut, [bench])


@pytest.mark.parametrize("dut", [
    lambda: ReplyCache(1), lambda: SlotMemory(1, 128, 1), lambda: LocalSpaces(512, bytes(128)),
    lambda: RequestCheck(load_configuration("default"), 20)],
    ids=["cache", "slots", "local", "check"])
def test_converts(dut):
    text = verilog.convert(dut(), name="unit", emit_src=False, strip_internal_attrs=True)
    assert "module unit(" in text
