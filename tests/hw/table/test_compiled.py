# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The unit compiled by Verilator, portable and of ECP5's cells: long runs, int64 products."""

from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring

from luthier.golden.config import Configuration
from luthier.golden.weights import pack_trits
from luthier.hw.table import TableUnit
from luthier.hw.table.commands import table_command
from luthier.hw.table.ports import unit_ports
from luthier.sim.compiled import CompiledUnit

MODELS = [Path(__file__).parents[1] / "models" / name for name in ("dp16kd.v", "ccu2c.v")]
SEED = 8


class Streams(wiring.Component):
    """The streams of a unit alone."""

    def __init__(self, config):
        self.unit = TableUnit(config)
        super().__init__({name: member for name, member in unit_ports(config).items()
                          if member.is_signature})

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit = self.unit
        for name in self.signature.members:
            inside, outside = getattr(self.unit, name), wiring.flipped(getattr(self, name))
            wiring.connect(m, inside, outside)
        return m


def configuration(**table):
    return Configuration.from_data({"name": "case", "table": {
        "beat_bits": 128, "store": "blockram", "k": 8, "rounds": 4, "alphabets": "trits",
        "scaled": False, "row_block": 64, "max_columns": 1024} | table})


def joined(values, bits):
    """Return integers side by side, the first one lowest."""
    mask = (1 << bits) - 1
    return sum((int(value) & mask) << bits * place for place, value in enumerate(values))


def operations(config, rng, shapes):
    """Return the inputs of random matrices of trits, and the results by NumPy."""
    t, half = config.table, 1 << config.table.activation_bits - 1
    per_word, layout = config.activations_per_word, table_command(config)
    inputs, results = {"command": [], "activations": [], "weights": []}, []
    for rows, columns in shapes:
        weights = rng.integers(-1, 2, (rows, columns))
        x = rng.integers(-half, half, (t.tokens, columns))
        words = -(-columns // per_word)
        padded = rng.integers(-half, half, (t.tokens, words * per_word))  # not zero on purpose
        padded[:, :columns] = x
        of_block = [joined(padded[token, word * per_word : (word + 1) * per_word],
                           t.activation_bits)
                    for word in range(words) for token in range(t.tokens)]
        command = layout.const({"walk": {
            "trits": 1, "planes": 1, "rows": rows, "columns": columns}})
        inputs["command"].append(command.as_bits())
        inputs["activations"] += of_block * -(-rows // t.row_block)
        inputs["weights"] += [int.from_bytes(beat.tobytes(), "little")
                              for beat in pack_trits(weights, t.layout)]
        results += [list(row) + [number == rows - 1] for number, row in enumerate(
            (x.astype(np.int64) @ weights.T).T)]
    return inputs, results


def check(unit, config, seed, shapes, **rates):
    rng = np.random.default_rng(seed)
    inputs, results = operations(config, rng, shapes)
    got, taken = unit.run(inputs, {"results": len(results)}, seed=seed, **rates)
    found = []
    for transfer in got["results"]:
        lanes = [transfer.payload >> 34 * token & (1 << 34) - 1
                 for token in range(config.table.tokens)]
        values = [((lane & 0xffff_ffff) ^ 1 << 31) - (1 << 31) for lane in lanes]
        found.append([*values, bool(lanes[0] >> 32 & 1)])
    assert found == results
    return got["results"], taken


SHAPES = [(1, 1), (5, 8), (64, 80), (65, 81), (130, 300), (2, 1000), (3, 160), (70, 97), (17, 96)]
CONFIGURATIONS = {
    "d128": {},
    "d64_a5": {"beat_bits": 64, "activation_bits": 5, "row_block": 16},
    "d256": {"beat_bits": 256},
    "two_tokens": {"tokens": 2},
}


@pytest.mark.parametrize("target", [None, "ecp5"])
@pytest.mark.parametrize("name", [name if name == "d128" else pytest.param(
    name, marks=pytest.mark.nightly) for name in CONFIGURATIONS])
def test_long_runs(name, target):
    """Shapes back to back under stalls and without, reset in between, words with padding."""
    config = configuration(**CONFIGURATIONS[name])
    unit = CompiledUnit(Streams(config), target=target, models=MODELS if target else ())
    for seed, rates in enumerate([{}, {"p_valid": 0.6}, {"p_ready": 0.4},
                                  {"p_valid": 0.8, "p_ready": 0.8, "reset_at": 3456}], start=SEED):
        rng = np.random.default_rng(seed)
        more = [(int(rng.integers(1, 200)), int(rng.integers(1, 1025))) for _ in range(6)]
        check(unit, config, seed, SHAPES + more, **rates)


def test_full_rate_and_pauses():
    """A beat a cycle within a tile; the next one waits for its tables, 1,029 cycles of building.

    Or a cycle more: a build waits for a bank until the last beat of the tile before the last.
    """
    config = configuration(row_block=1024)
    streams = Streams(config)
    got, taken = check(CompiledUnit(streams), config, SEED, [(1024, 240)])
    beats = np.array(taken["weights"]).reshape(3, 1024)
    assert set(np.diff(beats).flat) == {1}
    assert set(np.diff(beats[:, 0])) == {1029, 1030}
    assert [transfer.cycle - beat for transfer, beat in zip(got, beats[-1])] == [
        streams.unit.latency] * 1024
