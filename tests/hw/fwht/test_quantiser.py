# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The quantiser against its golden model: corners and random packets, stalls, rate, reset."""

import functools
import math
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from luthier.gen.verilog import convert
from luthier.golden.quantiser import Mode, Quantisation, QuantiserShape, Rounding, quantise
from luthier.hw.fwht.quantiser import Quantiser
from luthier.hw.fwht.quantiser_ports import command_layout, quantiser_command, sample_layout
from luthier.sim.compiled import CompiledUnit
from luthier.sim.streams import simulate, sink, source

SEED = 5
MODELS = [Path(__file__).parents[1] / "models" / name for name in ("dp16kd.v", "mult18x18d.v")]


def shape_of(size, lanes, width, bits):
    return QuantiserShape(size=size, lanes=lanes, width=width, bits=bits)


#: The one that is timed, and every kind of tree, slot and width.
SHAPES = {f"n{s[0]}_p{s[1]}_w{s[2]}_b{s[3]}": shape_of(*s) for s in [
    (64, 4, 18, 8), (16, 1, 2, 2), (32, 2, 12, 3), (16, 16, 8, 4), (128, 32, 6, 3),
    (128, 64, 32, 8), (256, 1, 32, 8), (1024, 8, 26, 7)]}
#: Compiling takes most of the time: of the widest more than a minute.
NAMES = [pytest.param(name, marks=pytest.mark.nightly)
         if name.split("_")[1] in ("p2", "p8", "p64") else name for name in SHAPES]


def samples(rng, width, size):
    """Return a vector: corners of the width, ramps, small, large and Gaussian ones."""
    half, kind = 1 << width - 1, rng.integers(10)
    y = np.zeros(size, np.int64)
    if kind == 1:
        y[rng.integers(size)] = rng.choice([-half, half - 1, -1])
    elif kind == 2:
        y[:] = rng.choice([-half, half - 1, -1, 1])
    elif kind == 3:
        y = rng.choice([-half, half - 1], size)
    elif kind == 4:
        y = np.arange(size) % (2 * half) - half
    elif kind == 5:
        y = (rng.standard_normal(size) * half / 4).clip(-half, half - 1).astype(np.int64)
    elif kind > 5:
        top = min(half, 1 << rng.integers(width))
        y = rng.integers(-top, top, size)
    return y


def packets(rng, shape, count, modes=tuple(Mode), beats=None, group=0):
    """Return quantisations and vectors; group 0 for random ones."""
    found = []
    for _ in range(count):
        mode = modes[rng.integers(len(modes))]
        groups = [None, *(1 << power for power in range(4, int(math.log2(shape.size)) + 1))]
        chosen = groups[rng.integers(len(groups))] if group == 0 else group
        q = Quantisation(
            mode=mode, bits=int(rng.integers(2, shape.bits + 1)), group=chosen,
            rounding=Rounding(int(rng.integers(2))),
            mantissa=int(rng.choice([0, 1, 32768, 65535, rng.integers(65536)])),
            shift=int(rng.choice([rng.integers(shape.largest_shift + 1), 16, shape.width])))
        # Only groups are limited to N; packets are not.
        longest = shape.beats * (1 if q.group is None and mode != Mode.STATIC else 2)
        number = beats or int(rng.choice([1, shape.beats, rng.integers(1, longest + 1)]))
        found.append((q, samples(rng, shape.width, number * shape.lanes)))
    return found


def packed(values, bits):
    return sum((int(value) & (1 << bits) - 1) << place * bits for place, value in enumerate(values))


