# SPDX-License-Identifier: Apache-2.0
"""Layouts and interfaces that the units of the link share."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.protocol import HEADER_BYTES

__all__ = [
    "HEADER",
    "WIDTHS",
    "RequestReader",
    "SlotWrite",
    "check_width",
    "following_slot",
    "frame_beat",
    "slot_shape",
]

#: Bytes per cycle that the link can be built for.
WIDTHS = (1, 2, 4, 8)

#: A frame's header, first byte in the lowest bits. ``space`` holds the status in a reply.
HEADER = data.StructLayout({
    "type": 8, "seq": 16, "length": 16, "space": 8, "count": 16, "address": 64})
assert HEADER.size == 8 * HEADER_BYTES


def check_width(width: int) -> int:
    """Return ``width``; ValueError unless it is one of :data:`WIDTHS`."""
    if isinstance(width, bool) or width not in WIDTHS:
        raise ValueError(f"width must be 1, 2, 4 or 8, not {width!r}")
    return width


def frame_beat(width: int) -> data.StructLayout:
    """Return the payload of a stream of frames, ``width`` bytes per transfer.

    ``count`` bytes of ``data`` are valid, first byte in the lowest bits. ``last`` ends the frame.
    """
    return data.StructLayout({"data": 8 * width, "count": range(width + 1), "last": 1})


def slot_shape(slots: int) -> range:
    """Return the shape of a slot number; one bit even where there is one slot."""
    return range(max(slots, 2))


def following_slot(slot, slots: int):
    """Return the number of the slot after ``slot`` in a ring of ``slots``, a power of two."""
    return (slot + 1)[: (slots - 1).bit_length()] if slots > 1 else Const(0, 1)


class SlotWrite(wiring.Signature):
    """Write side of a :class:`~.slots.SlotMemory`: one word of ``width`` bytes per cycle.

    Members
    -------
    enable : ``Out(1)``
        Write ``word``.
    slot : ``Out(range(slots))``
        Slot to write to.
    body : ``Out(1)``
        0: into the header; 1: into the data.
    index : ``Out``
        Word within header or data.
    word : ``Out(8 * width)``
        The bytes, first byte in the lowest bits.
    """

    def __init__(self, width: int, payload_bytes: int, slots: int):
        super().__init__({
            "enable": Out(1),
            "slot": Out(slot_shape(slots)),
            "body": Out(1),
            "index": Out(range(payload_bytes // width)),
            "word": Out(8 * width),
        })


class RequestReader(wiring.Signature):
    """A verified request, read word by word: first the header, then the data.

    Members
    -------
    valid : ``Out(1)``
        ``word`` is the next word of the oldest request.
    word : ``Out(8 * width)``
        The bytes, first byte in the lowest bits.
    take : ``In(1)``
        Go on to the next word; only with ``valid``.
    done : ``In(1)``
        Forget the request, whatever is left of it, and free its slot.
    """

    def __init__(self, width: int):
        super().__init__({
            "valid": Out(1), "word": Out(8 * width), "take": In(1), "done": In(1)})
