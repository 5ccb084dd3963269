# SPDX-License-Identifier: Apache-2.0
"""Proofs of the COBS encoder and its halves."""

from amaranth.hdl import Cat, Const, Mux, Signal, Value

from ...hw.link.encoder import CobsEncoder, GroupSender
from ...hw.link.scanner import LONGEST_RUN, GroupScanner
from .bench import Bench, Unit, implies
from .contracts import holds, legal_source, track
from .proof import Defect, Proof

__all__ = ["PROOFS"]


def _legal_frames(bench: Bench, dut) -> None:
    """Assume full words but for the last, which is empty only if the frame is."""
    beat, width = dut.i.payload, dut.width
    inside = Signal(name="inside")
    with bench.m.If(dut.i.valid & dut.i.ready):
        bench.m.d.sync += inside.eq(~beat.last)
    bench.assume(implies(dut.i.valid, (beat.count <= width) & (
        (beat.count == width) | beat.last) & ((beat.count != 0) | ~inside)))
    legal_source(bench, dut.i)


def _next_group(bench: Bench, beat, position, run, width: int):
    """Look for the end of a group byte by byte; return its end, code, whether ended and last."""
    done, full, after = Const(0, 1), Const(0, 1), beat.count
    for index in range(width):
        active = (index >= position) & (index < beat.count) & ~done
        zero = active & (beat.data.word_select(index, 8) == 0)
        filled = active & ~zero & (run == LONGEST_RUN - 1)
        run = bench.named((run + (active & ~zero))[:9], f"run_{index}")
        after = bench.named(Mux(zero | filled, index + 1, after), f"after_{index}")
        full = bench.named(full | filled, f"full_{index}")
        done = bench.named(done | zero | filled, f"done_{index}")
    last = beat.last & (after == beat.count) & (full | ~done)
    return after, run + 1, done | last, last


def group_scanner(width: int):
    """Return a proof of :class:`GroupScanner`."""
    def build(bench: Bench) -> None:
        m, dut = bench.m, GroupScanner(width)
        unit = bench.add(dut)
        _legal_frames(bench, dut)
        holds(bench, unit, dut.words, "words")
        holds(bench, unit, dut.groups, "groups")
        beat, group = dut.i.payload, dut.groups.payload
        taken = bench.named(dut.words.valid & dut.words.ready, "taken")
        seen = Signal(name="seen")  # this word went on
        m.d.sync += seen.eq((seen | taken) & ~(dut.i.valid & dut.i.ready))
        bench.fact("a word goes on once", ~(taken & seen))
        bench.fact("a word goes on before it is left", implies(
            dut.i.valid & dut.i.ready, seen | taken | (beat.count == 0)))
        bench.fact("words go on unchanged", implies(taken, Value.cast(dut.words.payload) == Cat(
            beat.data, beat.count)))
        position, run = unit.signal("position"), unit.signal("run")
        after, code, ended, last = _next_group(bench, beat, position, run, width)
        bench.fact("groups end where the rules say", implies(dut.groups.valid, ended))
        bench.fact("codes are those of the rules", implies(
            dut.groups.valid, (group.code == code) & (group.last == last)))
        bench.fact("no group is passed over", implies(
            dut.i.valid & dut.i.ready & ended, dut.groups.valid & dut.groups.ready))
        moved = bench.past(dut.i.valid & (seen | taken | (beat.count == 0))
                           & (~ended | dut.groups.ready), "moved")
        left = bench.past(dut.i.valid & dut.i.ready, "left")
        bench.fact("the next group begins behind this one", implies(
            moved, (position == Mux(left, 0, bench.past(after, "was_after")))
            & (run == bench.past(Mux(ended, 0, code - 1), "was_run"))))
        bench.fact("nothing moves without a transfer", implies(
            ~moved, (position == bench.past(position, "was_at")) & (
                run == bench.past(run, "run_before"))))
        waits = Signal(range(width + 3), name="waits")
        free = dut.words.ready & dut.groups.ready
        m.d.sync += waits.eq(Mux(dut.i.valid & ~dut.i.ready & free & (waits <= width + 1),
                                 waits + 1, 0))
        bench.fact("a word takes a cycle for each byte and one more at most", waits <= width)
        bench.lemma("what was passed on is known", unit.signal("passed") == seen
                    | (dut.i.valid & (beat.count == 0) & unit.signal("passed")))
        bench.lemma("a group begins in one word", (run == 0) | (position == 0))
        bench.lemma("the group is not full", run < LONGEST_RUN)
        bench.lemma("position lies in the word", implies(
            position != 0, dut.i.valid & unit.signal("passed") & (position <= beat.count)))
        bench.lemma("each cycle leaves a byte behind", waits <= position)
        bench.cover("a full group", dut.groups.valid & (run == 0) & last)

    return build


