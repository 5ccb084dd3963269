# SPDX-License-Identifier: Apache-2.0
"""A sparse matrix in device memory that multiplies activations."""

from __future__ import annotations

import numpy as np

from ..golden.errors import UserError
from .arguments import whole
from .layer import Layer
from .sparse_section import SparseSection
from .sparse_weights import SparseWeights
from .widening import Widening

__all__ = ["SparseLayer"]


class SparseLayer(Layer):
    """Sparse weights on a device, made by ``device.load(weights)``: call it with activations.

    As :class:`~luthier.host.Layer`, on the chain of multipliers; there are no planes to leave out.
    """

    _weights: SparseWeights
    _sections: list[SparseSection]

    def _wide(self, name: str) -> Widening:
        return Widening(self._weights.shape[1])

    def work(self, planes: int | None = None) -> float:
        """Return the cycles that the weights would take without padding and index."""
        return self._sections[0].work(self._device.config)

    def beats_without_padding(self) -> float:
        """Return the same: a cycle takes a beat, or a single weight."""
        return self.work()

    def _efficiency(self, tokens: int, planes: int | None, cycles: int) -> float:
        return tokens * self.work() / cycles if cycles else 0.0

    def known_planes(self, planes: int | None) -> int | None:
        """Return None; UserError for planes."""
        if planes is not None:
            raise UserError(f"layer {self.name} has sparse weights, of which all bits are used; "
                            f"leave planes out")
        return None

    def flip_weight_bit(self, row: int, column: int, plane: int = 0) -> None:
        """Flip bit ``plane`` of one weight in the device memory: a fault that checks must find.

        Raises
        ------
        UserError
            If there is no such weight or bit, or it is zero and not stored.
        """
        self.require_loaded()
        rows, columns = self._weights.shape
        section, where = self._sections[0], f" in layer {self.name}"
        row = whole(row, "row", 0, rows - 1, where)
        column = whole(column, "column", 0, columns - 1, where)
        plane = whole(plane, "plane", 0, section.form.weight_bits - 1, where)
        if not self._weights.values[row, column]:
            raise UserError(f"the weight in row {row}, column {column} of layer {self.name} is "
                            f"zero and not stored; choose another")
        there = section.pack(self._device.config)[0]
        packet = section.flipped(self._device.config, row, column, plane)
        for beat in np.flatnonzero((there != packet).any(axis=1)):
            self._device.write_memory(section.weight_address + int(beat), packet[beat : beat + 1])
