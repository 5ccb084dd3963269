# SPDX-License-Identifier: Apache-2.0
"""Proofs of the two halves of the COBS encoder."""

from amaranth.hdl import Cat, Const, Mux, Signal, Value

from ...hw.link.encoder import GroupSender
from ...hw.link.scanner import LONGEST_RUN, GroupScanner
from .bench import Bench, Unit, implies
from .contracts import holds, legal_source
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
        position, opened = unit.signal("position"), unit.signal("code")
        run = bench.named((opened - 1)[: len(opened)], "run")
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
        bench.lemma("the group is not full", (opened != 0) & (opened <= LONGEST_RUN))
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


def _run_kept(unit: Unit) -> None:
    # The end of a group in the middle of a word does not start the count anew.
    unit.corrupt("code", lambda _: unit.signal("reach"), 0)


def _no_end(unit: Unit) -> None:
    # The last of several beats of a group is forgotten to be the last.
    unit.corrupt("closing", lambda _: (unit.signal("wanted") == unit.signal("amount"))
                 & unit.component.groups.payload.last, 0)


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
]
