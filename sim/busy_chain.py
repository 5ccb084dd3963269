# SPDX-License-Identifier: Apache-2.0
"""How busy a chain of multipliers is, in the compiled simulation."""

from collections.abc import Sequence

import numpy as np

from ..golden.errors import CheckFailed
from ..golden.sparse import Chain, Pattern, prune
from ..hw.sparse import SparseChain
from .chain_case import ChainCase
from .compiled import CompiledUnit

__all__ = ["BusyChain"]


class BusyChain:
    """A compiled chain that multiplies matrices which take so many cycles, or a few more.

    Parameters
    ----------
    unit : SparseChain
        Elaborated, and so used up.
    cycles : int
    seed : int
    """

    def __init__(self, unit: SparseChain, cycles: int = 4096, seed: int = 0):
        self._config: Chain = unit.config
        self._unit = CompiledUnit(unit)
        self._cycles, self._seed = cycles, seed

    def run(self, kept: Sequence[int]) -> tuple[float, float]:
        """Multiply a matrix whose blocks keep one of these numbers of weights, drawn for each.

        Returns
        -------
        busy : float
            Words over cycles, from the first word to the last sum: the part of all cycles in which
            all multipliers have weights.
        rate : float
            Products of the dense matrix for each multiplier and cycle.

        Raises
        ------
        CheckFailed
            If a sum, or the number of cycles, is another one than the golden model's.
        """
        config, rng = self._config, np.random.default_rng(self._seed)
        columns = min(config.columns, 1024)
        blocks = columns // config.block
        drawn = rng.choice(kept, blocks)
        groups = -(-self._cycles // int((drawn // config.least).sum()))
        matrix, case = self._matrix(rng, groups * config.rows, drawn), ChainCase(config)
        x = rng.integers(config.activation_range.least, config.activation_range.most + 1,
                         (config.tokens, columns)[2 - config.tokens :])
        case.add(matrix, x, [drawn] * groups)
        outputs, taken = self._unit.run(case.streams, {"o": len(case.results)},
                                        limit=2000 + 4 * len(case.weights) + 4 * len(case.results))
        cycles = outputs["o"][-1].cycle - taken["weights"][0] + 1
        what = f"chain of {config.slots} multipliers, seed {self._seed}"
        if [made.payload for made in outputs["o"]] != case.results:
            raise CheckFailed(f"{what}: sums are not those of the golden model")
        if cycles != config.cycles(case.groups):
            raise CheckFailed(f"{what}: took {cycles} cycles, declared are "
                              f"{config.cycles(case.groups)}")
        products = matrix.size * config.tokens
        return len(case.weights) / cycles, products / (config.slots * cycles)

    def _matrix(self, rng: np.random.Generator, rows: int, drawn: np.ndarray) -> np.ndarray:
        """Return a matrix in whose block k each row has ``drawn[k]`` weights."""
        config = self._config
        bounds, block = config.weight_range, config.block
        size = rows, len(drawn) * block
        matrix = rng.integers(bounds.least, bounds.most + 1, size)
        matrix[matrix == 0] = 1
        order = rng.permutation(matrix.size // config.slot_rows).reshape(-1, size[1]) + 1
        for place, count in enumerate(drawn):
            part = slice(place * block, (place + 1) * block)
            left = prune(order[:, part], Pattern(int(count), block)) != 0
            matrix[:, part] *= np.repeat(left, config.slot_rows, axis=0)
        return matrix
