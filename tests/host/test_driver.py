# SPDX-License-Identifier: Apache-2.0
"""connect, device and layers, against NumPy, on golden devices."""

import json

import numpy as np
import pytest

from luthier.golden import table, timing
from luthier.golden.config import load_configuration, named_configurations
from luthier.golden.descriptor import Descriptor
from luthier.golden.errors import CheckFailed, DeviceError, UserError
from luthier.golden.protocol import Identification, identification
from luthier.host import ResultMismatch, Weights, connect
from luthier.host.allocator import Allocator
from luthier.host.device_model import DeviceModel
from luthier.host.fitting import check_fits
from luthier.host.transports.golden import GoldenTransport
from luthier.host.waiting import run_limit


@pytest.fixture
def device():
    with connect("golden:tiny") as device:
        yield device


def declared(config, shape, tokens):
    planes = shape["planes"]
    return timing.cycles(config, Descriptor(
        flags=int(shape["trits"]), rows=shape["rows"], columns=shape["columns"],
        planes_stored=planes, planes_used=planes, tokens=tokens))


def ternary(rows, columns, seed=0):
    return Weights.ternary(np.random.default_rng(seed).integers(-1, 2, size=(rows, columns)))


# connect ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", named_configurations())
def test_connect_adopts_what_the_device_has(name, tmp_path):
    config = load_configuration(name)
    path = tmp_path / "same.toml"
    lines = [f'name = "{config.name}"', f"clock_hz = {config.clock_hz}",
             f"short_paths = {json.dumps(config.short_paths)}"]
    for section, keys in config.model_dump(exclude_none=True).items():
        if isinstance(keys, dict):
            lines.append(f"[{section}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    path.write_text("\n".join(lines))
    for given in (None, name, config, path, str(path)):
        with connect(f"golden:{name}", given) as device:
            assert device.config.hash == config.hash and device.build_id == bytes(32)
            assert device.counters().damaged == 0
            assert name in repr(device) and device.url == f"golden:{name}"


def test_connect_refuses_another_configuration():
    tiny, default = (load_configuration(name) for name in ("tiny", "default"))
    for given in ("default", default):
        with pytest.raises(DeviceError) as caught:
            connect("golden:tiny", given)
        text = str(caught.value)
        assert tiny.hash.hex() in text and default.hash.hex() in text
        assert "`luthier generate --config default -o DIR`" in text
        assert "; connect to golden:default, generate it again with `luthier" in text


def test_only_devices_that_are_made_on_demand_are_advised_to_be_made(tiny):
    board = GoldenTransport(DeviceModel(tiny), "serial:/dev/ttyX")
    with pytest.raises(DeviceError, match="; generate it again with `luthier generate --config de"):
        connect(board, "default")


def test_one_device_on_a_transport(tiny):
    with GoldenTransport(DeviceModel(tiny)) as transport:
        first = connect(transport)
        with pytest.raises(UserError, match="golden:tiny is used by a device that is still open; "
                                            "close that device first"):
            connect(transport)
        assert first.load(ternary(2, 2))([0, 0]).tolist() == [0, 0]  # still connected
        first.close()
        with pytest.raises(DeviceError, match="is closed"):
            connect(transport)


def test_check_may_be_set_to_what_connect_takes(device):
    device.check = "sample"
    for wrong in ("All", None, 1):
        with pytest.raises(UserError, match="check must be 'all', 'sample' or 'never', not"):
            device.check = wrong
    assert device.check == "sample"


@pytest.mark.parametrize(("keywords", "message"), [
    ({"check": "some"}, "check must be 'all', 'sample' or 'never', not 'some'"),
    ({"config": 5}, "config must be a Configuration, a name or a path, not 5"),
    ({"check": None}, "check must be .*, not None"),
    ({"check": ["all"]}, "check must be .*, not .'all'."),
    ({"seed": -1}, "seed must be an integer of at least 0, not -1"),
    ({"seed": "x"}, "seed must be an integer of at least 0, not 'x'"),
    ({"seed": True}, "seed must be an integer of at least 0, not True"),
    ({"config": "nothing"}, "no configuration called 'nothing'"),
])
def test_connect_mistakes(keywords, message):
    with pytest.raises(UserError, match=message):
        connect("golden:tiny", **keywords)


def test_a_failed_connect_closes_the_transport(faulty):
    with pytest.raises(DeviceError):
        connect(faulty, "default")
    assert faulty.closed


def described(tiny, change):
    """A device whose identification space was changed."""
    model = DeviceModel(tiny)
    head = Identification.unpack(identification(tiny, bytes(32)))
    text = tiny.canonical_json().encode()
    fields, text = change(dict(vars(head)), text)
    content = Identification(**fields).pack() + text
    model._identification = content + bytes(-len(content) % tiny.word_bytes)
    return GoldenTransport(model)


@pytest.mark.parametrize(("change", "message"), [
    (lambda f, t: (f | {"config_hash": bytes(32)}, t), "says that its configuration has the hash "
                                                       "0000"),
    (lambda f, t: (f | {"json_bytes": 0}, t), "says that its configuration has 0 bytes"),
    (lambda f, t: (f | {"json_bytes": 1 << 30}, t), "which cannot be"),
    (lambda f, t: (f, t.replace(b"row_block", b"new_block")), "cannot read .*new_block is not a "
                                                              "known"),
    (lambda f, t: (f, b"x" * len(t)), "this Luthier cannot read"),
    (lambda f, t: (f, b"\xff" * len(t)), "this Luthier cannot read"),
    (lambda f, t: (f | {"json_bytes": 2}, b"[]"), "this Luthier cannot read"),
    (lambda f, t: (f | {"protocol": 7}, t), "version 7 of the link protocol .* version 3"),
])
def test_connect_refuses_a_device_that_describes_itself_wrongly(tiny, change, message):
    with pytest.raises(DeviceError, match=message):
        connect(described(tiny, change))


# Layers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", named_configurations())
@pytest.mark.parametrize("planes", [0, 1, 4, 8])
def test_results_and_figures(name, planes):
    rng = np.random.default_rng(planes)
    with connect(f"golden:{name}", check="all") as device:
        config = device.config
        half = 1 << config.table.activation_bits - 1
        many = config.table.row_block + 3
        both = 2 * many < (config.scratchpad.words - 16) * config.results_per_word
        shapes = [(1, 1, 1), (37, 200, 3), (many, 17, 1 + both)]
        # Boards may have no memory for more than a row block of eight planes.
        for rows, columns, tokens in shapes[: 2 + (9 * many < config.memory.words)]:
            if planes == 0:
                means = rng.integers(-1, 2, size=(rows, columns))
                weights = Weights.ternary(means)
            else:
                q = rng.integers(0, 2**planes, size=(rows, columns))
                weights, means = Weights.integer(q, planes), 2 * q - 2**planes + 1
            layer = device.load(weights)
            x = rng.integers(-half, half, size=(tokens, columns))
            y = layer(x)
            assert y.dtype == np.int32 and (y == x @ means.T).all()
            stats, trits = layer.stats, planes == 0
            shape = {"rows": rows, "columns": columns, "planes": planes or 1, "trits": trits}
            assert stats.tokens == tokens and stats.report.operations == 1
            beats = table.passes(config, tokens) * table.beats(config, **shape)
            assert stats.beats == beats == stats.report.busy
            assert stats.cycles == declared(config, shape, tokens)
            assert stats.cycles == stats.declared_cycles == layer.declared_cycles(tokens)
            per_beat = config.table.tokens * config.table.beat_bits  # products of a plane
            if trits:
                per_beat = per_beat // 2 if config.table.shared else per_beat * 5 // 8
            assert stats.efficiency == pytest.approx(
                rows * columns * (planes or 1) * tokens / (stats.cycles * per_beat))
            assert layer.bits_per_weight == weights.bits_per_weight(config)
            assert (layer(x[0]) == y[0]).all() and layer(x[0]).shape == (rows,)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int64, np.uint8, np.uint64, ">i4"])
