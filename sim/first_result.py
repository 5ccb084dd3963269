# SPDX-License-Identifier: Apache-2.0
"""How long a Walsh-Hadamard transform takes to its first results, in Amaranth's simulator."""

import numpy as np

from ..golden.errors import CheckFailed
from ..golden.fwht import fwht
from ..hw.baseline import ParallelTransform
from ..hw.fwht import WalshHadamard
from .streams import simulate, sink, source

__all__ = ["first_result"]


def first_result(unit: WalshHadamard | ParallelTransform, seed: int = 0) -> int:
    """Return the cycles from a random transform's first beat to its first results.

    Parameters
    ----------
    unit : WalshHadamard or ParallelTransform
        Elaborated, and so used up.
    seed : int

    Raises
    ------
    CheckFailed
        If the first beat of results is not that of the golden model.
    """
    config = unit.config
    half = 1 << config.width - 1
    x = np.random.default_rng(seed).integers(-half, half, config.samples)
    fields = {"log2_size": config.stages} if isinstance(unit, WalshHadamard) else {}
    beats = [{"samples": part.tolist(), "last": int(end == config.samples), **fields}
             for end, part in zip(range(config.lanes, config.samples + 1, config.lanes),
                                  x.reshape(-1, config.lanes))]
    received: list = []
    made: list[int] = []
    simulate(unit, [source(unit.i, beats), sink(unit.o, received, 1, times=made)],
             limit=1000 + 2 * config.samples)
    got = [received[0].samples[lane] for lane in range(config.lanes)]
    expected = fwht(x)[: config.lanes].tolist()
    if got != expected:
        raise CheckFailed(f"transform of {config.samples} samples, {config.lanes} a cycle, seed "
                          f"{seed}: the first results are {got}, not {expected}")
    return made[0]
