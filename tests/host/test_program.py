# SPDX-License-Identifier: Apache-2.0
"""Programs: chains without the host, their tokens, and a sentence for every mistake."""

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from luthier.golden.config import load_configuration
from luthier.golden.descriptor import Descriptor
from luthier.golden.errors import UserError
from luthier.host import Output, ResultMismatch, Weights, connect
from luthier.host.hazards import check_program, order

TINY = load_configuration("tiny")
TINY_TEXT = (Path(__file__).parents[2] / "configs" / "tiny.toml").read_text()


@pytest.fixture
def device():
    with connect("golden:tiny", check="all") as device:
        yield device


def ternary(rows, columns, seed=0):
    return Weights.ternary(np.random.default_rng(seed).integers(-1, 2, (rows, columns)))


def test_a_chain_is_what_its_layers_are(device):
    first = device.load(ternary(48, 100), output=Output("int8", 20.0))
    second = device.load(ternary(30, 48, 1), output=Output("int8", 9.0))
    last = device.load(ternary(7, 30, 2))
    program = device.program()
    x = program.input(100)
    hidden = program.apply(second, program.apply(first, x))
    program.output(hidden)
    program.output(program.apply(last, hidden))
    rng = np.random.default_rng(3)
    for _ in range(3):
        given = rng.integers(-128, 128, 100)
        middle, end = program(given)
        assert (middle == second(first(given))).all() and middle.dtype == np.int8
        assert (end == last(middle)).all() and end.dtype == np.int32
    assert [(d.wait, d.release) for d in program.descriptors()] == [(0, 1), (1, 1), (1, 0)]
    assert program.report.operations == 3 and 0 < program.efficiency < 1
    # Activations in and results out, and nothing of what is between: 100, 30 and 28 bytes in words.
    assert program.link_bytes < 104 + 32 + 32 + 5 * 2 * 28 + 64
    free = device.free_words
    program.unload()
    program.unload()
    assert device.free_words == free + 3 * 8
    assert (program(given)[1] == end).all()


def test_branches_that_meet(device):
    """Two layers of one vector, the second added onto the first's results."""
    one = device.load(ternary(20, 60), output=Output("int16", 1.0))
    two = device.load(ternary(20, 60, 1), output=Output("int16", 1.0))
    program = device.program()
    x = program.input(60)
    total = program.apply(one, x)
    program.apply(two, x, onto=total)
    program.output(total)
    assert [(d.wait, d.release) for d in program.descriptors()] == [(0, 1), (1, 0)]
    given = np.arange(60)
    expected = (one.weights.values.astype(int) + two.weights.values) @ given
    assert (program(given)[0] == expected).all()


def test_independent_operations_have_no_tokens(device):
    layers = [device.load(ternary(20, 60, seed)) for seed in range(4)]
    program = device.program()
    x, y = program.input(60), program.input(60)
    for index, layer in enumerate(layers):
        program.output(program.apply(layer, y if index % 2 else x))
    assert {(d.wait, d.release) for d in program.descriptors()} == {(0, 0)}
    a, b = np.arange(60), 30 - np.arange(60)
    for index, got in enumerate(program(a, b)):
        assert (got == layers[index].weights.values.astype(int) @ (b if index % 2 else a)).all()


def test_a_wrong_result_is_found(device):
    layer = device.load(ternary(20, 60), "mine", Output("int8", 1.0))
    program = device.program()
    program.output(program.apply(layer, program.input(60)))
    program(np.ones(60, int))
    layer.flip_weight_bit(3, 5)
    device.reproduce = "the command"
    with pytest.raises(ResultMismatch, match="layer mine, row 3, token 0.*with: the command"):
        for seed in range(20):
            program(np.random.default_rng(seed).integers(-9, 9, 60))


