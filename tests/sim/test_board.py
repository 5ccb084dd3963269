# SPDX-License-Identifier: Apache-2.0
"""The simulated board as a machine: bytes, cycles, stalls; with the echo device as top."""

import itertools
import random

import pytest
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from luthier.gen.verilog import convert, generate
from luthier.golden.config import load_configuration
from luthier.golden.errors import DeviceError, ToolMissing
from luthier.hw.stream import byte_beat
from luthier.sim import board as board_module
from luthier.sim.board import Board
from luthier.sim.board_echo import Echo
from luthier.sim.transport import SimTransport, open_sim

#: One of each width of the link: 1, 2, 4 and 8 bytes per cycle.
WIDTHS = ("tiny", "a5", "a16", "wide")


def make(name):
    """Return a fresh board with the echo device."""
    config = load_configuration(name)
    return Board(generate(config, Echo).verilog, config.link.width)


@pytest.fixture(params=WIDTHS)
def board(request):
    """A fresh board of each width."""
    with_board = make(request.param)
    yield with_board
    with_board.close()


def test_bytes_come_back_in_order(board):
    rng = random.Random(1)
    sent, received = bytearray(), bytearray()
    for _ in range(50):
        data = rng.randbytes(rng.randrange(200))
        board.send(data)
        sent += data
        received += board.run(rng.randrange(60), frame=rng.random() < 0.5)
    received += board.run(len(sent) + 100, frame=False)
    assert received == sent
    assert board.waiting == 0


def test_a_frame_ends_the_run(board):
    board.send(b"hello, world\0")
    before = board.cycles
    assert board.run(1_000_000) == b"hello, world\0"
    assert board.cycles - before < 100
    assert board.run(10) == b""
    assert board.cycles_per_second > 1000


def test_run_ends_when_input_is_taken(board):
    data = b"\1" * 5000
    board.send(data)
    before = board.cycles
    first = board.run(1_000_000, taken=True)
    assert board.waiting == 0
    assert board.cycles - before < 6000
    assert first + board.run(100) == data
    assert board.run(1_000_000, taken=True) == b""
    assert board.cycles - before < 6200


def test_more_than_a_buffer_at_once():
    board = make("wide")
    data = bytes(itertools.islice(itertools.cycle(range(1, 256)), 200_000))
    board.send(data)
    assert board.run(300_000) == data
    board.close()


def test_time_is_exact_over_many_calls():
    board = make("tiny")
    before = board.cycles
    assert board.run(600_001) == b""
    assert board.cycles - before == 600_001
    board.close()
    assert board.cycles - before == 600_001
    board.close()


def test_reset_forgets_the_input():
    board = make("tiny")
    board.send(b"\1" * 100)
    board.run(10)
    board.reset()
    assert board.waiting == 0
    board.send(b"\2\0")
    assert board.run(100) == b"\2\0"
    board.close()
    for call in (board.reset, lambda: board.run(1)):
        with pytest.raises(ValueError, match="the board is closed"):
            call()


def test_boards_do_not_share_state():
    first, second = make("tiny"), make("tiny")
    first.send(b"one\0")
    second.send(b"two\0")
    assert (second.run(100), first.run(100)) == (b"two\0", b"one\0")
    first.close()
    second.send(b"three\0")
    assert second.run(100) == b"three\0"
    second.close()


class Stalling(wiring.Component):
    """Takes a beat every third cycle, and answers 1 if it was held unchanged meanwhile, else 2."""

    i: In(stream.Signature(byte_beat(2)))
    o: Out(stream.Signature(byte_beat(2)))

    def elaborate(self, platform):
        m = Module()
        phase, held, offered, broken = Signal(2), Signal(18), Signal(), Signal()
        payload = self.i.payload.as_value()
        m.d.sync += [phase.eq(phase + 1), held.eq(payload), offered.eq(self.i.valid)]
        m.d.comb += [
            broken.eq(offered & (~self.i.valid | (held != payload))),
            self.i.ready.eq(phase == 3),
        ]
        bad = Signal()
        with m.If(broken):
            m.d.sync += bad.eq(1)
        m.d.sync += [
            self.o.valid.eq(self.i.valid & self.i.ready),
            self.o.payload.data.eq(Mux(bad | broken, 0x202, 0x101)),
            self.o.payload.count.eq(self.i.payload.count),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [phase.eq(0), offered.eq(0)]
        return m


def test_a_stalled_beat_is_held():
    board = Board(convert(Stalling()), 2)
    rng = random.Random(2)
    received = b""
    for _ in range(100):
        board.send(rng.randbytes(rng.randrange(4)))
        received += board.run(rng.randrange(1, 4))
    received += board.run(2000)
    assert set(received) == {1}
    board.close()


def test_transport_time_is_simulated():
    config = load_configuration("tiny")
    transport = SimTransport(make("tiny"), config)
    assert transport.simulated
    assert transport.description == "sim:tiny"
    before, cycles = transport.now(), transport.cycles
    assert transport.read(1e-3) == b""
    assert transport.cycles - cycles == config.clock_hz // 1000
    assert transport.now() - before == pytest.approx(1e-3)
    transport.write(b"ping\0")
    assert transport.read(1.0) == b"ping\0"
    assert transport.now() - before < 1.1e-3
    assert transport.cycles_per_second > 1000
    transport.close()
    transport.close()
    for call in (lambda: transport.write(b""), lambda: transport.read(1)):
        with pytest.raises(DeviceError, match="sim:tiny is closed; connect again"):
            call()


@pytest.mark.parametrize(("url", "sentence"), [
    ("sim:", "'sim:' must name a configuration, such as sim:default"),
    ("sim:tini", "there is no configuration called 'tini'; did you mean 'tiny'"),
    ("sim:./none.toml", "cannot read the configuration ./none.toml"),
])
def test_wrong_urls(url, sentence):
    with pytest.raises(ValueError, match=sentence):
        open_sim(url)


def test_a_build_that_fails_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ToolMissing, match=r"Verilator could not build .*: %Error: .*doctor"):
        Board("module luthier(); syntax error endmodule", 1)
    monkeypatch.setattr(board_module, "_VERILATOR_FLAGS", ("--version",))
    with pytest.raises(ToolMissing, match=r"could not build the simulated board \(exit code 1\)"):
        Board("module luthier(); endmodule", 1)
    # Nothing half-made stays behind.
    assert {path.suffix for path in (tmp_path / "luthier").iterdir()} == {".lock"}
