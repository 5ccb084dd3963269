# SPDX-License-Identifier: Apache-2.0
"""The transport that makes faults: each kind does what it says, at the rate that was asked for."""

import pytest
from cobs import cobs

from luthier.golden.errors import DeviceError, UserError
from luthier.golden.protocol import FrameType, Header, seal
from luthier.host import Weights, connect
from luthier.host.device_model import DeviceModel
from luthier.host.transports import Transport
from luthier.host.transports.faulty import KINDS, TO_DEVICE, TO_HOST, FaultyTransport, Overdue
from luthier.host.transports.golden import GoldenTransport

#: A frame long enough that at a mean distance of 50 some have one fault and some none.
FRAME = bytes(range(1, 51)) + b"\0"


class Recorder(Transport):
    """Keeps what is written, and lets through what a test wants to be read."""

    description, simulated, resettable = "recorder", True, True

    def __init__(self):
        self.written: list[bytes] = []
        self.to_read: list[bytes] = []
        self.resets = 0

    def write(self, data):
        self.written.append(data)

    def read(self, timeout):
        return self.to_read.pop(0) if self.to_read else b""

    def reset(self):
        self.resets += 1
        self.written.append(b"reset")

    def close(self):
        self.written.append(b"closed")


def sent(kind, seed):
    """What becomes of one frame to the device, and the faults."""
    inner = Recorder()
    line = FaultyTransport(inner, 50, seed, [kind])
    line.write(FRAME)
    return b"".join(inner.written), line


def received(kind, seed):
    """What becomes of one frame to the host, and the faults."""
    inner = Recorder()
    inner.to_read.append(FRAME)
    line = FaultyTransport(inner, 50, seed, [kind])
    return line.read(0.001), line


def single(way, direction, kind):
    """Results with exactly one fault."""
    found = []
    for seed in range(200):
        arrived, line = way(kind, seed)
        if line.faults == {(direction, kind): 1}:
            found.append((arrived, line))
        elif not line.faults:
            assert arrived == FRAME
    assert len(found) > 20
    return found


@pytest.mark.parametrize(("way", "direction"), [(sent, TO_DEVICE), (received, TO_HOST)])
def test_bytes_are_inserted_deleted_flipped_and_cut(way, direction):
    for arrived, _ in single(way, direction, "insert"):
        places = [at for at in range(len(arrived)) if arrived[:at] + arrived[at + 1:] == FRAME]
        assert places or (0 in arrived[:-1] and way is received)
    for arrived, _ in single(way, direction, "delete"):
        assert arrived in [FRAME[:at] + FRAME[at + 1:] for at in range(len(FRAME))]
    for arrived, _ in single(way, direction, "flip"):
        assert len(arrived) == len(FRAME)
        assert sum((a ^ b).bit_count() for a, b in zip(arrived, FRAME, strict=True)) == 1
    cut = [arrived for arrived, _ in single(way, direction, "truncate")]
    assert all(FRAME.startswith(arrived.removesuffix(b"\0")) for arrived in cut)
    assert 0.2 < sum(arrived.endswith(b"\0") for arrived in cut) / len(cut) < 0.8


def test_requests_are_repeated():
    copies = {arrived.count(b"\0") for arrived, _ in single(sent, TO_DEVICE, "repeat")
              if arrived == FRAME * arrived.count(b"\0")}
    assert copies == set(range(2, 11))


def test_replies_are_duplicated():
    assert all(arrived == 2 * FRAME for arrived, _ in single(received, TO_HOST, "duplicate"))


def test_replies_are_swapped_or_late():
    other = b"other\0"
    for arrived, line in single(received, TO_HOST, "swap"):
        assert arrived == FRAME  # nothing followed: late, at the end of the wait
        inner = line._inner
        for _ in range(200):
            line.faults.clear()
            inner.to_read += [FRAME, other]
            arrived = line.read(1) + line.read(1)
            if line.faults == {(TO_HOST, "swap"): 1}:
                assert arrived in (other + FRAME, FRAME + other)
            line.read(1)
    swapped = 0
    for seed in range(200):
        inner = Recorder()
        inner.to_read.append(FRAME + other)
        line = FaultyTransport(inner, 50, seed, ["swap"])
        arrived = line.read(1)
        swapped += arrived == other + FRAME
    assert swapped > 30


