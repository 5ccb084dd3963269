# SPDX-License-Identifier: Apache-2.0
"""The link on a line that drops, changes, repeats and delays."""

import random

import pytest
from cobs import cobs

from luthier.golden.config import load_configuration
from luthier.golden.errors import DeviceError
from luthier.golden.protocol import (
    FrameType,
    Header,
    LinkCounters,
    Report,
    Space,
    Status,
    check,
    seal,
)
from luthier.host import DeviceReset, LinkError, Weights, connect
from luthier.host.device_model import DeviceModel
from luthier.host.frames import encode
from luthier.host.link import Link


@pytest.fixture
def link(faulty):
    link = Link(faulty)
    link.resync()
    return link


def reply_type(data):
    """Type of the only reply in ``data``."""
    checked = check(cobs.decode(data[:-1]))
    return checked[0].type & 0x7F if checked else None


def test_round_trip(link, faulty):
    data = random.Random(0).randbytes(8 * 100)
    link.write(Space.MEMORY, 3, data)
    assert link.read(Space.MEMORY, 3, 100) == data
    assert link.run(4096, 1).code == 0
    assert link.repeats == link.ignored == 0 and link.resyncs == 1
    assert link.bytes_sent == sum(map(len, faulty.sent))
    assert faulty.device.counters.damaged == 0
    assert link.read(Space.MEMORY, 0, 0) == b""
    with pytest.raises(ValueError, match="multiple of 8 bytes, not 9"):
        link.write(Space.MEMORY, 0, bytes(9))


@pytest.mark.parametrize("seed", range(8))
def test_a_bad_line_costs_repeats_only(tiny, make_faulty, seed):
    """Each chunk, either way, is lost, changed, doubled or cut with one chance in forty each."""
    chance = random.Random(seed)

    def spoil(data):
        match chance.randrange(40):
            case 0:
                return b""
            case 1:
                at = chance.randrange(len(data))
                return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1:]
            case 2:
                return data + data
            case 3:
                return data[: chance.randrange(len(data))]
            case _:
                return data

    transport = make_faulty(DeviceModel(tiny))
    link = Link(transport)
    link.resync()
    transport.to_device = transport.to_host = spoil
    content = bytearray(8 * 512)
    done = 0
    for _ in range(60):
        start = chance.randrange(500)
        words = chance.randrange(1, min(80, 513 - start))
        data = chance.randbytes(8 * words)
        try:
            link.write(Space.SCRATCHPAD, start, data)
            content[8 * start : 8 * (start + words)] = data
            # Never wrong data, whatever happened.
            assert link.read(Space.SCRATCHPAD, 0, 512) == content
            done += 1
        except LinkError:  # three losses in a row: what was written is unknown until rewritten
            transport.to_device = transport.to_host = bytes
            link.write(Space.SCRATCHPAD, start, data)
            content[8 * start : 8 * (start + words)] = data
            assert link.read(Space.SCRATCHPAD, 0, 512) == content
            transport.to_device = transport.to_host = spoil
    assert done > 10 and link.repeats > 30 and link.ignored > 10


@pytest.mark.parametrize("lost", [FrameType.WRITE, FrameType.READ, FrameType.RUN])
def test_a_lost_reply_is_asked_for_again_and_not_executed_twice(link, faulty, lost):
    left = [1]

    def lose_first(data):
        if reply_type(data) == lost and left:
            left.clear()
            return b""
        return data

    faulty.to_host = lose_first
    before = faulty.device.counters
    link.write(Space.MEMORY, 0, bytes(64))
    link.read(Space.MEMORY, 0, 1)
    assert link.run(0, 1) == Report(index=1, operations=1)
    after = faulty.device.counters
    assert not left and link.repeats == 1
    assert after == LinkCounters(frames=before.frames + 3, repeats=1)


def test_late_and_double_replies_are_ignored(link, faulty):
    faulty.late = 1  # one silent read: every request is repeated once, so answered twice
    for value in range(20):
        link.write(Space.SCRATCHPAD, 0, bytes([value]) * 8)
        assert link.read(Space.SCRATCHPAD, 0, 1) == bytes([value]) * 8
    assert link.repeats >= 20 and link.ignored >= 20


