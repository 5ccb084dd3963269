# SPDX-License-Identifier: Apache-2.0
"""The whole device, compiled: random operations in process and over a socket, and the figures.

The reference is NumPy's 64-bit product, in :mod:`luthier.cli.check`; the cycles are the declared
ones.
"""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from luthier.golden.config import named_configurations
from luthier.host import DeviceError, DeviceReset, Output, Weights, connect
from luthier.host.transports import open_transport

LUTHIER = str(Path(sys.executable).with_name("luthier"))


def check(url, operations, seed):
    """Run ``luthier check``; return its JSON."""
    result = subprocess.run(
        [LUTHIER, "check", "--device", url, "--operations", str(operations), "--seed", str(seed),
         "--json", "-"], capture_output=True, text=True, timeout=1500)
    assert result.returncode == 0, result.stderr
    data = json.loads(result.stdout)
    assert (data["operations"], data["mismatches"], data["seed"]) == (operations, 0, seed)
    assert data["results"] > operations
    return data


@pytest.mark.parametrize("name", ["tiny", "default"])
def test_check(name):
    check(f"sim:{name}", 70, seed=11)


@pytest.mark.nightly
@pytest.mark.parametrize("name", named_configurations())
def test_five_hundred_operations(name):
    check(f"sim:{name}", 500, seed=21)


@pytest.mark.nightly
@pytest.mark.parametrize("name", named_configurations())
def test_five_hundred_operations_over_a_socket(name):
    server = subprocess.Popen([LUTHIER, "serve", "-c", name, "--listen", "127.0.0.1:0"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        found = re.fullmatch(rf"serving {name} at (socket://\S+)\n", server.stdout.readline())
        assert found
        check(found[1], 500, seed=22)
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)


def test_reset_keeps_the_memory_and_ends_the_session():
    with open_transport("sim:tiny") as transport:
        device = connect(transport)
        words = np.arange(80, dtype=np.uint8).reshape(10, 8)
        device.write_memory(5, words)
        assert transport.resettable
        transport.reset()
        with pytest.raises(DeviceReset, match="sim:tiny was reset while reading 10 words of mem"):
            device.read_memory(5, 10)
        assert (device.read_memory(5, 10) == words).all()
        transport.close()
        with pytest.raises(DeviceError, match="is closed"):
            transport.reset()


@pytest.mark.parametrize("rows, columns, format, bits", [
    (1024, 1280, "ternary", 1.63), (1024, 1024, "w2", 2), (1024, 1024, "w4", 4)])
def test_efficiency(rows, columns, format, bits):
    """From the hardware's counters: at least 97 %, at most 64 cycles more than beats."""
    result = subprocess.run(
        [LUTHIER, "bench", "gemv", "--device", "sim:default", "--rows", str(rows), "--columns",
         str(columns), "--format", format, "--json", "-"], capture_output=True, text=True,
        timeout=600)
    assert result.returncode == 0, result.stderr
    data = json.loads(result.stdout)
    assert (data["results"], data["mismatches"]) == (rows, 0)
    assert data["efficiency"] >= 0.97
    assert data["beats"] < data["cycles"] <= data["beats"] + 64
    assert data["cycles"] == data["declared_cycles"]
    assert data["bits_per_weight"] <= bits


def test_flipped_bit_is_found():
    """One bit of the device's memory is changed after the upload: the check must fail."""
    result = subprocess.run(
        [LUTHIER, "bench", "gemv", "--device", "sim:tiny", "--rows", "40", "--columns", "50",
         "--format", "w3", "--flip-weight-bit", "17,33"], capture_output=True, text=True,
        timeout=600)
    assert result.returncode == 1
    for part in ("row 17", "expected", "got", "luthier bench gemv", "--flip-weight-bit 17,33"):
        assert part in result.stderr, result.stderr


def test_binary_coded_weights():
    """Against the definition in integers; coefficients are halves, which records hold exactly."""
    rows, columns = 37, 100
    with connect("sim:tiny") as device:
        for planes, group in ((2, 0), (3, 16), (4, 48)):
            rng = np.random.default_rng([planes, group])
            groups = -(-columns // group) if group else 1
            signs = rng.choice([-1, 1], (planes, rows, columns))
            c = rng.integers(-3000, 3001, (planes, rows, groups))
            z = rng.integers(-3000, 3001, (rows, groups))
            index = np.arange(columns) // (group or columns)
            x = rng.integers(-128, 128, (3, columns))
            total = x @ ((c[:, :, index] * signs).sum(axis=0) + z[:, index]).T
            half, odd = total >> 1, total & 1
            layer = device.load(Weights.binary_coded(signs, c / 2, z / 2, group),
                                output=Output("int32"))
            assert (layer(x) == half + (odd & half)).all() and odd.any()
            assert layer.stats.cycles == layer.stats.declared_cycles
