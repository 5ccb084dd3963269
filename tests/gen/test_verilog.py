# SPDX-License-Identifier: Apache-2.0
"""Verilog: determinism, build id, ports, memories, lint; with the echo device as top."""

import hashlib
import os
import re
import subprocess
import sys

import pytest
from amaranth.hdl import Module, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from luthier.gen import verilog
from luthier.gen.lint import lint, yosys_check
from luthier.golden.config import load_configuration, named_configurations
from luthier.golden.errors import ToolMissing, UserError
from luthier.golden.protocol import identification
from luthier.sim.board_echo import Echo

PROGRAM = """
import sys
from luthier.gen.verilog import generate
from luthier.golden.config import load_configuration
from luthier.sim.board_echo import Echo
sys.stdout.write(generate(load_configuration(sys.argv[1]), Echo).verilog)
"""


@pytest.fixture(scope="module")
def echo():
    """The artefact of ``tiny`` with the echo device as top."""
    return verilog.generate(load_configuration("tiny"), Echo)


def test_same_bytes_in_every_process(echo):
    for seed, yosys in (("1", "system"), ("2", "")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "AMARANTH_USE_YOSYS": yosys}
        result = subprocess.run([sys.executable, "-c", PROGRAM, "tiny"], env=environment,
                                check=True, capture_output=True)
        assert result.stdout == echo.verilog.encode()


def test_header_says_what_it_is(echo):
    head = echo.verilog.split("\nmodule")[0]
    assert head.startswith("// SPDX-License-Identifier: 0BSD\n")
    assert "may be used under any terms" in head
    assert "configuration tiny" in head
    assert load_configuration("tiny").hash.hex() in head


@pytest.mark.parametrize("name", named_configurations())
def test_build_id_is_the_hash_without_it(name):
    config = load_configuration(name)
    artefact = verilog.generate(config, Echo)
    # Independently of the generator: find the words of the ROM by their place in it.
    content = identification(config, artefact.build_id)
    size = config.word_bytes
    text = artefact.verilog
    for start in range(0, len(content), size):
        word = int.from_bytes(content[start:start + size], "little")
        literal = f"{8 * size}'h{word:0{2 * size}x}"
        assert f"[{start // size}] = {literal};" in text
        if start < 96 and start + size > 64:
            zeroed = bytearray(content[start:start + size])
            for index in range(64, 96):
                if start <= index < start + size:
                    zeroed[index - start] = 0
            text = text.replace(f"[{start // size}] = {literal};",
                                f"[{start // size}] = {8 * size}'h{zeroed[::-1].hex()};")
    assert hashlib.sha256(text.encode()).digest() == artefact.build_id
    assert artefact.manifest["build_id"] == artefact.build_id.hex()


def test_different_configurations_differ(echo):
    config = load_configuration("tiny")
    other = config.model_copy(update={"clock_hz": 1_000_000})
    assert verilog.generate(other, Echo).build_id != echo.build_id


class Gate(wiring.Component):
    """Combinational; ports of both signs."""

    a: In(unsigned(4))
    b: Out(4)

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.b.eq(~self.a)
        return m


def test_combinational_unit_has_clock_and_reset():
    text = verilog.convert(Gate(), name="gate")
    assert re.search(r"^module gate\(.*\);", text, re.M)
    for port in ("input clk;", "input rst;", "input [3:0] a;", "output [3:0] b;"):
        assert port in text


class Store(wiring.Component):
    """A memory whose content at power-up matters or not."""

    a: In(16)
    d: Out(8)

    def __init__(self, depth, init):
        super().__init__()
        self._depth, self._init = depth, init

    def elaborate(self, platform):
        m = Module()
        m.submodules.store = store = memory.Memory(shape=8, depth=self._depth, init=self._init)
        read, write = store.read_port(), store.write_port()
        m.d.comb += [read.addr.eq(self.a), read.en.eq(1), self.d.eq(read.data),
                     write.addr.eq(self.a), write.data.eq(self.d + 1), write.en.eq(self.a[0])]
        return m


def test_signals_without_bits_are_not_declared():
    text = verilog.convert(Store(1, [5]))
    assert "store[0] = 8'h05;" in text
    assert "[-1:0]" not in text


@pytest.mark.parametrize(("depth", "init", "loop"), [
    (4096, [], True), (4096, [0, 0, 7], False), (64, [], False)])
def test_large_empty_memories_become_loops(depth, init, loop):
    text = verilog.convert(Store(depth, init))
    assert ("for (i = 0; i <= 4095; i = i + 1) store[i] = 0;" in text) == loop
    assert (f"store[{depth - 1}] = 8'h00;" in text) != loop
    assert ("store[2] = 8'h07;" in text) == bool(init)


def test_rom_must_be_found():
    class NoRom(Echo):
        def __init__(self, config, content):
            super().__init__(config, bytes(128))

    with pytest.raises(RuntimeError, match="occurs 0 times in the Verilog, not once"):
        verilog.generate(load_configuration("tiny"), NoRom)


def test_missing_amaranth_is_said(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match=r"needs Amaranth.*pip install 'luthier\[gen\]'"):
        verilog.convert(None)  # said before the component is looked at


def test_yosys_failure_is_reported(monkeypatch):
    monkeypatch.setattr(verilog, "_SCRIPT", "no_such_command {rtlil} {attributes}")
    with pytest.raises(RuntimeError, match="Yosys refused the netlist of gate: ") as caught:
        verilog.convert(Gate(), name="gate")
    assert "\n" not in str(caught.value)


def test_yosys_without_a_cache_is_said(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="Yosys needs a cache and cannot create its folder .*file/"
                                        ".*; set XDG_CACHE_HOME to a folder of your own$"):
        verilog.convert(Gate(), name="gate")


def test_lint_and_check_accept_the_echo_device(echo, tmp_path):
    path = tmp_path / "luthier.v"
    path.write_text(echo.verilog)
    assert lint(path) == ""
    assert yosys_check(path) == ""


def test_lint_and_check_can_fail(echo, tmp_path):
    path = tmp_path / "luthier.v"
    latch = "reg [1:0] l; always @(*) if (rst) l = {2{clk}};\nassign o__valid = l[0];\nendmodule"
    module, end, rest = echo.verilog.partition("endmodule")
    assert end
    path.write_text(module + latch + rest)
    assert "LATCH" in lint(path)
    assert "multiple conflicting drivers" in yosys_check(path)
