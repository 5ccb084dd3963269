# SPDX-License-Identifier: Apache-2.0
"""The stimulus passes on the hardware, fails on broken hardware, and kills planted faults."""

import contextlib
import dataclasses

import pytest

from luthier.gen.verilog import generate
from luthier.golden.config import load_configuration
from luthier.golden.descriptor import Descriptor
from luthier.golden.protocol import Report
from luthier.host.link import Link
from luthier.sim.board import build_library
from luthier.sim.verification.bench import BenchBoard
from luthier.sim.verification.link_sources import bursts, overruns, resets
from luthier.sim.verification.mutation import kill
from luthier.sim.verification.operation_sources import write_descriptors
from luthier.sim.verification.replay import Mismatch, replay
from luthier.sim.verification.script import record
from luthier.sim.verification.sources import SOURCES, layers

CONFIG = load_configuration("tiny")


@pytest.fixture(scope="module")
def artefact():
    return generate(CONFIG)


@pytest.fixture
def board(artefact):
    board = BenchBoard(artefact.verilog, CONFIG.link.width)
    yield board
    board.close()


def test_hardware_passes_every_source(artefact, board):
    steps = record(CONFIG, artefact.build_id, SOURCES, seed=5, effort=1)
    # There is neither a transform nor a vector unit.
    assert {step.source for step in steps} == {
        source.__name__ for source in SOURCES} - {"on_vectors"}
    replay(board, CONFIG, steps, seed=5)


def test_a_script_can_be_had_again(artefact):
    first, second, other = (record(CONFIG, artefact.build_id, [bursts, layers], seed=seed, effort=1)
                            for seed in (1, 1, 2))
    assert first == second != other


def changed(steps, change):
    """Return a script whose last step with a reply of data expects another one."""
    index = max(i for i, step in enumerate(steps) if step.replies and step.replies[-1].data)
    replies = (*steps[index].replies[:-1], change(steps[index].replies[-1]))
    return [*steps[:index], dataclasses.replace(steps[index], replies=replies)]


@pytest.mark.parametrize("source", [bursts, layers])
def test_another_answer_is_found(artefact, board, source):
    steps = record(CONFIG, artefact.build_id, [source], seed=3, effort=1)
    steps = changed(steps, lambda reply: dataclasses.replace(
        reply, status=False, data=bytes([reply.data[0] ^ 1]) + reply.data[1:]))
    with pytest.raises(Mismatch, match=rf"step {len(steps) - 1} \({source.__name__}\): "):
        replay(board, CONFIG, steps, seed=3)


@pytest.mark.parametrize(("count", "wrong", "sentence"), [
    (1, -1, "cycles is"), (1, 1, "cycles is"), (3, 60, None),
    (3, -200, "with one operation at a time")])
def test_cycles_are_exact_alone_and_bounded_together(artefact, board, count, wrong, sentence):
    def same(recorder, rng, effort):
        link = Link(recorder)
        d = Descriptor(rows=40, columns=5, destination=8, weights=64)
        write_descriptors(link, 0, [d] * count)
        link.run(0, count, 1)

    def change(reply):
        report = Report.unpack(reply.data)
        assert report.operations == count
        return dataclasses.replace(reply, data=dataclasses.replace(
            report, cycles=max(0, report.cycles + wrong)).pack())

    steps = changed(record(CONFIG, artefact.build_id, [same], seed=1, effort=1), change)
    with pytest.raises(Mismatch, match=sentence) if sentence else contextlib.nullcontext():
        replay(board, CONFIG, steps, seed=1)


def test_missing_and_extra_answers_are_found(artefact):
    hello, = record(CONFIG, artefact.build_id, [bursts], seed=4, effort=1)[:1]
    for step, sentence in (
            (dataclasses.replace(hello, send=hello.send[:-3]), "no reply within"),
            (dataclasses.replace(hello, replies=()), "bytes came that nobody asked for")):
        board = BenchBoard(artefact.verilog, CONFIG.link.width)
        with pytest.raises(Mismatch, match=sentence):
            replay(board, CONFIG, [step], seed=4)
        board.close()


def test_a_planted_fault_is_killed(artefact):
    verilog = artefact.verilog.replace("module luthier(", "module luthier(mutsel, ", 1)
    assert ".i__valid(i__valid)," in verilog
    verilog = verilog.replace(".i__valid(i__valid),", ".i__valid(i__valid & (mutsel != 1)),", 1)
    verilog = verilog.replace("  input clk;\n", "  input clk;\n  input [1:0] mutsel;\n", 1)
    board = BenchBoard(verilog, CONFIG.link.width)
    script = (record(CONFIG, artefact.build_id, [resets, overruns], seed=1, effort=1), 1)
    assert kill(board, CONFIG, 0, [script]) is None
    assert "no reply within" in (kill(board, CONFIG, 1, [script]) or "")
    assert kill(board, CONFIG, 2, [script]) is None
    assert "ran longer than 0" in (kill(board, CONFIG, 0, [script], watchdog=0.001) or "")
    board.close()


def test_boards_without_faults_or_counters_say_so(board, tmp_path):
    with pytest.raises(ValueError, match="this netlist has no input mutsel"):
        board.select_fault(1)
    with pytest.raises(ValueError, match="was not built with coverage=True"):
        board.write_coverage(tmp_path / "coverage.dat")


def test_a_board_that_counts_is_another_library(artefact, monkeypatch):
    asked = []
    monkeypatch.setattr("luthier.sim.board.fetch",
                        lambda key, name, build: (asked.append(key), (None, None))[1])
    for coverage in (False, True):
        build_library(artefact.verilog, 1, coverage=coverage)
    assert asked[0] != asked[1]
