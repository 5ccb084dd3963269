# SPDX-License-Identifier: Apache-2.0
"""Layouts of the link protocol and the descriptor, against bytes written out by hand."""

import zlib
from dataclasses import replace

import pytest

from luthier.golden.config import Configuration, load_configuration
from luthier.golden.descriptor import Descriptor, Refusal
from luthier.golden.protocol import (
    FrameType,
    Header,
    Identification,
    LinkCounters,
    Report,
    check,
    identification,
    seal,
)
from luthier.golden.refusal import refusal


def test_header_bytes():
    header = Header(type=FrameType.WRITE, seq=0x1234, length=16, space=2, count=1, address=0x10)
    expected = bytes.fromhex("03 3412 1000 02 0100 1000000000000000")
    assert header.pack() == expected
    assert Header.unpack(expected + b"more") == header
    with pytest.raises(ValueError, match="a header has 16 bytes, not 3"):
        Header.unpack(b"abc")


def test_seal_and_check():
    frame = seal(Header(type=1, seq=2, length=3), b"abc")
    assert frame[-4:] == zlib.crc32(frame[:-4]).to_bytes(4, "little")
    assert check(frame) == (Header(type=1, seq=2, length=3), b"abc")
    assert check(frame[:10]) is None
    for bit in range(8 * len(frame)):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        assert check(bytes(damaged)) is None


def test_length_must_agree():
    assert check(seal(Header(type=1, seq=2, length=4), b"abc")) is None


def test_identification_round_trip():
    config = load_configuration("tiny")
    content = identification(config, bytes(range(32)))
    head = Identification.unpack(content)
    assert content[64:96] == bytes(range(32)) == head.build_id
    assert content[32:64] == config.hash == head.config_hash
    assert content[128 : 128 + head.json_bytes].decode() == config.canonical_json()
    assert len(content) % config.word_bytes == 0
    with pytest.raises(ValueError, match="begins with"):
        Identification.unpack(bytes(128))
    with pytest.raises(ValueError, match="has 128 bytes, not 4"):
        Identification.unpack(bytes(4))


def test_report_and_counters_round_trip():
    report = Report(code=1, index=2, cycles=3, busy=4, starved=5, blocked=6, saturations=7,
                    elapsed=8, operations=9)
    assert report.pack()[:16] == bytes.fromhex("01000000 02000000 0300000000000000")
    assert len(report.pack()) == 64
    assert Report.unpack(report.pack()) == report
    counters = LinkCounters(frames=1, damaged=2, overruns=3, repeats=4)
    assert counters.pack() == bytes.fromhex("01000000 02000000 03000000 04000000")
    assert LinkCounters.unpack(counters.pack()) == counters


def test_descriptor_bytes():
    d = Descriptor(flags=1, source=2, destination=3, weights=4, rows=5, columns=6, tokens=7,
                   source_step=8, destination_step=9)
    expected = bytes.fromhex(
        "01 01 00 00 02000000 03000000 04000000 00000000 05000000 06000000 0000 01 01"
        "00 02 0700 08000000 09000000 0100 0100 0000 00" + "00" * 13)
    assert d.pack() == expected
    assert Descriptor.unpack(expected) == d