def mistakes():
    def layers(device):
        return (device.load(ternary(16, 16), "a", Output("int8", 1.0)),
                device.load(ternary(16, 16), "plain"))

    def wrong_size(device):
        layers(device)
        program = device.program()
        program.apply(device.load(ternary(3, 17), "b"), program.input(16))

    def wrong_type(device):
        program = device.program()
        program.apply(device.load(ternary(3, 16), "b"),
                      program.apply(layers(device)[1], program.input(16)))

    def another(device):
        program = device.program()
        program.apply(layers(device)[0], device.program().input(16))

    def mixed(device):
        program = device.program()
        weights = Weights.integer(np.zeros((4, 16), int), np.array([1, 1, 2, 2]))
        program.apply(device.load(weights, "m"), program.input(16))

    def onto(device):
        program = device.program()
        x = program.input(16)
        program.apply(layers(device)[1], x, onto=program.apply(layers(device)[0], x))

    def empty(device):
        device.program()()

    def inputs(device):
        program = device.program()
        program.output(program.apply(layers(device)[0], program.input(16)))
        program()

    def tokens(device):
        program = device.program()
        program.output(program.apply(layers(device)[0], program.input(16)))
        program(np.zeros((2, 16), int))

    def not_a_result(device):
        program = device.program()
        program.output(program.input(16))

    def scratchpad(device):
        program = device.program()
        for _ in range(9):
            program.input(512)

    def early(device):
        _ = device.program().report

    return {
        wrong_size: "layer b multiplies 17 activations of int8, not a vector of 16 of int8",
        wrong_type: "layer b multiplies 16 activations of int8, not a vector of 16 of int32; give",
        another: "the vector belongs to another program",
        mixed: "layer m has rows of different planes, whose results lie in another order",
        onto: "layer plain can be added to a vector of 16 of int32 if it has an output, not to 16",
        empty: "the program has no operation; add some with apply",
        inputs: "the program has 1 inputs, not 0",
        tokens: "input 0 must be one vector, not 2",
        not_a_result: "only a result of an operation can be an output",
        scratchpad: "need 576 words of scratchpad, 64 more than scratchpad.words .512.",
        early: "the program has no figures yet; run it first",
    }


@pytest.mark.parametrize(("use", "message"), mistakes().items(), ids=lambda v: getattr(
    v, "__name__", ""))
def test_mistakes(device, use, message):
    with pytest.raises(UserError, match=message):
        use(device)


# Descriptors of one's own ------------------------------------------------------------------------

ONE = Descriptor(rows=16, columns=16, source=0, destination=10)


def test_order_gives_tokens_to_what_depends(device):
    chain = [ONE, replace(ONE, source=20, destination=40), replace(ONE, source=10, destination=60),
             replace(ONE, source=40, destination=80), replace(ONE, source=100, destination=0)]
    ordered = order(TINY, chain)
    # The third reads what the first wrote, the fourth what the second wrote; the last overwrites
    # what the first read, which has ended for sure by then.
    assert [(d.wait, d.release) for d in ordered] == [(0, 1), (0, 1), (1, 0), (1, 0), (0, 0)]
    check_program(TINY, ordered)


@pytest.mark.parametrize(("program", "repeat", "message"), [
    ([replace(ONE, wait=4)], 1, "operation 0 of the program waits for a token of queue 2 that no"),
    ([replace(ONE, release=1), replace(ONE, wait=1), replace(ONE, wait=1)], 1, "operation 2 of"),
    ([replace(ONE, wait=1, release=1)], 5, "operation 0 of the program waits"),
    ([ONE, replace(ONE, source=10, destination=30)], 1,
     "operation 1 of the program uses words of the scratchpad that the operation 1 before it uses "
     "too, and no token orders the two"),
    ([ONE], 2, "operation 0 of the program uses words of the scratchpad that the operation 1 befo"),
    ([Descriptor(opcode=0, source_type=0, destination_type=0, planes_stored=0, planes_used=0,
                 tokens=0, source_stride=0, destination_stride=0, release=1)], 16,
     "puts more than 15 tokens into queue 0"),
    ([replace(ONE, rows=0)], 1, "operation 0 of the program is one that .* refuses: SHAPE"),
])
def test_programs_that_would_hang_or_be_wrong_are_not_sent(device, program, repeat, message):
    before = device.link.bytes_sent
    with pytest.raises(UserError, match=message):
        device.run(program, repeat)
    assert device.link.bytes_sent == before


