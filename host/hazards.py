# SPDX-License-Identifier: Apache-2.0
"""Which operations of a program depend on each other, and the tokens that order them.

Operations are dispatched in order and end in order, but one may read its activations before the one
ahead on its unit has written its results. Where that matters, the later one waits for a token that
the earlier one releases. As both sequences are in order, one token queue is enough.
"""

from __future__ import annotations

from dataclasses import replace

from ..golden.config import Configuration
from ..golden.descriptor import (
    TOKEN_LIMIT,
    TOKEN_QUEUES,
    Descriptor,
    Opcode,
    Refusal,
    result_words,
    source_words,
)
from ..golden.errors import UserError
from ..golden.refusal import refusal
from ..golden.transform import TRANSFORM_OPCODES, scale_words
from ..golden.vector_operations import third_place

__all__ = ["check_program", "order"]

#: Token queue of all units.
_QUEUE = 0
_Range = tuple[int, int]


def _reads(config: Configuration, d: Descriptor) -> list[_Range]:
    last = d.tokens - 1
    source = (d.source, d.source + last * d.source_step + source_words(config, d))
    adds = d.opcode in (Opcode.TABLE, Opcode.SPARSE) and d.accumulate
    found: list[_Range] = [source, third_place(config, d)]
    return [*found, *_writes(config, d)] if adds else found


def _writes(config: Configuration, d: Descriptor) -> list[_Range]:
    last = d.tokens - 1
    results = d.destination, d.destination + last * d.destination_step + result_words(config, d)
    if d.opcode not in TRANSFORM_OPCODES:
        return [results]
    return [results, (d.scales, d.scales + d.tokens * scale_words(config, d))]


def _meet(one: _Range, other: _Range) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _depend(config: Configuration, earlier: Descriptor, later: Descriptor) -> bool:
    """Whether the order of two operations matters: either writes what the other uses."""
    if Opcode.NOP in (earlier.opcode, later.opcode):
        return False
    written, overwritten = _writes(config, earlier), _writes(config, later)
    return any(_meet(one, other) for ones, others in (
        (written, [*_reads(config, later), *overwritten]), (overwritten, _reads(config, earlier)))
        for one in ones for other in others)


def order(config: Configuration, descriptors: list[Descriptor]) -> list[Descriptor]:
    """Return the operations with tokens such that each waits for those it depends on.

    They must have none, and run once.
    """
    waits, releases = set[int](), set[int]()
    ended = -1  # all operations up to this one have ended, for sure
    for index, d in enumerate(descriptors):
        needed = [before for before in range(ended + 1, index)
                  if _depend(config, descriptors[before], d)]
        if needed:
            ended = needed[-1]
            releases.add(ended)
            waits.add(index)
    return [replace(d, wait=(index in waits) << _QUEUE, release=(index in releases) << _QUEUE)
            for index, d in enumerate(descriptors)]


def check_program(config: Configuration, descriptors: list[Descriptor], repeat: int = 1) -> None:
    """Do nothing if a program runs to its end, with the results of one operation after the other.

    Parameters
    ----------
    config : Configuration
        Of the device.
    descriptors : list of Descriptor
    repeat : int
        Times that it runs.

    Raises
    ------
    UserError
        If the device would refuse an operation, one would wait for a token that never comes, a
        queue would overflow, or two operations depend on each other and no token orders them.
    """
    for index, d in enumerate(descriptors):
        code = refusal(config, d)
        if code != Refusal.NONE:
            raise UserError(f"operation {index} of the program is one that configuration "
                            f"{config.name!r} refuses: {code.name}; see Refusal in "
                            f"luthier.golden.descriptor")
    released: list[list[int]] = [[] for _ in range(TOKEN_QUEUES)]
    taken = [0] * TOKEN_QUEUES
    running: list[tuple[int, Descriptor]] = []
    before: list[int] | None = None
    for turn in range(repeat):
        levels = [len(queue) - count for queue, count in zip(released, taken, strict=True)]
        if turn > 2 and levels == before:
            return  # what follows only repeats what was seen
        before = levels
        for index, d in enumerate(descriptors):
            _step(config, turn * len(descriptors) + index, index, d, released, taken, running)


def _step(config: Configuration, number: int, index: int, d: Descriptor,
          released: list[list[int]], taken: list[int],
          running: list[tuple[int, Descriptor]]) -> None:
    """Dispatch one operation; ``running`` are those that may not have ended."""
    ended = -1
    for queue in range(TOKEN_QUEUES):
        if d.wait >> queue & 1:
            if taken[queue] == len(released[queue]):
                raise UserError(
                    f"operation {index} of the program waits for a token of queue {queue} that no "
                    f"operation before it releases, so that it would wait for ever; release one "
                    f"earlier, or do not wait")
            ended = max(ended, released[queue][taken[queue]])
            taken[queue] += 1
    running[:] = [(other, earlier) for other, earlier in running if other > ended]
    for other, earlier in running:
        if _depend(config, earlier, d):
            raise UserError(
                f"operation {index} of the program uses words of the scratchpad that the "
                f"operation {number - other} before it uses too, and no token orders the two; let "
                f"the earlier one release a token that this one waits for")
    running.append((number, d))
    for queue in range(TOKEN_QUEUES):
        if d.release >> queue & 1:
            released[queue].append(number)
            if len(released[queue]) - taken[queue] > TOKEN_LIMIT:
                raise UserError(
                    f"operation {index} of the program puts more than {TOKEN_LIMIT} tokens into "
                    f"queue {queue}; let operations wait for them, or release fewer")