@pytest.mark.parametrize("change, expected", [
    ({}, Refusal.NONE),
    ({"opcode": 0}, Refusal.RESERVED),
    ({"opcode": 77}, Refusal.OPCODE),
    ({"flags": 32}, Refusal.RESERVED),
    ({"reserved_60": 1 << 31}, Refusal.RESERVED),
    ({"flags": 2}, Refusal.UNSUPPORTED),
    ({"source_type": 1}, Refusal.UNSUPPORTED),
    ({"flags": 16}, Refusal.UNSUPPORTED),
    ({"planes_stored": 2}, Refusal.NONE),
    ({"rows": 0}, Refusal.SHAPE),
    ({"rows": 513}, Refusal.SHAPE),
    ({"columns": 513}, Refusal.SHAPE),
    ({"tokens": 0}, Refusal.SHAPE),
    ({"planes_stored": 0, "planes_used": 0}, Refusal.PLANES),
    ({"planes_stored": 9, "planes_used": 9}, Refusal.PLANES),
    ({"planes_stored": 2, "planes_used": 3}, Refusal.PLANES),
    ({"planes_used": 0}, Refusal.PLANES),
    ({"flags": 1, "planes_stored": 2, "planes_used": 2}, Refusal.PLANES),
    ({"source": 512 - 64, "destination": 0}, Refusal.NONE),
    ({"source": 512 - 63}, Refusal.ADDRESS),
    ({"destination": 512 - 256}, Refusal.NONE),
    ({"destination": 512 - 255}, Refusal.ADDRESS),
    ({"destination": 63}, Refusal.OVERLAP),
    ({"destination": 64}, Refusal.NONE),
    ({"source": 256, "destination": 0}, Refusal.NONE),
    ({"source": 255, "destination": 0}, Refusal.OVERLAP),
    ({"weights": 8192 - 4096}, Refusal.NONE),
    ({"weights": 8192 - 4095}, Refusal.ADDRESS),
    ({"tokens": 2, "source_step": 192}, Refusal.NONE),
    ({"tokens": 2, "source_step": 193}, Refusal.OVERLAP),
    ({"tokens": 2, "source_step": 449}, Refusal.ADDRESS),
    # The output stage.
    ({"flags": 4}, Refusal.NONE),
    ({"flags": 4, "multiplier": -5, "shift": 63, "destination_type": 0}, Refusal.NONE),
    ({"flags": 4, "shift": 64}, Refusal.UNSUPPORTED),
    ({"flags": 4, "destination_type": 3}, Refusal.UNSUPPORTED),
    ({"flags": 12}, Refusal.NONE),
    ({"flags": 12, "tokens": 2, "rows": 1, "destination": 300}, Refusal.OVERLAP),
    ({"flags": 12, "tokens": 2, "rows": 2, "destination": 300, "destination_step": 1},
     Refusal.NONE),
    ({"flags": 12, "tokens": 2, "rows": 3, "destination": 300, "destination_step": 1},
     Refusal.OVERLAP),
    ({"flags": 8}, Refusal.UNSUPPORTED),
    ({"multiplier": 1}, Refusal.UNSUPPORTED),
    ({"shift": 1}, Refusal.UNSUPPORTED),
    ({"destination_type": 1}, Refusal.UNSUPPORTED),
    # Scales: 512 rows are 32 strips, of 8 tiles; a word holds one record with an offset.
    ({"flags": 2}, Refusal.UNSUPPORTED),
    ({"flags": 4, "scales": 1}, Refusal.UNSUPPORTED),
    ({"flags": 4, "group": 16}, Refusal.UNSUPPORTED),
    ({"flags": 20}, Refusal.UNSUPPORTED),
    ({"flags": 22, "scales": 8192 - 512}, Refusal.NONE),
    ({"flags": 22, "scales": 8192 - 511}, Refusal.ADDRESS),
    ({"flags": 22, "group": 64, "scales": 8192 - 4096}, Refusal.NONE),
    ({"flags": 22, "group": 64, "scales": 8192 - 4095}, Refusal.ADDRESS),
    ({"flags": 6, "group": 16, "scales": 8192 - 32 * 8 * 22}, Refusal.NONE),
    ({"flags": 6, "group": 16, "scales": 8193 - 32 * 8 * 22}, Refusal.ADDRESS),
    ({"flags": 6, "group": 8}, Refusal.UNSUPPORTED),
    ({"flags": 6, "group": 48}, Refusal.UNSUPPORTED),
    ({"flags": 6, "group": 128}, Refusal.UNSUPPORTED),
    ({"flags": 7, "group": 40}, Refusal.NONE),
    ({"flags": 7, "group": 64}, Refusal.UNSUPPORTED),
])
def test_refusal(change, expected):
    good = {"rows": 512, "columns": 512, "destination": 256}
    assert refusal(load_configuration("tiny"), Descriptor(**good | change)) is expected


def test_a_device_without_scales():
    config = Configuration.from_data({"name": "plain", "table": {"scaled": False}})
    good = Descriptor(rows=5, columns=5, destination=100)
    assert refusal(config, good) is Refusal.NONE
    for change in ({"flags": 4}, {"planes_stored": 2}):
        assert refusal(config, replace(good, **change)) is Refusal.UNSUPPORTED


def test_nop_is_accepted():
    tiny = load_configuration("tiny")
    assert refusal(tiny, Descriptor.unpack(bytes(64))) is Refusal.NONE
    assert refusal(tiny, Descriptor.unpack(b"\0\0\3\4" + bytes(60))) is Refusal.NONE
