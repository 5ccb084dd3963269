# SPDX-License-Identifier: Apache-2.0
"""Connect to a device, put layers into its memory, run them."""

import json
from pathlib import Path
from types import TracebackType
from typing import Self, get_args

import numpy as np
from numpy.typing import NDArray

from ..golden.config import Configuration, ConfigurationError, load_configuration
from ..golden.descriptor import DESCRIPTOR_BYTES
from ..golden.errors import DeviceError, UserError
from ..golden.protocol import IDENTIFICATION_HEAD_BYTES, REPORT_BYTES, LinkCounters, Space
from ..golden.table import check_range
from ..golden.weights import pack_planes, pack_trits
from .activations import tokens_per_run
from .allocator import Allocator
from .layer import Layer
from .link import Link
from .results import Check
from .transports import Transport, open_transport
from .weights import Weights

__all__ = ["Device", "connect"]

_LONGEST_JSON = 1 << 16


def connect(url: str | Transport, config: Configuration | str | Path | None = None, *,
            check: Check = "never", seed: int = 0) -> "Device":
    """Connect to a device.

    Parameters
    ----------
    url : str or Transport
        ``sim:CONFIG``, ``golden:CONFIG``, ``serial:PORT?baud=N`` or ``socket://HOST:PORT``; or an
        open transport.
    config : Configuration, str or Path, optional
        The configuration that the device must have; by default, whatever it has.
    check : str
        Results to compare with the golden model: ``"all"``, ``"sample"`` (64 in each call) or
        ``"never"``.
    seed : int
        Of the sample.

    Raises
    ------
    UserError
        If an argument is wrong.
    ToolMissing
        If the transport needs a part of Luthier that is not installed.
    DeviceError
        If there is no device, it does not answer, or it is another than expected.
    """
    if check not in get_args(Check):
        raise UserError(f"check must be 'all', 'sample' or 'never', not {check!r}")
    given = config
    if isinstance(config, str | Path):
        config = load_configuration(config)
    elif config is not None and not isinstance(config, Configuration):
        raise UserError(f"config must be a Configuration, a name or a path, not {config!r}")
    transport = url if isinstance(url, Transport) else open_transport(url)
    try:
        device = Device(transport, check=check, seed=seed)
        if config is not None and config.hash != device.config.hash:
            name = config.name if isinstance(given, Configuration) else given
            raise DeviceError(
                f"{device.url} was generated from configuration {device.config.name!r} with hash "
                f"{device.config.hash.hex()}, not from {config.name!r} with hash "
                f"{config.hash.hex()}; generate it again with `luthier generate --config {name} -o "
                f"DIR`, or connect without a configuration to use it as it is")
    except BaseException:
        transport.close()
        raise
    return device


