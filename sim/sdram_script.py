# SPDX-License-Identifier: Apache-2.0
"""Commands to an SDRAM cycle by cycle, and what its model makes of them."""

import re
from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .compiled import CompiledUnit
from .sdram import SDRAM_VERILOG, VIOLATIONS, SdramModel

__all__ = ["CHIPS", "RESET", "SdramHarness", "SdramScript", "SdramUnit", "unit"]

#: Cycles under reset before the first word.
RESET = 2
_COMMANDS = {"A": 0b011, "R": 0b101, "W": 0b100, "P": 0b010, "F": 0b001, "M": 0b000, "B": 0b110}
_INPUTS = ("cke", "cs_n", "ras_n", "cas_n", "we_n", "dq_driven", "ba", "a", "dqm", "dq_i")
_OUTPUTS = ("dq_o", "dq_drives", "violations", "first_violation", "first_cycle")
#: Micron's -75.
_DEFAULTS = {
    "row_bits": 13, "column_bits": 9, "bank_bits": 2, "data_bits": 16, "mrd_cycles": 2,
    "t_rcd_ps": 20000, "t_rp_ps": 20000, "t_ras_ps": 44000, "t_ras_max_ps": 120_000_000,
    "t_rc_ps": 66000, "t_rfc_ps": 66000, "t_rrd_ps": 15000, "t_wr_ps": 15000,
    "t_wr_auto_ps": 7500, "t_init_ps": 200_000_000, "refresh_ps": 64_000_000_000}

#: Chips to test with: at the limit of latency 2, of latency 3, beyond both with Micron's times.
CHIPS = {
    "small": {"clock_ps": 10000, "row_bits": 4, "column_bits": 5, "t_init_ps": 200_000,
              "t_rc_ps": 76000, "t_ras_max_ps": 6_009_999, "refresh_ps": 16_000_000},
    "narrow": {"clock_ps": 7500, "row_bits": 11, "column_bits": 11, "bank_bits": 1,
               "data_bits": 8, "t_init_ps": 199_000, "t_ras_ps": 50000, "t_rc_ps": 90000,
               "t_ras_max_ps": 3_000_000, "t_wr_auto_ps": 15000, "mrd_cycles": 3,
               "refresh_ps": 1_000_100 << 11},
    "full": {"clock_ps": 7000, "data_bits": 32}}


