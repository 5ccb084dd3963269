# SPDX-License-Identifier: Apache-2.0
"""Random programs of several units, single and mixed, on a device and its golden model."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..golden.config import Configuration
from ..golden.descriptor import Descriptor, Refusal
from ..golden.refusal import refusal
from .operations import Runner, random_program

__all__ = ["Maker", "run_mixed", "run_single"]

#: Returns a random valid operation.
Maker = Callable[[Configuration, np.random.Generator], Descriptor]


def run_single(runner: Runner, make: Maker, count: int, seed: int) -> None:
    """Run so many operations, each alone.

    Raises
    ------
    AssertionError
        If a result or the cycles differ; it names the seed and the operation.
    """
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        d = make(runner.config, rng)
        assert refusal(runner.config, d) == Refusal.NONE
        got, expected = runner.run(random_program(runner.config, rng, [d]))
        assert got.cycles == expected.cycles, (seed, number, d)


def run_mixed(runner: Runner, makers: Sequence[tuple[Maker, float]], count: int,
              seed: int) -> None:
    """Run so many programs of operations in which each waits for the one before.

    Every second one has a bit that is wrong; some are refused then, and some are not.

    Parameters
    ----------
    runner : Runner
    makers : sequence of tuple
        Makers, and how often each is chosen.
    count, seed : int

    Raises
    ------
    AssertionError
        If device and golden model differ, or nothing, or everything, was refused.
    """
    kinds, weights = zip(*makers, strict=True)
    refused = 0
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        program = [kinds[rng.choice(len(kinds), p=weights)](runner.config, rng)
                   for _ in range(rng.integers(1, 6))]
        program = [replace(d, wait=index > 0, release=1) for index, d in enumerate(program)]
        if rng.random() < 0.5:
            place = int(rng.integers(len(program)))
            raw = bytearray(program[place].pack())
            raw[rng.integers(64)] ^= 1 << rng.integers(8)
            program[place] = Descriptor.unpack(bytes(raw))
        got, _ = runner.run(random_program(runner.config, rng, program))
        refused += got.code != Refusal.NONE
    assert 0 < refused < count