class Device:
    """A device that answers; made by :func:`connect`. Use it in ``with``, or close it.

    Parameters
    ----------
    transport : Transport
        Open; the device closes it.
    check : str
        As of :func:`connect`; may be set later.
    seed : int
        Of the sample.

    Attributes
    ----------
    link : Link
        With counts of bytes, repeats and ignored frames.
    rng : numpy.random.Generator
        Chooses which results to check.
    reproduce : str
        The command that a failed check tells the user to run again; empty by default.

    Raises
    ------
    DeviceError
        If the device does not answer, or does not describe itself properly.
    """

    def __init__(self, transport: Transport, *, check: Check = "never", seed: int = 0):
        self.transport = transport
        self.link = Link(transport)
        self.rng = np.random.default_rng(seed)
        self.reproduce = ""
        self.check: Check = check
        self._config = self._read_configuration()
        self._allocator = Allocator(self._config.memory.words)
        self._count = 0
        self._open = True

    # What it is ----------------------------------------------------------------------------

    @property
    def config(self) -> Configuration:
        """What the device was generated from."""
        return self._config

    @property
    def build_id(self) -> bytes:
        """SHA-256 of its Verilog; zeros for a golden model."""
        return self.link.identification.build_id

    @property
    def url(self) -> str:
        """Its URL."""
        return self.transport.description

    @property
    def free_words(self) -> int:
        """Words of device memory that no layer uses."""
        return self._allocator.free_words

    def counters(self) -> LinkCounters:
        """Return what the device's end of the link counted since its reset."""
        self.require_open()
        word = self._config.word_bytes
        first = REPORT_BYTES // word
        return LinkCounters.unpack(self.link.read(Space.STATUS, first, -(-16 // word)))

    # Layers --------------------------------------------------------------------------------

    def load(self, weights: Weights, name: str | None = None) -> Layer:
        """Put weights into the device memory.

        Parameters
        ----------
        weights : Weights
        name : str, optional
            For messages; by default layer0, layer1 and so on.

        Raises
        ------
        UserError
            If this device cannot hold or multiply them: by how much, and what to change.
        DeviceError
            If the device fails.
        """
        self.require_open()
        if not isinstance(weights, Weights):
            raise UserError(f"load takes Weights (Weights.ternary, Weights.integer), not "
                            f"{type(weights).__name__}")
        name = name or f"layer{self._count}"
        words = weights.beats(self._config) + DESCRIPTOR_BYTES // self._config.word_bytes
        self._check_fits(weights, name, words)
        table = self._config.table
        if weights.trits:
            packed = pack_trits(weights.values, table.beat_bits, table.row_block)
        else:
            packed = pack_planes(weights.values, weights.planes, table.beat_bits, table.row_block)
        address = self._allocator.allocate(words)
        try:
            self.write_memory(address, packed)
        except BaseException:
            self._allocator.free(address, words)
            raise
        self._count += 1
        return Layer(self, weights, name, address)

    def release(self, layer: Layer) -> None:
        """Give a layer's memory back; call :meth:`Layer.unload` instead."""
        words = layer.weights.beats(self._config) + DESCRIPTOR_BYTES // self._config.word_bytes
        self._allocator.free(layer.address, words)

    def _check_fits(self, weights: Weights, name: str, words: int) -> None:
        config, (rows, columns) = self._config, weights.shape
        device = f"configuration {config.name!r}"
        for what, size, key in (("rows", rows, "max_rows"), ("columns", columns, "max_columns")):
            limit = getattr(config.table, key)
            if size > limit:
                raise UserError(
                    f"layer {name} has {size} {what}, {size - limit} more than table.{key} "
                    f"({limit}) of {device}; raise table.{key} to at least {size}, or split the "
                    f"layer")
        try:
            check_range(config, columns=columns, planes=weights.planes, trits=weights.trits)
        except UserError as error:
            raise UserError(f"layer {name}: {error}") from None
        if not tokens_per_run(config, rows, columns):
            need = -(-columns // config.activations_per_word) - (-rows // config.results_per_word)
            have = config.scratchpad.words
            raise UserError(
                f"layer {name} needs {need} words of scratchpad for one token's activations and "
                f"results, {need - have} more than scratchpad.words ({have}) of {device}; raise "
                f"scratchpad.words to at least {need}, or split the rows of the layer")
        largest = self._allocator.largest
        if words > largest:
            used = config.memory.words - self._allocator.free_words
            hint = ", or unload other layers" if used else ""
            raise UserError(
                f"layer {name} needs {words} words of device memory, {words - largest} more than "
                f"the largest free area of {largest} (memory.words of {device} is "
                f"{config.memory.words}, {used} are in use); raise memory.words to at least "
                f"{config.memory.words + words - largest}{hint}")

    # Memory --------------------------------------------------------------------------------

    def read_memory(self, address: int, count: int) -> NDArray[np.uint8]:
        """Return ``count`` words of the device memory: read-only uint8 array (count, D / 8).

        Raises
        ------
        UserError
            If they do not all lie in the memory.
        """
        self._require_inside(address, count)
        data = self.link.read(Space.MEMORY, address, count)
        return np.frombuffer(data, np.uint8).reshape(count, -1)

    def write_memory(self, address: int, words: NDArray[np.uint8]) -> None:
        """Write words, a uint8 array (count, D / 8), at ``address`` of the device memory.

        Raises
        ------
        UserError
            If they do not all lie in the memory, or are no such array.
        """
        if words.dtype != np.uint8 or words.ndim != 2 or words.shape[1] != self._config.word_bytes:
            raise UserError(f"words must be a uint8 array (count, {self._config.word_bytes}), not "
                            f"{words.dtype} of shape {words.shape}")
        self._require_inside(address, len(words))
        self.link.write(Space.MEMORY, address, words.tobytes())

    def _require_inside(self, address: int, count: int) -> None:
        self.require_open()
        words = self._config.memory.words
        if address < 0 or count < 1 or address + count > words:
            raise UserError(f"{count} words at {address} do not lie in the device memory of "
                            f"{words} "
                            f"words")

    # Life ----------------------------------------------------------------------------------

    def require_open(self) -> None:
        """Raise DeviceError if the device was closed."""
        if not self._open:
            raise DeviceError(f"{self.url} was closed; connect again")

    def close(self) -> None:
        """Let go of the device; a second call does nothing."""
        self._open = False
        self.link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Device {self.url}: configuration {self._config.name!r}>"

    def _read_configuration(self) -> Configuration:
        """Rebuild the configuration that the device carries and compare its hash with the head."""
        head, word = self.link.identification, self.link.word_bytes
        if not 0 < head.json_bytes <= _LONGEST_JSON:
            raise DeviceError(f"{self.url} says that its configuration has {head.json_bytes} "
                              f"bytes, which cannot be; generate it again")
        data = self.link.read(Space.IDENTIFICATION, IDENTIFICATION_HEAD_BYTES // word,
                              -(-head.json_bytes // word))
        try:
            config = Configuration.from_data(json.loads(data[: head.json_bytes]), source=self.url)
        except (ConfigurationError, ValueError, TypeError) as error:
            raise DeviceError(
                f"{self.url} carries a configuration that this Luthier cannot read ({error}); use "
                f"the Luthier that generated it, or generate it again with this one") from None
        if config.hash != head.config_hash:
            raise DeviceError(
                f"{self.url} says that its configuration has the hash {head.config_hash.hex()}, "
                f"but the one it carries has {config.hash.hex()}; generate it again")
        return config