def test_no_more_outstanding_than_the_window(tiny, make_faulty):
    """A device that answers nothing until asked shows how much is sent ahead."""
    for name in ("tiny", "default", "a5"):
        config = load_configuration(name)
        transport = make_faulty(DeviceModel(config))
        link = Link(transport)
        link.resync()
        transport.sent.clear()
        held, most = bytearray(), 0

        def hold(data, held=held):
            held.extend(data)
            return b""

        transport.to_host = hold
        real_read = transport.read

        def read(timeout, held=held, real_read=real_read):
            nonlocal most
            real_read(timeout)
            most = max(most, held.count(0))
            at = held.find(0) + 1  # one reply at a time
            first, held[:] = bytes(held[:at]), held[at:]
            return first

        transport.read = read
        link.write(Space.MEMORY, 0, bytes(config.link.payload_bytes * 20))
        assert most == config.link.window and link.repeats == 0
        assert len(transport.sent) == 20


def test_a_lost_write_keeps_the_window_from_moving(tiny, make_faulty):
    """The reply of every open request is still in the device's cache."""
    config = load_configuration("a5")  # window 8, cache 8
    transport = make_faulty(DeviceModel(config))
    link = Link(transport)
    link.resync()
    transport.sent.clear()
    losses = [0]

    def lose_third(data):
        losses[0] += 1
        return b"" if losses[0] == 3 else data

    transport.to_device = lose_third
    data = random.Random(5).randbytes(512 * 30)
    link.write(Space.MEMORY, 0, data)
    assert len(transport.sent) == 31 and transport.device.counters.repeats == 0
    transport.to_device = bytes
    assert link.read(Space.MEMORY, 0, len(data) // 16) == data


def test_a_silent_device_is_an_error_within_limits(make_faulty, tiny):
    transport = make_faulty(DeviceModel(tiny))
    transport.to_device = lambda data: b""
    with pytest.raises(LinkError, match=r"greeting the device: golden:faulty gave no answer "
                                        r"within .* s of simulated time, asked 6 times; check that "
                                        r"the device"):
        Link(transport).resync()
    assert len(transport.sent) == 7 and sum(transport.timeouts) < 0.1


def test_a_device_that_falls_silent(link, faulty):
    faulty.to_host = lambda data: b""
    with pytest.raises(LinkError, match="reading 2 words of memory at 7: .* 6 times; nor does it "
                                        "answer a greeting: check that"):
        link.read(Space.MEMORY, 7, 2)
    faulty.to_host = bytes
    assert link.read(Space.MEMORY, 7, 2) == bytes(16)  # it came back


def test_an_operation_that_never_ends(link, faulty):
    faulty.to_host = lambda data: b"" if reply_type(data) == FrameType.RUN else data
    faulty.timeouts.clear()
    with pytest.raises(LinkError, match="running 1 operations at 0: .* within 3.07 .* it does "
                                        "answer a greeting, so the connection works: the operation "
                                        "takes"):
        link.run(0, 1, limit=0.5)
    assert 3 < sum(faulty.timeouts) < 3.5
    assert link.read(Space.MEMORY, 0, 1) == bytes(8)


def test_a_line_that_only_babbles_ends(link, faulty):
    class Babbler:
        def __call__(self, timeout):
            return b"\x55" * 5000 + b"\0"

    faulty.read = Babbler()
    with pytest.raises(LinkError, match=r"gave no answer within [\d.]+ s of simulated time, asked "
                                        r"6 times, but sent \d{7} bytes that are no Luthier "
                                        r"frames"):
        link.read(Space.MEMORY, 0, 1)
    assert link.ignored > 1000


def test_other_frames_are_not_called_noise(link, faulty):
    reply = faulty.device.receive(encode(Header(type=FrameType.HELLO, seq=1)))
    link.identification  # noqa: B018
    faulty.to_device = lambda data: b""
    faulty.read = lambda timeout: reply
    with pytest.raises(LinkError, match="simulated time, asked 6 times; nor does it answer"):
        link.read(Space.MEMORY, 0, 1)


def test_a_frame_that_never_ends_is_bounded(link, faulty):
    chunks = [b"\x11" * 100_000] * 20
    real = faulty.read
    longest = 0

    def read(timeout):
        nonlocal longest
        longest = max(longest, len(link._frames._buffer))
        return chunks.pop() if chunks else real(timeout)

    faulty.read = read
    link.read(Space.MEMORY, 0, 1)
    assert link.repeats == link.ignored == 1  # the reply that the noise ran into
    assert 4096 < longest < 5000


def test_interrupt_leaves_the_link_usable(link, faulty):
    """Ctrl-C at every point of a write: mid-frame, and while replies are under way."""
    for point in range(1, 12):
        calls = [0]

        def interrupt(data, calls=calls, point=point):
            calls[0] += 1
            if calls[0] == point:
                faulty.to_device = bytes
                faulty.device.receive(data[: len(data) // 2])
                raise KeyboardInterrupt
            return data

        faulty.to_device = interrupt
        with pytest.raises(KeyboardInterrupt):
            link.write(Space.MEMORY, 0, bytes(128 * 20))
        resyncs = link.resyncs
        link.write(Space.MEMORY, 5, b"\x07" * 8)
        assert link.read(Space.MEMORY, 5, 1) == b"\x07" * 8
        assert link.resyncs == resyncs + 1


def test_after_an_interrupted_run_resync_waits_for_it(link, faulty):
    real = faulty.read

    def interrupt(timeout):
        raise KeyboardInterrupt

    faulty.read = interrupt
    with pytest.raises(KeyboardInterrupt):
        link.run(0, 1, limit=3.0)
    faulty.read = real
    faulty.to_host = lambda data: b""
    faulty.timeouts.clear()
    with pytest.raises(LinkError, match=r"within 18\."):
        link.read(Space.MEMORY, 0, 1)


def test_only_the_reply_with_the_nonce_counts(link, faulty):
    """A reply to an earlier HELLO with the same number is not the one."""
    def forge(data):
        header, content = check(cobs.decode(data[:-1]))
        if header.type & 0x7F != FrameType.HELLO:
            return data
        forged = Header(type=header.type, seq=header.seq, length=header.length,
                        address=header.address ^ 1)
        return cobs.encode(seal(forged, content)) + b"\0"

    faulty.to_host = forge
    ignored = link.ignored
    with pytest.raises(LinkError):
        link.resync()
    assert link.ignored == ignored + 6


# Resets ----------------------------------------------------------------------------------------

LOST = "so that this may not have been done and what its memory held is lost; load the layers again"


def test_a_reset_before_an_operation(link, faulty):
    faulty.device.reset()
    with pytest.raises(DeviceReset, match=f"reset while reading 1 words of memory at 7, {LOST}"):
        link.read(Space.MEMORY, 7, 1)
    assert link.resets == 1
    assert link.read(Space.MEMORY, 7, 1) == bytes(8)  # of a new session
    link.resync()
    assert link.resets == 1


def test_a_run_is_not_repeated_after_a_reset(link, faulty):
    """The reply is lost with the device's state: the repeat must not run it again."""
    runs = []
    faulty.device.engine.run = lambda *program: runs.append(program) or Report()

    def reset(data):
        if reply_type(data) == FrameType.RUN and not link.resets and len(runs) == 1:
            faulty.device.reset()
            faulty.device.engine.run = lambda *program: runs.append(program) or Report()
            faulty.to_host = bytes
            return data[:9] + b"\0"
        return data

    faulty.to_host = reset
    with pytest.raises(DeviceReset, match="reset while running 1 operations at 0"):
        link.run(0, 1)
    assert runs == [(0, 1, 1)]
    assert link.run(0, 1).code == 0 and len(runs) == 2


def test_a_reset_between_operations_is_noticed_by_a_resynchronisation(link, faulty):
    link.resync()  # the same session
    faulty.device.reset()
    with pytest.raises(DeviceReset, match=f"reset since the last operation, {LOST}"):
        link.resync()
    assert link.resets == 1 and link.resync() and link.resets == 1


@pytest.mark.parametrize("lost", range(4))
def test_no_loss_of_a_greeting_hides_a_reset(link, faulty, lost):
    """The HELLO that begins the new session is not the one that is answered."""
    faulty.device.reset()
    greetings = []

    def lose(data):
        greetings.append(data)
        return data if len(greetings) > lost else b""

    faulty.to_host = lose
    with pytest.raises(DeviceReset):
        link.resync()
    assert len(greetings) == (lost + 2 if lost else 1)  # one more that was not repeated


def test_a_reset_between_a_greeting_and_its_repeat_is_noticed(link, faulty):
    """The reply to the first is late; the second begins a session that nobody asks about."""
    faulty.late, greetings = 1, []

    def reset(data):
        if len(data) > 20:
            greetings.append(data)
            if len(greetings) == 2:
                faulty.device.reset()
                faulty.device.receive(b"\0")
                faulty.late = 0
        return data

    faulty.to_device = reset
    with pytest.raises(DeviceReset, match="since the last operation"):
        link.resync()
    assert len(greetings) == 3


def test_a_line_on_which_every_greeting_has_to_be_repeated(link, faulty):
    count = [0]

    def lose(data):
        count[0] += 1
        return data if count[0] % 2 == 0 else b""

    faulty.to_host = lose
    with pytest.raises(LinkError, match="greeting the device: golden:faulty answered only when "
                                        "asked again, 6 times: the line loses too much; check"):
        link.resync()


def test_a_slow_device_gets_more_time_to_greet(tiny, make_faulty):
    class Slow(make_faulty):
        """Each reply takes 5 ms."""
        time, ready = 0.0, 0.0

        def now(self):
            return self.time

        def write(self, data):
            self.ready = max(self.ready, self.time + 0.005)
            super().write(data)

        def read(self, timeout):
            if self.time + timeout < self.ready:
                self.time += timeout
                return b""
            self.time = max(self.time, self.ready)
            return super().read(0)

    link = Link(Slow(DeviceModel(tiny)))
    link.resync()
    assert link.read(Space.MEMORY, 0, 1) == bytes(8)


def test_a_silence_that_was_a_reset_is_told_as_one(link, faulty):
    """The device loses power while it does not answer."""
    faulty.to_device = lambda data: b""
    real = link._diagnosis

    def back(what):
        faulty.device.reset()
        faulty.to_device = bytes
        return real(what)

    link._diagnosis = back
    with pytest.raises(DeviceReset, match=f"reset while reading 1 words of memory at 7, {LOST}"):
        link.read(Space.MEMORY, 7, 1)
    assert link.resets == 1 and link.read(Space.MEMORY, 7, 1) == bytes(8)


def test_layers_of_before_a_reset_have_to_be_loaded_again(faulty):
    with connect(faulty) as device:
        old = device.load(Weights.ternary([[1, -1]]), "old")
        faulty.device.reset()
        with pytest.raises(DeviceReset, match="was reset while writing"):
            old([3, 1])
        with pytest.raises(DeviceReset, match="layer old was loaded before golden:faulty was reset,"
                                              " which may have cost its weights; load them again"):
            old([3, 1])
        old.unload()
        assert device.load(old.weights)([3, 1]).tolist() == [2]


# Other devices -----------------------------------------------------------------------------------


def patched(faulty, change):
    """Let the device's HELLO say something else."""
    content = bytearray(faulty.device._identification)
    change(content)
    faulty.device._identification = bytes(content)


def test_refuses_another_protocol_version(faulty):
    patched(faulty, lambda c: c.__setitem__(slice(8, 10), (9).to_bytes(2, "little")))
    with pytest.raises(DeviceError, match="speaks version 9 of the link protocol and this Luthier "
                                          "version 3; use the Luthier that generated"):
        Link(faulty).resync()


def test_refuses_what_is_no_luthier_device(faulty):
    patched(faulty, lambda c: c.__setitem__(slice(0, 4), b"ELSE"))
    with pytest.raises(DeviceError, match="golden:faulty is not a Luthier device"):
        Link(faulty).resync()


@pytest.mark.parametrize("offset", [10, 12, 14])
def test_refuses_impossible_sizes(faulty, offset):
    patched(faulty, lambda c: c.__setitem__(slice(offset, offset + 2), b"\0\x01"
                                            if offset == 14 else b"\0\0"))
    with pytest.raises(DeviceError, match="impossible sizes"):
        Link(faulty).resync()


def test_notices_that_the_device_was_exchanged(link, faulty):
    patched(faulty, lambda c: c.__setitem__(64, 99))
    with pytest.raises(DeviceError, match="now another device than at the start; connect again"):
        link.resync()


def test_errors_of_the_device_name_what_was_done(link):
    with pytest.raises(DeviceError, match="reading 1 words of memory at 8192: golden:faulty "
                                          "answered BAD_ADDRESS"):
        link.read(Space.MEMORY, 8192, 1)
    assert link.read(Space.MEMORY, 8191, 1) == bytes(8)


@pytest.mark.parametrize(("status", "data", "message"), [
    (77, b"", "answered the unknown status 77"),
    (Status.OK, bytes(16), "answered 16 bytes for 1 words"),
])
def test_answers_that_make_no_sense(link, faulty, status, data, message):
    def twist(encoded):
        header, _ = check(cobs.decode(encoded[:-1]))
        if header.type & 0x7F != FrameType.READ:
            return encoded
        changed = Header(type=header.type, seq=header.seq, length=len(data), space=status,
                         count=header.count, address=header.address)
        return cobs.encode(seal(changed, data)) + b"\0"

    faulty.to_host = twist
    with pytest.raises(DeviceError, match=message):
        link.read(Space.MEMORY, 0, 1)


def test_a_clock_bounds_the_wait(tiny, make_faulty):
    """With a clock that can be read, a trickle of noise does not renew the limit."""
    class Trickle(make_faulty):
        time = 0.0

        def now(self):
            return self.time

        def read(self, timeout):
            self.time += min(timeout, 0.01)
            return b"\x33"

    transport = Trickle(DeviceModel(tiny))
    with pytest.raises(LinkError):
        Link(transport).resync()
    assert transport.time < 3
