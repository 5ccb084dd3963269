# SPDX-License-Identifier: Apache-2.0
"""Fields of a few bits to beats and back, and how beats of indices lie between those of weights."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["fields_of", "interleave", "packed", "payload_places", "separate"]


def packed(fields: ArrayLike, width: int) -> NDArray[np.uint8]:
    """Return the bits of unsigned or two's complement fields, the lowest bit of the first first.

    Parameters
    ----------
    fields : integer array, any shape
    width : int
        Bits of each.
    """
    flat = np.asarray(fields, np.int64).reshape(-1, 1)
    return (flat >> np.arange(width) & 1).astype(np.uint8).reshape(-1)


def fields_of(bits: NDArray[np.uint8], width: int, *, signed: bool = False) -> NDArray[np.int64]:
    """Return the fields that :func:`packed` was given, flat; ``bits`` are a multiple of them."""
    planes = bits.reshape(-1, width)
    fields = np.zeros(len(planes), np.int64)
    for bit in range(width):
        fields |= planes[:, bit].astype(np.int64) << bit
    return fields - (planes[:, -1].astype(np.int64) << width) if signed else fields


def payload_places(words: int, index_bits: int, beat_bits: int) -> NDArray[np.int64]:
    """Return the places of beats of weights in a packet: shape (words,).

    Before each goes as much of the index as it needs, in whole beats, and no more.
    """
    word = np.arange(words, dtype=np.int64)
    return word - (-index_bits * (word + 1) // beat_bits)


def interleave(index: NDArray[np.uint8], payload: NDArray[np.uint8], index_bits: int,
               beat_bits: int) -> NDArray[np.uint8]:
    """Return the beats of a packet: uint8 array, shape (beats, beat_bits / 8).

    Parameters
    ----------
    index : bit array, shape (words * index_bits,)
    payload : bit array, shape (words * beat_bits,)
    index_bits : int
        Bits of the index for each beat of weights; 0 for none.
    beat_bits : int
    """
    words = len(payload) // beat_bits
    index_beats = -(-len(index) // beat_bits)
    beats = np.zeros((words + index_beats, beat_bits), np.uint8)
    of_payload = np.zeros(len(beats), bool)
    of_payload[payload_places(words, index_bits, beat_bits)] = True
    beats[of_payload] = payload.reshape(words, beat_bits)
    padded = np.zeros(index_beats * beat_bits, np.uint8)
    padded[: len(index)] = index
    beats[~of_payload] = padded.reshape(index_beats, beat_bits)
    return np.packbits(beats, axis=1, bitorder="little")


def separate(beats: NDArray[np.uint8], words: int, index_bits: int,
             beat_bits: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    """Return index (words, index_bits) and payload (words, beat_bits) of a packet, and places.

    What a packet lacks is zero, also the index of a beat of weights that it lacks; the places are
    those of all beats of weights, also of those.
    """
    places = payload_places(words, index_bits, beat_bits)
    total = int(places[-1]) + 1 if words else 0
    bits = np.zeros((total, beat_bits), np.uint8)
    given = min(total, len(beats))
    bits[:given] = np.unpackbits(beats[:given], axis=1, bitorder="little")
    of_payload = np.zeros(total, bool)
    of_payload[places] = True
    index = bits[~of_payload].reshape(-1)[: words * index_bits].reshape(words, index_bits)
    index[places >= given] = 0
    return index, bits[of_payload], places
