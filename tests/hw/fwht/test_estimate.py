# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Estimates of ECP5 cells against synthesis."""

import pytest

from luthier.gen.synthesis import synthesise
from luthier.gen.verilog import convert
from luthier.golden.fwht import Pipeline
from luthier.hw.fwht import WalshHadamard
from luthier.hw.fwht.estimate import carry_cells, site_estimate

#: N, P, w.
GRID = [(16, 1, 8), (16, 4, 8), (16, 16, 8), (64, 1, 8), (64, 4, 4), (64, 16, 8), (256, 2, 12),
        (1024, 1, 8), (1024, 4, 8), (4096, 1, 16)]


def sites(samples, lanes, width):
    """Return the sites of a pipeline, those estimated, and both numbers of its carry cells."""
    config = Pipeline(samples=samples, lanes=lanes, width=width)
    found = synthesise(convert(WalshHadamard(config), target="ecp5"), "ecp5", dsp=False)
    return found.sites, site_estimate(config), found.carry, carry_cells(config)


def test_small():
    found, estimate, carry, expected_carry = sites(16, 4, 8)
    assert abs(estimate / found - 1) < 0.15
    assert carry == expected_carry


@pytest.mark.nightly
def test_grid():
    """At least nine of ten within 15 %."""
    rows = [sites(*shape) for shape in GRID]
    assert all(carry >= expected for *_, carry, expected in rows)
    assert sum(abs(estimate / found - 1) < 0.15 for found, estimate, *_ in rows) >= 9, rows
