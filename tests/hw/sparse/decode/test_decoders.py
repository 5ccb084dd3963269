# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Both decoders of sparse weights against the golden model, in Amaranth's simulator."""

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.lib import data

from luthier.gen.verilog import convert
from luthier.golden.sparse.encodings import BlockFormat, Defect, RowFormat
from luthier.golden.sparse.encodings.bits import payload_places
from luthier.hw.sparse.decode import BlockDecoder, RowDecoder
from luthier.hw.sparse.layouts import weight_layout
from luthier.sim.encoding_case import EncodingCase
from luthier.sim.sparse_matrices import (
    block_formats,
    format_name,
    random_matrix,
    row_formats,
)
from luthier.sim.streams import simulate, sink, source

BLOCKS = [form for form in block_formats(64, 4) if (form.encoding, form.kept, form.block) in {
    ("dense", 16, 16), ("index", 2, 4), ("index", 4, 8), ("pairs", 2, 4), ("bitmap", 2, 4),
    ("bitmap", 8, 16)}]
ROWS = [*row_formats(64, 4), *row_formats(128, 8)[:1]]
#: Two beats of the index for each of weights, three for four; short entries with wide beats.
MORE = [form for form in [*block_formats(64, 4), *row_formats(64, 8), *row_formats(256, 4)]
        if form not in BLOCKS and format_name(form) not in {"bitmap-1of16-w4-d64"}]


def nightly(forms):
    return [pytest.param(form, marks=pytest.mark.nightly) for form in forms]


def decoder(form):
    return (BlockDecoder if isinstance(form, BlockFormat) else RowDecoder)(form)


def bits(stream, payloads):
    """Return payloads as a test bench has to set them."""
    shape = stream.payload.shape()
    return [shape.from_bits(word) if isinstance(shape, data.Layout) else word for word in payloads]


def run(case, *, p_valid=1.0, p_ready=1.0, seed=1):
    """Run a case; return the cycles in which beats were taken and words made."""
    unit, words, reports, taken, made = decoder(case.form), [], [], [], []

    async def watch(ctx):
        cycle = 0
        async for *_, valid, ready in ctx.tick().sample(unit.i.valid, unit.i.ready):
            taken.extend([cycle] * (valid & ready))
            cycle += 1

    simulate(unit, [
        source(unit.c, bits(unit.c, case.commands), probability=p_valid, seed=seed),
        source(unit.i, bits(unit.i, case.beats), probability=p_valid, seed=seed + 1),
        sink(unit.o, words, len(case.words), probability=p_ready, seed=seed + 2, times=made),
        sink(unit.report, reports, len(case.reports), probability=p_ready, seed=seed + 3)],
        observed=[unit.o, unit.report], background=[watch],
        limit=500 + int(8 * (len(case.beats) + len(case.words)) / p_valid / p_ready))
    assert [word.as_bits() for word in words] == case.words, f"seed {seed}"
    assert [report.as_bits() for report in reports] == case.reports, f"seed {seed}"
    return np.array(taken), np.array(made)


def columns_of(form, words):
    """Return the columns that so many full words stand for."""
    return words * (form.columns if isinstance(form, BlockFormat) else form.slots)


@pytest.mark.parametrize("p_valid, p_ready", [(1, 1), (0.4, 1), (0.7, 0.5)])
@pytest.mark.parametrize("form", [*BLOCKS, *ROWS, *nightly(MORE)], ids=format_name)
def test_packets(form, p_valid, p_ready):
    """Right ones and damaged ones in turn: each is what the golden model says, and the next too."""
    seed = form.slots + int(10 * p_valid + 100 * p_ready)
    rng, case = np.random.default_rng(seed), EncodingCase(form)
    for _ in range(3):
        rows, columns = int(rng.integers(1, 4)), int(rng.integers(1, columns_of(form, 2)))
        case.add_random(rng, rows, columns)
        case.add_damaged(rng, rows, columns)
    case.add_random(rng, 2, columns_of(form, 2), 1.0)
    run(case, p_valid=p_valid, p_ready=p_ready, seed=seed)


@pytest.mark.parametrize("form", [*BLOCKS, *nightly(
    form for form in MORE if isinstance(form, BlockFormat))], ids=format_name)
def test_blocks_at_full_rate(form):
    """A beat a cycle, of index or weights; exact latency, and the declared gap behind a packet."""
    case, rng = EncodingCase(form), np.random.default_rng(2)
    for _ in range(2):
        case.add_random(rng, 5, form.columns)
    taken, made = run(case)
    unit, count = BlockDecoder(form), case.taking[0]
    assert (np.diff(taken[:count]) == 1).all() and (np.diff(taken[count:]) == 1).all()
    assert taken[count] - taken[count - 1] - 1 == unit.gap
    places = payload_places(5, form.index_bits, form.beat_bits)
    assert (made[:5] - taken[places] == unit.latency).all()
    assert unit.latency == (3 if form.encoding == "bitmap" and form.block > 4 else 2)


