# SPDX-License-Identifier: Apache-2.0
"""When a transform's first results come, measured."""

import numpy as np

from ..gen.transforms import Design
from .compiled import CompiledUnit
from .transform_case import TransformCase

__all__ = ["first_output"]


def first_output(design: Design, seed: int) -> int:
    """Return the cycles from the first beat to the first results, at full rate, results checked.

    Raises
    ------
    RuntimeError
        If a result is wrong.
    ToolMissing
        If Verilator or the C++ compiler is missing.
    """
    case, config = TransformCase(design.config), design.config
    for _ in range(2):
        case.add_random(np.random.default_rng(seed), [config.samples])
    beats, results = case.beats, case.results
    if design.name == "parallel":  # samples only
        beats, results = ([word & (1 << bits) - 1 for word in words] for words, bits in (
            (beats, config.lanes * config.width), (results, config.lanes * config.widths[-1])))
    got, taken = CompiledUnit(design.make()).run({"i": beats}, {"o": len(results)})
    if [transfer.payload for transfer in got["o"]] != results:
        raise RuntimeError(f"seed {seed}: {design} gives wrong results")
    return got["o"][0].cycle - taken["i"][0]
