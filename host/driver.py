# SPDX-License-Identifier: Apache-2.0
"""Connect to a device, put layers into its memory, run them."""

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from ..golden.config import Configuration, load_configuration
from ..golden.descriptor import DESCRIPTOR_BYTES, Descriptor, Opcode
from ..golden.errors import DeviceError, UserError
from ..golden.protocol import (
    REPORT_BYTES,
    LinkCounters,
    Report,
    Space,
)
from ..golden.timing import cycles
from .allocator import Allocator
from .arguments import whole
from .fitting import check_fits, check_shape
from .hazards import check_program
from .identity import read_configuration
from .layer import Layer, run_limit
from .link import Link
from .output import Output
from .program import Program
from .results import Check, known_check
from .section import Section, cut
from .transports import Transport, open_transport
from .weights import Weights

__all__ = ["Device", "connect"]



def program_words(config: Configuration, operations: int) -> int:
    """Return the words of device memory that a program takes."""
    return operations * DESCRIPTOR_BYTES // config.word_bytes


#: The device that uses a transport, by the transport's id, which it keeps alive.
_users: "WeakValueDictionary[int, Device]" = WeakValueDictionary()


def connect(url: str | Transport, config: Configuration | str | Path | None = None, *,
            check: Check = "never", seed: int = 0) -> "Device":
    """Connect to a device.

    Parameters
    ----------
    url : str or Transport
        ``sim:CONFIG``, ``golden:CONFIG``, ``serial:PORT?baud=N`` or ``socket://HOST:PORT``; or an
        open transport that no other open device uses.
    config : Configuration, str or Path, optional
        The configuration that the device must have; by default, whatever it has.
    check : str
        Results to compare with the golden model: ``"all"``, ``"sample"`` (64 in each call) or
        ``"never"``.
    seed : int
        Of the sample; at least 0.

    Raises
    ------
    UserError
        If an argument is wrong.
    ToolMissing
        If the transport needs a part of Luthier that is not installed.
    DeviceError
        If there is no device, it does not answer, or it is another than expected.
    """
    check, seed = known_check(check), whole(seed, "seed", 0)
    given = config
    if isinstance(config, str | Path):
        config = load_configuration(config)
    elif config is not None and not isinstance(config, Configuration):
        raise UserError(f"config must be a Configuration, a name or a path, not {config!r}")
    transport = url if isinstance(url, Transport) else open_transport(url)
    if id(transport) in _users:
        raise UserError(f"{transport.description} is used by a device that is still open; close "
                        f"that device first, or use it")
    try:
        device = Device(transport, check=check, seed=seed)
        if config is not None and config.hash != device.config.hash:
            name = config.name if isinstance(given, Configuration) else given
            scheme = device.url.partition(":")[0]
            other = f"connect to {scheme}:{name}, " if scheme in ("golden", "sim") else ""
            raise DeviceError(
                f"{device.url} was generated from configuration {device.config.name!r} with hash "
                f"{device.config.hash.hex()}, not from {config.name!r} with hash "
                f"{config.hash.hex()}; {other}generate it again with `luthier generate "
                f"--config {name} -o DIR`, or connect without a configuration to use it as it is")
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
        self.check = check
        self._config = read_configuration(self.link)
        self._allocator = Allocator(self._config.memory.words)
        self._count = 0
        self._open = True
        _users[id(transport)] = self

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
    def check(self) -> Check:
        """Results that calls compare with the golden model; may be set."""
        return self._check

    @check.setter
    def check(self, value: Check) -> None:
        self._check: Check = known_check(value)

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

    def load(self, weights: Weights, name: str | None = None,
             output: Output | None = None) -> Layer:
        """Put weights into the device memory.

        Parameters
        ----------
        weights : Weights
        name : str, optional
            For messages; by default layer0, layer1 and so on.
        output : Output, optional
            Scale the results on the device, group by group, and round them to this type; by
            default they are the exact sums of the canonical integers.

        Raises
        ------
        UserError
            If this device cannot hold or multiply them: by how much, and what to change.
        DeviceError
            If the device fails.
        """
        self.require_open()
        if not isinstance(weights, Weights):
            raise UserError(f"load takes Weights (Weights.ternary, Weights.integer, "
                            f"Weights.binary_coded), not {type(weights).__name__}")
        if output is not None and not isinstance(output, Output):
            raise UserError(f"output must be an Output, such as Output('int8', 0.05), not "
                            f"{output!r}")
        name = name or f"layer{self._count}"
        config = self._config
        check_shape(config, weights, name)
        sections = cut(config, weights, output, name)
        words = program_words(config, len(sections)) + sum(
            section.words(config) for section in sections)
        check_fits(config, self._allocator, weights, name, words,
                   sum(section.result_words(config) for section in sections))
        packed = [section.pack(config) for section in sections]
        address = self._allocator.allocate(words)
        placed: list[Section] = []
        try:
            start = address
            for section, (beats, records) in zip(sections, packed, strict=True):
                self.write_memory(start, beats)
                end = start + len(beats)
                if records is not None:
                    self.write_memory(end, records)
                placed.append(replace(section, weight_address=start,
                                      scale_address=0 if records is None else end))
                start = end + (0 if records is None else len(records))
        except BaseException:
            self._allocator.free(address, words)
            raise
        self._count += 1
        return Layer(self, weights, output, name, placed, address, words)

    def release(self, layer: Layer) -> None:
        """Give a layer's memory back; call :meth:`Layer.unload` instead."""
        self.free(layer.address, layer.words)

    def program(self) -> Program:
        """Return an empty program: layers that run one after the other without the host."""
        self.require_open()
        return Program(self)

    def run(self, descriptors: list[Descriptor], repeat: int = 1) -> Report:
        """Run descriptors of your own, ``repeat`` times over; :meth:`program` writes them for you.

        Raises
        ------
        UserError
            If one is refused, would wait for ever, or needs a token to come after another.
        DeviceError
            If the device fails.
        """
        self.require_open()
        repeat = whole(repeat, "repeat", 1, 0xFFFF_FFFF)
        if not descriptors or not all(isinstance(d, Descriptor) for d in descriptors):
            raise UserError("descriptors must be a list of at least one Descriptor")
        check_program(self._config, descriptors, repeat)
        raw = np.frombuffer(b"".join(d.pack() for d in descriptors), np.uint8)
        words = program_words(self._config, len(descriptors))
        address = self.allocate(words, "the program")
        try:
            self.write_memory(address, raw.reshape(words, -1))
            declared = repeat * sum(cycles(self._config, d) for d in descriptors
                                    if d.opcode != Opcode.NOP)
            return self.link.run(address, len(descriptors), repeat, run_limit(self, declared))
        finally:
            self.free(address, words)

    # Memory --------------------------------------------------------------------------------

    def allocate(self, words: int, what: str) -> int:
        """Return the first of so many free words of the device memory; UserError without any."""
        try:
            return self._allocator.allocate(words)
        except UserError as error:
            raise UserError(f"{what} needs {words} words of device memory: {error}; unload "
                            f"layers or raise memory.words") from None

    def free(self, address: int, words: int) -> None:
        """Give words back that :meth:`allocate` returned."""
        self._allocator.free(address, words)

    def read_memory(self, address: int, count: int) -> NDArray[np.uint8]:
        """Return ``count`` words of the device memory: read-only uint8 array (count, D / 8).

        Raises
        ------
        UserError
            If they do not all lie in the memory, or are no integers.
        """
        address, count = self._require_inside(address, count)
        data = self.link.read(Space.MEMORY, address, count)
        return np.frombuffer(data, np.uint8).reshape(count, -1)

    def write_memory(self, address: int, words: NDArray[np.uint8]) -> None:
        """Write words, a uint8 array (count, D / 8), at ``address`` of the device memory.

        Raises
        ------
        UserError
            If they do not all lie in the memory, or are no such array.
        """
        if not isinstance(words, np.ndarray) or isinstance(words, np.ma.MaskedArray):
            raise UserError(f"words must be a uint8 array (count, {self._config.word_bytes}), not "
                            f"{type(words).__name__}")
        if words.dtype != np.uint8 or words.ndim != 2 or words.shape[1] != self._config.word_bytes:
            raise UserError(f"words must be a uint8 array (count, {self._config.word_bytes}), not "
                            f"{words.dtype} of shape {words.shape}")
        address, _ = self._require_inside(address, len(words))
        self.link.write(Space.MEMORY, address, words.tobytes())

    def _require_inside(self, address: int, count: int) -> tuple[int, int]:
        self.require_open()
        address, count = whole(address, "address"), whole(count, "count")
        words = self._config.memory.words
        if address < 0 or count < 1 or address + count > words:
            raise UserError(f"{count} words at {address} do not lie in the device memory of "
                            f"{words} words")
        return address, count

    # Life ----------------------------------------------------------------------------------

    def require_open(self) -> None:
        """Raise DeviceError if the device was closed."""
        if not self._open:
            raise DeviceError(f"{self.url} was closed; connect again")

    def close(self) -> None:
        """Let go of the device; a second call does nothing."""
        self._open = False
        if _users.get(id(self.transport)) is self:
            del _users[id(self.transport)]
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
