# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Block RAM against NumPy, as plain memory and of ECP5's cells: Verilator, with our model of them.

Random writes, reads and enables. What is read of a word that is being written is left out: the
model of the cell gives a wrong word there on purpose.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from luthier.gen.synthesis import synthesise
from luthier.gen.tools import find_compiler, find_verilator
from luthier.gen.verilog import convert
from luthier.hw.block_ram import BlockRam
from luthier.sim.board import Tools

MODEL = Path(__file__).parent / "models" / "dp16kd.v"
MAIN = """
#include <cinttypes>
#include <cstdio>
#include "Vluthier.h"
int main() {
    Vluthier unit;
    uint64_t write, write_address, word, enable, address, zero, enable_out;
    while (std::scanf("%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64,
                      &write, &write_address, &word, &enable, &address, &zero, &enable_out) == 7) {
        unit.write = write; unit.write_address = write_address; unit.word = word;
        unit.enable = enable; unit.address = address; unit.enable_out = enable_out;
        if (ZERO) unit.zero = zero;
        unit.clk = 0; unit.eval();
        std::printf("%" PRIu64 "\\n", uint64_t(unit.value));
        unit.clk = 1; unit.eval();
    }
}
"""


def build(verilog, zero, folder):
    tools = Tools(find_verilator(), find_compiler())
    (folder / "luthier.v").write_text(verilog)
    main = MAIN if zero else MAIN.replace("if (ZERO) unit.zero = zero;", "")
    (folder / "main.cpp").write_text(main.replace("ZERO", "true"))
    subprocess.run(
        [tools.verilator.binary, "--cc", "--top-module", "luthier", "--no-timing", "-Wno-lint",
         "-Wno-style", "--x-initial", "unique", "--Mdir", ".", "luthier.v", MODEL],
        cwd=folder, env=tools.verilator.environment(),
        check=True)
    subprocess.run([tools.compiler.command, "-o", "run", *tools.model(folder),
                    str(tools.runtime()), "-pthread"], cwd=folder, check=True)
    return folder / "run"


def stimuli(rng, width, depth, count):
    """Return a row for each cycle, in the order of ``MAIN``; full rate in the second half."""
    rates = np.where(np.arange(count) < count // 2, 0.6, 1.0)
    addresses = rng.integers(0, depth, (2, count))
    few = rng.random(count) < 0.5  # many reads of words that were just written
    addresses[:, few] %= 8
    addresses[:, rng.random(count) < 0.1] |= depth - 2
    return np.stack([rng.random(count) < 0.5, addresses[0],
                     rng.integers(0, 1 << width, count), rng.random(count) < rates, addresses[1],
                     rng.random(count) < 0.2, rng.random(count) < rates], axis=1).astype(np.int64)


def expected(rows, depth, zero):
    """Return what each cycle shows, None where it is undefined."""
    memory, read, value, found = np.zeros(depth, np.int64), None, None, []
    for write, write_address, word, enable, address, as_zero, enable_out in rows.tolist():
        found.append(value)
        if enable_out:
            value = read
        if enable:
            read = int(memory[address])
            if write and write_address == address:
                read = None
            if zero and as_zero:
                read = 0
        if write:
            memory[write_address] = word
    return found


@pytest.mark.parametrize("target", [None, "ecp5"])
@pytest.mark.parametrize("width, depth, zero, blocks", [
    (30, 1024, True, 4),  # accumulators
    (30, 512, True, 2),
    (30, 16, True, 1),
    (12, 256, False, 1),  # tables
    (21, 512, False, 1),
    (40, 512, False, 2),
    (37, 1024, False, 3),
    (1, 2048, False, 1),
    (9, 4096, False, None),
    (11, 2048, True, None),
])
def test_equals_numpy(tmp_path, width, depth, zero, blocks, target):
    rng = np.random.default_rng(width + depth)
    rows = stimuli(rng, width, depth, 6000)
    verilog = convert(BlockRam(width, depth, zero=zero), target=target)
    assert verilog.count("DP16KD #(") == (blocks or 0 if target else 0)
    program = build(verilog, zero, tmp_path)
    said = subprocess.run([program], input="\n".join(" ".join(map(str, r)) for r in rows.tolist()),
                          capture_output=True, text=True, check=True, timeout=60)
    got, wanted = list(map(int, said.stdout.split())), expected(rows, depth, zero)
    assert len(got) == len(wanted)
    known = [(cycle, a, b) for cycle, (a, b) in enumerate(zip(got, wanted)) if b is not None]
    assert len(known) > 0.9 * len(rows)
    assert [cycle for cycle, a, b in known if a != b] == []


def test_takes_the_cells_alone():
    """No register is outside of the cells, and no logic."""
    found = synthesise(convert(BlockRam(30, 1024, zero=True), target="ecp5"), "ecp5")
    assert (found.block_ram, found.ff, found.sites) == (4, 0, 0)


@pytest.mark.parametrize("width, depth, message", [
    (0, 16, "width must be 1 or more, not 0"),
    (8, 1, "depth must be a power of two, 2 or more, not 1"),
    (8, 48, "depth must be a power of two, 2 or more, not 48"),
])
def test_refuses(width, depth, message):
    with pytest.raises(ValueError, match=message):
        BlockRam(width, depth)


@pytest.mark.parametrize("turn", [(2, 2), (-1, 3), (0, 9)])
def test_refuses_turns(turn):
    with pytest.raises(ValueError, match="turn must be a number and a larger count up to 8, not"):
        BlockRam(8, 16, turn=turn)


def test_turns_take_no_logic():
    """The block compares the turn; that it does so is seen where the unit is compiled."""
    found = synthesise(convert(BlockRam(11, 256, turn=(5, 8)), target="ecp5"), "ecp5")
    assert (found.block_ram, found.ff, found.sites) == (1, 0, 0)
