# SPDX-License-Identifier: Apache-2.0
"""Every wrong configuration gets its own sentence."""

import hashlib
import json

import pytest
from pydantic import ValidationError

from luthier.golden.config import (
    Configuration,
    ConfigurationError,
    load_configuration,
    named_configurations,
)

BAD = [
    ({"name": "Big"}, "name must be 1 to 32 characters from a-z, 0-9, _ and -, not 'Big'"),
    ({"name": 3}, "name must be 1 to 32 characters"),
    ({"description": 3}, "description must be a text, not 3"),
    ({"clock_hz": 1}, "clock_hz must be between 1000000 and 2000000000, not 1"),
    ({"table": {"beat_bits": 100}}, "table.beat_bits must be 64, 128, 256 or 512, not 100"),
    ({"table": {"beat_bits": "64"}}, "table.beat_bits must be an integer, not '64'"),
    ({"table": {"beat_bits": True}}, "table.beat_bits must be an integer, not True"),
    ({"table": {"k": 7}}, "table.k must be 4, 5, 6 or 8, not 7"),
    ({"table": {"store": "registers"}}, "table.row_block (1024) must be 32 where table.store is "
     "'registers' and table.beat_bits is 128; change one of them"),
    ({"table": {"tokens": 4}}, "table.tokens (4) must be at most 2 where table.beat_bits is 128, "
     "because a scratchpad word is written a cycle; lower table.tokens or widen table.beat_bits"),
    ({"table": {"store": "flash"}}, "table.store must be 'lutram', 'blockram' or 'registers', not "
     "'flash'"),
    ({"table": {"activation_bits": 3}}, "table.activation_bits must be between 4 and 16, not 3"),
    ({"table": {"activation_bits": 17}}, "table.activation_bits must be between 4 and 16, not 17"),
    ({"table": {"smallest_group": 8}}, "table.smallest_group must be 16, 32, 64 or 128, not 8"),
    ({"table": {"row_block": 8}}, "table.row_block must be 16, 32, 64, 128, 256, 512, "
                                   "1024, 2048 or 4096, not 8"),
    ({"table": {"row_block": 40}}, "table.row_block must be 16, 32, 64, 128, 256, 512, "
                                   "1024, 2048 or 4096, not 40"),
    ({"table": {"max_rows": 0}}, "table.max_rows must be between 1 and 65536, not 0"),
    ({"table": {"max_columns": 70000}}, "table.max_columns must be between 1 and 65536, not 70000"),
    ({"scratchpad": {"words": 1}}, "scratchpad.words must be between 64 and 65536, not 1"),
    ({"memory": {"words": 1}}, "memory.words must be between 64 and 4194304, not 1"),
    ({"memory": {"latency": 2}}, "memory.latency must be between 3 and 200, not 2"),
    ({"link": {"width": 3}}, "link.width must be 1, 2, 4 or 8, not 3"),
    ({"link": {"payload_bytes": 64}}, "link.payload_bytes must be 128, 256, 512, 1024, 2048 or"),
    ({"link": {"window": 3}}, "link.window must be 1, 2, 4 or 8, not 3"),
    ({"link": {"cache_depth": 16}}, "link.cache_depth must be 1, 2, 4 or 8, not 16"),
    ({"link": {"window": 8}}, "link.cache_depth (4) must be at least link.window (8), so that"),
    ({"table": {"beat_bits": 64, "smallest_group": 128}},
     "table.smallest_group (128) must not exceed table.beat_bits (64); lower the group or widen"),
    ({"scratchpad": {"words": 64}},
     "scratchpad.words (64) must be at least 513 to hold table.max_columns (8192) activations and "
     "a word of results; raise scratchpad.words or lower table.max_columns"),
    ({"table": {"beat_bit": 64}}, "table.beat_bit is not a known key; did you mean 'beat_bits'?"),
    ({"zzz": 1}, "zzz is not a known key; known keys are name, description, clock_hz,"),
    ({"table": 3}, "table must be a table of keys, not 3"),
]


@pytest.mark.parametrize("change, sentence", BAD)
def test_bad_value(change, sentence):
    with pytest.raises(ConfigurationError) as error:
        Configuration.from_data({"name": "x"} | change, source="x.toml")
    assert str(error.value).startswith(f"x.toml: {sentence}")
    assert "\n" not in str(error.value)


def test_missing_name_and_several_defects():
    with pytest.raises(ConfigurationError, match=r"^configuration: name is missing; link.width"):
        Configuration.from_data({"link": {"width": 3}})


@pytest.mark.parametrize("name", named_configurations())
def test_named(name):
    config = load_configuration(name)
    assert config.name == name and config.description
    data = json.loads(config.canonical_json())
    assert Configuration.from_data(data).hash == config.hash
    assert config.hash == hashlib.sha256(config.canonical_json().encode()).digest()


def test_what_came_later_is_in_the_hash_of_those_that_have_it():
    """Devices that were built before keep their hash."""
    data = load_configuration("sparse").model_dump(exclude_none=True)
    data["sparse"].pop("csr")
    for section, key in (("sparse", "csr"), (None, "short_paths")):
        plain = Configuration.from_data(data)
        assert key not in plain.canonical_json()
        change = {key: True} if section is None else {section: data[section] | {key: True}}
        other = Configuration.from_data(data | change)
        assert key in other.canonical_json() and other.hash != plain.hash


def test_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        load_configuration("tiny").table.k = 5


def test_hash_covers_all_but_the_description():
    data = {"name": "x", "description": "one"}
    first = Configuration.from_data(data)
    assert Configuration.from_data(data | {"description": "two"}).hash == first.hash
    assert Configuration.from_data(data | {"name": "y"}).hash != first.hash
    assert Configuration.from_data(data | {"memory": {"latency": 4}}).hash != first.hash


def test_from_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[memory]\nlatency = 9\n')
    assert load_configuration(path).memory.latency == 9
    assert load_configuration(str(path)) == load_configuration(path)


def test_file_errors(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot read the configuration .*: No such file"):
        load_configuration(tmp_path / "none.toml")
    with pytest.raises(ConfigurationError, match="cannot read the configuration .*directory"):
        load_configuration(tmp_path)
    bad = tmp_path / "bad.toml"
    bad.write_text("name = [")
    with pytest.raises(ConfigurationError, match="is not a TOML file"):
        load_configuration(bad)
    bad.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="is not a TOML file"):
        load_configuration(bad)
    for content in ("clock_hz = " + "9" * 5000, "x = " + "[" * 3000):
        bad.write_text(content)
        with pytest.raises(ConfigurationError, match="is not a TOML file"):
            load_configuration(bad)
    with pytest.raises(ConfigurationError, match="cannot read the configuration .*null byte"):
        load_configuration("a\0.toml")
    for name in ("defalt", "DEFAULT"):
        with pytest.raises(ConfigurationError, match=f"there is no configuration called '{name}'; "
                                                     "did you mean 'default'"):
            load_configuration(name)


def test_byte_order_mark_and_home(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_bytes(b'\xef\xbb\xbfname = "mine"')
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_configuration("~/mine.toml").name == "mine"


@pytest.mark.parametrize("data", [None, [], 3, {1: 2}])
def test_not_a_table(data):
    with pytest.raises(ConfigurationError, match="^configuration must be a table of keys, not "):
        Configuration.from_data(data)


def test_unprintable_key():
    with pytest.raises(ConfigurationError, match=r"'a\\nb' is not a known key"):
        Configuration.from_data({"name": "x", "a\nb": 1})
