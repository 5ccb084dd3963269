# SPDX-License-Identifier: Apache-2.0
"""A device whose memory is an SDRAM, simulated with the chip."""

import numpy as np
import pytest

from luthier.cli.main import main
from luthier.host import Weights, connect

TEXT = """\
name = "tiny_sdram"
clock_hz = 80000000

[table]
beat_bits = {beat_bits}
row_block = 256
max_rows = 1024
max_columns = 1024

[scratchpad]
words = 1024

[memory]
words = 262144

[link]
payload_bytes = 512

[sdram]
row_bits = 11
"""


@pytest.fixture(scope="module", params=[64, pytest.param(128, marks=pytest.mark.nightly)])
def config(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("sdram") / "tiny_sdram.toml"
    path.write_text(TEXT.format(beat_bits=request.param))
    return path


def test_operations(config, seed, capsys):
    assert main(["check", "--device", f"sim:{config}", "--operations", "60",
                 "--seed", str(seed)]) == 0
    assert " 0 wrong" in capsys.readouterr().out


def formats(rng):
    """Matrices, and how many planes are used."""
    matrix = rng.integers(-1, 2, (1000, 1000))
    yield Weights.ternary(matrix)
    yield Weights.ternary(matrix, rng.uniform(0.001, 0.01, 1000))
    wide, ones = rng.integers(0, 16, (300, 900)), np.ones((300, 1))
    yield Weights.integer(wide, 4, ones)
    yield Weights.integer(wide, 4, rng.uniform(0.001, 0.01, (300, 15)), group=64)
    yield Weights.integer(wide[:3], 4, ones[:3])
    yield Weights.integer(wide[:, :7], 4, ones)


def test_projected_cycles(config, seed):
    """The projection is near what happens."""
    rng = np.random.default_rng(seed)
    with connect(f"sim:{config}", check="all") as device:
        for weights in formats(rng):
            layer = device.load(weights)
            layer(rng.integers(-128, 128, weights.values.shape[1], dtype=np.int8))
            cycles, declared = layer.stats.cycles, layer.stats.declared_cycles
            print(cycles, declared, f"{cycles / declared:.3f}")
            assert abs(cycles - declared) <= 0.02 * declared + 64
            layer.unload()


def test_share_of_the_peak(config, seed):
    """A large matrix is as fast as the chip: at least 85 % of what its pins could carry."""
    rng = np.random.default_rng(seed)
    with connect(f"sim:{config}", check="all") as device:
        layer = device.load(Weights.ternary(rng.integers(-1, 2, (1024, 1024))))
        layer(rng.integers(-128, 128, 1024, dtype=np.int8))
        peak = layer.stats.beats * device.config.table.beat_bits // 16
        print(f"{peak / layer.stats.cycles:.1%} of the peak")
        assert peak >= 0.85 * layer.stats.cycles