def group_sender(width: int):
    """Return a proof of :class:`GroupSender`."""
    def build(bench: Bench) -> None:
        m, dut = bench.m, GroupSender(width)
        unit = bench.add(dut)
        legal_source(bench, dut.words, "words")
        legal_source(bench, dut.groups, "groups")
        holds(bench, unit, dut.o)
        word = dut.words.payload
        bench.assume(implies(dut.words.valid, (word.count != 0) & (word.count <= width)))
        bench.assume(implies(dut.groups.valid, dut.groups.payload.code != 0))
        level, take, data = (unit.signal(name) for name in ("level", "take", "data"))
        go, drop, starting = (unit.signal(name) for name in ("go", "drop", "starting"))
        # The scanner lets a group end before each 00.
        for index in range(width):
            dropped = drop & starting if index == 0 else Const(0, 1)
            bench.assume(implies(go & (index < take) & ~dropped,
                                 data.word_select(index, 8) != 0))
        beat, closing = dut.o.payload, unit.signal("closing")
        zeros = Cat((index < beat.count) & (beat.data.word_select(index, 8) == 0)
                    for index in range(width))
        bench.fact("beats hold some bytes", implies(
            dut.o.valid, (beat.count != 0) & (beat.count <= width)))
        # The groups that a reader of the output finds.
        taken = bench.named(dut.groups.valid & dut.groups.ready, "taken")
        ending = Signal(name="ending")
        sent = bench.named(dut.o.valid & dut.o.ready, "sent")
        end = bench.named(zeros.any(), "end")
        rest, final = Signal(8, name="left"), Signal(name="final_group")
        m.d.sync += ending.eq(ending & ~(sent & end) | taken & dut.groups.payload.last)
        with m.If(taken):
            m.d.sync += [rest.eq(dut.groups.payload.code - unit.signal("amount")),
                         final.eq(dut.groups.payload.last)]
        with m.Elif(go):
            m.d.sync += rest.eq(rest - unit.signal("amount"))
        bench.fact("a 00 comes only behind the last group, and alone", implies(
            dut.o.valid & end, ending & (rest == 0) & final & (beat.count == 1)))
        bench.fact("the next group begins behind the 00", implies(
            taken, ~(ending & ~(sent & end)) & (rest == 0)))
        bench.fact("the input goes on if the output does", implies(
            bench.past((sent | ~dut.o.valid) & (closing | (rest != 0) & (level != 0)), "can_go"),
            dut.o.valid))
        bench.fact("a 00 follows the last group at once", implies(
            bench.past(ending & (rest == 0) & (sent | ~dut.o.valid) & ~end, "due"),
            dut.o.valid & end))
        bench.lemma("the rest is the rest", (rest == unit.signal("rest")))
        bench.lemma("the 00 is next or shown", implies(
            ending, (rest != 0) | closing | (dut.o.valid & end)))
        bench.lemma("it is next only in its place", implies(
            closing, ending & (rest == 0) & final & ~(dut.o.valid & end)))
        bench.lemma("the last group is known", implies(
            rest != 0, final == unit.signal("final")) & implies(ending, final)
            & implies(final & (rest != 0), ending))
        bench.lemma("the window holds what fits", (level <= width) if width == 1 else (
            unit.signal("window.level", but=level) <= 2 * width))
        bench.cover("a 00 leaves", sent & end)

    return build


class _SmallEncoder(CobsEncoder):
    """The encoder with short queues: enough for the short frames that are looked at."""

    AHEAD_BYTES = 8
    AHEAD_GROUPS = 4


