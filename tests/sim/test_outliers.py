# SPDX-License-Identifier: Apache-2.0
"""Tables with scattered outliers on top, on the compiled device."""

import numpy as np
import pytest

from luthier.host import Output, SparseWeights, Weights, connect

ROWS, COLUMNS = 150, 400


@pytest.mark.parametrize("share", [0.003, 0.05])
def test_outliers_on_top_of_tables(share, seed):
    """4-bit weights, and single ones of 8 bits: exact sums, in the cycles that are declared."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, COLUMNS)
    low = rng.integers(0, 16, (ROWS, COLUMNS))
    outliers = np.where(rng.random(low.shape) < share, rng.integers(-128, 128, low.shape), 0)
    with connect("sim:sparse", check="all") as device:
        program = device.program()
        source = program.input(COLUMNS)
        table = device.load(Weights.integer(low, 4), output=Output("int32", 1.0))
        single = device.load(SparseWeights(outliers, group=0, encoding="csr"),
                             output=Output("int32", 1.0))
        sums = program.apply(single, source, onto=program.apply(table, source))
        program.output(sums)
        program.output(program.rescale(sums, "int16", 2**-8))
        y, rounded = program(x)
        assert (y == (low + outliers) @ x).all()
        assert (rounded == np.rint(y / 256)).all()
        assert program.report.cycles == program.declared_cycles
