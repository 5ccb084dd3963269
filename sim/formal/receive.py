# SPDX-License-Identifier: Apache-2.0
"""Proofs of the receive side of the link: it always comes back to the start of a frame."""

from amaranth.hdl import Cat, Const, Mux, Signal, Value

from ...hw.link.decoder import CobsDecoder
from ...hw.link.receiver import Receiver
from .bench import Bench, Unit, implies
from .proof import Defect, Proof

__all__ = ["PROOFS"]


def _legal_beats(bench: Bench, dut) -> None:
    count = dut.i.payload.count
    bench.assume(implies(dut.i.valid, (count != 0) & (count <= dut.width)))


def _legal_window(bench: Bench, unit: Unit, path: str, shown: Signal, width: int) -> None:
    """Assume of a window that it holds what fits; the proof of Window shows it."""
    if width > 1:
        bench.assume_at_start(unit.signal(path, but=shown) <= 2 * width)


def _serial(bench: Bench, unit: Unit, level: Signal, width: int):
    """Decode the bytes that are taken one by one, by the rules; return count, bytes and state."""
    data, take = unit.signal("data"), unit.signal("take")
    rest, zero = unit.signal("rest"), unit.signal("zero")
    count, shown, inside = Const(0, 4), Const(0, 8 * width), Const(1, 1)
    for index in range(width):
        byte, taken = bench.named(data.word_select(index, 8), f"byte_{index}"), index < take
        code = rest == 0
        emit = bench.named(taken & (~code | zero), f"emit_{index}")
        shown = bench.named(shown | (Mux(emit & ~code, byte, 0) << (count << 3))[: 8 * width],
                            f"shown_{index}")
        count = bench.named((count + emit)[:4], f"count_{index}")
        zero = bench.named(Mux(taken & code, byte != 0xFF, zero), f"zero_{index}")
        rest = bench.named(Mux(taken, Mux(code, byte - 1, rest - 1), rest)[:8], f"rest_{index}")
        inside = inside & (~taken | (byte != 0))
    return count, shown, rest, zero, bench.named(inside, "inside")


def _index(unit: Unit) -> Signal:
    """Return the receiver's place in header or data."""
    return unit.signal("index", but=unit.signal("slots.index"))


def cobs_decoder(width: int):
    """Return a proof of :class:`CobsDecoder`."""
    def build(bench: Bench) -> None:
        dut = CobsDecoder(width)
        unit = bench.add(dut)
        level, take = unit.signal("level"), unit.signal("take")
        _legal_beats(bench, dut)
        _legal_window(bench, unit, "window.level", level, width)
        hunting, empty, rest, zero, ended = (
            unit.signal(name) for name in ("hunting", "empty", "rest", "zero", "ended"))
        if width == 1:
            bench.fact("the input is never stalled", implies(dut.i.valid, dut.i.ready))
            bench.fact("a 00 is taken at once", ended == (
                dut.i.valid & (dut.i.payload.data == 0)))
        bench.fact("something is taken if anything is there",
                   Mux(level != 0, take != 0, take == 0) & (take <= level))
        bench.fact("a 00 leads to the start of a frame", implies(
            bench.past(ended, "was_00"), ~hunting & empty & (rest == 0) & ~zero))
        word = dut.o.payload
        closed = bench.past(ended & ~hunting & ~empty, "closed")
        bench.fact("a frame ends once for each 00 after something",
                   (dut.o.valid & word.last) == closed)
        bench.fact("a frame is whole if its last group was", implies(
            closed, word.ok == bench.past(rest == 0, "whole")))
        bench.fact("the end holds no bytes", implies(closed, (word.count == 0) & (word.data == 0)))
        count, shown, rest_after, zero_after, inside = _serial(bench, unit, level, width)
        decoding = bench.past(~ended & (take != 0), "decoding")
        bench.fact("no 00 is taken as data", implies(~ended, inside))
        bench.fact("the group goes on as it should", implies(
            decoding, (rest == bench.past(rest_after, "rest_after"))
            & (zero == bench.past(zero_after, "zero_after"))))
        emitted = bench.past(Mux(hunting | ended, 0, count), "emitted")
        bench.fact("nothing is shown while hunting, nor without bytes",
                   (dut.o.valid & ~word.last) == (emitted != 0))
        before = bench.past(shown, "shown_before")
        right = Cat((index >= emitted) | (Value.cast(word.data).word_select(index, 8)
                                          == before.word_select(index, 8))
                    for index in range(width))
        bench.fact("the bytes are those of the serial decoder", implies(
            emitted != 0, (word.count == emitted) & right.all()))

    return build