@pytest.mark.parametrize("form", ROWS, ids=format_name)
def test_rows_at_full_rate(form):
    """A beat a cycle while rows end with beats, else one cycle more for each other row in it."""
    case, rng = EncodingCase(form), np.random.default_rng(3)
    for _ in range(2):
        case.add(np.ones((3, columns_of(form, 4)), int))
    taken, made = run(case)
    unit, count = RowDecoder(form), case.taking[0]
    assert (np.diff(taken[:count]) == 1).all() and (np.diff(taken[count:]) == 1).all()
    assert taken[count] - taken[count - 1] - 1 == unit.gap
    places = payload_places(12, form.index_bits, form.beat_bits)
    assert (made[:12] - taken[places] == unit.latency).all()
    case = EncodingCase(form)
    case.add_random(rng, 17, columns_of(form, 4), 0.3)
    taken, made = run(case)
    cycles = made[-1] - taken[0] - unit.latency + 1
    # A beat of the index may pass while the items of a beat are split.
    index = -(-form.index_bits * case.taking[0] // form.beat_bits)
    assert len(case.words) <= cycles <= len(case.words) + index


@pytest.mark.parametrize("form", [BLOCKS[0], BLOCKS[-1], ROWS[0], ROWS[-1]], ids=format_name)
def test_stream_of_weights_stops_or_never_ends(form):
    """Nothing but the last beat, and a very long packet: the next one is decoded all the same."""
    rng = np.random.default_rng(4)
    case = EncodingCase(form)
    command, beats = case.encoded(random_matrix(form, rng, 3, columns_of(form, 2), 1.0))
    case.add_packet(command, beats[:1])
    case.add_packet(command, np.tile(beats, (20, 1)))
    case.add_random(rng, 3, columns_of(form, 2))
    assert [report >> 16 for report in case.reports] == [Defect.TRUNCATED, Defect.OVERLONG, 0]
    run(case, p_ready=0.8)


@pytest.mark.parametrize("form", [BLOCKS[0], ROWS[0]], ids=format_name)
def test_none_counts_as_one(form):
    """A command for no words or rows is one for one: nothing waits for ever."""
    case, rng = EncodingCase(form), np.random.default_rng(5)
    case.add_random(rng, 1, form.slots // 2, 1.0)
    case.add_random(rng, 3, form.slots, 1.0)
    case.commands[0] &= ~0xFFFF
    run(case)


@pytest.mark.parametrize("form", [BLOCKS[1], BLOCKS[-1], ROWS[0], ROWS[-1]], ids=format_name)
def test_reset_in_midstream(form):
    for cut in (1, 3, 6):
        first, second = EncodingCase(form), EncodingCase(form)
        rng = np.random.default_rng(cut)
        first.add_random(rng, 7, columns_of(form, 2), 1.0)
        second.add_random(rng, 3, columns_of(form, 2))
        unit, words, reset = decoder(form), [], Signal()

        async def bench(ctx, unit=unit, first=first, second=second, cut=cut, reset=reset):
            ctx.set(unit.o.ready, 1)
            ctx.set(unit.report.ready, 1)
            await source(unit.c, bits(unit.c, first.commands))(ctx)
            await source(unit.i, bits(unit.i, first.beats[:cut]))(ctx)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            assert not ctx.get(unit.o.valid)
            await source(unit.c, bits(unit.c, second.commands))(ctx)
            await source(unit.i, bits(unit.i, second.beats))(ctx)

        async def collect(ctx, unit=unit, words=words, second=second, reset=reset):
            while len(words) < len(second.words):
                *_, reset_now, valid, payload = await ctx.tick().sample(
                    reset, unit.o.valid, unit.o.payload)
                if reset_now:
                    words.clear()
                elif valid:
                    words.append(payload.as_bits())

        simulate(ResetInserter(reset)(unit), [bench, collect], limit=2000)
        assert words == second.words


def test_payloads_are_those_of_the_layouts():
    form = BlockFormat(encoding="index", kept=2, block=4, beat_bits=64)
    case, row = EncodingCase(form), np.zeros((1, 32), int)
    row[0, [1, 3, 4, 5]] = -8, 7, 2, 3
    case.add(row)
    word = weight_layout(16, 4, 4).from_bits(case.words[0])
    assert [word.weights[slot] for slot in range(4)] == [-8, 7, 2, 3]
    assert [word.positions[slot] for slot in range(4)] == [1, 3, 0, 1] and word.last == 1
    form = RowFormat(encoding="csr", gap_bits=11, beat_bits=64, block=4)
    case, matrix = EncodingCase(form), np.zeros((2, 1000), int)
    matrix[0, 513], matrix[1, 7] = -3, 5
    case.add(matrix)
    unit = RowDecoder(form)
    first, second = (unit.o.payload.shape().from_bits(word) for word in case.words)
    assert (first.word.weights[0], first.word.positions[0], first.places[0]) == (-3, 1, 128)
    assert (second.word.weights[1], second.word.positions[1], second.places[1]) == (5, 3, 1)
    assert (first.end, first.word.last, second.end, second.word.last) == (1, 0, 1, 1)


@pytest.mark.parametrize("form", [BLOCKS[0], BLOCKS[-1], *ROWS[::2]], ids=format_name)
def test_converts(form):
    unit = decoder(form)
    assert unit.form is form
    assert "module decoder(" in convert(unit, name="decoder")


def test_wrong_form():
    with pytest.raises(TypeError, match="form must be a BlockFormat, not 16"):
        BlockDecoder(16)
    with pytest.raises(TypeError, match="form must be a RowFormat, not 'bsr'"):
        RowDecoder("bsr")
