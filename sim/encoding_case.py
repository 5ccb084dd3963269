# SPDX-License-Identifier: Apache-2.0
"""Packets for the decoders of sparse weights, right ones and damaged: payloads' bits."""

from dataclasses import dataclass, field

import numpy as np

from ..golden.sparse.encodings import (
    BlockFormat,
    RowFormat,
    block_words,
    decode_blocks,
    decode_rows,
    encode_blocks,
    encode_rows,
    matrix_items,
    row_places,
)
from ..golden.sparse.encodings.bits import packed
from .sparse_matrices import random_matrix

__all__ = ["EncodingCase"]


@dataclass
class EncodingCase:
    """Packets one after another, with what the golden model makes of them.

    Attributes
    ----------
    form : BlockFormat or RowFormat
    commands, beats, words, reports : list of int
        Payloads of a decoder's streams.
    taking : list of int
        For each packet, its beats.
    """

    form: BlockFormat | RowFormat
    commands: list[int] = field(default_factory=list)
    beats: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    reports: list[int] = field(default_factory=list)
    taking: list[int] = field(default_factory=list)

    def add(self, matrix: np.ndarray) -> None:
        """Add a packet of a matrix (rows, columns)."""
        self.add_packet(*self.encoded(matrix))

    def add_random(self, rng: np.random.Generator, rows: int, columns: int,
                   density: float = 0.5) -> None:
        """Add a packet of a random matrix."""
        self.add(random_matrix(self.form, rng, rows, columns, density))

    def add_damaged(self, rng: np.random.Generator, rows: int, columns: int) -> None:
        """Add a packet with flipped bits, or cut, or with beats twice or too many, or of noise."""
        command, beats = self.encoded(random_matrix(self.form, rng, rows, columns, 0.5))
        kind = rng.integers(5)
        place = int(rng.integers(len(beats)))
        if kind == 0:
            for _ in range(int(rng.integers(1, 4))):
                beat, byte = rng.integers(len(beats)), rng.integers(beats.shape[1])
                beats[beat, byte] ^= 1 << rng.integers(8)
        elif kind == 1:
            beats = beats[: place + 1]
        elif kind == 2:
            beats = np.insert(beats, place, beats[place], axis=0)
        elif kind == 3:
            beats = np.concatenate([beats, beats[: place + 1]])
        else:
            beats = rng.integers(0, 256, beats.shape, np.uint8)
        self.add_packet(command, beats)

    def encoded(self, matrix: np.ndarray) -> tuple[dict[str, int], np.ndarray]:
        """Return command and beats of a matrix."""
        rows, columns = matrix.shape
        if isinstance(self.form, BlockFormat):
            words, positions = block_words(self.form, matrix)
            return {"words": len(words)}, encode_blocks(self.form, words, positions)
        return ({"rows": rows, "places": row_places(self.form, columns)},
                encode_rows(self.form, matrix_items(self.form, matrix)))

    def add_packet(self, command: dict[str, int], beats: np.ndarray) -> None:
        """Add a packet, whatever it is; there must be a beat."""
        self.taking.append(len(beats))
        self.beats += [int.from_bytes(beat.tobytes(), "little")
                       | (number == len(beats) - 1) << self.form.beat_bits
                       for number, beat in enumerate(beats)]
        form = self.form
        if isinstance(form, BlockFormat):
            self.commands.append(command["words"])
            found = decode_blocks(form, command["words"], beats)
            fields = []
        else:
            self.commands.append(command["rows"] | command["places"] << 16)
            found = decode_rows(form, command["rows"], command["places"], beats)
            fields = [(found.places, form.place_bits), (found.ends, 1)]
        count = len(found.weights)
        last = np.arange(count) == count - 1
        fields = [(found.weights, form.weight_bits), (found.positions, form.position_bits),
                  (last, 1), *fields]
        bits = np.concatenate([packed(values, width).reshape(count, -1)
                               for values, width in fields], axis=1)
        self.words += [int.from_bytes(word.tobytes(), "little")
                       for word in np.packbits(bits, axis=1, bitorder="little")]
        self.reports.append(found.report.errors | int(found.report.first) << 16)
