# SPDX-License-Identifier: Apache-2.0
"""The device model against docs/link.md, frame by frame."""

import numpy as np
import pytest
from cobs import cobs

from luthier.golden import engine
from luthier.golden.config import load_configuration
from luthier.golden.descriptor import Refusal
from luthier.golden.protocol import (
    REPLY,
    FrameType,
    Header,
    LinkCounters,
    Report,
    Space,
    Status,
    check,
    identification,
    seal,
)
from luthier.host import Weights, connect
from luthier.host.device_model import DeviceModel

HELLO, READ, WRITE, RUN = FrameType.HELLO, FrameType.READ, FrameType.WRITE, FrameType.RUN
WORD = 8  # bytes, of `tiny`


def wire(data=b"", **fields):
    return cobs.encode(seal(Header(**{"length": len(data), **fields}), data)) + b"\0"


def ask(device, data=b"", reply_count=None, **fields):
    """Return status and data of the only reply."""
    encoded = device.receive(wire(data, **fields))
    assert encoded.endswith(b"\0") and encoded.count(b"\0") == 1
    reply = check(cobs.decode(encoded[:-1]))
    assert reply is not None
    header = reply[0]
    assert header.type == fields["type"] | REPLY and header.seq == fields["seq"]
    count = fields.get("count", 0) if reply_count is None else reply_count
    assert header.count == count and header.address == fields.get("address", 0)
    return Status(header.space), reply[1]


@pytest.fixture
def device(tiny):
    """One with a session, and nothing counted."""
    model = DeviceModel(tiny, bytes(range(32)))
    assert model.receive(b"\0") == b""
    model._session = 1
    return model


def test_everything_before_the_first_delimiter_is_dropped(tiny):
    model = DeviceModel(tiny)
    assert model.receive(b"noise" + wire(type=HELLO, seq=1)) == b""
    assert model.counters == LinkCounters()
    assert ask(model, type=HELLO, seq=1)[0] == Status.OK


def test_hello(device, tiny):
    status, data = ask(device, type=HELLO, seq=7, count=1, address=0xDEAD_BEEF_0123_4567)
    assert status == Status.OK and data == identification(tiny, bytes(range(32)))[:128]


def test_nothing_before_a_session(tiny):
    model = DeviceModel(tiny)
    model.receive(b"\0")
    for repeat in range(2):  # from the cache, too
        assert ask(model, bytes(8), type=WRITE, seq=1, space=1, count=1) == (Status.NO_SESSION, b"")
        assert ask(model, type=5, seq=2) == (Status.NO_SESSION, b"")
        assert model.counters == LinkCounters(frames=2, repeats=2 * repeat)
    for count, session in ((0, 0), (5, 5), (6, 5), (0, 5)):
        status, _ = ask(model, reply_count=session, type=HELLO, seq=1, count=count)
        assert status == Status.OK
        expected = Status.OK if session else Status.NO_SESSION
        assert ask(model, type=READ, seq=2, space=1, count=1)[0] == expected


def test_reset_is_power_up(device, tiny):
    ask(device, b"somewhat", type=WRITE, seq=1, space=1, count=1)
    ask(device, b"somewhat", type=WRITE, seq=2, space=2, count=1)
    device.receive(wire(type=HELLO, seq=3, count=9)[:9])  # in mid-frame
    device.reset()
    assert device.receive(wire(type=HELLO, seq=3, count=9)[9:]) == b""  # hunted away
    assert device.counters == LinkCounters()
    assert ask(device, b"somewhat", type=WRITE, seq=2, space=2, count=1)[0] == Status.NO_SESSION
    ask(device, type=HELLO, seq=3, count=9)
    for space in (1, 2):
        assert ask(device, type=READ, seq=3 + space, space=space, count=1) == (Status.OK, bytes(8))