def test_integer_types_whose_values_fit(device, dtype):
    layer = device.load(Weights.ternary([[1, -1, 0]]))
    assert layer(np.array([100, 27, 3], dtype)).tolist() == [73]
    assert layer([1, 2, 3]).tolist() == [-1]


def test_many_tokens_go_in_chunks(device):
    """40 columns and 100 rows take 5 + 50 words; nine tokens fit 512."""
    layer = device.load(ternary(100, 40))
    x = np.random.default_rng(0).integers(-128, 128, size=(25, 40))
    assert (layer(x) == x @ layer.weights.values.T.astype(int)).all()
    assert layer.stats.report.operations == 3
    assert layer.stats.cycles == layer.stats.declared_cycles == layer.declared_cycles(25)


def test_link_bytes_and_the_program_is_written_once(device):
    layer = device.load(ternary(10, 40))
    before = device.link.bytes_sent + device.link.bytes_received
    layer(np.zeros(40, int))
    first = layer.stats.link_bytes
    assert device.link.bytes_sent + device.link.bytes_received == before + first
    layer(np.ones(40, int))
    assert 100 < layer.stats.link_bytes < first - 64
    layer(np.ones((2, 40), int))  # another program
    assert (layer(np.ones(40, int)) == layer.weights.values.sum(axis=1)).all()


