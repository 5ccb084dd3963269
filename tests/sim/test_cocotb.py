# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The units' Verilog in Verilator, driven by the cocotb benches."""

import pytest

from luthier.golden.config import Configuration
from luthier.golden.protocol import identification
from luthier.hw.engine import Engine
from luthier.hw.link import LinkShell
from luthier.hw.table import table_unit
from luthier.sim.cocotb.runner import run_bench


def configuration(**table):
    return Configuration.from_data({
        "name": "test", "memory": {"words": 16384}, "scratchpad": {"words": 256},
        "table": {"max_rows": 512, "max_columns": 512} | table})


TABLES = [
    pytest.param({"beat_bits": 64, "row_block": 32}, id="d64"),
    pytest.param({"beat_bits": 128, "row_block": 16, "activation_bits": 16}, id="d128_a16",
                 marks=pytest.mark.nightly),
    pytest.param({"beat_bits": 256, "row_block": 64, "activation_bits": 4}, id="d256_a4",
                 marks=pytest.mark.nightly),
    pytest.param({"beat_bits": 64, "row_block": 16, "store": "registers", "tokens": 2},
                 id="registers_m2n16", marks=pytest.mark.nightly),
    pytest.param({"beat_bits": 256, "row_block": 64, "store": "registers", "tokens": 4,
                  "scaled": False}, id="registers_m4n64", marks=pytest.mark.nightly),
]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("unit, bench, tests", [(table_unit, "table", 3), (Engine, "engine", 4)],
                         ids=["table", "engine"])
def test_unit(unit, bench, tests, table, tmp_path):
    config = configuration(**table)
    outcomes = run_bench(unit(config), config, bench, tmp_path, count=10)
    assert outcomes == [(tests, 0)] * 2


def test_sparse_engine(tmp_path):
    """The chain behind a memory that answers late and stalls."""
    config = Configuration.from_data({
        "name": "test", "memory": {"words": 4096}, "scratchpad": {"words": 256},
        "table": {"beat_bits": 64, "row_block": 32, "max_rows": 512, "max_columns": 512},
        "sparse": {"block": 4, "kept": [1, 2, 4], "lanes": 2}})
    assert run_bench(Engine(config), config, "engine", tmp_path, count=10) == [(4, 0)] * 2


@pytest.mark.parametrize("width, bits, link, count", [
    pytest.param(1, 64, {"payload_bytes": 128, "window": 2, "cache_depth": 2}, 40, id="narrow"),
    pytest.param(2, 512, {"payload_bytes": 512, "window": 1, "cache_depth": 1}, 400, id="single",
                 marks=pytest.mark.nightly),
    pytest.param(4, 128, {"payload_bytes": 1024, "window": 4, "cache_depth": 8}, 400, id="middle",
                 marks=pytest.mark.nightly),
    pytest.param(8, 64, {"payload_bytes": 512, "window": 8, "cache_depth": 8}, 40, id="wide"),
])
def test_link(width, bits, link, count, tmp_path):
    config = Configuration.from_data({
        "name": "test", "memory": {"words": 8192}, "scratchpad": {"words": 512},
        "table": {"beat_bits": bits, "row_block": 32, "max_rows": 512, "max_columns": 512},
        "link": {"width": width} | link})
    shell = LinkShell(config, identification(config, bytes(32)))
    assert run_bench(shell, config, "link", tmp_path, count=count) == [(3, 0)] * 2
