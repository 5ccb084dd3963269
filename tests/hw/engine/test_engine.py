# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The engine against its golden model: results, refusals, and every cycle of the declared time."""

import random
from dataclasses import replace

import numpy as np
import pytest
from amaranth.back import verilog
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from luthier.golden.config import Configuration, load_configuration
from luthier.golden.descriptor import Descriptor, Refusal
from luthier.golden.engine import Engine as GoldenEngine
from luthier.golden.protocol import Report, Space
from luthier.golden.refusal import refusal
from luthier.golden.table import beats
from luthier.hw.engine import Engine, OnChipMemory, longest_request
from luthier.sim.streams import simulate

TINY = load_configuration("tiny")
WEIGHTS = 64  # first word of the weights in the tests' memory


def configuration(latency=3, **table):
    data = {"name": "case", "memory": {"words": 4096, "latency": latency},
            "scratchpad": {"words": 128}, "table": {"max_columns": 512, "max_rows": 512} | table}
    return Configuration.from_data(data)


class Device(wiring.Component):
    """An engine and its on-chip memory."""

    def __init__(self, config):
        self.engine = Engine(config)
        self._config = config
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.engine = self.engine
        m.submodules.memory = memory = OnChipMemory(
            beat_bits=self._config.table.beat_bits, words=self._config.memory.words,
            longest=longest_request(self._config), latency=self._config.memory.latency)
        wiring.connect(m, self.engine.memory, memory.port)
        # The simulator wants a clock domain that is used at the top too.
        m.d.sync += Signal().eq(1)
        return m


def to_words(raw):
    return [int.from_bytes(word.tobytes(), "little") for word in raw]


async def send(ctx, stream, payload):
    ctx.set(stream.payload, payload)
    ctx.set(stream.valid, 1)
    await ctx.tick().until(stream.ready)
    ctx.set(stream.valid, 0)


async def take(ctx, stream):
    ctx.set(stream.ready, 1)
    payload, = await ctx.tick().sample(stream.payload).until(stream.valid)
    ctx.set(stream.ready, 0)
    return payload


def execute(config, runs):
    """Run programs one after the other on a device; return the report and scratchpad of each.

    A run is (scratchpad, memory, words of it that count, (base, count, repeat), seed).
    """
    device, found = Device(config), []
    engine = device.engine

    async def load(ctx, space, words):
        for address, word in enumerate(words):
            await send(ctx, engine.write, {"space": space, "address": address, "data": word})

    async def read(ctx, space, first, count, rng=None):
        await send(ctx, engine.request, {"space": space, "address": first, "count": count})
        words = []
        for _ in range(count):
            while rng is not None and rng.random() < 0.2:
                await ctx.tick()
            words.append(await take(ctx, engine.read))
        return words

    async def host(ctx):
        most = config.link.payload_bytes // config.word_bytes
        for scratchpad, memory, used, (base, count, repeat), seed in runs:
            rng = random.Random(seed)
            await load(ctx, Space.MEMORY, to_words(memory[:used]))
            await load(ctx, Space.SCRATCHPAD, to_words(scratchpad))
            await send(ctx, engine.run, {"base": base, "count": count, "repeat": repeat})
            report = await take(ctx, engine.report)
            got = []
            for first in range(0, config.scratchpad.words, most):
                got += await read(ctx, Space.SCRATCHPAD, first,
                                  min(most, config.scratchpad.words - first), rng)
            assert await read(ctx, Space.MEMORY, 1, 3) == to_words(memory[1:4])
            found.append((Report.unpack(int(report.as_bits()).to_bytes(64, "little")), got))

    simulate(device, [host], limit=100_000 * len(runs))
    return found


def case(config, rng, descriptors):
    """Return a golden engine with random contents and these descriptors from word 0 on."""
    golden = GoldenEngine(config)
    golden.scratchpad[:] = rng.integers(0, 256, golden.scratchpad.shape)
    golden.memory[:] = rng.integers(0, 256, golden.memory.shape)
    raw = b"".join(d.pack() for d in descriptors)
    golden.memory.reshape(-1)[: len(raw)] = np.frombuffer(raw, np.uint8)
    return golden


