# SPDX-License-Identifier: Apache-2.0
"""Points of coverage that nothing can reach, or nothing in a simulation of minutes.

Each entry gives the instances and signals (regular expressions, matched in full), which of their
bits, and the reason. Anonymous signals of the Verilog, ``$12`` and the like, are counted and never
excluded by name, because their numbers change with every edit.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ...golden.config import Configuration
from .coverage_data import Bit, LinePoint

__all__ = ["COUNTED", "EXCLUSIONS", "Exclusion", "artefact", "excluded"]

#: A stimulus counts up to two to these: cycles, operations, saturations, events of the link.
COUNTED = {"cycles": 20, "operations": 14, "saturations": 13, "starved": 3, "events": 10}

#: Bits of a report's fields that can toggle, by word of 64 bits: code and index, then the counters.
_REPORT_WORDS = (
    range(0), range(COUNTED["cycles"]), range(COUNTED["cycles"]), range(COUNTED["starved"]),
    range(0), range(COUNTED["saturations"]), range(COUNTED["cycles"]),
    range(COUNTED["operations"]))


@dataclass(frozen=True)
class Exclusion:
    """Bits that are left out, and why.

    Attributes
    ----------
    path, signal : str
        Regular expressions.
    bits : callable
        Whether a bit is meant, from the configuration and its index.
    reason : str
    """

    path: str
    signal: str
    bits: Callable[[Configuration, int], bool]
    reason: str

    @property
    def zero(self) -> bool:
        """Whether the bits are 0 for as long as any test runs."""
        return any(reason in self.reason for reason in (_LONG, _CONSTANT, _FAST, _MANY))


def _every(config: Configuration, bit: int) -> bool:
    return True


def _from(first: int) -> Callable[[Configuration, int], bool]:
    return lambda config, bit: bit >= first


def _report(config: Configuration, bit: int) -> bool:
    """Bits of a whole report: code has 4 bits, index counts operations, and so on."""
    word, place = divmod(bit, 64)
    if word:
        return place not in _REPORT_WORDS[word]
    return 4 <= place < 32 or place >= 32 + COUNTED["operations"]


def _length(config: Configuration, bit: int) -> bool:
    """Bits of a packed request's length."""
    return 1 << bit >= config.memory.words


_LONG = "counters of 40 bits (64 in reports): the others need more than a million cycles"
_MANY = "counters of 32 bits: the others need thousands of requests"
_CONSTANT = "constant: there is no code of refusal above 15"
_DESCRIPTORS = "constant: control asks for the words of one descriptor"
_FAST = "the scratchpad takes every result; the bench of the engine stalls it"
_RARE = ("an operation starves only while the on-chip memory gives a descriptor; the bench of the "
         "engine has slow memories")