class SdramHarness(wiring.Component):
    """The pins of a chip as two streams; without a word, cke is low."""

    def __init__(self, chip: Mapping[str, int]):
        self._model = SdramModel(**chip)
        self.inputs, self.outputs = ({
            name: len(getattr(self._model, name)) for name in names}
            for names in (_INPUTS, _OUTPUTS))
        super().__init__({"i": In(stream.Signature(sum(self.inputs.values()))),
                          "o": Out(stream.Signature(sum(self.outputs.values())))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.model = model = self._model
        m.d.comb += [
            Cat(*(getattr(model, name) for name in _INPUTS)).eq(
                Mux(self.i.valid, self.i.payload, 0)),
            self.o.payload.eq(Cat(*(getattr(model, name) for name in _OUTPUTS))),
            self.o.valid.eq(self.i.valid), self.i.ready.eq(self.o.ready)]
        return m


class SdramUnit:
    """A compiled chip.

    Attributes
    ----------
    chip : dict of str to int
        All parameters.
    times : SimpleNamespace
        In cycles, minima rounded up and maxima down: ``RCD``, ``RP`` and so on.
    interval_ps : int
        Between refreshes.
    """

    def __init__(self, chip: Mapping[str, int]):
        harness = SdramHarness(chip)
        self.inputs, self.outputs = harness.inputs, harness.outputs
        self.chip = chip = _DEFAULTS | dict(chip)
        found = {name[2:-3].upper(): -(-value // chip["clock_ps"])
                 for name, value in chip.items() if name.startswith("t_")}
        found["RAS_MAX"] = chip["t_ras_max_ps"] // chip["clock_ps"]
        found["WR_AUTO"] = max(found["WR"], 1 + found["WR_AUTO"])
        self.times = SimpleNamespace(**found, MRD=chip["mrd_cycles"])
        self.interval_ps = chip["refresh_ps"] >> chip["row_bits"]
        self._unit = CompiledUnit(harness, models=[SDRAM_VERILOG])

    def run(self, words: list[int]) -> dict[str, list[int]]:
        """Return the outputs before the edge of each cycle."""
        outputs, _ = self._unit.run({"i": words}, {"o": len(words)})
        if [one.cycle for one in outputs["o"]] != list(range(RESET, RESET + len(words))):
            raise RuntimeError("words must follow each other")
        found, payloads = {}, [one.payload for one in outputs["o"]]
        for name, width in self.outputs.items():
            found[name] = [payload & (1 << width) - 1 for payload in payloads]
            payloads = [payload >> width for payload in payloads]
        return found


@cache
def unit(name: str) -> SdramUnit:
    """Return one of the chips, compiled once."""
    return SdramUnit(CHIPS[name])


class SdramScript:
    """What is at a chip's pins in each cycle; first, the initialisation to a mode, if any.

    As a text: a letter (Activate, Read, Write, Precharge, reFresh, Mode, Burst terminate), the
    bank or ``*``, letters, and the mode, row or column. The letters: ``a``, automatic precharge;
    ``o``, no mask (data of ``W`` never have one); ``u``, nobody drives. Cycles without a command:
    ``.``, masked; ``n``, no mask; ``d``, data written; ``x``, driven and masked; ``z``, cke low.
    ``.5`` is five, ``.RAS`` puts the next command tRAS after the last. ``g`` is as many as put the
    next cycle ``gap`` after what is marked by ``!``, or the last command.

    Attributes
    ----------
    words : list of int
        So far.
    ready : int
        Cycle of the last command of the initialisation.
    all_bytes : int
        Mask of all of them.
    """

    def __init__(self, unit: SdramUnit, mode: int | None = 0x30):
        self.unit, self.words = unit, []
        self.all_bytes = (1 << unit.inputs["dqm"]) - 1
        if mode is not None:
            self.ready = self.play(
                f".{unit.times.INIT - RESET} P* .RP F .RFC F .RFC M:{mode:x} .MRD")

    def put(self, command: str = "", bank: int = 0, address: int = 0, mask: int | None = None,
            data: int | None = None, *, cke: int = 1) -> None:
        """Add a cycle; without a mask all bytes are masked, without data nobody drives."""
        code = _COMMANDS.get(command, 0b111)
        values = (cke, command == "", code >> 2, code >> 1 & 1, code & 1, data is not None, bank,
                  address, self.all_bytes if mask is None else mask, data or 0)
        word = place = 0
        for value, width in zip(values, self.unit.inputs.values()):
            word, place = word | value << place, place + width
        self.words.append(word)

    def play(self, text: str, gap: int = 0) -> int:
        """Add cycles; return the cycle of the last command."""
        last = mark = len(self.words)
        for token in text.split():
            match = re.fullmatch(r"([A-Za-z.])(\*|\w*?)([aou]*)(?::(\w+))?(!?)", token)
            if not match:
                raise ValueError(f"cycles must be as the class says, not {token!r}")
            kind, which, letters, number, marked = match.groups()
            here = len(self.words)
            if kind == ".":
                times = vars(self.unit.times)
                for _ in range(times[which] - 1 if which in times else int(which or "1")):
                    self.put()
            elif kind == "g":
                for _ in range(mark + gap - here):
                    self.put()
            elif kind in "ndxz":
                self.put(mask=0 if kind in "nd" else None, cke=kind != "z",
                         data=here % 251 if kind in "dx" else None)
            else:
                automatic = "a" in letters or which == "*"
                self.put(kind, 0 if which in ("", "*") else int(which),
                         int(number or "0", 16) | automatic << 10,
                         0 if kind == "W" or "o" in letters else None,
                         here % 251 if kind == "W" and "u" not in letters else None)
                last = here
            if marked or kind not in ".gndxz" and "!" not in text:
                mark = here
        return last

    def check(self, *expected: tuple[int, str]) -> dict[str, list[int]]:
        """Run with one more cycle; return the outputs before the edge of each.

        Raises
        ------
        AssertionError
            If the violations are not those expected in these cycles; of their names only the
            first can be compared.
        """
        self.put()
        seen = self.unit.run(self.words)
        counts = seen["violations"]
        found = [cycle for cycle in range(len(counts) - 1)
                 for _ in range(counts[cycle + 1] - counts[cycle])]
        first = (seen["first_cycle"][-1] - RESET, VIOLATIONS.get(seen["first_violation"][-1]))
        if found != [cycle for cycle, _ in expected] or expected and first != expected[0]:
            raise AssertionError(f"violations in cycles {found}, {first[1]} first in {first[0]}, "
                                 f"not {expected}")
        return seen