def describe(config, rows, columns, planes, tokens=1, **more):
    words = -(-columns // config.activations_per_word)
    return Descriptor(**{
        "flags": int(planes == 0), "rows": rows, "columns": columns, "weights": WEIGHTS,
        "planes_stored": planes or 1, "planes_used": planes or 1, "tokens": tokens,
        "source_type": config.activation_bytes - 1, "source": 0, "source_step": words,
        "destination": words * tokens, "destination_step": -(-rows // config.results_per_word),
    } | more)


def compare(config, *programs):
    """Run programs on both engines; compare scratchpad, cycles and counts. Return the reports.

    A program is a list of descriptors, or that and (base, count, repeat).
    """
    runs, wanted = [], []
    for seed, program in enumerate(programs):
        descriptors, called = program if isinstance(program, tuple) else (
            program, (0, len(program), 1))
        golden = case(config, np.random.default_rng(seed), descriptors)
        before = golden.scratchpad.copy()
        sizes = [beats(config, rows=d.rows, columns=d.columns, planes=d.planes_stored,
                       trits=d.trits)
                 for d in descriptors if refusal(config, d) == Refusal.NONE]
        used = max(WEIGHTS + max(sizes, default=0), 64 // config.word_bytes * len(descriptors))
        runs.append((before, golden.memory, min(used, config.memory.words), called, seed))
        wanted.append((golden.run(*called), to_words(golden.scratchpad)))
    found = execute(config, runs)
    for (report, scratchpad), (expected, words) in zip(found, wanted, strict=True):
        assert scratchpad == words
        for name in ("code", "index", "busy", "saturations", "operations"):
            assert getattr(report, name) == getattr(expected, name), (name, report, expected)
        # Operations overlap; the descriptors fetched meanwhile may each cost its words.
        fetched = (report.operations - 1) * (512 // config.table.beat_bits)
        assert report.cycles <= expected.cycles + max(0, fetched)
        if report.operations == 1:
            assert report.cycles == expected.cycles
        assert report.elapsed >= report.cycles
    return [report for report, _ in found]


# Many more shapes and configurations run on the compiled board, see tests/sim.
CONFIGURATIONS = {
    "d64": {"beat_bits": 64, "row_block": 32},
    "d128_slow": {"beat_bits": 128, "row_block": 64, "latency": 80},
    "d256_a16": {"beat_bits": 256, "activation_bits": 16, "row_block": 16, "latency": 40},
    "rounds": {"beat_bits": 128, "row_block": 32, "rounds": 4},
    "one_bank": {"beat_bits": 64, "row_block": 32, "rounds": 2, "banks": 1},
    "one_bank_trits": {"beat_bits": 128, "row_block": 32, "rounds": 4, "alphabets": "trits",
                       "banks": 1, "scaled": False},
    "planes_k5_sum3": {"beat_bits": 128, "row_block": 32, "alphabets": "planes", "k": 5,
                       "smallest_group": 64, "adder_inputs": 3, "scaled": False},
    "planes_k6": {"beat_bits": 64, "row_block": 32, "alphabets": "planes", "k": 6, "rounds": 2},
    "trits_sum3": {"beat_bits": 64, "row_block": 32, "alphabets": "trits", "adder_inputs": 3,
                   "scaled": False},
    "blockram": {"beat_bits": 64, "row_block": 32, "store": "blockram", "k": 8, "rounds": 4},
    "blockram_trits": {"beat_bits": 64, "row_block": 32, "store": "blockram", "k": 8, "rounds": 4,
                       "alphabets": "trits", "scaled": False},
    "m2": {"beat_bits": 128, "row_block": 32, "tokens": 2},
    "m2_blockram": {"beat_bits": 128, "row_block": 32, "tokens": 2, "store": "blockram", "k": 8,
                    "rounds": 2},
    "m2_blockram_trits": {"beat_bits": 128, "row_block": 32, "tokens": 2, "store": "blockram",
                          "k": 8, "rounds": 4, "alphabets": "trits", "scaled": False},
    "m4_plain_a16": {"beat_bits": 256, "row_block": 16, "tokens": 4, "alphabets": "planes",
                     "rounds": 4, "activation_bits": 16, "scaled": False, "adder_inputs": 3},
    "registers": {"beat_bits": 64, "row_block": 16, "store": "registers"},
    "registers_m2": {"beat_bits": 64, "row_block": 16, "store": "registers", "tokens": 2},
    "registers_m4": {"beat_bits": 128, "row_block": 32, "store": "registers", "tokens": 4},
    "registers_m2_a16": {"beat_bits": 128, "row_block": 32, "store": "registers", "tokens": 2,
                         "activation_bits": 16},
    "registers_plain_a16": {"beat_bits": 128, "row_block": 32, "store": "registers",
                            "activation_bits": 16, "scaled": False, "latency": 40},
}

#: Those that are run each time; one of each store, width, number of banks and of tokens.
ALWAYS = ("d64", "d256_a16", "one_bank_trits", "planes_k6", "m2_blockram", "registers_m2_a16")


def shapes(config, *all_shapes):
    """Return those whose last number, planes or 0 for trits, the configuration has."""
    return [shape for shape in all_shapes
            if (config.table.planes if shape[2] else config.table.trits)]


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=[] if name in ALWAYS else pytest.mark.nightly)
    for name in CONFIGURATIONS])
def test_equals_golden_and_declared_cycles(name):
    """Of single tokens, and of several."""
    config = configuration(**CONFIGURATIONS[name])
    single = shapes(config, (1, 1, 0), (50, 90, 0), (7, 130, 3), (33, 70, 1))
    several = shapes(config, (3, 70, 0), (20, 20, 2))
    compare(config, *[[describe(config, *shape)] for shape in single],
            *[[describe(config, *shape, tokens=tokens)] for shape in several for tokens in (2, 3)])


@pytest.mark.parametrize("alphabets", ["planes", "trits"])
def test_other_alphabet_is_refused(alphabets):
    config = configuration(beat_bits=64, row_block=32, alphabets=alphabets)
    wrong = describe(config, 5, 60, 0 if alphabets == "planes" else 2)
    assert compare(config, [wrong])[0].code == Refusal.UNSUPPORTED


def test_program_with_repeats_and_nops():
    config = configuration(beat_bits=64, row_block=32)
    nop = Descriptor.unpack(bytes(64))
    program = [describe(config, 5, 60, 0), nop, describe(config, 4, 9, 2, destination=100)]
    report, = compare(config, (program, (0, 3, 2)))
    assert report.operations == report.index == 6


def test_independent_operations_overlap():
    """Tables of the next operation are built while the present rows drain."""
    config = configuration(beat_bits=64, row_block=32)
    one = describe(config, 32, 64, 2)
    others = [replace(one, destination=16 + 16 * index) for index in range(4)]
    apart = [replace(d, wait=index > 0, release=1) for index, d in enumerate(others)]
    single, overlapped, waiting = compare(config, [one], others, apart)
    alone = single.cycles
    assert overlapped.cycles <= alone + 3 * (64 + 8)
    assert 4 * alone <= waiting.cycles <= waiting.elapsed <= 4 * alone + 60


def test_results_feed_the_next_operation():
    config = configuration(beat_bits=64, row_block=32)
    chain = []
    for index in range(3):
        chain.append(describe(config, 64, 64, 2, source=8 * index, destination=8 * index + 8,
                              flags=Descriptor.SATURATE, multiplier=1, shift=4,
                              destination_type=0, wait=int(index > 0), release=1))
    compare(config, chain)


TOKEN_MISTAKES = [
    ([(1, 0)], 0),  # waits for a token that nobody puts
    ([(0, 1), (1, 0), (1, 0)], 2),
    ([(0, 6), (2, 0), (8, 0)], 2),
    ([(0, 1)] * 16, 15),  # one more than a queue holds
    ([(0, 1)] * 15 + [(1, 1), (0, 1)], 16),
]


def test_token_mistakes_are_refused_and_forgotten():
    """No operation waits for ever; the next program starts with empty queues."""
    config = configuration(beat_bits=64, row_block=32)
    nop, programs = Descriptor.unpack(bytes(64)), []
    for masks, _ in TOKEN_MISTAKES:
        program = [replace(nop, wait=wait, release=release) for wait, release in masks]
        program[0] = describe(config, 3, 30, 1, wait=masks[0][0], release=masks[0][1])
        programs += [program, [describe(config, 3, 30, 1)]]
    reports = compare(config, *programs)
    for (masks, index), refused, after in zip(TOKEN_MISTAKES, reports[::2], reports[1::2],
                                              strict=True):
        assert (refused.code, refused.index) == (Refusal.TOKENS, index), masks
        assert after.code == Refusal.NONE


REFUSALS = [
    ({"opcode": 9}, Refusal.OPCODE),
    ({"reserved_56": 1}, Refusal.RESERVED),
    ({"flags": 64}, Refusal.RESERVED),
    ({"opcode": 0}, Refusal.RESERVED),
    ({"flags": 32}, Refusal.RESERVED),
    ({"flags": 8}, Refusal.UNSUPPORTED),
    ({"shift": 1}, Refusal.UNSUPPORTED),
    ({"destination_type": 0}, Refusal.UNSUPPORTED),
    ({"rows": 513}, Refusal.SHAPE),
    ({"rows": 1 << 31}, Refusal.SHAPE),
    ({"columns": 0}, Refusal.SHAPE),
    ({"tokens": 0}, Refusal.SHAPE),
    ({"planes_stored": 9, "planes_used": 9}, Refusal.PLANES),
    ({"flags": 1, "planes_stored": 2, "planes_used": 2}, Refusal.PLANES),
    ({"source": 121}, Refusal.ADDRESS),
    ({"source": 1 << 31}, Refusal.ADDRESS),
    ({"source_step": 1 << 31, "tokens": 3}, Refusal.ADDRESS),
    ({"destination": 126}, Refusal.ADDRESS),
    ({"destination_step": 119, "tokens": 2}, Refusal.ADDRESS),
    ({"weights": 4091}, Refusal.ADDRESS),
    ({"rows": 512, "columns": 512, "planes_stored": 8, "planes_used": 8, "source": 0,
      "destination": 0}, Refusal.ADDRESS),
]


def test_refusals_do_not_wedge():
    """The refused descriptor ends its program; the next program runs."""
    config = configuration(beat_bits=64, row_block=32)
    good, programs = describe(config, 6, 60, 1), []
    for change, _ in REFUSALS:
        bad = replace(good, **change)
        programs += [[good, bad, good], ([bad, good], (8, 1, 1))]
    reports = compare(config, *programs)
    for (change, code), refused, after in zip(REFUSALS, reports[::2], reports[1::2], strict=True):
        assert (refused.code, after.code) == (code, Refusal.NONE), change


def test_range_is_refused():
    config = configuration(beat_bits=64, activation_bits=16, max_columns=260)
    reports = compare(config, *[[describe(config, 1, columns, 8)] for columns in (258, 257)])
    assert [report.code for report in reports] == [Refusal.RANGE, Refusal.NONE]


def test_program_range():
    config = configuration(beat_bits=64)
    programs = {(4096 - 8, 1, 1): Refusal.OPCODE, (4096 - 7, 1, 1): Refusal.PROGRAM,
                (1 << 31, 65535, 1): Refusal.PROGRAM, (0, 1, 0): Refusal.NONE}
    golden = case(config, np.random.default_rng(1), [])
    golden.memory[4096 - 8 :, 0] = 9
    found = execute(config, [(golden.scratchpad, golden.memory, 4096 * (number == 0), program, 1)
                             for number, program in enumerate(programs)])
    for (report, _), (program, code) in zip(found, programs.items(), strict=True):
        assert report.code == golden.run(*program).code == code, program


def test_converts():
    text = verilog.convert(Engine(TINY), name="engine", emit_src=False, strip_internal_attrs=True)
    assert "module engine(" in text


def test_wrong_arguments():
    with pytest.raises(TypeError, match="config must be a Configuration, not 3"):
        Engine(3)
    with pytest.raises(ValueError, match="latency must be at least 3, not 2"):
        OnChipMemory(beat_bits=64, words=64, longest=8, latency=2)
