# SPDX-License-Identifier: Apache-2.0
"""The 64-byte descriptor of one operation, and the reasons to refuse one."""

import struct
from dataclasses import dataclass, fields
from enum import IntEnum

from .config import Configuration
from .table import beats, max_columns

__all__ = ["DESCRIPTOR_BYTES", "Descriptor", "Element", "Opcode", "Refusal", "refusal"]

DESCRIPTOR_BYTES = 64


class Opcode(IntEnum):
    """What an operation does. Others are reserved and refused."""

    NOP = 0  #: nothing
    TABLE = 1  #: matrix times vector on the look-up-table unit


class Element(IntEnum):
    """Element types of vectors in the scratchpad."""

    INT8 = 0
    INT16 = 1
    INT32 = 2


class Refusal(IntEnum):
    """Why the engine did not run a descriptor; tested in this order."""

    NONE = 0
    OPCODE = 1  #: unknown opcode
    RESERVED = 2  #: a reserved bit or byte is not zero
    UNSUPPORTED = 3  #: a field asks for what this device does not have
    SHAPE = 4  #: rows, columns or tokens are zero or exceed the device's maximum
    PLANES = 5  #: planes are not 1 to 8, or trits with planes other than 1
    RANGE = 6  #: the worst case of planes and columns exceeds an int32 result
    ADDRESS = 7  #: source, destination or weights do not lie inside their memory
    PROGRAM = 8  #: the program does not lie inside the device memory


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
                 bit 3 accumulate; bits 4 to 7 reserved
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

    A device without scaled mode supports: no scaled, saturate or accumulate flag, empty masks,
    ``scales``, ``group``, ``multiplier`` and ``shift`` zero, all stored planes used, the source
    type that its activations have, int32 results, strides of 1. Other values are refused.
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

    @property
    def trits(self) -> bool:
        """Whether the weights are trits, not sign planes."""
        return bool(self.flags & self.TRITS)

    def pack(self) -> bytes:
        """Return the 64 bytes."""
        return _FORMAT.pack(*(getattr(self, field.name) for field in fields(self)))

    @classmethod
    def unpack(cls, data: bytes) -> "Descriptor":
        """Read the first 64 bytes of ``data``."""
        names = [field.name for field in fields(cls)]
        return cls(**dict(zip(names, _FORMAT.unpack_from(data), strict=True)))


def refusal(config: Configuration, d: Descriptor) -> Refusal:
    """Return why a device of this configuration refuses ``d``, or ``Refusal.NONE``.

    The hardware tests the same conditions in the same order. A NOP must have every byte but
    ``opcode`` zero.
    """
    if d.opcode == Opcode.NOP:
        return Refusal.NONE if not any(d.pack()[1:]) else Refusal.RESERVED
    if d.opcode != Opcode.TABLE:
        return Refusal.OPCODE
    if d.flags >> 4 or d.reserved_51 or d.reserved_52 or d.reserved_56 or d.reserved_60:
        return Refusal.RESERVED
    source_type = Element.INT8 if config.activation_bytes == 1 else Element.INT16
    if (d.flags & ~Descriptor.TRITS or d.wait or d.release or d.scales or d.group or d.multiplier
            or d.shift or d.planes_used != d.planes_stored or d.source_type != source_type
            or d.destination_type != Element.INT32 or d.source_stride != 1
            or d.destination_stride != 1):
        return Refusal.UNSUPPORTED
    if not (1 <= d.rows <= config.table.max_rows and 1 <= d.columns <= config.table.max_columns
            and d.tokens >= 1):
        return Refusal.SHAPE
    if not 1 <= d.planes_stored <= (1 if d.trits else 8):
        return Refusal.PLANES
    if d.columns > max_columns(config, planes=d.planes_stored):
        return Refusal.RANGE
    source_words = -(-d.columns // config.activations_per_word)
    result_words = -(-d.rows // config.results_per_word)
    weight_words = beats(config, rows=d.rows, columns=d.columns, planes=d.planes_stored,
                         trits=d.trits)
    last = d.tokens - 1
    if (d.source + last * d.source_step + source_words > config.scratchpad.words
            or d.destination + last * d.destination_step + result_words > config.scratchpad.words
            or d.weights + weight_words > config.memory.words):
        return Refusal.ADDRESS
    return Refusal.NONE
