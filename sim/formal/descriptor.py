# SPDX-License-Identifier: Apache-2.0
"""Proof of the check of descriptors: it always ends, and lets nothing illegal pass."""

from amaranth.hdl import Cat, Const, Mux, Signal, Value

from ...golden.config import Configuration
from ...golden.descriptor import Element, Opcode, Refusal
from ...golden.table import columns_per_beat, max_columns
from ...hw.engine.descriptor import DescriptorCheck
from .bench import Bench, Unit, implies
from .proof import Defect, Proof

__all__ = ["PROOFS"]

CONFIGURATION = Configuration.from_data({
    "name": "proof",
    "table": {"beat_bits": 64, "max_rows": 64, "max_columns": 128},
    "scratchpad": {"words": 64},
    "memory": {"words": 64},
})

#: States in the order in which a descriptor goes through them.
_ORDER = ("FIELDS", "FIELDS CHECKED", "SOURCE", "DESTINATION", "WEIGHTS", "TILES", "WEIGHT TILES",
          "LIMIT", "SCALES", "SCALE TILES", "SCALE LIMIT", "OVERLAP")

#: Bits of what a product is multiplied by: tokens - 1, tokens - 1, planes, strips of rows.
_FACTOR_BITS = {"SOURCE": 16, "DESTINATION": 16, "WEIGHTS": 4, "SCALES": 4}


def _length(value: Signal) -> Value:
    """Return the bits up to the highest one."""
    length = Value.cast(0)
    for bit in range(len(value)):
        length = Mux(value[bit], bit + 1, length)
    return length


def _legal(d, config: Configuration) -> Value:
    """Return whether a descriptor keeps the rules that concern single fields."""
    t = config.table
    narrow = Cat((d.planes_stored != planes) | (d.columns <= max_columns(config, planes=planes))
                 for planes in range(1, 9)).all()
    table = (
        (d.opcode == Opcode.TABLE) & ~d.reserved_flags.any() & (d.reserved == 0)
        & (d.rows != 0) & (d.rows <= t.max_rows) & (d.columns != 0)
        & (d.columns <= t.max_columns) & (d.tokens != 0)
        & (d.planes_stored != 0) & (d.planes_stored <= Mux(d.trits, 1, 8)) & narrow
        & (d.planes_used != 0) & (d.planes_used <= d.planes_stored)
        & (d.source_type == Element.INT8) & (d.destination_type <= Element.INT32)
        & (d.source_stride == 1) & (d.destination_stride == 1))
    nothing = (d.opcode == Opcode.NOP) & (Value.cast(d)[32:] == 0) & (Value.cast(d)[8:16] == 0)
    return table | nothing