def test_a_program_that_repeats(device):
    turns = [replace(ONE, wait=1, release=2), replace(ONE, wait=2, release=1)]
    nop = Descriptor.unpack(b"\0\0\0\1" + bytes(60))
    report = device.run([nop, *order(TINY, [ONE])])
    assert report.operations == 2
    with pytest.raises(UserError, match="operation 0 .* waits"):
        device.run(turns, 1000)
    ring = [replace(nop, release=0), replace(ONE, release=1), replace(nop, wait=1, release=0)]
    assert device.run(ring, 1000).operations == 3000
    with pytest.raises(UserError, match="descriptors must be a list of at least one Descriptor"):
        device.run([])


def test_scales_that_each_run_brings(device):
    """Results are those of the exact sums and the output stage; only what changed is written."""
    rng = np.random.default_rng(5)
    one, two = device.load(ternary(40, 100)), device.load(ternary(25, 100, 1))
    program = device.program()
    x = program.input(100)
    program.output(program.apply(one, x, by_token="int16"))
    program.output(program.apply(two, x))
    program.output(program.apply(two, x, by_token="int32"))
    sent = []
    for multiplier, shift in ((30000, 14), (30000, 14), (-77, 3), (0, 0), (32767, 0)):
        given = rng.integers(-128, 128, 100)
        before = device.link.bytes_sent
        scaled, plain, other = program(given, scales=[(multiplier, shift), (1, 1)])
        sent.append(device.link.bytes_sent - before)
        sums = one.weights.values.astype(int) @ given
        wanted = [max(-32768, min(32767, round(Fraction(int(s) * multiplier, 1 << shift))))
                  for s in sums]
        assert scaled.dtype == np.int16 and scaled.tolist() == wanted
        sums = two.weights.values.astype(int) @ given
        assert plain.tolist() == sums.tolist()
        assert other.dtype == np.int32
        assert other.tolist() == [round(Fraction(int(s), 2)) for s in sums]
        assert program.declared_cycles == program.report.cycles
    assert sent[0] - sent[1] >= 3 * 64 and sent[2] - sent[1] < 64
    assert program.report.saturations == sum(abs(one.weights.values.astype(int) @ given) > 0)


@pytest.mark.parametrize("scales, words", [
    ((), "the program has 1 operations with by_token, not 0, which is how many scales there are"),
    ([(40000, 1)], "a multiplier must be between -32768 and 32767, not 40000"),
    ([(1, 64)], "a shift must be between 0 and 63, not 64"),
    ([(1.5, 2)], "a multiplier must be an integer between")])
def test_scales_that_do_not_fit(device, scales, words):
    program = device.program()
    program.output(program.apply(device.load(ternary(8, 20)), program.input(20), by_token="int16"))
    with pytest.raises(UserError, match=re.escape(words)):
        program(np.zeros(20, int), scales=scales)


def test_layers_that_no_run_can_scale(device):
    program = device.program()
    x = program.input(20)
    scaled = device.load(ternary(8, 20), output=Output("int16", 1.0))
    with pytest.raises(UserError, match="has an output already; load it without"):
        program.apply(scaled, x, by_token="int16")
    with pytest.raises(UserError, match="by_token must be 'int16' or 'int32', not 'int8'"):
        program.apply(device.load(ternary(8, 20)), x, by_token="int8")


def test_a_device_that_cannot_scale(tmp_path):
    path = tmp_path / "plain.toml"
    path.write_text(TINY_TEXT.replace("[table]", "[table]\nscaled = false"))
    with connect(f"golden:{path}") as device:
        program = device.program()
        with pytest.raises(UserError, match="cannot scale results; set table.scaled to true"):
            program.apply(device.load(ternary(8, 20)), program.input(20), by_token="int16")
