# SPDX-License-Identifier: Apache-2.0
"""The 64-byte descriptor of one operation, and the reasons to refuse one."""

import struct
from dataclasses import dataclass, fields
from enum import IntEnum

from .config import Configuration
from .records import scale_words
from .table import beats, columns_per_beat, max_columns

__all__ = [
    "DESCRIPTOR_BYTES",
    "LARGEST_SHIFT",
    "TOKEN_LIMIT",
    "TOKEN_QUEUES",
    "Descriptor",
    "Element",
    "Opcode",
    "Refusal",
    "element_bits",
    "refusal",
    "result_words",
    "source_words",
]

DESCRIPTOR_BYTES = 64
#: Of the output stage.
LARGEST_SHIFT = 63
#: Token queues, and tokens that each holds.
TOKEN_QUEUES, TOKEN_LIMIT = 8, 15


class Opcode(IntEnum):
    """What an operation does. Others are reserved and refused."""

    NOP = 0  #: nothing
    TABLE = 1  #: matrix times vector on the look-up-table unit


class Element(IntEnum):
    """Element types of vectors in the scratchpad."""

    INT8 = 0
    INT16 = 1
    INT32 = 2

    @property
    def bytes(self) -> int:
        """Bytes of an element."""
        return 1 << self.value


class Refusal(IntEnum):
    """Why the engine did not run a descriptor; tested in this order."""

    NONE = 0
    OPCODE = 1  #: unknown opcode
    RESERVED = 2  #: a reserved bit or byte is not zero
    UNSUPPORTED = 3  #: a field asks for what this device does not have
    SHAPE = 4  #: rows, columns or tokens are zero or exceed the device's maximum
    PLANES = 5  #: planes are not 1 to 8, more used than stored, or trits with other than 1
    RANGE = 6  #: the worst case of planes and columns exceeds an int32 sum
    ADDRESS = 7  #: source, destination, weights or scales do not lie inside their memory
    PROGRAM = 8  #: the program does not lie inside the device memory
    OVERLAP = 9  #: results would overwrite activations, or be added to each other
    TOKENS = 10  #: waits for a token that will never come, or releases one beyond the limit


_FORMAT = struct.Struct("<BBBBIIIIIIHBBBBHIIHHhBBIII")
assert _FORMAT.size == DESCRIPTOR_BYTES


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """One operation. Little-endian; addresses are in words of D bits.

    ====== ===== ===================================================================================
    offset bytes field
    ====== ===== ===================================================================================
    0      1     ``opcode``: an :class:`Opcode`
    1      1     ``flags``: bit 0 trits (else sign planes); bit 1 scaled; bit 2 saturate;
                 bit 3 accumulate; bit 4 offsets; bits 5 to 7 reserved
    2      1     ``wait``: mask of token queues
    3      1     ``release``: mask of token queues
    4      4     ``source``: first word of the activations in the scratchpad
    8      4     ``destination``: first word of the results in the scratchpad
    12     4     ``weights``: first word in the device memory
    16     4     ``scales``: first word of the scale records in the device memory
    20     4     ``rows``
    24     4     ``columns``
    28     2     ``group``: columns of a scale group, 0 for whole rows
    30     1     ``planes_stored``: 1 to 8; 1 for trits
    31     1     ``planes_used``: 1 to ``planes_stored``
    32     1     ``source_type``: an :class:`Element`
    33     1     ``destination_type``: an :class:`Element`
    34     2     ``tokens``
    36     4     ``source_step``: words from a token's activations to the next token's
    40     4     ``destination_step``: words from a token's results to the next token's
    44     2     ``source_stride``: elements from one activation to the next, 1
    46     2     ``destination_stride``: elements from one result to the next, 1
    48     2     ``multiplier``: signed, of the output stage
    50     1     ``shift``: of the output stage
    51     13    reserved
    ====== ===== ===================================================================================

    *Plain*: no flag but trits, no scales, ``multiplier`` and ``shift`` zero, int32 results: the
    exact sums. With *saturate*, sums pass the output stage: times ``multiplier``, shifted right,
    rounded half to even, saturated; with *accumulate*, added to what is there, saturating again.
    With *scaled*, sums are scaled by records (:mod:`luthier.golden.records`), which hold offsets
    too where that flag is set. ``group`` is 0, or D/2**n of at least the configuration's smallest
    for planes, or the columns of a tile for trits. A device without ``table.scaled`` has plain
    operations only, with all stored planes used.

    *Planes.* Only the ``planes_used`` most significant planes are read, with the weights that they
    have among all: the others count as zero.

    *Tokens.* An operation starts when each queue of ``wait`` holds a token, and takes one from
    each; it puts one into each queue of ``release`` when its last result is written. Without
    tokens, an operation may read its activations before the one ahead of it has written its
    results. Queues are empty when a program starts.
    """

    opcode: int = Opcode.TABLE
    flags: int = 0
    wait: int = 0
    release: int = 0
    source: int = 0
    destination: int = 0
    weights: int = 0
    scales: int = 0
    rows: int = 0
    columns: int = 0
    group: int = 0
    planes_stored: int = 1
    planes_used: int = 1
    source_type: int = Element.INT8
    destination_type: int = Element.INT32
    tokens: int = 1
    source_step: int = 0
    destination_step: int = 0
    source_stride: int = 1
    destination_stride: int = 1
    multiplier: int = 0
    shift: int = 0
    reserved_51: int = 0
    reserved_52: int = 0
    reserved_56: int = 0
    reserved_60: int = 0

    TRITS = 1
    SCALED = 2
    SATURATE = 4
    ACCUMULATE = 8
    OFFSETS = 16

    @property
    def trits(self) -> bool:
        """Whether the weights are trits, not sign planes."""
        return bool(self.flags & self.TRITS)

    @property
    def scaled(self) -> bool:
        """Whether there are scale records."""
        return bool(self.flags & self.SCALED)

    @property
    def accumulate(self) -> bool:
        """Whether results are added to what is there."""
        return bool(self.flags & self.ACCUMULATE)

    @property
    def offsets(self) -> bool:
        """Whether the scale records hold offsets."""
        return bool(self.flags & self.OFFSETS)

    def pack(self) -> bytes:
        """Return the 64 bytes."""
        return _FORMAT.pack(*(getattr(self, field.name) for field in fields(self)))

    @classmethod
    def unpack(cls, data: bytes) -> "Descriptor":
        """Read the first 64 bytes of ``data``."""
        names = [field.name for field in fields(cls)]
        return cls(**dict(zip(names, _FORMAT.unpack_from(data), strict=True)))


