# SPDX-License-Identifier: Apache-2.0
"""Proofs of the units of ``hw/stream.py``."""

from amaranth.hdl import Mux, Value

from ...hw.stream import Queue, StreamRegister
from .bench import Bench, Unit, implies
from .contracts import holds, track
from .proof import Defect, Proof

__all__ = ["PROOFS"]


def _words(bench: Bench, dut):
    """Follow a word through a unit with a stream in and a stream out."""
    return track(bench, pushed=dut.i.valid & dut.i.ready, items=[dut.i.payload],
                 popped=dut.o.valid & dut.o.ready, visible=dut.o.valid,
                 shown=[Value.cast(dut.o.payload)])


def stream_register(bench: Bench) -> None:
    """All of :class:`StreamRegister`."""
    dut = StreamRegister(4)
    unit = bench.add(dut)
    holds(bench, unit, dut.o)
    word = _words(bench, dut)
    bench.fact("a word is shown in the next cycle", implies(word.count != 0, dut.o.valid))
    bench.fact("two words fit", dut.i.ready == (word.count < 2))
    # Where the word is; for the induction.
    filled, spilled = unit.signal("filled"), unit.signal("spilled")
    bench.lemma("the registers hold what is on the way", word.count == filled + spilled)
    bench.lemma("the second register fills last", implies(spilled, filled))
    bench.lemma("the word is in its register", implies(
        word.armed, word.value == Mux(word.ahead == 0, unit.signal("first"),
                                      unit.signal("second"))))
    bench.cover("full", spilled)


def queue(depth: int):
    """Return a proof of all of :class:`Queue`."""
    def build(bench: Bench) -> None:
        dut = Queue(3, depth)
        unit = bench.add(dut)
        holds(bench, unit, dut.o)
        word = _words(bench, dut)
        bench.fact("a word is shown in the next cycle", implies(word.count != 0, dut.o.valid))
        bench.fact("depth words fit", dut.i.ready == (word.count < depth))
        bench.fact("level is the number of words", dut.level == word.count)
        # Where the word is; for the induction. A queue of one word has no pointers.
        bench.lemma("level is in range", word.count <= depth)
        place = 0
        if depth > 1:
            produce, consume = unit.signal("fifo.produce"), unit.signal("fifo.consume")
            bench.lemma("the pointers are in range", (produce < depth) & (consume < depth))
            following = consume + word.count
            bench.lemma("the pointers differ by the level", produce == Mux(
                following >= depth, following - depth, following))
            place = consume + word.ahead
            place = bench.named(Mux(place >= depth, place - depth, place), "place")
        bench.lemma("the word is in its place", implies(
            word.armed, unit.peek("fifo.storage", place) == word.value))
        bench.cover("full", dut.level == depth)

    return build


def _spill_lost(unit: Unit) -> None:
    unit.corrupt("first", lambda _: Value.cast(unit.component.i.payload))


def _waits_for_ready(unit: Unit) -> None:
    unit.corrupt(unit.component.o.valid, lambda valid: valid & unit.component.o.ready)


def _late_full(unit: Unit) -> None:
    # As if the last place were not counted: a write into a full queue is let through.
    unit.corrupt(unit.component.i.ready, lambda ready: ready | unit.component.o.ready)


PROOFS = [
    Proof("stream_register", "StreamRegister", "4 bits",
          "words in order, none lost or repeated; 2 fit; latency 1; output contract",
          "induction", 2, stream_register,
          Defect("the first register takes the input also when a word waits in the second",
                 _spill_lost, "what_comes_out_is_what_went_in")),
    Proof("stream_register_ready", "StreamRegister", "4 bits",
          "as stream_register; the twin breaks the output contract",
          "induction", 2, stream_register,
          Defect("valid waits for ready", _waits_for_ready, "o_has_valid_without_regard_to_ready")),
    *(Proof(f"queue_{depth}", "Queue", f"3 bits, depth {depth}",
            "words in order, none lost or repeated; depth fit; level; latency 1; output contract",
            "induction", 2, queue(depth),
            Defect("ready when full, if a word leaves in that cycle",
                   _late_full, "depth_words_fit"))
      for depth in (1, 2, 3, 4, 5, 8)),
]
