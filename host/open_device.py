# SPDX-License-Identifier: Apache-2.0
"""A device that answers: its identity, its memory, programs of descriptors."""

from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from ..golden.config import Configuration
from ..golden.descriptor import DESCRIPTOR_BYTES, Descriptor, Opcode
from ..golden.errors import DeviceError, UserError
from ..golden.protocol import REPORT_BYTES, LinkCounters, Report, Space
from ..golden.sparse_operation import most_lane_cycles
from ..golden.timing import cycles
from .allocator import Allocator
from .arguments import whole
from .hazards import check_program
from .identity import read_configuration
from .link import Link
from .transports import Transport
from .waiting import run_limit

__all__ = ["OpenDevice", "program_words", "users"]


def program_words(config: Configuration, operations: int) -> int:
    """Return the words of device memory that a program takes."""
    return operations * DESCRIPTOR_BYTES // config.word_bytes


#: The device that uses a transport, by the transport's id, which it keeps alive.
users: "WeakValueDictionary[int, OpenDevice]" = WeakValueDictionary()


class OpenDevice:
    """Identity and memory of a device.

    Parameters
    ----------
    transport : Transport
        Open; the device closes it.

    Attributes
    ----------
    link : Link
        With counts of bytes, repeats and ignored frames.

    Raises
    ------
    DeviceError
        If the device does not answer, or does not describe itself properly.
    """

    def __init__(self, transport: Transport):
        self.transport = transport
        self.link = Link(transport)
        self._config = read_configuration(self.link)
        self._allocator = Allocator(self._config.memory.words)
        self._open = True
        users[id(transport)] = self

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
            declared = repeat * sum(self._most_cycles(d) for d in descriptors
                                    if d.opcode != Opcode.NOP)
            return self.link.run(address, len(descriptors), repeat, run_limit(self, declared))
        finally:
            self.free(address, words)

    def _most_cycles(self, d: Descriptor) -> int:
        """Return the cycles of an operation, at most where they depend on weights."""
        lane = (0, 0)
        if d.opcode == Opcode.SPARSE:
            lane = most_lane_cycles(self._config, d)
        return cycles(self._config, d, lane)

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
        if users.get(id(self.transport)) is self:
            del users[id(self.transport)]
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
        return f"<Device {self.url}: configuration {self.config.name!r}>"
