# SPDX-License-Identifier: Apache-2.0
"""Proofs of the on-chip memory and of the cache of replies."""

from amaranth.hdl import Mux, Signal

from ...hw.engine.memory import OnChipMemory
from ...hw.link.cache import ReplyCache
from .bench import Bench, Unit, implies
from .contracts import holds, legal_source
from .proof import Defect, Proof

__all__ = ["PROOFS"]

WORDS, REQUESTS = 4, 4
#: Words of a request; what can be counted in two bits keeps the sums small.
LONGEST = 3


def _sum(values):
    values = list(values)
    return sum(values[1:], values[0])


def on_chip_memory(latency: int):
    """Return a proof of :class:`OnChipMemory`.

    One beat, any, of one request, any, is followed: by the number of beats before it, which is what
    a master can count, and for the induction by its place in the unit.
    """
    def build(bench: Bench) -> None:
        m, dut = bench.m, OnChipMemory(beat_bits=2, words=WORDS, longest=LONGEST, latency=latency)
        unit = bench.add(dut)
        depth = latency + 1
        request, beat, write = dut.port.request, dut.port.beat, dut.port.write
        # A request for no words is not made.
        bench.assume(implies(request.valid, (request.payload.length != 0)
                             & (request.payload.length <= LONGEST)))
        legal_source(bench, request)
        holds(bench, unit, beat)
        accepted = bench.named(request.valid & request.ready, "accepted")
        taken = bench.named(beat.valid & beat.ready, "taken")

        # What a master sees: beats that are owed, and which word the followed one shows.
        owed, ahead, armed = Signal(5, name="owed"), Signal(5, name="ahead"), Signal(name="armed")
        followed = Signal(2, name="followed")
        choose, chosen = bench.free(1, "choose"), bench.free(2, "chosen")
        m.d.sync += owed.eq(owed + Mux(accepted, request.payload.length[:2], 0) - taken)
        word = Signal(2, name="word")  # its address
        arming = bench.named(accepted & choose & ~armed & (chosen < request.payload.length),
                             "arming")
        target = bench.named(Mux(armed, word, request.payload.address[:2] + chosen)[:2], "target")
        stored = unit.peek("store", target)
        writing = bench.named(write.valid & (write.payload.address[:2] == target), "writing")
        bench.assume(~(armed & writing))  # a later write may be shown or not
        with m.If(arming):
            m.d.sync += [armed.eq(1), ahead.eq(owed - taken + chosen), word.eq(target),
                         followed.eq(Mux(writing, write.payload.data, stored))]
        with m.Elif(armed & taken):
            m.d.sync += [armed.eq(ahead != 0), ahead.eq(ahead - 1)]
        bench.fact("a beat is owed", implies(beat.valid, owed != 0))
        bench.fact("the beat is the word that was asked for", implies(
            armed & (ahead == 0) & beat.valid, beat.payload == followed))
        queue = "beats.fifo"
        level = unit.signal(f"{queue}.level")
        arrived = unit.signal("arrived")
        bench.fact("a beat never finds its queue full", implies(arrived, level != depth))
        bench.cover("four requests wait", unit.signal("requests.fifo.level") == REQUESTS)
        bench.cover("the followed beat leaves", armed & taken & (ahead == 0))
        if bench.broken:
            return
        _places(bench, unit, latency, owed, armed, ahead, followed, word, arming, chosen)

    return build