def element_bits(config: Configuration, element: int) -> int:
    """Return the bits that results of a type saturate to: A for the type of activations."""
    size = Element(element).bytes
    return config.table.activation_bits if size == config.activation_bytes else 8 * size


def source_words(config: Configuration, d: Descriptor) -> int:
    """Return the scratchpad words of one token's activations."""
    return -(-d.columns // config.activations_per_word)


def result_words(config: Configuration, d: Descriptor) -> int:
    """Return the scratchpad words of one token's results."""
    return -(-d.rows * Element(d.destination_type).bytes // config.word_bytes)


def refusal(config: Configuration, d: Descriptor) -> Refusal:
    """Return why a device of this configuration refuses ``d``, or ``Refusal.NONE``.

    The hardware tests the same conditions in the same order. A NOP must have every byte but
    ``opcode``, ``wait`` and ``release`` zero.
    """
    if d.opcode == Opcode.NOP:
        raw = d.pack()
        return Refusal.RESERVED if raw[1] or any(raw[4:]) else Refusal.NONE
    if d.opcode != Opcode.TABLE:
        return Refusal.OPCODE
    if d.flags >> 5 or d.reserved_51 or d.reserved_52 or d.reserved_56 or d.reserved_60:
        return Refusal.RESERVED
    if not _supported(config, d):
        return Refusal.UNSUPPORTED
    if not (1 <= d.rows <= config.table.max_rows and 1 <= d.columns <= config.table.max_columns
            and d.tokens >= 1):
        return Refusal.SHAPE
    if not 1 <= d.planes_used <= d.planes_stored <= (1 if d.trits else 8):
        return Refusal.PLANES
    if d.columns > max_columns(config, planes=d.planes_stored):
        return Refusal.RANGE
    last = d.tokens - 1
    source_end = d.source + last * d.source_step + source_words(config, d)
    destination_end = d.destination + last * d.destination_step + result_words(config, d)
    weights_end = d.weights + beats(config, rows=d.rows, columns=d.columns, planes=d.planes_stored,
                                    trits=d.trits)
    scales_end = d.scales + (scale_words(
        config, rows=d.rows, columns=d.columns, group=d.group, trits=d.trits,
        offsets=d.offsets) if d.scaled else 0)
    if (max(source_end, destination_end) > config.scratchpad.words
            or max(weights_end, scales_end) > config.memory.words):
        return Refusal.ADDRESS
    if (d.source < destination_end and d.destination < source_end) or (
            (d.accumulate or config.table.tokens > 1) and last
            and d.destination_step < result_words(config, d)):
        return Refusal.OVERLAP
    return Refusal.NONE


def _supported(config: Configuration, d: Descriptor) -> bool:
    """Whether the device has what single fields ask for."""
    t = config.table
    if d.source_type != config.activation_bytes - 1 or not (
            d.source_stride == d.destination_stride == 1):
        return False
    if not (t.trits if d.trits else t.planes):
        return False
    if not d.flags & Descriptor.SATURATE:
        others = Descriptor.SCALED | Descriptor.ACCUMULATE | Descriptor.OFFSETS
        if d.flags & others or d.multiplier or d.shift or d.destination_type != Element.INT32:
            return False
    elif not t.scaled or d.destination_type > Element.INT32 or d.shift > LARGEST_SHIFT:
        return False
    if not d.scaled:
        return not (d.scales or d.group or d.offsets) and (
            t.records or d.planes_used == d.planes_stored)
    if not t.records:
        return False
    if d.trits:
        return d.group in (0, columns_per_beat(config, True))
    return d.group == 0 or (
        t.smallest_group <= d.group <= t.beat_bits and d.group & d.group - 1 == 0)