def test_split_anywhere_gives_the_same_bytes(tiny):
    stream = (b"\0\0" + wire(type=HELLO, seq=1, count=1)
              + wire(b"12345678" * 3, type=WRITE, seq=2, space=1, count=3)
              + b"junk\0" + wire(type=READ, seq=3, space=1, count=3) * 2)
    whole = DeviceModel(tiny)
    expected = whole.receive(stream)
    for size in (1, 2, 3, 7, 50):
        model = DeviceModel(tiny)
        parts = [model.receive(stream[at : at + size]) for at in range(0, len(stream), size)]
        assert b"".join(parts) == expected and model.counters == whole.counters
    assert whole.counters == LinkCounters(frames=3, damaged=1, repeats=1)


@pytest.mark.parametrize("frame", [
    b"\x01\0", b"\x05ab\0", cobs.encode(bytes(19)) + b"\0", cobs.encode(bytes(20)) + b"\0",
    cobs.encode(seal(Header(type=READ, seq=1, length=1))) + b"\0",
    wire(bytes(129), type=WRITE, seq=1, space=1, count=16), b"\x02x" * 100_000 + b"\0",
])
def test_damaged_frames_are_dropped_and_counted(device, frame):
    assert device.receive(frame) == b""
    assert device.counters == LinkCounters(damaged=1)
    assert ask(device, type=HELLO, seq=1, reply_count=1)[0] == Status.OK


def test_nothing_between_delimiters_is_no_frame(device):
    assert device.receive(b"\0\0\0") == b"" and device.counters == LinkCounters()


@pytest.mark.parametrize(("fields", "data", "status"), [
    ({"type": 0}, b"", Status.UNKNOWN_TYPE),
    ({"type": 5, "count": 1}, b"", Status.UNKNOWN_TYPE),
    ({"type": READ | REPLY}, b"", Status.UNKNOWN_TYPE),
    ({"type": READ, "space": 4}, b"", Status.BAD_SPACE),
    ({"type": READ, "space": 255, "count": 1}, b"", Status.BAD_SPACE),
    ({"type": WRITE, "space": 0, "count": 1}, bytes(8), Status.BAD_SPACE),
    ({"type": WRITE, "space": 3, "count": 1}, bytes(8), Status.BAD_SPACE),
    ({"type": READ, "space": 1, "count": 0}, b"", Status.BAD_COUNT),
    ({"type": READ, "space": 1, "count": 17}, b"", Status.BAD_COUNT),
    ({"type": READ, "space": 1, "count": 1}, b"x", Status.BAD_COUNT),
    ({"type": WRITE, "space": 1, "count": 2}, bytes(8), Status.BAD_COUNT),
    ({"type": WRITE, "space": 1, "count": 1}, bytes(9), Status.BAD_COUNT),
    ({"type": WRITE, "space": 1, "count": 0}, b"", Status.BAD_COUNT),
    ({"type": READ, "space": 1, "count": 0, "address": 512}, b"", Status.BAD_COUNT),
    ({"type": READ, "space": 1, "count": 1, "address": 512}, b"", Status.BAD_ADDRESS),
    ({"type": READ, "space": 1, "count": 2, "address": 511}, b"", Status.BAD_ADDRESS),
    ({"type": READ, "space": 1, "count": 1, "address": 2**64 - 1}, b"", Status.BAD_ADDRESS),
    ({"type": READ, "space": 1, "count": 1, "address": 1 << 32}, b"", Status.BAD_ADDRESS),
    ({"type": READ, "space": 2, "count": 1, "address": 8192}, b"", Status.BAD_ADDRESS),
    ({"type": WRITE, "space": 2, "count": 1, "address": 8192}, bytes(8), Status.BAD_ADDRESS),
    ({"type": READ, "space": 3, "count": 1, "address": 16}, b"", Status.BAD_ADDRESS),
    ({"type": READ, "space": 0, "count": 1, "address": 1000}, b"", Status.BAD_ADDRESS),
    ({"type": RUN, "count": 0}, b"", Status.BAD_COUNT),
    ({"type": RUN, "count": 1}, b"x", Status.BAD_COUNT),
])
def test_order_of_checks(device, fields, data, status):
    got = ask(device, data, seq=9, **fields)
    assert got == (status, b"")
    assert device.counters == LinkCounters(frames=1)