def _places(bench, unit, latency, owed, armed, ahead, followed, word, arming, chosen):
    """Say where everything is, for the induction."""
    m, depth = bench.m, latency + 1
    level, credits = unit.signal("beats.fifo.level"), unit.signal("credits")
    consume, produce = (unit.signal(f"beats.fifo.{name}") for name in ("consume", "produce"))
    stages = [unit.signal(f"valid_{stage}") for stage in range(latency - 3)]
    stages.append(unit.signal("arrived"))  # oldest last
    flying = bench.named(_sum(stages) if len(stages) > 1 else stages[0], "flying")
    bench.lemma("credits are places", credits + flying + level == depth)
    following = consume + level
    bench.lemma("pointers of the beats are in range", (consume < depth) & (produce < depth))
    bench.lemma("pointers of the beats differ by the level", produce == Mux(
        following >= depth, following - depth, following))

    queue = "requests.fifo"
    waiting = unit.signal(f"{queue}.level")
    first = unit.signal(f"{queue}.consume")
    offset, issue = unit.signal("offset")[:2], unit.signal("issue")
    bench.lemma("offset is small", unit.signal("offset")[2:] == 0)
    bench.lemma("pointers of the requests differ by the level", (waiting <= REQUESTS)
                & (unit.signal(f"{queue}.produce") == (first + waiting)[:2]))
    lengths, addresses = [], []
    for index in range(REQUESTS):
        row = unit.peek(f"{queue}.storage", (first + index)[:2])
        lengths.append(bench.named(Mux(index < waiting, row[2:4], 0), f"length_{index}"))
        addresses.append(row[:2])
        bench.lemma(f"request {index} is for some words", implies(
            index < waiting, (lengths[-1] != 0) & (row[4:] == 0)))
    bench.lemma("offset lies in the request", Mux(waiting != 0, offset < lengths[0], offset == 0))
    left = bench.named(_sum(lengths) - offset, "left")
    bench.lemma("what is owed waits, flies or is queued", owed == left + flying + level)

    # The followed beat: in a request, then in a stage, then in the queue.
    issued = Signal(name="issued")
    place, within = Signal(3, name="place"), Signal(2, name="within")
    popped = unit.signal("requests.o__ready")
    with m.If(arming):
        m.d.sync += [issued.eq(0), place.eq(waiting - popped), within.eq(chosen)]
    with m.Elif(~issued & issue & (place == 0) & (offset == within)):
        m.d.sync += issued.eq(1)
    with m.Elif(~issued & popped):
        m.d.sync += place.eq(place - 1)
    before = bench.named(_sum(Mux(index < place, length, 0)
                              for index, length in enumerate(lengths)), "before")
    bench.lemma("the followed beat waits in a request", implies(
        armed & ~issued, (place < waiting) & (ahead == before + within - offset + flying + level)))
    for index in range(REQUESTS):
        bench.lemma(f"the followed beat is not past in request {index}", implies(
            armed & ~issued & (place == index),
            (within < lengths[index]) & ((addresses[index] + within)[:2] == word)
            & ((index != 0) | (offset <= within))))
    bench.lemma("the followed beat is on its way", implies(armed & issued, ahead < flying + level))
    spot = consume + ahead
    spot = bench.named(Mux(spot >= depth, spot - depth, spot), "spot")
    queued = unit.peek("beats.fifo.storage", spot)
    bench.lemma("the followed beat is in the queue", implies(
        armed & issued & (ahead < level), queued == followed))
    # Stages from the oldest on: the number of those before a stage says whether it is the one.
    rank, older = ahead - level, 0
    for index, stage in reversed(list(enumerate(stages))):
        here = armed & issued & (ahead >= level) & stage & (rank == older)
        if index == len(stages) - 1:
            bench.lemma("the followed beat was read", implies(
                here, unit.signal("beats.i__payload") == followed))
        else:
            address = unit.signal(f"address_{index}")
            bench.lemma(f"the followed beat is in stage {index}", implies(here, address == word))
        older = older + stage
    bench.lemma("the memory keeps the followed word", implies(
        armed, unit.peek("store", word) == followed))


def reply_cache(depth: int):
    """Return a proof of :class:`ReplyCache`: of one number, any."""
    def build(bench: Bench) -> None:
        m, dut = bench.m, ReplyCache(depth)
        unit = bench.add(dut)
        number = bench.symbol(16, "number")
        asked = bench.named(dut.seq == number, "asked")
        known, slot = Signal(name="known"), Signal(range(depth), name="slot_of_number")
        age = Signal(range(depth), name="age")  # insertions since
        inserting = bench.named(dut.insert & asked, "inserting")
        bench.assume(~(inserting & known))  # the executor looks it up first
        with m.If(inserting):
            m.d.sync += [known.eq(1), slot.eq(dut.oldest), age.eq(0)]
        with m.Elif(dut.insert):
            m.d.sync += [age.eq(age + 1), known.eq(known & (age != depth - 1))]
        with m.If(dut.clear):
            m.d.sync += known.eq(0)
        bench.fact("a number that is held is found", implies(asked & known, dut.hit))
        bench.fact("it is found in its slot", implies(asked & known, dut.slot == slot))
        bench.fact("a number that is not held is not found", implies(asked & ~known, ~dut.hit))
        bench.lemma("the slot is as old as the number", implies(
            known, dut.oldest == (slot + 1 + age)[: len(slot)]))
        held = unit.signal("held")
        for index in range(depth):
            here = held.bit_select(index, 1) & (unit.signal(f"seq_{index}") == number)
            bench.lemma(f"slot {index} holds the number if it should",
                        here == (known & (slot == index)))
        bench.cover("the number is dropped as the oldest", known & dut.insert & (age == depth - 1))

    return build


def _short_queue(unit: Unit) -> None:
    # Credits come back when a beat arrives in the queue, not when it leaves.
    credits, issue = unit.signal("credits"), unit.signal("issue")
    unit.corrupt("credits", lambda _: credits - issue + unit.signal("arrived"))


def _clear_forgotten(unit: Unit) -> None:
    held = unit.signal("held")
    unit.corrupt("held", lambda _: held, -1)


PROOFS = [
    *(Proof(f"on_chip_memory_{latency}", "OnChipMemory",
            f"2 bits, {WORDS} words, latency {latency}, requests of 1 to 3 words",
            "each request gets its beats, each once, in order, with the words written before; "
            "credits keep the queue from overflowing; output contract",
            "induction", 2, on_chip_memory(latency),
            Defect("a credit comes back when a beat arrives, not when it leaves", _short_queue,
                   "a_beat_never_finds_its_queue_full"), options="--nomem ")
      for latency in (3, 4, 5)),
    *(Proof(f"reply_cache_{depth}", "ReplyCache", f"depth {depth}",
            "a number is found, in its slot, until depth others came or all is cleared; "
            "no other is",
            "induction", 2, reply_cache(depth),
            Defect("clear does nothing", _clear_forgotten,
                   "a_number_that_is_not_held_is_not_found"))
      for depth in (2, 4)),
]