@pytest.mark.parametrize(("way", "direction"), [(sent, TO_DEVICE), (received, TO_HOST)])
def test_silence_lasts_a_while(way, direction):
    for arrived, line in single(way, direction, "silence"):
        assert arrived == b""
        line.restart(0, 0)
        waited = line.now()
        while not arrived:
            line.write(FRAME)
            line._inner.to_read.append(FRAME)
            arrived = line.read(1e-4) if way is received else b"".join(line._inner.written)
            if way is sent:
                line._inner.to_read.clear()
                line.read(1e-4)
        assert 0 < line.now() - waited < 0.04


def test_the_device_is_reset_in_mid_frame():
    for arrived, line in single(sent, TO_DEVICE, "reset"):
        head, mark, rest = arrived.partition(b"reset")
        assert head + rest == FRAME and mark and line._inner.resets == 1
    for arrived, line in single(received, TO_HOST, "reset"):
        assert FRAME.startswith(arrived) and 0 not in arrived and line._inner.resets == 1


def test_no_reset_where_none_is_possible():
    class Board(Recorder):
        resettable = False

    line = FaultyTransport(Board(), 10)
    for _ in range(1000):
        line.write(FRAME)
    assert line.faults.total() > 1000 and (TO_DEVICE, "reset") not in line.faults
    with pytest.raises(DeviceError, match="recorder cannot be reset from here; reset it by hand"):
        Transport.reset(Board())


def test_rate_seed_and_kinds():
    for rate in (100, 1000):
        inner = Recorder()
        line, same = FaultyTransport(inner, rate, 1), FaultyTransport(Recorder(), rate, 1)
        size = 0
        for _ in range(1000 * rate // (3 * len(FRAME))):
            inner.to_read.append(FRAME * 2)
            same._inner.to_read.append(FRAME * 2)
            for one in (line, same):
                one.write(FRAME)
                one.read(1)
            size += 3 * len(FRAME)
        assert line.faults == same.faults
        assert 0.9 < line.faults.total() * rate / size < 1.1
        if rate == 100:
            assert {(d, k) for d, kinds in KINDS.items() for k in kinds} == set(line.faults)
    clean = FaultyTransport(Recorder())
    clean.write(FRAME * 1000)
    assert not clean.faults
    with pytest.raises(UserError, match="bytes_per_fault must be at least 0, not -1"):
        clean.restart(-1, 0)


def test_bytes_without_an_end_pass_too():
    inner = Recorder()
    line = FaultyTransport(inner)
    line.write(b"\0\0half")
    line.write(b"")
    assert inner.written == [b"\0", b"\0", b"half"]
    inner.to_read += [b"ab", b"c\0d"]
    assert line.read(1) == b"abc\0" and line.read(1) == b""
    line.close()
    assert inner.written[-1] == b"closed"


def test_an_operation_that_does_not_end_is_cut_off(tiny):
    """By waiting, and by bytes that never stop."""
    for read in (lambda timeout: b"", lambda timeout: b"\x55" * 1000):
        inner = GoldenTransport(DeviceModel(tiny))
        inner.read = read
        line = FaultyTransport(inner)
        line.deadline = 2.0
        with pytest.raises(Overdue, match="an operation on golden:tiny did not end in time"):
            for _ in range(100_000):
                line.write(FRAME)
                line.read(0.001)
        assert 2 <= line.now() < 2.1


def test_looks_like_what_is_behind(tiny):
    line = FaultyTransport(GoldenTransport(DeviceModel(tiny)))
    inner = line._inner
    for name in ("description", "simulated", "bytes_per_second", "advice", "cycles_per_second",
                 "generated", "build_seconds", "resettable"):
        assert getattr(line, name) == getattr(inner, name)
    with connect(line) as device:
        assert device.load(Weights.ternary([[1, -1]]))([7, 3]).tolist() == [4]
        line.reset()
        assert inner.device._session == 0


def test_every_fault_is_noticed_or_harmless(tiny):
    """A damaged request is never another good one: the CRC covers all that matters."""
    data = b"\x01\0\x02\xff\0\0\x07\x08"
    good = cobs.encode(seal(Header(type=FrameType.WRITE, seq=3, length=8, space=1, count=1),
                            data)) + b"\0"
    for kind in ("insert", "delete", "flip", "truncate"):
        for seed in range(150):
            model = DeviceModel(tiny)
            model.receive(b"\0")
            model._session = 1
            line = FaultyTransport(GoldenTransport(model), 30, seed, [kind])
            line.write(good)
            line.write(b"\0")
            done = model.engine.scratchpad.tobytes().rstrip(b"\0")
            assert done == (data if model.counters.frames else b"")
            assert line.faults or model.counters.frames
