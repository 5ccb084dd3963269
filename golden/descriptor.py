# SPDX-License-Identifier: Apache-2.0
"""The 64-byte descriptor of one operation, and the reasons to refuse one."""

import struct
from dataclasses import dataclass, fields
from enum import IntEnum

from .config import Configuration

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
    HADAMARD = 2  #: Walsh-Hadamard transform
    QUANTISE = 3  #: quantiser
    HADAMARD_QUANTISE = 4  #: transform, and quantiser behind it
    RESCALE = 5  #: multiply, shift, round and saturate the elements of a vector
    ADD = 6  #: the same, and add another vector
    GATHER = 7  #: elements of a vector, by their numbers
    SPARSE = 8  #: sparse matrix times vector on the chain of multipliers

    @property
    def transforms(self) -> bool:
        """Whether it is one of the Walsh-Hadamard pipeline."""
        return self in (Opcode.HADAMARD, Opcode.HADAMARD_QUANTISE)

    @property
    def quantises(self) -> bool:
        """Whether it is one of the quantiser."""
        return self in (Opcode.QUANTISE, Opcode.HADAMARD_QUANTISE)


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
    16     4     ``scales``: first word of the scale records in the device memory; of single
                 weights their words
    20     4     ``rows``
    24     4     ``columns``
    28     2     ``group``: columns of a scale group, 0 for whole rows
    30     1     ``planes_stored``: 1 to 8; 1 for trits; of SPARSE weights in a block, or 0
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

    *HADAMARD*, *QUANTISE* and both in one read vectors of ``columns`` samples of ``source_type``
    and write as many int32 sums, or codes of the activations' type, and scales: see
    :mod:`luthier.golden.transform` for what other fields mean then. For *RESCALE*, *ADD* and
    *GATHER* see :mod:`luthier.golden.vector_operations`, for *SPARSE*
    :mod:`luthier.golden.sparse_operation`.

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
    #: Of the quantiser: half-way quotients go away from zero, else to the even code.
    AWAY = 1

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
    """Return the scratchpad words of one token's activations, or samples."""
    samples = d.rows if d.opcode == Opcode.GATHER else d.columns
    return -(-samples * Element(d.source_type).bytes // config.word_bytes)


def result_words(config: Configuration, d: Descriptor) -> int:
    """Return the scratchpad words of one token's results, without scales."""
    results = d.rows if d.opcode in (Opcode.TABLE, Opcode.SPARSE) else d.columns
    return -(-results * Element(d.destination_type).bytes // config.word_bytes)
