# SPDX-License-Identifier: Apache-2.0
"""Proofs of what stands between ragged beats and whole words: window and packer."""

from amaranth.hdl import Mux, Value

from ...hw.link.packer import Packer
from ...hw.link.window import Window
from .bench import Bench, Unit, implies
from .contracts import track
from .proof import Defect, Proof

__all__ = ["PROOFS"]


def _bytes(word, count: int) -> list[Value]:
    return [Value.cast(word).word_select(index, 8) for index in range(count)]


def window(width: int):
    """Return a proof of :class:`Window`."""
    def build(bench: Bench) -> None:
        dut = Window(width)
        unit = bench.add(dut)
        beat = dut.i.payload
        bench.assume(dut.take <= dut.level)
        bench.assume(implies(dut.i.valid, (beat.count != 0) & (beat.count <= width)))
        byte = track(bench, pushed=Mux(dut.i.valid & dut.i.ready, beat.count, 0),
                     items=_bytes(beat.data, width), popped=dut.take, visible=dut.level,
                     shown=_bytes(dut.data, width))
        bench.fact("level is what is held, up to the width",
                   dut.level == Mux(byte.count < width, byte.count, width))
        bench.fact("a beat fits beside a full window", dut.i.ready == (byte.count <= width))
        bench.lemma("what is held is in range", byte.count <= 2 * width)
        bench.lemma("the level counts what is held", byte.count == unit.signal("level"))
        held = unit.signal("held")
        bench.lemma("the byte is in its place", implies(
            byte.armed, held.word_select(byte.ahead[:4], 8) == byte.value))
        bench.cover("full", byte.count == 2 * width)

    return build


def packer(width: int):
    """Return a proof of :class:`Packer`."""
    def build(bench: Bench) -> None:
        dut = Packer(width)
        unit = bench.add(dut)
        beat, word = dut.i.payload, dut.o.payload
        bench.assume(beat.count <= width)
        bench.assume(implies(beat.last, (beat.count == 0) & (beat.data == 0)))
        shown = bench.named(Mux(dut.o.valid, word.count, 0), "shown")
        byte = track(bench, pushed=Mux(dut.i.valid, beat.count, 0),
                     items=_bytes(beat.data, width), popped=shown, visible=shown,
                     shown=_bytes(word.data, width))
        ended = bench.past(dut.i.valid & beat.last, "ended")
        bench.fact("a frame ends where it ended", (dut.o.valid & word.last) == ended)
        bench.fact("a frame is as whole as it was", implies(
            ended, word.ok == bench.past(beat.ok, "ok")))
        bench.fact("words inside a frame are full", implies(
            dut.o.valid & ~word.last, word.count == width))
        bench.fact("the last word is not full", implies(ended, word.count < width))
        bench.fact("the last word is the rest of the frame", implies(ended, word.count == byte.count
                                                                     - bench.past(0, "none")))
        for index, value in enumerate(_bytes(word.data, width)):
            bench.fact(f"byte {index} above the rest is zero", implies(
                ended & (index >= word.count), value == 0))
        level, held = unit.signal("level"), unit.signal("held")
        bench.lemma("the level counts what is held", byte.count == level + shown)
        place = bench.named(byte.ahead - shown, "place")
        bench.lemma("the byte is in its place", implies(
            byte.armed & (byte.ahead >= shown),
            held.word_select(place[:3], 8) == byte.value))
        bench.cover("a frame of three words", dut.o.valid & word.last)

    return build


def _old_level(unit: Unit) -> None:
    # New bytes are put behind what was held before some of it was taken.
    level = unit.signal("level")
    unit.corrupt("moved", lambda _: unit.component.i.payload.data << (level << 3))


def _not_shifted(unit: Unit) -> None:
    # A full word leaves, and its first bytes are held again, not those behind it.
    unit.corrupt("held", lambda _: unit.signal("joined"))


PROOFS = [
    *(Proof(f"window_{width}", "Window", f"{width} bytes",
            "bytes in order, none lost or repeated, for any beats and any takes; level; ready",
            "induction", 2, window(width),
            Defect("new bytes are placed without regard to those that are taken", _old_level,
                   "what_comes_out_is_what_went_in"))
      for width in (2, 4, 8)),
    *(Proof(f"packer_{width}", "Packer", f"{width} bytes",
            "bytes in order, none lost or repeated or moved to another frame; full words; zeros "
            "after the last byte",
            "induction", 2, packer(width),
            Defect("behind a full word its own first bytes are held, not the next ones",
                   _not_shifted, "what_comes_out_is_what_went_in"))
      for width in (2, 4, 8)),
]