def test_an_interrupted_call_leaves_the_layer_usable(device, monkeypatch):
    layer = device.load(ternary(10, 40))
    x = np.arange(40)
    transport = device.transport
    for point in range(1, 9):  # activations, program, run and results, twice
        calls, real = [0], type(transport).read

        def read(timeout, calls=calls, real=real, point=point):
            calls[0] += 1
            if calls[0] == point:
                raise KeyboardInterrupt
            return real(transport, timeout)

        with monkeypatch.context() as patch:
            patch.setattr(transport, "read", read)
            with pytest.raises(KeyboardInterrupt):
                for tokens in (2, 3):  # so that programs are written
                    layer(np.stack([x] * tokens))
        assert (layer(x) == layer.weights.values.astype(int) @ x).all()


def test_layers_side_by_side_and_memory_reuse(device):
    words = device.config.memory.words
    layers = [device.load(ternary(30, 100, seed), f"l{seed}") for seed in range(10)]
    x = np.arange(100)
    for turn in range(3):
        for layer in layers[::-1]:
            assert (layer(x) == layer.weights.values.astype(int) @ x).all()
        layers[turn].unload()
        layers[turn].unload()
        assert not layers[turn].loaded
        layers[turn] = device.load(ternary(20 + turn, 100, 50 + turn))
    addresses = sorted((layer.address, layer.weights.beats(device.config)) for layer in layers)
    assert all(a + n + 8 <= b for (a, n), (b, _) in zip(addresses, addresses[1:], strict=False))
    for layer in layers:
        layer.unload()
    assert device.free_words == words


def test_names(device):
    a, b = device.load(ternary(1, 1)), device.load(ternary(1, 1), "mine")
    assert (a.name, b.name) == ("layer0", "mine") and "mine" in repr(b)
    assert "golden:tiny" in repr(a)


