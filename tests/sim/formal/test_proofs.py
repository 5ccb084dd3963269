# SPDX-License-Identifier: Apache-2.0
"""Proofs pass, and each fails on its broken twin."""

import json

import pytest

from luthier.golden.errors import ToolMissing, UserError
from luthier.hw.stream import Queue, StreamRegister
from luthier.sim.formal import Bench, Unit, attempt, find_proofs, prove, prover
from luthier.sim.formal.__main__ import main

PROOFS = {proof.name: proof for proof in find_proofs()}
#: Those that take seconds and stand for the rest in the daily tests.
QUICK = ("stream_register", "stream_register_ready", "queue_3", "crc32_1")


def each(names):
    """Return a parameter for each proof: quick ones daily, the others nightly."""
    return [pytest.param(PROOFS[name], id=name,
                         marks=[] if name in QUICK else pytest.mark.nightly) for name in names]


@pytest.mark.parametrize("proof", each(PROOFS))
def test_passes(proof, tmp_path):
    verdict = attempt(proof, traces=tmp_path)
    assert (verdict.status, verdict.facts) == ("passed", ()), verdict.log


@pytest.mark.parametrize("proof", each(PROOFS))
def test_fails_on_the_broken_twin(proof, tmp_path):
    verdict = attempt(proof, broken=True, traces=tmp_path)
    assert verdict.status == "failed", verdict.log
    assert proof.defect.fails in verdict.facts
    assert verdict.trace is not None and verdict.trace.read_text().startswith("$")


@pytest.mark.parametrize("proof", each(PROOFS))
def test_what_it_speaks_of_happens(proof):
    verdict = attempt(proof, cover=True)
    assert (verdict.status, verdict.facts) == ("passed", ()), verdict.log


def test_names_are_unique():
    assert len(PROOFS) == len(find_proofs())


def test_unknown_name():
    with pytest.raises(UserError, match="there is no proof called 'quue'; choose among stream_"):
        find_proofs(["quue"])


def test_a_unit_names_its_proofs():
    assert {proof.unit for proof in find_proofs(["Queue"])} == {"Queue"}


def test_missing_tool(monkeypatch):
    monkeypatch.setattr(prover.shutil, "which", lambda name, path: None)
    with pytest.raises(ToolMissing, match="proofs need yowasp-sby, which is not installed"):
        prover.find_prover()


def test_command(tmp_path, capsys):
    file = tmp_path / "proofs.json"
    assert main(["crc32_1", "--json", str(file), "--traces", str(tmp_path)]) == 0
    assert "| crc32_1 | Crc32 | 1 byte |" in capsys.readouterr().out
    (row,) = json.loads(file.read_text())["proofs"]
    assert row["ok"] and row["twin_facts"] == ["the_register_is_that_of_the_definition"]
    assert main(["nothing"]) == 2


def test_names_inside_a_unit():
    queue = Queue(4, 3)
    unit = Unit(queue)
    assert len(unit.signal("fifo.produce")) == 2
    with pytest.raises(KeyError, match="0 signals are called fifo.nothing"):
        unit.signal("fifo.nothing")
    with pytest.raises(KeyError, match="fifo is no memory"):
        unit.peek("fifo", 0)
    with pytest.raises(KeyError, match="nothing is assigned to"):
        unit.corrupt(queue.o.ready, lambda value: value)
    with pytest.raises(KeyError, match="nothing is assigned to"):
        unit.cut(queue.o.ready)


def test_paths_within_a_cycle():
    register, queue = StreamRegister(4), Queue(4, 2)
    assert not Unit(register).reaches(register.o.ready, register.i.ready)
    unit = Unit(queue)
    assert unit.reaches(unit.signal("fifo.consume"), queue.o.payload)
    assert not unit.reaches(queue.i.payload, queue.o.payload)


def test_induction_that_does_not_close_is_unknown():
    """What a queue holds is known only if something is said of its pointers."""
    bench, queue = Bench(), Queue(2, 2)
    bench.add(queue)
    bench.assume(queue.i.payload == 1)
    bench.fact("only ones", ~queue.o.valid | (queue.o.payload == 1))
    verdict = prove(bench.rtlil(), mode="prove", depth=2)
    assert (verdict.status, verdict.facts) == ("unknown", ("only_ones",))


def test_an_error_is_no_proof():
    verdict = prove("no RTLIL", mode="bmc", depth=1)
    assert verdict.status == "error"
    assert "ERROR" in verdict.log
