# SPDX-License-Identifier: Apache-2.0
"""What the builders do: their steps, and the columns that they reach."""

from collections.abc import Iterable

from amaranth.lib import data

from ...golden.config import Configuration
from ...golden.table import tables
from ...golden.timing import octet_steps, plane_steps
from ...golden.weights import HALF2, HALF3, five_path, plane_fields
from .commands import entry_bits

__all__ = ["builder_lanes", "lane_layout", "lane_steps", "programs", "step_layout", "steps"]

#: What an odd builder selects besides its own four columns: the fourth of its octet, and for the
#: columns of a tile of trits that stay.
_FOURTH, _STAYING = 4, (5, 6)
#: The same for a builder of deep tables, which has all columns of the octet.
_DEEP_STAYING = (8, 9)


def programs(config: Configuration) -> int:
    """Return the number of programs: two if even and odd tables of trits differ."""
    return 2 if config.table.trits and not config.table.deep else 1


def step_layout(config: Configuration) -> data.StructLayout:
    """Return what one builder does in one step, and where the sum goes.

    ``select``: activation; ``double``: add twice of it; ``subtract``; ``clear``: the sum is zero.
    Of the first program, for all builders: ``write`` it to ``entry``; ``late``: of the second of
    two tables of trits in a window.
    """
    widest = max(max(lanes) for lanes in builder_lanes(config))
    return data.StructLayout({
        "select": widest.bit_length(), "double": 1, "subtract": 1, "clear": 1, "write": 1,
        "entry": entry_bits(config, 0), "late": 1})


def builder_lanes(config: Configuration) -> list[dict[int, list[int]]]:
    """Return for each builder which columns it gets for what it selects: one in each window.

    Columns of the window are followed by those that stay. An empty list is always zero: what a
    field lacks of K columns; a list of one is the same column of every window.
    """
    t, lanes = config.table, []
    fields = [field for field in plane_fields(t.layout) if field.start < t.window]
    for builder, field in enumerate(fields):
        spare = t.k - len(field)
        own = dict(enumerate([[]] * spare + [[column] for column in field])) if t.planes else {}
        octet, odd = (builder, True) if t.deep else divmod(builder, 2)
        replica, staying = divmod(octet, t.beat_bits // 64)
        first = t.window + 8 * staying + 2 * replica * t.rounds
        pair = {select: [first + 2 * window + digit for window in range(t.rounds)]
                for digit, select in enumerate(_DEEP_STAYING if t.deep else _STAYING)}
        if t.trits and t.deep:
            own |= {select: [8 * octet + select] for select in range(8)} | pair
        elif t.trits and odd:
            own |= {3: [8 * octet + 7], _FOURTH: [8 * octet + 3]} | pair
        elif t.trits:
            own |= {select: [8 * octet + select] for select in (0, 1, 2, 4, 5, 6)}
        lanes.append(own)
    assert len(lanes) == tables(config) // (2 * t.rounds)
    return lanes


def _plane_steps(k: int) -> list[dict]:
    """Return the steps for a table of sign planes: entry i is the last plus or minus the others."""
    result = [{"select": k - 1}] + [{"select": j, "subtract": 1} for j in reversed(range(k - 1))]
    result[-1] |= {"write": 1, "entry": 0}
    entry = 0
    for number in range(1, 1 << k - 1):
        j = (number & -number).bit_length() - 1
        entry ^= 1 << j
        result.append({"select": j, "double": 1, "subtract": int(not entry >> j & 1),
                       "write": 1, "entry": entry})
    assert len(result) == plane_steps(k)
    return result


def _trit_steps(vectors: Iterable[tuple[int, ...]], selects: list[int]) -> list[dict]:
    """Return the steps that make these vectors one after the other, beginning with the zero one.

    ``selects`` says how to get the digits.
    """
    result, before = [], (0,) * len(selects)
    for vector in vectors:
        digits = [d for d in range(len(selects)) if vector[d] != before[d]]
        if not any(vector):
            result.append({"clear": 1})
        else:
            digit, = digits
            result.append({"select": selects[digit],
                           "subtract": int(vector[digit] < before[digit])})
        before = vector
    return result


def _five_steps(selects: list[int], late: int) -> list[dict]:
    """Return the steps for a deep table of five trits, whose bytes without a vector are zero."""
    vectors, codes = zip(*five_path())
    unused = sorted({*range(len(codes) + 2)} - {*codes})
    made = _trit_steps([vectors[0]] * len(unused) + [*vectors], selects)
    return [step | {"write": 1, "entry": code, "late": late}
            for step, code in zip(made, (*unused, *codes), strict=True)]


def steps(config: Configuration, program: int) -> list[list[dict]]:
    """Return the steps of a program: for sign planes, then for a window of trits.

    Only what the configuration has; both lists are equally long, a power of two.
    """
    t, lists = config.table, []
    if t.planes:
        lists.append(_plane_steps(t.k))
    if t.trits and t.deep:
        lists.append(sum((_five_steps(selects, late) for late, selects in enumerate(
            (list(range(5)), [5, 6, 7, *_DEEP_STAYING]))), []))
    elif t.trits and program:
        # Entries 4 to 7 are zero: an escape reads one of them. There are as many steps as for the
        # even tables, and the address of entry 8 and up may or may not be that of 0 and up: it gets
        # the same.
        order = [*HALF2, *[(0, 0)] * 4] * 2
        order = order[: len(HALF3)]
        lists.append(_trit_steps(order, [_FOURTH, 3]) + _trit_steps(order, list(_STAYING)))
    elif t.trits:
        lists.append([step | {"write": 1, "entry": entry, "late": late}
                      for late, selects in enumerate(([0, 1, 2], [4, 5, 6]))
                      for entry, step in enumerate(_trit_steps(HALF3, selects))])
        assert len(lists[-1]) == octet_steps(t.deep)
    longest = max(plane_steps(t.k) * t.planes, octet_steps(t.deep) * t.trits)
    return [given + [{}] * ((1 << (longest - 1).bit_length()) - len(given)) for given in lists]


def lane_layout(config: Configuration) -> data.StructLayout:
    """Return a step of builders that read their activations, see :func:`lane_steps`.

    ``lane``, ``word`` of a tile: activation; ``subtract``; ``clear``: the sum is zero; ``write`` it
    to ``entry``; ``last``: two steps before the last of a tile.
    """
    return data.StructLayout({
        "lane": 3, "word": 3, "subtract": 1, "clear": 1, "write": 1,
        "entry": entry_bits(config, 0), "last": 1})


def lane_steps(config: Configuration) -> list[dict]:
    """Return the steps of all windows of trits, for deep tables in four rounds.

    A window is a word then, and the first word has the columns that stay: so a builder has the same
    eight lanes of each word, and all do the same.
    """
    t, per_word = config.table, config.activations_per_word
    lanes, (given,) = builder_lanes(config), steps(config, 0)
    result = []
    for window in range(t.rounds):
        for fields in given:
            step = {name: value for name, value in fields.items() if name not in ("select", "late")}
            if "select" in fields:
                reached = set()
                for builder, own in enumerate(lanes):
                    columns = own[fields["select"]]
                    column = columns[window % len(columns)]
                    column += per_word * (window + 1) if column < t.window else -t.window
                    word, lane = divmod(column, per_word)
                    reached.add((word, lane - 8 * builder))
                (step["word"], step["lane"]), = reached
            result.append(step)
    result[-3]["last"] = 1
    return result