#: Every exclusion there is.
EXCLUSIONS = (
    Exclusion(r"shell\.executor\.local.*", r"identification\[\d+\]|.*\.identification.*", _every,
              "constant: the identification ROM"),
    Exclusion(r"engine\.table\.builder", r"program_\d+\[\d+\]", _every,
              "constant: the builders' program ROMs"),
    Exclusion(r"engine\..*", r"(strip|full)_words(_part|_full)?\[\d+\]", _every,
              "constant: tables of the words of a strip's records"),
    Exclusion(r"shell\..*crc(\$\d+)?", r"table_\d+\[\d+\]", _every, "constant: tables of the CRC"),
    Exclusion(r"engine\.control", r"request__payload(\$\d+)?\.length", _every,
              _DESCRIPTORS),
    Exclusion(r"engine(\.arbiter)?", r"program_request__payload(\$\d+)?\.length", _every,
              _DESCRIPTORS),
    Exclusion(r"(engine.*|shell.*|)", r"(\w+_)?report__payload(\$\d+)?", _report,
              f"packed report: {_LONG}"),
    Exclusion(r"(engine.*|shell.*|)", r"report__payload(\$\d+)?\.(cycles|busy|elapsed|starved)",
              _from(COUNTED["cycles"]), _LONG),
    Exclusion(r"(engine.*|shell.*|)", r"report__payload(\$\d+)?\.(operations|index)",
              _from(COUNTED["operations"]), _LONG),
    Exclusion(r"(engine.*|shell.*|)", r"report__payload(\$\d+)?\.saturations",
              _from(COUNTED["saturations"]), _LONG),
    Exclusion(r"(engine.*|shell.*|)", r"report__payload(\$\d+)?\.code", _from(4), _CONSTANT),
    Exclusion(r"(engine.*|shell.*|)", r"report__payload(\$\d+)?\.blocked", _every, _FAST),
    Exclusion(r"engine\.control", r"cycles|busy|elapsed|starved", _from(COUNTED["cycles"]), _LONG),
    Exclusion(r"engine\.control", r"operations", _from(COUNTED["operations"]), _LONG),
    Exclusion(r"engine\.control", r"saturations", _from(COUNTED["saturations"]), _LONG),
    Exclusion(r"engine(\..*)?", r"blocked(\$\d+)?", _every, _FAST),
    Exclusion(r"shell\.executor\.local", r"count_(frames|damaged|overruns|repeats?|\w+)",
              _from(COUNTED["events"]),
              _MANY),
    Exclusion(r"shell\.executor\.local", r"report\[4\]", _every, _FAST),
    Exclusion(r"shell\.executor\.local", r"report\[5\]", _from(COUNTED["saturations"]), _LONG),
    Exclusion(r"shell\.executor(\.local)?", r"report_word|(report|write)_port__data",
              lambda config, bit: COUNTED["cycles"] <= bit < 32 or
              bit >= 32 + COUNTED["operations"], f"a word of the report: {_LONG}"),
    Exclusion(r"shell\.executor\.local", r"report\[[1236]\]", _from(COUNTED["cycles"]), _LONG),
    Exclusion(r"shell\.executor\.local", r"report\[7\]", _from(COUNTED["operations"]), _LONG),
    Exclusion(r"shell\.executor\.local", r"report\[0\]",
              lambda config, bit: 4 <= bit < 32 or bit >= 32 + COUNTED["operations"], _LONG),
    Exclusion(r"engine\.control", r"request__payload(\$\d+)?", _length, _DESCRIPTORS),
    Exclusion(r"engine(\.arbiter)?", r"program_request__payload(\$\d+)?", _length, _DESCRIPTORS),
    Exclusion(r"(engine.*|shell.*|)", r"report__payload(\$\d+)?\.starved",
              _from(COUNTED["starved"]), _RARE),
    Exclusion(r"engine\.control", r"starved", _from(COUNTED["starved"]), _RARE),
    Exclusion(r"shell\.executor\.local", r"report\[3\]", _from(COUNTED["starved"]), _RARE),
    Exclusion(r"receive", r"(second|spilled|i__ready|o__ready).*", lambda config, bit:
              config.link.width == 1, "the link takes a byte in every cycle at width 1"),
    Exclusion(r"", r"i__ready|(receive_)?o__ready", lambda config, bit:
              config.link.width == 1, "the link takes a byte in every cycle at width 1"),
)

_COMPILED = [(re.compile(rule.path), re.compile(rule.signal), rule) for rule in EXCLUSIONS]


def excluded(config: Configuration, bit: Bit) -> Exclusion | None:
    """Return why a bit is left out, None if it counts."""
    for path, signal, rule in _COMPILED:
        if (path.fullmatch(bit.path) and signal.fullmatch(bit.signal)
                and rule.bits(config, bit.index)):
            return rule
    return None


def artefact(point: LinePoint, source: list[str]) -> bool:
    """Whether a line point is the empty ``if`` that Yosys writes for simulators' sake.

    It begins every ``always @*`` with ``if (0) begin end`` on a register that is never set.
    """
    return point.kind == "if" and "$auto$verilog_backend" in source[point.line - 1]