@pytest.mark.parametrize(("x", "message"), [
    (np.zeros(40), "activations must be integers from -128 to 127, not float64; quantise"),
    (np.full(40, np.nan), "not float64"),
    (np.zeros(40, bool), "not bool"),
    (np.zeros(40, complex), "not complex128"),
    (["a"] * 40, "must be integers"),
    ([[1, 2], [1]], "activations must be a rectangular array, not rows of different length"),
    ([], r"at least one token, not \(0,\), which is empty"),
    ([2**70] * 40, "integers from -128 to 127, not Python integers beyond 64 bits; quantise"),
    (np.ma.masked_equal([0] * 40, 0), "activations must be a plain array, not a masked one"),
    (np.zeros(39, int), r"must have the shape \(40,\) or \(tokens, 40\).*not \(39,\)"),
    (np.zeros((40, 1), int), r"not \(40, 1\)"),
    (np.zeros((0, 40), int), r"at least one token, not \(0, 40\)"),
    (np.zeros((1, 1, 40), int), r"not \(1, 1, 40\)"),
    (np.int8(3), r"not \(\)"),
    (np.array([0] * 39 + [128]), r"between -128 and 127 \(8 bits\), not 128 as in column 39$"),
    (np.array([[0] * 40, [0] * 3 + [-129] + [0] * 36]), "not -129 as in column 3 of token 1"),
    (np.array([2**64 - 1] * 40, np.uint64), "not 18446744073709551615 as in column 0"),
])
def test_wrong_activations(device, x, message):
    layer = device.load(ternary(3, 40))
    with pytest.raises(UserError, match=message):
        layer(x)


def test_activations_are_checked_against_the_width_of_the_device():
    with connect("golden:a5") as device:
        layer = device.load(Weights.ternary([[1, 1]]))
        assert layer(np.array([15, -16], np.int8)).tolist() == [-1]
        with pytest.raises(UserError, match=r"between -16 and 15 \(5 bits\), not 16"):
            layer(np.array([16, 0], np.int8))


@pytest.mark.parametrize(("weights", "message"), [
    (lambda: ternary(513, 4), r"layer layer0 has 513 rows, 1 more than table.max_rows \(512\) of "
                              "configuration 'tiny'; raise table.max_rows to at least 513, or "
                              "split"),
    (lambda: ternary(4, 600), "has 600 columns, 88 more than table.max_columns .*raise "
                              "table.max_columns to at least 600"),
    (lambda: Weights.integer(np.zeros((512, 512), int), 3),
     r"needs 12296 words of device memory, 4104 more than the largest free area of 8192 "
     r"\(memory.words of configuration 'tiny' is 8192, 0 are in use\); raise memory.words to at "
     r"least 12296$"),
    (lambda: Weights.ternary(np.zeros((65537, 1), int)),
     "65025 more than table.max_rows .*; split the layer, as no configuration may have "
     "table.max_rows of 65537$"),
    (lambda: Weights.ternary(np.zeros((1, 65537), int)),
     "split the layer, as no configuration may have table.max_columns of 65537$"),
    (lambda: np.zeros((3, 3)),
     r"load takes Weights \(Weights.ternary, .*\) or SparseWeights, not ndarray"),
])
def test_layers_that_do_not_fit(device, weights, message):
    with pytest.raises(UserError, match=message):
        device.load(weights())
    assert device.free_words == 8192


def test_a_full_memory_says_what_is_in_use(device):
    device.load(ternary(512, 512))
    with pytest.raises(UserError, match=r"6664 are in use\); raise memory.words to at least .*, or "
                                        "unload other layers"):
        device.load(ternary(512, 512))


def test_scratchpad_too_small():
    with connect("golden:default") as device:
        with pytest.raises(UserError, match=r"needs 2563 words of scratchpad .*, 515 more than "
                                            r"scratchpad.words \(2048\).*at least 2563, or split"):
            device.load(ternary(10_000, 1000))


def test_limits_of_every_key(tiny):
    """What no configuration may have is not advised; the largest that one may have is."""
    table_keys = {"max_rows": 65536, "max_columns": 4000}
    config = tiny.model_validate(tiny.model_dump() | {
        "table": tiny.table.model_dump() | table_keys})
    with pytest.raises(UserError, match="raise scratchpad.words to at least 33268, or split the r"):
        check_fits(config, Allocator(config.memory.words), 4000, "l", 1, 32768)
    top = 1 << 22
    for words, used, message in (
            (top, 0, f"raise memory.words to at least {top}$"),
            (top + 1, 0, f"split the layer .*, as no configuration may have memory.words of "
                         f"{top + 1}$"),
            (top, 5, "; unload other layers, as no configuration may have")):
        allocator = Allocator(config.memory.words)
        if used:
            allocator.allocate(used)
        with pytest.raises(UserError, match=message):
            check_fits(config, allocator, 1, "l", words, 1)


