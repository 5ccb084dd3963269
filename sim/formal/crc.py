# SPDX-License-Identifier: Apache-2.0
"""Proof of the CRC against its definition, bit by bit."""

from amaranth.hdl import Cat, Const, Mux, Signal

from ...hw.link.crc import Crc32
from .bench import Bench, Unit
from .proof import Defect, Proof

__all__ = ["PROOFS"]


def _serial(bench: Bench, register, data, bits: int, suffix: str = ""):
    """Return the register after ``bits`` bits, lowest first, one shift of the definition each."""
    for index in range(bits):
        lowest = register[0] ^ data[index]
        register = bench.named((register >> 1)[:32] ^ Mux(lowest, 0xEDB88320, 0),
                               f"serial_{index}{suffix}")
    return register


def crc32(width: int):
    """Return a proof of :class:`Crc32` for words of ``width`` bytes."""
    def build(bench: Bench) -> None:
        dut = Crc32(width)
        bench.add(dut)
        register = Signal(32, name="expected")
        start = bench.named(Mux(dut.start, 0xFFFF_FFFF, register), "start_of_word")
        after = _serial(bench, start, dut.data, 8 * width)
        bench.m.d.sync += register.eq(Mux(dut.valid, after, start))
        with bench.m.If(bench.first):  # the same register, any
            bench.assume(register == ~dut.crc)
        bench.fact("the register is that of the definition", dut.crc == (~register)[:32])

    return build


def tables(width: int):
    """Return a proof of :class:`Crc32` for longer words, in two steps.

    Solvers do not see through a sum of 32 to 96 bits that is written in two ways. The definition is
    linear in word and register, so it is enough that each table holds what the definition makes of
    its four bits alone, and that the next register is the sum of the tables and of what the word
    does not reach. In the second step the tables hold any value.
    """
    def build(bench: Bench) -> None:
        bits = 8 * width
        unit = bench.add(Crc32(width))
        total = unit.signal("total")
        for first in range(0, bits, 4):
            alone = bench.named(Cat(Const(0, first), total[first : first + 4], Const(0, bits - 4)),
                                f"alone_{first}")
            bench.fact(f"table {first // 4} holds what the definition makes of its bits",
                       unit.signal(f"term_{first}") == _serial(
                           bench, Const(0, 32), alone, bits, f"_{first}"))

        dut = Crc32(width)
        other = bench.add(dut, "other")
        register = bench.named((~dut.crc)[:32], "register")
        state = bench.named(Mux(dut.start, 0xFFFF_FFFF, register), "state")
        bench.fact("the tables look at the sum of word and register", other.signal("total")
                   == (state ^ dut.data)[: max(bits, 32)])
        result = state >> bits if bits < 32 else Const(0, 32)
        for first in range(0, bits, 4):
            other.cut(f"term_{first}")
            result = result ^ other.signal(f"term_{first}")
        bench.fact("the register is the sum of the tables", register == bench.past(
            Mux(dut.valid, result, state), "wanted"))

    return build


def _wrong_entry(unit: Unit) -> None:
    entry = unit.signal("total")[4:8]
    unit.corrupt("term_4", lambda term: term ^ (entry == 3))


def _start_lost(unit: Unit) -> None:
    unit.corrupt("state", lambda _: unit.signal("register"))


PROOFS = [
    Proof("crc32_1", "Crc32", "1 byte",
          "the register after a word, with or without start, is that of the bit-serial definition",
          "any state", 2, crc32(1),
          Defect("start does not set the register if a word comes with it", _start_lost,
                 "the_register_is_that_of_the_definition")),
    *(Proof(f"crc32_{width}", "Crc32", f"{width} bytes",
            "as for 1 byte; shown table by table, the definition being linear",
            "any state", 2, tables(width),
            Defect("one entry of one table has a wrong lowest bit", _wrong_entry,
                   "table_1_holds_what_the_definition_makes_of_its_bits"))
      for width in (2, 4, 8)),
]
