# SPDX-License-Identifier: Apache-2.0
"""The figures of docs/verification.md, measured again: at least 90 % each."""

import pytest

from luthier.golden.config import load_configuration
from luthier.sim.verification import coverage, mutation
from luthier.sim.verification.__main__ import coverage_table, mutation_table

TINY = load_configuration("tiny")


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
        assert figures["killed"] >= 0.9 * figures["mutants"], (unit, data["survivors"])
