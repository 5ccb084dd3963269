# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Parts and parameters of the stage of H_K: signs, banks of block RAM, transposition in place."""

import numpy as np
import pytest

from luthier.golden.hadamard import ORDERS, blocks, hadamard
from luthier.hw.fwht.banks import BankedRam, bank_depths
from luthier.hw.fwht.k_stage import KStage
from luthier.hw.fwht.sign_columns import SignColumns
from luthier.hw.fwht.transpose import Transpose
from luthier.sim.streams import simulate

SEED = 20
CASES = [(order, variant) for variant, orders in ORDERS.items() for order in orders]


@pytest.mark.parametrize("order, variant", CASES)
@pytest.mark.parametrize("transpose", [False, True])
def test_signs(order, variant, transpose):
    """All columns, twice, with pauses: also of the orders that are slow to simulate."""
    h = hadamard(order, variant).T if transpose else hadamard(order, variant)
    unit, seen, rng = SignColumns(h, blocks(order, variant)), [], np.random.default_rng(SEED)

    async def watch(ctx):
        while len(seen) < 2 * order:
            step = int(rng.random() < 0.7)
            ctx.set(unit.step, step)
            if step:
                seen.append(ctx.get(unit.negative))
            await ctx.tick()

    simulate(unit, [watch])
    columns = [sum(1 << int(row) for row in np.flatnonzero(column < 0)) for column in h.T]
    assert seen == 2 * columns


@pytest.mark.parametrize("depth, banks", [(11008, [2048] * 5 + [1024]), (2048, [2048]), (12, [16]),
                                          (2049, [2048, 2]), (4096, [2048, 2048])])
def test_banks(depth, banks):
    assert bank_depths(depth) == banks
    assert BankedRam(3, depth).bits == 3 * sum(banks)


@pytest.mark.parametrize("rows, columns", [(3, 4), (12, 1), (1, 12), (5, 7), (8, 3)])
def test_transpose(rows, columns):
    """Matrices back to back: the order, and that reading begins as early as declared."""
    size, count = rows * columns, 5
    unit, values, began = Transpose(16, size), [], []
    words = np.arange(count * size)

    async def bench(ctx):
        ctx.set(unit.rows_last, rows - 1)
        ctx.set(unit.columns, columns)
        ctx.set(unit.last, size - 1)
        ctx.set(unit.restart, 1)
        await ctx.tick()
        ctx.set(unit.restart, 0)
        reading, written = [0, 0], 0
        nonlocal began
        for cycle in range(3 * count * size):
            write = written < len(words) and ctx.get(unit.room) > 0
            read = ctx.get(unit.available)
            ctx.set(unit.reserve, write)
            ctx.set(unit.write, write)
            ctx.set(unit.word, int(words[min(written, len(words) - 1)]))
            ctx.set(unit.read, read)
            if reading.pop(0):
                values.append(ctx.get(unit.value))
            reading.append(read)
            began += [cycle] * read
            written += write
            await ctx.tick()

    simulate(unit, [bench])
    assert values == words.reshape(count, rows, columns).transpose(0, 2, 1).ravel().tolist()
    # The last word of the first column, and all that follow, are read as soon as they can be.
    assert began[rows - 1] == (rows - 1) * columns + 1


@pytest.mark.parametrize("error, message, order, width, max_m, options", [
    (ValueError, "order must be 12, .* or 172 with variant 'quarot', not 16; the nearest is 12",
     16, 8, 2, {}),
    (ValueError, "lanes must be 1, 2 or 4, not 3", 12, 8, 2, {"lanes": 3}),
    (ValueError, "width must be between 2 and 32, not 1", 12, 1, 2, {}),
    (ValueError, "max_m must be between 2 and 15, not 1", 12, 8, 1, {"lanes": 4}),
    (TypeError, "max_m must be an integer, not '2'", 12, 8, "2", {}),
])
def test_wrong_parameters(error, message, order, width, max_m, options):
    with pytest.raises(error, match=f"^{message}$"):
        KStage(order, width, max_m, **options)
