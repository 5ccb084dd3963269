# SPDX-License-Identifier: Apache-2.0
"""``luthier check --bytes-per-fault``: a link that cannot lie, and checks that would notice it."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from luthier.cli.main import main
from luthier.golden.protocol import HEADER_BYTES, Header
from luthier.host import Weights, connect, conversation, device_model, frames
from luthier.host.device_model import DeviceModel
from luthier.host.transports import open_transport
from luthier.host.transports.faulty import FaultyTransport


@pytest.fixture
def torture(capsys):
    """Check over a bad line; return the exit code, the JSON and what was said."""
    def run(url, operations, bytes_per_fault, *more):
        code = main(["check", "--device", url, "-n", str(operations), "--bytes-per-fault",
                     str(bytes_per_fault), "--json", "-", *more])
        captured = capsys.readouterr()
        return code, json.loads(captured.out) if captured.out else {}, captured.err

    return run


def never_wrong(torture, url, operations, bytes_per_fault, least, seed=0):
    """Check, and return the JSON; at least the fraction ``least`` must succeed."""
    code, data, err = torture(url, operations, bytes_per_fault, "--seed", str(seed))
    assert code == 0, err
    keys = ("operations", "succeeded", "failed", "wrong", "overdue", "mismatches",
            "cycle_mismatches", "link_bytes", "faults", "repeats", "resyncs", "resets",
            "longest_seconds")
    print(f"{url}, a fault in {bytes_per_fault} bytes, seed {seed}:",
          ", ".join(f"{key} {data[key]}" for key in keys))
    assert data["wrong"] == data["overdue"] == data["mismatches"] == data["cycle_mismatches"] == 0
    assert data["operations"] == operations
    assert data["succeeded"] == operations - sum(data["failed"].values()) >= least * operations
    assert set(data["failed"]) <= {"DeviceReset", "LinkError"}
    made = sum(sum(kinds.values()) for kinds in data["faults"].values())
    assert 0.6 < made * bytes_per_fault / data["link_bytes"] < 1.5
    assert data["longest_seconds"] < 5
    return data


@pytest.mark.parametrize(("url", "operations"), [("golden:tiny", 300), ("sim:tiny", 60)])
def test_right_or_a_clear_error(torture, url, operations):
    assert never_wrong(torture, url, operations, 10_000, 0.95)["repeats"]


@pytest.mark.parametrize(("url", "operations"), [("golden:tiny", 300), ("sim:tiny", 8)])
def test_right_or_a_clear_error_at_ten_times_the_rate(torture, url, operations):
    data = never_wrong(torture, url, operations, 1000, 0.75, seed=1)
    assert data["repeats"] > operations and data["resyncs"] == 1 + sum(data["failed"].values())


@pytest.mark.nightly
@pytest.mark.parametrize(("url", "operations"), [("golden:tiny", 9000), ("sim:tiny", 1000)])
def test_ten_thousand_operations(torture, url, operations):
    never_wrong(torture, url, operations, 10_000, 0.99, seed=2)


@pytest.mark.nightly
@pytest.mark.parametrize(("url", "operations"), [("golden:tiny", 9000), ("sim:tiny", 1000)])
def test_ten_thousand_operations_at_ten_times_the_rate(torture, url, operations):
    never_wrong(torture, url, operations, 1000, 0.85, seed=3)


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["a16", "a5", "default", "wide"])
def test_other_configurations(torture, name):
    """Other widths of the link, longer frames, deeper windows: at most a few faults in a frame."""
    never_wrong(torture, f"sim:{name}", 100, 20_000, 0.9, seed=4)


def test_a_full_queue_costs_repeats_only():
    """Requests arrive so often that the simulated device drops others."""
    with FaultyTransport(open_transport("sim:tiny"), kinds=["repeat"]) as line:
        device = connect(line)
        line.restart(200, "1")
        weights = Weights.ternary(np.random.default_rng(1).integers(-1, 2, size=(60, 200)))
        for index in range(10):
            layer = device.load(weights)
            assert (layer(np.full(200, index)) == index * weights.values.sum(axis=1)).all()
            layer.unload()
        line.restart(0, 0)
        counters = device.counters()
        assert counters.overruns > 20 and counters.repeats > 100 and counters.damaged == 0


def test_lines(capsys):
    assert main(["check", "--device", "golden:tiny", "-n", "20", "--bytes-per-fault", "2000"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"succeeded +\d+ of 20 \(\d+\.\d\d %\); errors: .*; 0 with wrong results; 0 wi"
                     r"thout an end\nfaults +\d+ in \d+ bytes\n  to device: \d+ delete, .*\n  to ho"
                     r"st: .*\nlink +\d+ repeats, \d+ resynchronisations, \d+ resets noticed; longe"
                     r"st operation \S+ s of simulated time\n", out)


def test_no_faults_unless_asked_for(torture, capsys):
    code, data, _ = torture("golden:tiny", 5, 0)
    assert code == 0 and data["bytes_per_fault"] == 0 and "faults" not in data
    assert main(["check", "--device", "golden:tiny", "--bytes-per-fault", "-1"]) == 2
    assert "--bytes-per-fault" in capsys.readouterr().err


# The torture can fail ------------------------------------------------------------------------


def careless(frame):
    """As ``check``, but for the CRC."""
    if len(frame) < HEADER_BYTES + 4:
        return None
    return Header.unpack(frame), frame[HEADER_BYTES:-4]


def test_a_driver_that_ignores_the_crc_is_caught(torture, monkeypatch):
    monkeypatch.setattr(frames, "check", careless)
    assert torture("golden:tiny", 200, 1000)[0] in (1, 4)


def test_a_device_that_ignores_the_crc_is_caught(torture, monkeypatch):
    monkeypatch.setattr(device_model, "check", careless)
    # 4: a damaged request was answered with another status. 70: it broke the model itself.
    assert torture("golden:tiny", 200, 1000)[0] in (1, 4, 70)


def test_a_driver_that_ignores_the_numbers_is_caught(torture, monkeypatch):
    """The next undamaged frame is taken for the reply to the oldest request."""
    def blind(self, waiting, limit):
        while True:
            while (frame := self._frames.take()) is not None:
                if frame:
                    return replace(frame[0], seq=next(iter(waiting))), frame[1]
            if not self._receive(limit):
                return None

    monkeypatch.setattr(conversation.Conversation, "_await", blind)
    assert torture("golden:tiny", 200, 10**9)[0] == 0
    assert torture("golden:tiny", 200, 1000)[0] in (1, 4)


def test_a_device_that_hides_its_resets_is_caught(torture, monkeypatch):
    real = DeviceModel.reset

    def reset(self):
        session = getattr(self, "_session", 0)
        real(self)
        self._session = session

    monkeypatch.setattr(DeviceModel, "reset", reset)
    code, data, err = torture("golden:tiny", 300, 1000)
    assert code == 1 and data["wrong"] + data["mismatches"] and "expected" in err, data


def dies(monkeypatch):
    """Let the device fall silent for good."""
    real, count = DeviceModel.receive, [0]

    def receive(self, data):
        count[0] += 1
        return real(self, data) if count[0] < 300 else b""

    monkeypatch.setattr(DeviceModel, "receive", receive)


def test_a_driver_that_waits_for_ever_is_caught(torture, monkeypatch):
    dies(monkeypatch)
    monkeypatch.setattr(conversation, "TRIES", 1 << 60)
    code, data, err = torture("golden:tiny", 20, 10**9)
    assert code == 1 and data["overdue"] and data["succeeded"] + data["overdue"] == 20
    assert re.search(r"operation \d+: an operation on golden:tiny did not end in time; .* reprod"
                     r"uce with: luthier check .* --bytes-per-fault 1000000000", err)


def test_a_device_that_is_gone_ends_it(torture, monkeypatch):
    dies(monkeypatch)
    code, data, err = torture("golden:tiny", 1000, 10**9)
    assert code == 4 and not data and re.search("operation .* ended early.*\n.*"
                                            "greeting the device: .* gave no answer", err)