def streams(shape, found):
    """Return what goes into the unit and what comes out, as integers."""
    inputs, outputs = {"command": [], "i": []}, {"o": [], "scales": []}
    for q, y in found:
        word = command_layout(shape).const(quantiser_command(shape, q))
        inputs["command"].append(word.as_value().value)
        result, lanes = quantise(y, q), shape.lanes
        width = (shape.lanes + 1 - 1).bit_length()
        for start in range(0, len(y), lanes):
            part, last = slice(start, start + lanes), start + lanes == len(y)
            inputs["i"].append(packed(y[part], shape.width) | last << lanes * shape.width)
            saturated = int(result.saturated[part].sum()) | last << width
            outputs["o"].append(packed(result.codes[part], shape.bits)
                                | saturated << lanes * shape.bits)
        if q.mode != Mode.STATIC:
            group = q.group or len(y)
            # A beat of many groups gives their scales at once; a longer group's fill all slots.
            step, repeat = max(1, lanes // group), max(1, shape.slots // max(1, lanes // group))
            for first in range(0, len(result.scales), step):
                part = slice(first, first + step)
                each = [int(a) | (int(b) & (1 << shape.width) - 1) << shape.width
                        for a, b in zip(result.scales[part], result.offsets[part])]
                slots = np.repeat(np.array(each, object), repeat)
                last = first + step >= len(result.scales)
                outputs["scales"].append(packed(slots, 2 * shape.width)
                                         | last << 2 * shape.width * shape.slots)
    return inputs, outputs


@functools.cache
def compiled(name):
    return CompiledUnit(Quantiser(SHAPES[name]))


def check(unit, shape, found, **how):
    inputs, outputs = streams(shape, found)
    got, taken = unit.run(inputs, {name: len(words) for name, words in outputs.items()}, **how)
    for name, words in outputs.items():
        received = [transfer.payload for transfer in got[name]]
        wrong = [(n, hex(a), hex(b)) for n, (a, b) in enumerate(zip(received, words)) if a != b]
        assert not wrong and len(received) == len(words), (name, SEED, how, len(wrong), wrong[:3])
    return got, taken


@pytest.mark.parametrize("p_valid, p_ready", [(1, 1), (0.3, 1), (1, 0.3), (0.6, 0.6)])
@pytest.mark.parametrize("name", NAMES)
def test_equals_golden(name, p_valid, p_ready):
    """All modes one after the other, groups and packets of all lengths."""
    print("seed", SEED)
    found = packets(np.random.default_rng(SEED), SHAPES[name], 200)
    check(compiled(name), SHAPES[name], found, p_valid=p_valid, p_ready=p_ready, seed=SEED)


def long_run(name, mode, count):
    """So many samples of one mode, without a stall and with many."""
    print("seed", SEED)
    shape, rng, total, found = SHAPES[name], np.random.default_rng(SEED + mode), 0, []
    while total < count:
        found += packets(rng, shape, 20, modes=(mode,))
        total = sum(len(y) for _, y in found)
    for p_valid, p_ready in [(1, 1), (0.7, 0.7)]:
        check(compiled(name), shape, found, p_valid=p_valid, p_ready=p_ready, seed=SEED)


@pytest.mark.parametrize("mode", Mode)
def test_100_000_samples(mode):
    long_run("n64_p4_w18_b8", mode, 100_000)


@pytest.mark.nightly
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("name", NAMES)
def test_100_000_samples_of_every_shape(name, mode):
    long_run(name, mode, 100_000)


@pytest.mark.nightly
@pytest.mark.parametrize("bits", range(2, 9))
def test_every_quotient(bits):
    """Every sample of 8 bits against every maximum and every range, both roundings."""
    shape = SHAPES["n64_p4_w18_b8"]
    found = []
    for rounding, top in product(Rounding, range(1, 129)):
        y = np.arange(-top, top)
        for mode in (Mode.SYMMETRIC, Mode.ASYMMETRIC, Mode.POWER):
            for start in range(0, len(y), 56):  # the extremes in each packet
                part = np.concatenate([[-top, top - 1] * 4, y[start : start + 56]])
                part = np.append(part, np.zeros(-len(part) % 4, int))
                found.append((Quantisation(mode=mode, bits=bits, rounding=rounding), part))
    check(compiled("n64_p4_w18_b8"), shape, found)


@pytest.mark.parametrize("name", [
    "n64_p4_w18_b8", pytest.param("n128_p32_w6_b3", marks=pytest.mark.nightly)])
def test_cells_of_ecp5(name):
    """With the family's block RAM and multiplier, by our models of them."""
    unit, rng = Quantiser(SHAPES[name]), np.random.default_rng(SEED)
    unit = CompiledUnit(unit, target="ecp5", models=MODELS)
    check(unit, SHAPES[name], packets(rng, SHAPES[name], 200), p_valid=0.9, p_ready=0.8)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("name", NAMES)
def test_full_rate_and_latency(name, mode):
    """Without stalls, vectors of N samples go in and come out without a gap."""
    shape, rng = SHAPES[name], np.random.default_rng(SEED)
    unit, count = Quantiser(shape), 6
    for group in {None, 16, shape.size // 2, shape.size} - {8}:
        found = packets(rng, shape, count, modes=(mode,), beats=shape.beats, group=group)
        got, taken = check(compiled(name), shape, found)
        out = [transfer.cycle for transfer in got["o"]]
        assert len(taken["i"]) == len(out) == count * unit.interval
        assert set(np.diff(taken["i"])) <= {1} and set(np.diff(out)) <= {1}
        beats = 1 if mode == Mode.STATIC else max(1, (group or shape.size) // shape.lanes)
        assert out[0] - taken["i"][beats - 1] == unit.latency
        if mode != Mode.STATIC:
            assert out[0] - got["scales"][0].cycle == shape.bits + 5


def test_longer_groups_after_shorter_ones():
    """Codes pause only while the extremes of a longer group are not known."""
    shape = SHAPES["n64_p4_w18_b8"]
    rng = np.random.default_rng(SEED)
    parts = [(None, 16), (16, 16), (None, 16)]
    found = [packets(rng, shape, 1, modes=(Mode.SYMMETRIC,), beats=beats, group=group)[0]
             for group, beats in parts]
    got, _ = check(compiled("n64_p4_w18_b8"), shape, found)
    gaps = np.diff([transfer.cycle for transfer in got["o"]]) - 1
    assert gaps[:31].tolist() == [0] * 31 and gaps[31] <= 12 and not gaps[32:].any()


def test_reset_in_mid_stream():
    """In every cycle of many: some part of a group is then on its way in every register."""
    found = packets(np.random.default_rng(SEED), SHAPES["n64_p4_w18_b8"], 6)
    for cycle in range(1, 90):
        check(compiled("n64_p4_w18_b8"), SHAPES["n64_p4_w18_b8"], found, p_valid=0.9, p_ready=0.7,
              reset_at=cycle)


def test_packets_longer_than_the_buffer():
    """A group of the whole packet is cut after N samples."""
    shape, rng = SHAPES["n64_p4_w18_b8"], np.random.default_rng(SEED)
    y = rng.integers(-1000, 1000, 200)
    q = Quantisation(mode=Mode.ASYMMETRIC, group=shape.size)
    whole = Quantisation(mode=Mode.ASYMMETRIC)
    assert quantiser_command(shape, whole) == quantiser_command(shape, q)
    check(compiled("n64_p4_w18_b8"), shape, [(q, y)] * 3)


@pytest.mark.parametrize("p_valid, p_ready", [(1, 1), (0.5, 0.5)])
def test_in_amaranths_simulator(p_valid, p_ready):
    shape = shape_of(32, 4, 8, 4)
    inputs, outputs = streams(shape, packets(np.random.default_rng(SEED), shape, 12))
    unit, received, times = Quantiser(shape), {"o": [], "scales": []}, []
    layouts = {"command": command_layout(shape), "i": sample_layout(shape)}
    simulate(unit, [
        *(source(getattr(unit, name), map(layouts[name].from_bits, inputs[name]),
                 probability=p_valid, seed=SEED) for name in inputs),
        *(sink(getattr(unit, name), received[name], len(outputs[name]), probability=p_ready,
               seed=SEED, times=times) for name in outputs),
    ], observed=[unit.o, unit.scales], limit=3000)
    for name in outputs:
        assert [word.as_bits() for word in received[name]] == outputs[name], SEED


def test_valid_does_not_wait_for_ready():
    shape = shape_of(16, 4, 8, 4)
    unit = Quantiser(shape)
    inputs, _ = streams(shape, [(Quantisation(mode=Mode.SYMMETRIC, bits=4), np.arange(16))])

    async def wait(ctx):
        while not (ctx.get(unit.o.valid) and ctx.get(unit.scales.valid)):
            await ctx.tick()

    simulate(unit, [wait], limit=100, background=[
        source(unit.command, [command_layout(shape).from_bits(inputs["command"][0])]),
        source(unit.i, map(sample_layout(shape).from_bits, inputs["i"]))])


def test_takes_nothing_without_a_command():
    unit = Quantiser(shape_of(16, 4, 8, 4))

    async def offer(ctx):
        ctx.set(unit.i.valid, 1)
        for _ in range(10):
            await ctx.tick()
            assert not ctx.get(unit.i.ready)

    simulate(unit, [offer])


@pytest.mark.parametrize("name", NAMES)
def test_memory_bits(name):
    """Of all memories in the Verilog; queues of one register have none."""
    unit = Quantiser(SHAPES[name])
    bits, text = unit.memory_bits, convert(unit, name="quantiser")
    assert "module quantiser(" in text
    found = re.findall(r"^  reg (?:\[(\d+):0\] )?(?:\w+|\\\S+ ) \[(\d+):0\];$", text, re.M)
    assert sum((int(width or 0) + 1) * (int(last) + 1) for width, last in found) == bits


def test_wrong_shape_and_command():
    with pytest.raises(TypeError, match="shape must be a QuantiserShape, not 4"):
        Quantiser(4)
    shape = shape_of(16, 4, 8, 4)
    with pytest.raises(ValueError, match="bits must be from 2 to 4, not 8"):
        quantiser_command(shape, Quantisation(mode=Mode.SYMMETRIC))