def cobs_encoder(bench: Bench) -> None:
    """Show that a serial decoder gets back what :class:`CobsEncoder` was given."""
    m, dut = bench.m, _SmallEncoder(1)
    bench.add(dut)
    _legal_frames(bench, dut)
    # Bytes are only compared with 0, so that two values stand for all. That the output may be
    # stalled at any time is a matter of the sender and the queues, which are proved by themselves.
    bench.assume((dut.i.payload.data < 2) & dut.o.ready)
    into, out = Signal(name="into"), Signal(name="out")  # frames, modulo 2
    pushed = bench.named(dut.i.valid & dut.i.ready, "pushed")
    sent, byte = bench.named(dut.o.valid & dut.o.ready, "sent"), dut.o.payload.data
    rest, zero, some = Signal(8, name="rest"), Signal(name="zero"), Signal(name="some")
    length = Signal(3, name="length")
    with m.If(pushed):
        m.d.sync += [into.eq(into ^ dut.i.payload.last),
                     length.eq(Mux(dut.i.payload.last, 0, length + 1))]
    bench.assume(implies(dut.i.valid & (length == 2), dut.i.payload.last))
    with m.If(sent):
        m.d.sync += some.eq(byte != 0)
        with m.If(byte == 0):
            m.d.sync += [out.eq(~out), zero.eq(0)]
        with m.Elif(rest == 0):
            m.d.sync += [rest.eq(byte - 1), zero.eq(byte != 0xFF)]
        with m.Else():
            m.d.sync += rest.eq(rest - 1)
    shown = bench.named(sent & (byte != 0) & ((rest != 0) | zero), "shown")
    track(bench, pushed=pushed & (dut.i.payload.count != 0),
          items=[Cat(dut.i.payload.data, into)], popped=shown, visible=shown,
          shown=[Cat(Mux(rest == 0, 0, byte), out)])
    bench.fact("a 00 ends a frame that was sent, and no group", implies(
        sent & (byte == 0), some & (rest == 0)))
    frames, waits = Signal(4, name="frames"), Signal(5, name="waits")
    ended = bench.named(sent & (byte == 0), "ended")
    m.d.sync += [frames.eq(frames + (pushed & dut.i.payload.last) - ended),
                 waits.eq(Mux((frames == 0) | ended | ~dut.o.ready, 0, waits + 1))]
    bench.fact("a 00 ends only a frame that was given", implies(ended, frames != 0))
    bench.fact("a frame that was given comes out", waits <= 8)
    bench.cover("a frame comes out", ended & (length == 0) & (frames == 1))


def _run_kept(unit: Unit) -> None:
    # The end of a group in the middle of a word does not start the count anew.
    unit.corrupt("run", lambda _: unit.signal("reach"), 0)


def _no_end(unit: Unit) -> None:
    # The last of several beats of a group is forgotten to be the last.
    unit.corrupt("closing", lambda _: (unit.signal("wanted") == unit.signal("amount"))
                 & unit.component.groups.payload.last, 0)


def _drop_kept(unit: Unit) -> None:
    # Behind the last group of a frame the next frame's first byte is dropped.
    payload = unit.signal("sender.groups__payload")
    unit.corrupt("sender.drop", lambda _: payload[:8] != 0xFF)


PROOFS = [
    *(Proof(f"group_scanner_{width}", "GroupScanner", f"{width} bytes",
            "words go on once, unchanged; groups and codes are those of a byte by byte scan; "
            "a word takes at most a cycle for each byte and one; output contracts",
            "induction", 3, group_scanner(width),
            Defect("the end of a group does not start the count of its bytes anew", _run_kept,
                   "the_next_group_begins_behind_this_one"))
      for width in (1, 2, 4)),
    *(Proof(f"group_sender_{width}", "GroupSender", f"{width} bytes",
            "a 00 comes only behind the last group, alone, and then at once; given bytes, the "
            "output goes on; output contract",
            "induction", 3, group_sender(width),
            Defect("whether a group is the last is read from the next group", _no_end,
                   "the_next_group_begins_behind_the_00"))
      for width in (1, 2, 4)),
    Proof("cobs_encoder_1", "CobsEncoder", "1 byte, frames of up to 3 bytes, 8 bytes ahead",
          "a serial decoder gets back the same frames; each comes out in at most 8 cycles",
          "bounded", 12, cobs_encoder,
          Defect("the first byte behind a frame is dropped", _drop_kept,
                 "what_comes_out_is_what_went_in"), options="--nomem --unroll "),
]