def test_results_that_could_leave_int32():
    with connect("golden:a16") as device:
        with pytest.raises(UserError, match="layer layer0: 258 columns of 8 planes .* beyond"):
            device.load(Weights.integer(np.zeros((1, 258), int), 8))


def test_use_after_the_end(device):
    layer, other = device.load(ternary(2, 2)), device.load(ternary(2, 2))
    with pytest.raises(UserError, match="layer layer0 has no figures yet; call it first"):
        _ = layer.stats
    layer.unload()
    with pytest.raises(UserError, match="layer layer0 was unloaded; load its weights again"):
        layer([1, 1])
    device.close()
    device.close()
    for use in (lambda: other([1, 1]), device.counters, lambda: device.load(ternary(1, 1)),
                lambda: device.read_memory(0, 1)):
        with pytest.raises(DeviceError, match="golden:tiny was closed; connect again"):
            use()
    other.unload()


def test_memory_access(device):
    words = np.arange(24, dtype=np.uint8).reshape(3, 8)
    device.write_memory(8189, words)
    assert (device.read_memory(8189, 3) == words).all()
    for address, count in ((8190, 3), (-1, 1), (0, 0)):
        with pytest.raises(UserError, match=f"{count} words at {address} do not lie in the device "
                                            "memory of 8192 words"):
            device.read_memory(address, count)
    for address, count, message in (
            (0.5, 1, "address must be an integer, not 0.5"), ("0", 1, "not '0'"),
            (0, 1.0, "count must be an integer, not 1.0"), (0, True, "count .* not True")):
        with pytest.raises(UserError, match=message):
            device.read_memory(address, count)
    for wrong, kind in (([[1] * 8], "list"), (np.ma.masked_equal(words, 1), "MaskedArray")):
        with pytest.raises(UserError, match=rf"words must be a uint8 array .*, not {kind}"):
            device.write_memory(0, wrong)
    with pytest.raises(UserError, match="address must be an integer, not 0.5"):
        device.write_memory(0.5, words)
    with pytest.raises(UserError, match=r"words must be a uint8 array \(count, 8\), not int64"):
        device.write_memory(0, np.zeros((1, 8), np.int64))


def test_a_failed_upload_gives_the_memory_back(device, monkeypatch):
    monkeypatch.setattr(device.link, "write", lambda *_: (_ for _ in ()).throw(DeviceError("no")))
    with pytest.raises(DeviceError):
        device.load(ternary(3, 3))
    assert device.free_words == 8192


def test_a_program_that_someone_changed_is_refused(device):
    layer = device.load(ternary(3, 3))
    layer([1, 2, 3])
    device.write_memory(layer.address + 3, np.full((8, 8), 255, np.uint8))
    with pytest.raises(DeviceError, match="golden:tiny refused layer layer0: OPCODE; its memory"):
        layer([1, 2, 3])


# Checks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["all", "sample"])
@pytest.mark.parametrize("planes", [0, 1, 3, 8])
def test_a_flipped_bit_is_found(how, planes):
    rng = np.random.default_rng(0)
    with connect("golden:tiny", check=how) as device:
        device.reproduce = "luthier something --seed 0"
        if planes:
            weights = Weights.integer(rng.integers(0, 2**planes, size=(20, 130)), planes)
        else:
            weights = Weights.ternary(rng.choice([-1, 1], size=(20, 130)))
        layer = device.load(weights, "mine")
        x = rng.integers(-128, 128, size=(2, 130))
        good = layer(x)
        layer.flip_weight_bit(17, 129, max(planes - 1, 0))
        with pytest.raises(ResultMismatch, match=r"layer mine, row 17, token \d: expected -?\d+, "
                                                 r"got .*; reproduce with: luthier some") as c:
            for _ in range(40):
                layer(x)
        error = c.value
        assert isinstance(error, CheckFailed) and error.exit_code == 1
        assert (error.layer, error.row, error.expected) == ("mine", 17, good[error.token, 17])
        assert error.got != error.expected and error.count >= 1
        device.check = "never"
        bad = layer(x)
        assert error.got == bad[error.token, 17]
        assert np.flatnonzero((bad != good).any(axis=0)).tolist() == [17]
        layer.flip_weight_bit(17, 129, max(planes - 1, 0))
        assert (layer(x) == good).all()