@pytest.mark.parametrize("space", [Space.SCRATCHPAD, Space.MEMORY])
def test_what_is_written_is_read(device, space, tiny):
    last = (tiny.scratchpad if space == Space.SCRATCHPAD else tiny.memory).words - 16
    content = bytes(range(128))
    assert ask(device, content, type=WRITE, seq=1, space=space, count=16, address=last) == (
        Status.OK, b"")
    assert ask(device, type=READ, seq=2, space=space, count=16, address=last) == (
        Status.OK, content)
    assert ask(device, type=READ, seq=3, space=space, count=1, address=last - 1)[1] == bytes(8)
    words = device.engine.scratchpad if space == Space.SCRATCHPAD else device.engine.memory
    assert words[last:].tobytes() == content


def test_identification_space(device, tiny):
    content = identification(tiny, bytes(range(32)))
    got = b"".join(ask(device, type=READ, seq=at, count=1, address=at)[1]
                   for at in range(len(content) // WORD))
    assert got == content


def test_repeats_come_from_the_cache_and_hello_empties_it(device):
    first = device.receive(wire(bytes(8), type=WRITE, seq=1, space=1, count=1))
    # Another request with the same number: the old reply, and nothing is executed.
    assert device.receive(wire(b"another!", type=WRITE, seq=1, space=1, count=1)) == first
    assert ask(device, type=READ, seq=2, space=1, count=1)[1] == bytes(8)
    assert ask(device, type=READ, seq=3, space=1, count=1)[1] == bytes(8)  # overwrites 1
    assert ask(device, b"another!", type=WRITE, seq=1, space=1, count=1)[0] == Status.OK
    assert ask(device, type=HELLO, seq=1, reply_count=1)[0] == Status.OK
    assert ask(device, type=READ, seq=3, space=1, count=1)[1] == b"another!"
    assert device.counters == LinkCounters(frames=6, repeats=1)


def test_refused_run_has_a_report_that_status_repeats(device):
    ask(device, b"\xff" * 64, type=WRITE, seq=1, space=2, count=8)
    status, data = ask(device, type=RUN, seq=2, count=1, address=1 << 32)
    assert status == Status.REFUSED and Report.unpack(data).code == Refusal.OPCODE
    status, seen = ask(device, type=READ, seq=3, space=3, count=16)
    assert status == Status.OK and seen[:64] == data
    assert LinkCounters.unpack(seen[64:]) == LinkCounters(frames=3) and not any(seen[80:])


def test_run_splits_base_and_repeat(device):
    ask(device, bytes(64), type=WRITE, seq=1, space=2, count=8, address=5)  # a NOP
    status, data = ask(device, type=RUN, seq=2, count=1, address=5 | 3 << 32)
    assert status == Status.OK and Report.unpack(data).operations == 3


def test_wide_words_fill_the_status_space():
    device = DeviceModel(load_configuration("wide"))
    device.receive(b"\0" + wire(type=HELLO, seq=0, count=1))
    status, data = ask(device, type=READ, seq=1, space=3, count=2)
    assert status == Status.OK and len(data) == 128
    assert ask(device, type=READ, seq=2, space=3, count=1, address=2)[0] == Status.BAD_ADDRESS


@pytest.mark.parametrize("most", [1, 100, 1 << 22])
def test_tokens_in_any_portions(monkeypatch, most):
    """A golden device multiplies as many tokens at once as its memory allows."""
    monkeypatch.setattr(engine, "_MOST_SUMS", most)
    rng = np.random.default_rng(8)
    weights, x = rng.integers(-1, 2, (20, 90)), rng.integers(-128, 128, (7, 90))
    with connect("golden:tiny") as device:
        assert (device.load(Weights.ternary(weights))(x) == x @ weights.T).all()