def judging(width: int):
    """Return a proof that each frame is judged, from any state of :class:`Receiver`."""
    def build(bench: Bench) -> None:
        dut = Receiver(width, 8, 2)
        unit = bench.add(dut)
        _legal_beats(bench, dut)
        if width > 1:
            _legal_window(bench, unit, "decoder.window.level", unit.signal("decoder.level"), width)
        ended = unit.signal("decoder.ended")
        closed = ended & ~unit.signal("decoder.hunting") & ~unit.signal("decoder.empty")
        cycles = 2 if width == 1 else 3
        for cycle in range(cycles):
            closed = bench.past(closed, f"closed_{cycle}")
        running = bench.running(cycles)
        verdicts = Value.cast(unit.signal("kept")) + dut.damaged + dut.overrun
        if width == 1:
            bench.fact("the input is never stalled", implies(dut.i.valid, dut.i.ready))
        bench.fact("a frame is judged once, and nothing else is", implies(
            running, verdicts == closed))
        bench.fact("the next frame begins in the first word of a slot", implies(
            running & closed, (_index(unit) == 0) & ~unit.signal("write__body")))

    return build


def slots(width: int):
    """Return a proof of the slots of :class:`Receiver`."""
    def build(bench: Bench) -> None:
        window = 2
        dut = Receiver(width, 8, window)
        unit = bench.add(dut)
        _legal_beats(bench, dut)
        # A good frame may be any, so that the CRC and the sizes are left out.
        unit.cut("good")
        bench.assume(implies(dut.reader.done, dut.reader.valid))
        level, oldest = unit.signal("level"), unit.signal("read_slot")
        write, slot = unit.signal("write__enable"), unit.signal("write__slot")
        bench.fact("no more is kept than fits", level <= window)
        bench.fact("no request that is kept is overwritten", implies(
            write, (slot - oldest)[: len(slot)] >= level))
        bench.fact("a request is shown only if one is kept", implies(dut.reader.valid, level != 0))
        ending, room, index = unit.signal("ending"), unit.signal("room"), _index(unit)
        begins = unit.signal("packer.o__valid") & (index == 0) & ~unit.signal("write__body")
        found = Signal(name="found")
        with bench.m.If(begins):
            bench.m.d.sync += found.eq(level != window)
        bench.fact("a good frame is kept if a slot was free when it began", implies(
            ending & unit.signal("good"), Mux(found, unit.signal("kept"), dut.overrun)))
        bench.lemma("the first word of a frame is known", unit.signal("first")
                    == ((index == 0) & ~unit.signal("write__body")))
        bench.lemma("slots follow each other", slot == (oldest + level)[: len(slot)])
        busy = unit.signal("write__body") | (index != 0) | ending
        bench.lemma("a frame that has room keeps it", implies(
            busy, (room == found) & implies(room, level < window)))
        if width > 1:
            bench.lemma("the window holds what fits", unit.signal(
                "decoder.window.level", but=unit.signal("decoder.level")) <= 2 * width)
        bench.cover("all slots are taken", level == window)

    return build


def _group_goes_on(unit: Unit) -> None:
    unit.corrupt("rest", lambda _: unit.signal("rest"), 0)


def _not_begun_anew(unit: Unit) -> None:
    unit.corrupt(_index(unit), lambda _: _index(unit), 0)


def _always_room(unit: Unit) -> None:
    unit.corrupt("free", lambda _: Const(1, 1))


PROOFS = [
    *(Proof(f"cobs_decoder_{width}", "CobsDecoder", f"{width} bytes",
            "from any state a 00 leads to the start of a frame; a frame ends once for each 00; "
            "never stalls; bytes as a serial decoder has them",
            "any state", 2, cobs_decoder(width),
            Defect("a 00 inside a group does not end the group", _group_goes_on,
                   "a_00_leads_to_the_start_of_a_frame"))
      for width in (1, 2, 4, 8)),
    *(Proof(f"receiver_judges_{width}", "Receiver", f"{width} bytes, 8 bytes of data, window 2",
            "from any state each 00 after something gives one verdict, at once, and the next frame "
            "begins in the first word of a slot; the stream is never blocked",
            "any state", 6, judging(width),
            Defect("the place in the slot is not set back at the end of a frame", _not_begun_anew,
                   "the_next_frame_begins_in_the_first_word_of_a_slot"))
      for width in (1, 2)),
    *(Proof(f"receiver_slots_{width}", "Receiver", f"{width} bytes, window 2, any CRC",
            "never more frames than slots; what is kept is not overwritten",
            "induction", 5, slots(width),
            Defect("a frame is kept whether a slot is free or not", _always_room,
                   "no_request_that_is_kept_is_overwritten"))
      for width in (1, 2)),
]