@pytest.mark.parametrize("planes", [0, 1, 3])
def test_every_weight_has_a_bit_that_tells(device, planes):
    """Zeros among trits and padding included."""
    rng = np.random.default_rng(planes)
    if planes:
        weights = Weights.integer(rng.integers(0, 2**planes, size=(3, 70)), planes)
    else:
        weights = ternary(3, 90)
    layer = device.load(weights)
    x = rng.integers(-128, 128, size=(20, weights.shape[1]))
    good = layer(x)
    for row in range(3):
        for column in range(weights.shape[1]):
            before = device.read_memory(layer.address, weights.beats(device.config))
            layer.flip_weight_bit(row, column)
            after = device.read_memory(layer.address, weights.beats(device.config))
            assert np.unpackbits(before ^ after).sum() == 1
            assert np.flatnonzero((layer(x) != good).any(axis=0)).tolist() == [row]
            device.write_memory(layer.address, before)


def test_a_mismatch_without_a_command(device):
    device.check = "all"
    layer = device.load(Weights.ternary([[1, 1]]))
    layer.flip_weight_bit(0, 0)
    with pytest.raises(ResultMismatch, match=r"expected 3, got -?\d; 1 of 1 results .* differ$"):
        layer([1, 2])


@pytest.mark.parametrize(("place", "message"), [
    ((5, 0), "row must be between 0 and 4 in layer layer0, not 5"),
    ((0, 7), "column must be between 0 and 6 in layer layer0, not 7"),
    ((-1, 0), "row must be between"),
    ((0, 0, 1), "plane must be between 0 and 0"),
    ((0.5, 0), "row must be an integer between 0 and 4 in layer layer0, not 0.5"),
    (("a", 0), "row must be an integer between 0 and 4 in layer layer0, not 'a'"),
    ((True, 0), "row must be an integer .* not True"),
    ((0, None), "column must be an integer between 0 and 6 in layer layer0, not None"),
    ((0, 0, 0.0), "plane must be an integer"),
])
def test_bits_that_do_not_exist(device, place, message):
    with pytest.raises(UserError, match=message):
        device.load(ternary(5, 7)).flip_weight_bit(*place)


def test_cycles_of_no_tokens(device):
    layer = device.load(ternary(5, 7))
    assert layer.declared_cycles(np.int64(2)) > layer.declared_cycles() > 0
    for tokens in (-5, 0, 1.5, "1", True):
        with pytest.raises(UserError, match="tokens must be an integer of at least 1, not"):
            layer.declared_cycles(tokens)


def test_run_limits(device, make_faulty, tiny):
    """Simulated: four times the declared cycles; real: 100 000 cycles per second."""
    layer = device.load(ternary(100, 100))
    cycles = layer.declared_cycles(3)
    assert run_limit(device, cycles) == 4 * (cycles + 10_000) / tiny.clock_hz

    class Real(GoldenTransport):
        simulated = False

    real = connect(Real(DeviceModel(tiny))).load(ternary(100, 100))
    assert run_limit(real._device, cycles) == 5 + 2 * cycles / 1e5


def test_importing_the_host_needs_no_amaranth():
    import subprocess
    import sys

    code = ("import sys, luthier.host, luthier.golden.engine; "
            "print([m for m in sys.modules if m.split('.')[0] in ('amaranth', 'cocotb')])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
