# SPDX-License-Identifier: Apache-2.0
"""The figures of docs/verification.md, measured again."""

import pytest

from luthier.golden.config import load_configuration
from luthier.sim.verification import coverage, mutation
from luthier.sim.verification.__main__ import coverage_table, mutation_table

TINY = load_configuration("tiny")


#: Least part of the mutants that are killed. Most survivors in the engine are equivalent (address
#: bits above the memory, values held while nobody looks); none is taken out of the count.
KILLED = {"table": 0.9, "engine": 0.75, "link": 0.9}


@pytest.mark.nightly
def test_coverage():
    data = coverage.measure(TINY, seed=1, effort=1, say=print)
    print(coverage_table(data))
    for unit in ("table", "engine", "link", "all"):
        for kind in ("lines_counted", "toggles_counted"):
            reached, points = data["units"][unit][kind]
            assert reached >= 0.9 * points, (unit, kind, data["units"][unit]["missed"])


@pytest.mark.nightly
def test_mutation():
    data = mutation.measure(TINY, seed=1, count=50, effort=2, say=print)
    print(mutation_table(data))
    for unit, figures in data["units"].items():
        assert figures["killed"] >= KILLED[unit] * figures["mutants"], (unit, data["survivors"])
