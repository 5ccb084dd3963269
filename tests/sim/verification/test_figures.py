# SPDX-License-Identifier: Apache-2.0
"""The figures of docs/verification.md, measured again."""

from pathlib import Path

import pytest

from luthier.golden.config import load_configuration
from luthier.sim.verification import coverage, mutation
from luthier.sim.verification.__main__ import coverage_table, mutation_table
from luthier.sim.verification.mutants import UNITS

TINY = load_configuration("tiny")
REGISTERS = load_configuration(Path(__file__).with_name("registers.toml"))

#: Least part of the mutants that are killed, and of lines and toggles that are reached.
LEAST = 0.9


@pytest.mark.nightly
def test_coverage():
    data = coverage.measure(TINY, seed=1, effort=1, say=print)
    print(coverage_table(data))
    for unit in ("table", "engine", "link"):
        for kind in ("lines_counted", "toggles_counted"):
            reached, points = data["units"][unit][kind]
            assert reached >= LEAST * points, (unit, kind, data["units"][unit]["missed"])


@pytest.mark.nightly
@pytest.mark.parametrize("config, units", [(TINY, UNITS), (REGISTERS, ["table"])],
                         ids=["tiny", "registers"])
def test_mutation(config, units):
    data = mutation.measure(config, seed=1, count=100, effort=1, units=units, say=print)
    print(mutation_table(data))
    for unit, figures in data["units"].items():
        assert figures["killed"] >= LEAST * figures["mutants"], (unit, data["survivors"])
