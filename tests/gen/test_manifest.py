# SPDX-License-Identifier: Apache-2.0
"""The manifest, against the Verilog and against bytes."""

import hashlib
import json
import re

import pytest

from luthier import __version__
from luthier.gen.manifest import layout
from luthier.gen.verilog import generate
from luthier.golden.config import Configuration, load_configuration, named_configurations
from luthier.golden.descriptor import Descriptor
from luthier.golden.protocol import PROTOCOL_VERSION, Header, Identification, identification
from luthier.sim.board_echo import Echo


@pytest.fixture(scope="module", params=named_configurations())
def made(request):
    """Configuration and artefact."""
    config = load_configuration(request.param)
    return config, generate(config, Echo)


def test_manifest_is_json_and_names_its_origin(made):
    config, artefact = made
    manifest = json.loads(json.dumps(artefact.manifest))
    assert manifest == artefact.manifest
    assert manifest["schema"] == 1
    assert manifest["luthier"] == __version__
    assert manifest["protocol"] == PROTOCOL_VERSION
    assert manifest["verilog"]["sha256"] == hashlib.sha256(artefact.verilog.encode()).hexdigest()
    assert manifest["config"]["hash"] == config.hash.hex()
    again = Configuration.from_data({"name": config.name, **manifest["config"]["parameters"]})
    assert again.hash == config.hash


def test_ports_are_those_of_the_verilog(made):
    config, artefact = made
    top = artefact.verilog.split("\nmodule luthier(")[1].split("endmodule")[0]
    declared = {
        (name, direction, int(high) + 1 if high else 1)
        for direction, high, name in re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", top,
                                                re.M)}
    ports = {(port["name"], port["direction"], port["width"])
             for port in artefact.manifest["ports"]}
    assert ports == declared
    assert ("clk", "input", 1) in ports
    count = config.link.width.bit_length()
    assert ("i__payload", "input", 8 * config.link.width + count) in ports
    assert not any(port["signed"] for port in artefact.manifest["ports"])
    stream = {item["name"]: item for item in artefact.manifest["streams"]}["o"]
    assert (stream["direction"], stream["valid"]) == ("output", "o__valid")
    assert stream["fields"] == [
        {"name": "data", "offset": 0, "width": 8 * config.link.width, "signed": False},
        {"name": "count", "offset": 8 * config.link.width, "width": count, "signed": False}]
    assert artefact.manifest["timing"] == {"latency": 1}


def test_spaces(made):
    config, artefact = made
    spaces = {space["name"]: space for space in artefact.manifest["spaces"]}
    content = identification(config, artefact.build_id)
    assert spaces["identification"]["words"] * config.word_bytes == len(content)
    assert spaces["memory"]["words"] == config.memory.words
    assert spaces["scratchpad"]["access"] == "read and write"
    assert {field["name"]: field["offset"] for field in spaces["status"]["fields"]}["frames"] == 64
    for field in spaces["identification"]["fields"]:
        if field["name"] == "build_id":
            found = content[field["offset"]:field["offset"] + field["bytes"]]
            assert found == artefact.build_id


def test_layouts_are_those_of_the_documentation():
    header = {item["name"]: (item["offset"], item["bytes"])
              for item in layout(Header(type=0, seq=0))}
    assert header == {"type": (0, 1), "seq": (1, 2), "length": (3, 2), "space": (5, 1),
                      "count": (6, 2), "address": (8, 8)}
    descriptor = {item["name"]: item for item in layout(Descriptor())}
    assert descriptor["multiplier"] == {"name": "multiplier", "offset": 48, "bytes": 2,
                                        "signed": True}
    assert descriptor["rows"] == {"name": "rows", "offset": 20, "bytes": 4, "signed": False}
    # Every documented row of the descriptor's table is there.
    for offset, size, name in re.findall(r"^    (\d+) +(\d+) +``(\w+)``", Descriptor.__doc__, re.M):
        assert (descriptor[name]["offset"], descriptor[name]["bytes"]) == (int(offset), int(size))
    rows = re.findall(r"^    (\d+) +(\d+) ", Identification.__doc__, re.M)
    head = {item["offset"]: item["bytes"] for item in layout(Identification(
        protocol=1, beat_bits=1, payload_bytes=1, window=1, cache_depth=1, json_bytes=1,
        config_hash=bytes(32), build_id=bytes(32), scratchpad_words=1, memory_words=1))}
    assert head.items() <= {int(offset): int(size) for offset, size in rows}.items()