def _tiles(columns: Value, trits: Value, config: Configuration) -> Value:
    """Return the tiles of that many columns, up to those of the largest shape."""
    tiles = Value.cast(0)
    for tile in range(-(-config.table.max_columns // columns_per_beat(config, True))):
        begin = Mux(trits, tile * columns_per_beat(config, True),
                    tile * columns_per_beat(config, False))
        tiles = tiles + (columns > begin)
    return tiles


def descriptor_check(bench: Bench) -> None:
    """All that is proved of :class:`DescriptorCheck`."""
    m, config, dut = bench.m, CONFIGURATION, DescriptorCheck(CONFIGURATION)
    unit = bench.add(dut)
    d = dut.descriptor
    state, encoding = unit.states("state")
    names = [name for name in _ORDER if name in encoding]
    assert {"IDLE", *names} == set(encoding), f"the proof does not know {sorted(encoding)}"
    at = {name: bench.named(state == encoding[name], f"at_{name.lower().replace(' ', '_')}")
          for name in encoding}

    # From start to done, `descriptor` holds and there is no other start.
    busy, age = Signal(name="busy"), Signal(8, name="age_of_start")
    with m.If(dut.start):
        m.d.sync += [busy.eq(1), age.eq(1)]
    with m.Elif(dut.done):
        m.d.sync += busy.eq(0)
    with m.Elif(busy):
        m.d.sync += age.eq(age + 1)
    bench.assume(~(dut.start & busy & ~dut.done))
    held = bench.past(d, "held")
    bench.assume(bench.first | ~busy | (Value.cast(d) == held))

    legal = bench.named(_legal(d, config), "legal")
    tiles = bench.named(_tiles(d.columns, d.trits, config), "tiles")
    limit = 46 + tiles + (15 + tiles if "SCALES" in encoding else 0)
    bench.fact("done comes in time, whatever the descriptor holds", implies(busy, age <= limit))
    bench.fact("done comes once for each start", implies(dut.done, busy))
    bench.fact("what breaks a rule is refused", implies(
        dut.done & ~legal, dut.refusal != Refusal.NONE))
    bench.fact("a field that breaks a rule is refused in 3 cycles", implies(
        busy & ~dut.done & (age >= 3), legal))
    words = config.activations_per_word
    inside = bench.named(d.source + ((d.columns + words - 1) >> (words.bit_length() - 1))
                         <= config.scratchpad.words, "inside")
    single = bench.named((d.opcode == Opcode.TABLE) & (d.tokens == 1), "single")
    bench.fact("a token beyond the scratchpad is refused", implies(
        dut.done & single & ~inside, dut.refusal != Refusal.NONE))

    # How many cycles are left at most; it falls by one or more in each.
    multiplier, left = unit.signal("multiplier"), unit.signal("columns_left")
    rest, later = Value.cast(0), Value.cast(0)
    for name in reversed(names):
        if name in _FACTOR_BITS:
            most, now = _FACTOR_BITS[name] + 1, _length(multiplier) + 1
            bench.lemma(f"the factor is short in {name}", implies(
                at[name], _length(multiplier) <= _FACTOR_BITS[name]))
        elif name.endswith("TILES"):
            most = tiles
            now = _tiles(left, d.trits, config)
            now = Mux(now == 0, 1, now)
            bench.lemma(f"no more columns are left in {name} than there are", implies(
                at[name], left <= d.columns))
        else:
            most, now = 1, 1
        rest = Mux(at[name], now + later, rest)
        later = bench.named(later + most, f"left_from_{name.lower().replace(' ', '_')}")
    rest = bench.named(rest, "rest")
    bench.lemma("the cycles that are left are enough", implies(
        busy & ~dut.done, age + rest <= limit) & implies(dut.done, age <= limit))
    bench.lemma("it is busy with something", implies(busy, dut.done ^ (rest != 0))
                & implies(rest != 0, busy))
    if "TILES" in at:  # the columns are loaded a state earlier
        bench.lemma("no more columns wait than there are", implies(
            at["WEIGHTS"], left <= d.columns))
    bench.lemma("it is in a state that there is", Cat(*at.values()).any())
    beyond = bench.named(~at["IDLE"] & ~at["FIELDS"] & ~at["FIELDS CHECKED"], "beyond")
    bench.lemma("fields are the first cycle", implies(at["FIELDS"], age == 1))
    bench.lemma("what they say is known in the second", implies(
        at["FIELDS CHECKED"], (age == 2) & ((dut.refusal != Refusal.NONE) | legal)))
    bench.lemma("where the first token ends is known", implies(
        beyond, unit.signal("first_source_end")
        == d.source + ((d.columns + words - 1) >> (words.bit_length() - 1))))
    bench.lemma("only what keeps the rules goes on", implies(
        beyond, legal & (d.opcode == Opcode.TABLE)))
    bench.lemma("a single token is not multiplied", implies(
        at["SOURCE"] & (d.tokens == 1), (multiplier == 0) & (unit.signal("total") == 0)))
    bench.lemma("what lies outside stays refused", implies(
        beyond & ~at["SOURCE"] & single & ~inside, dut.refusal != Refusal.NONE))
    bench.cover("one is accepted", dut.done & (dut.refusal == Refusal.NONE)
                & (d.opcode == Opcode.TABLE))


def _refused_in_silence(unit: Unit) -> None:
    unit.corrupt(unit.component.done, lambda _: Const(0, 1), 1)


def _token_unchecked(unit: Unit) -> None:
    unit.corrupt(unit.component.refusal, lambda _: Const(Refusal.NONE), 1)


PROOFS = [
    Proof("descriptor_ends", "DescriptorCheck", "D = 64, 64 rows, 128 columns",
          "for any 64 bytes done comes, once, in 3 cycles if a field is wrong, else within 46 "
          "and one a tile (61 and two a tile with scale records)",
          "induction", 2, descriptor_check,
          Defect("after a wrong field it goes back to rest without done", _refused_in_silence,
                 "a_field_that_breaks_a_rule_is_refused_in_3_cycles")),
    Proof("descriptor_refuses", "DescriptorCheck", "D = 64, 64 rows, 128 columns",
          "what breaks a rule of a field is refused; so is a token beyond the scratchpad",
          "induction", 2, descriptor_check,
          Defect("where the source ends is not compared", _token_unchecked,
                 "a_token_beyond_the_scratchpad_is_refused")),
]
