# SPDX-License-Identifier: Apache-2.0
"""The device model against the simulated Verilog: the same bytes for good and bad requests."""

import random

import pytest
from cobs import cobs

from luthier.golden.config import load_configuration
from luthier.golden.errors import ToolMissing
from luthier.golden.protocol import (
    REPLY,
    STATUS_BYTES,
    FrameType,
    Header,
    Identification,
    Report,
    Space,
    check,
    seal,
)
from luthier.host.device_model import DeviceModel
from luthier.host.transports import open_transport

HELLO = b"\0" + cobs.encode(seal(Header(type=FrameType.HELLO, seq=0, count=1))) + b"\0"


def random_frame(rng, config):
    """Return a request, often a wrong one, sometimes a damaged one."""
    word, per = config.word_bytes, config.link.payload_bytes // config.word_bytes
    words = config.scratchpad.words
    count = rng.choice([0, 1, 2, per, per + 1, rng.randrange(1, per + 1)])
    address = rng.choice([0, 1, 7, words - 1, words - per, config.memory.words - 2, 1 << 32,
                          2**64 - 1, rng.randrange(words)])
    fields = {"seq": rng.randrange(6), "count": count, "address": address,
              "space": rng.choice([0, 1, 1, 2, 2, 3, 4, 255])}
    data = b""
    match rng.randrange(8):
        case 0 | 1:
            fields["type"] = FrameType.READ
        case 2 | 3 | 4:
            fields["type"] = FrameType.WRITE
            data = rng.randbytes(max(0, count * word + rng.choice([0, 0, 0, 0, -1, 1])))
            data = bytes(len(data)) if rng.random() < 0.2 else data
        case 5:
            fields["type"] = FrameType.HELLO
        case 6:
            fields["type"] = rng.randrange(256)
        case _:
            fields |= {"type": FrameType.RUN, "address": address & 0xFFFF_FFFF
                       | rng.randrange(3) << 32, "count": rng.randrange(3)}
    if fields["space"] == Space.STATUS and fields["type"] == FrameType.READ:
        # All of it, so that the report in it can be told.
        fields |= {"address": rng.choice([0, 1 << 32]), "count": STATUS_BYTES // word}
    frame = bytearray(cobs.encode(seal(Header(length=len(data), **fields), data)) + b"\0")
    match rng.randrange(10):
        case 0:
            frame[rng.randrange(len(frame))] ^= 1 << rng.randrange(8)
        case 1:
            del frame[: rng.randrange(5)]
        case 2:
            frame = bytearray(rng.randbytes(rng.randrange(60)) + b"\0")
    return bytes(frame)


def timeless(replies):
    """Decode replies, without the cycles in reports, which the model does not know all of."""
    decoded = []
    for encoded in filter(None, replies.split(b"\0")):
        header, data = check(cobs.decode(encoded))
        is_report = header.type == REPLY | FrameType.RUN or (
            header.type == REPLY | FrameType.READ and header.address == 0
            and len(data) == STATUS_BYTES)
        if data and is_report:
            report = Report.unpack(data)
            decoded.append((header, report.code, report.index, report.operations, data[64:]))
        decoded.append((header,) if data and is_report else (header, data))
    return decoded


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["tiny", "default", "a16", "wide"])
def test_same_bytes(name):
    config = load_configuration(name)
    try:
        board = open_transport(f"sim:{name}")
    except ToolMissing as missing:
        pytest.skip(f"{missing}")

    def ask(data):
        board.write(data)
        return b"".join(iter(lambda: board.read(20_000 / config.clock_hz), b""))

    with board:
        (_, head), = [check(cobs.decode(reply)) for reply in ask(HELLO).split(b"\0") if reply]
        model = DeviceModel(config, Identification.unpack(head).build_id)
        model.receive(HELLO)
        rng = random.Random(1)
        for index in range(1000):
            frame = random_frame(rng, config)
            got, expected = ask(frame), model.receive(frame)
            assert got == expected or timeless(got) == timeless(expected), (index, frame.hex())
        counters = Header(type=FrameType.READ, seq=99, space=Space.STATUS,
                          count=max(1, 16 // config.word_bytes), address=64 // config.word_bytes)
        frame = cobs.encode(seal(counters)) + b"\0"
        assert ask(frame) == model.receive(frame)
