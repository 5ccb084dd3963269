# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Units whose tables have rounded entries, against the golden model, under stalls."""

import numpy as np
import pytest

from luthier.gen.verilog import convert
from luthier.golden.config import Configuration
from luthier.hw.table import table_unit
from luthier.sim.streams import simulate, sink, source
from luthier.sim.unit_case import unit_case

BASE = {"beat_bits": 64, "alphabets": "planes", "scaled": False, "row_block": 16,
        "max_rows": 256, "max_columns": 512, "quantisation": "int8"}
BUILDS = {
    "lutram": {"rounds": 4},
    "lutram_k5": {"k": 5, "smallest_group": 64, "adder_inputs": 3},
    "lutram_k6_a7": {"k": 6, "activation_bits": 7, "rounds": 2},
    "lutram_two_tokens": {"beat_bits": 128, "tokens": 2, "activation_bits": 12},
    "registers": {"store": "registers"},
    "registers_two_tokens": {"store": "registers", "beat_bits": 128, "row_block": 32, "tokens": 2,
                             "activation_bits": 10},
}


def configuration(build):
    return Configuration.from_data({
        "name": "rounded", "memory": {"words": 8192}, "scratchpad": {"words": 256},
        "table": BASE | build})


@pytest.mark.parametrize("p_valid, p_ready", [(1, 1), (0.6, 0.7)])
@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_against_golden(build, p_valid, p_ready, seed):
    config = configuration(build)
    rng = np.random.default_rng(seed)
    tiles = 12 if config.table.shared else 2
    cases = [unit_case(config, rng, rows=int(rng.choice([1, 3, 16, 19])), tiles=tiles)
             for _ in range(6)]
    unit, received = table_unit(config), []

    def joined(name):
        return [word for case in cases for word in getattr(case, name)]

    results = joined("results")
    simulate(unit, [
        source(unit.command, joined("commands"), probability=p_valid, seed=seed),
        source(unit.activations, joined("activations"), probability=p_valid, seed=seed + 1),
        source(unit.weights, joined("weights"), probability=p_valid, seed=seed + 2),
        sink(unit.results, received, len(results), probability=p_ready, seed=seed + 3),
    ], observed=[unit.results], limit=200_000)
    lanes = [(list(word) if config.table.results_at_once > 1 else [word])[: len(values)]
             for word, (values, _) in zip(received, results)]
    assert [([lane.value for lane in word], bool(word[0].last)) for word in lanes] == results


@pytest.mark.parametrize("build", [BUILDS["lutram"], BUILDS["registers"]],
                         ids=["lutram", "registers"])
def test_verilog(build):
    assert "module luthier" in convert(table_unit(configuration(build)))
