# SPDX-License-Identifier: Apache-2.0
"""A sparse layer as one operation of the chain: where it lies, and what is expected of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..golden.config import Configuration
from ..golden.descriptor import Descriptor, Opcode
from ..golden.errors import UserError
from ..golden.sparse.encodings import BlockFormat, RowFormat, encode_rows, matrix_items
from ..golden.sparse.packets import matrix_packet, packet_beats, packet_words
from ..golden.sparse_operation import packet_cycles
from ..golden.timing import cycles
from .output import Output
from .scaling import Scaling, multiplier_and_shift
from .section import MatrixSection
from .sparse_weights import SparseWeights

__all__ = ["SparseSection", "sparse_section"]


@dataclass(frozen=True)
class SparseSection(MatrixSection):
    """The operation of a sparse matrix.

    Attributes
    ----------
    weights : SparseWeights
    form : BlockFormat or RowFormat
        How they are encoded on the device: in blocks for the chain, or as single weights.
    """

    weights: SparseWeights
    form: BlockFormat | RowFormat

    def pack(self, config: Configuration) -> tuple[NDArray[np.uint8], None]:
        """Return the words of the weights; there are no scale records."""
        if isinstance(self.form, RowFormat):
            return self._single[0], None
        return matrix_packet(config.chain, self.form, self.weights.values), None

    def flipped(self, config: Configuration, row: int, column: int,
                bit: int) -> NDArray[np.uint8]:
        """Return the words with a bit of one weight, which is not zero, as it should not be."""
        values, bits = self.weights.values.astype(np.int64), self.form.weight_bits
        wrong = (int(values[row, column]) & (1 << bits) - 1) ^ 1 << bit
        wrong -= wrong >> bits - 1 << bits
        if isinstance(self.form, RowFormat):
            items = matrix_items(self.form, values)
            number = np.count_nonzero(values[:row]) + np.count_nonzero(values[row, :column])
            items.weights[np.flatnonzero(~items.filling)[number]] = wrong
            return encode_rows(self.form, items)
        values[row, column] = wrong
        return matrix_packet(config.chain, self.form, values)

    def words(self, config: Configuration) -> int:
        """Return the words of device memory that the weights take."""
        if isinstance(self.form, RowFormat):
            return len(self._single[0])
        return packet_beats(self.form, packet_words(config.chain, self.form, *self.weights.shape))

    def work(self, config: Configuration) -> float:
        """Return the cycles that the weights of one token would take without padding and index.

        Beats of a chain, or single weights.
        """
        if isinstance(self.form, RowFormat):
            return float(np.count_nonzero(self.weights.values))
        rows, columns = self.weights.shape
        return rows * columns * self.form.kept / (self.form.block * self.form.slots)

    def cycles(self, config: Configuration, d: Descriptor) -> int:
        """Return the exact cycles of the section's operation ``d``."""
        lane = self._single[1] if isinstance(self.form, RowFormat) else (0, 0)
        return cycles(config, d, lane)

    def descriptor(self, config: Configuration, planes: int | None, accumulate: bool,
                   **places: int) -> Descriptor:
        """Return the operation; ``places`` are its addresses, steps and tokens."""
        rows, columns = self.weights.shape
        fields: dict[str, Any] = {
            "opcode": Opcode.SPARSE, "rows": rows, "columns": columns,
            "weights": self.weight_address, "planes_used": 0,
            "source_type": config.activation_bytes - 1, **places}
        if isinstance(self.form, RowFormat):
            fields |= {"planes_stored": 0, "scales": self.words(config)}
        else:
            fields |= {"planes_stored": self.form.kept}
        return Descriptor(**fields | self.stage_fields(accumulate))

    @cached_property
    def _single(self) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        """The words of single weights, and the cycles that they take: all, and the last."""
        assert isinstance(self.form, RowFormat)
        words = encode_rows(self.form, matrix_items(self.form, self.weights.values))
        return words, packet_cycles(self.form, *self.weights.shape, words)

    def expected(self, config: Configuration, x: NDArray[np.integer], planes: int | None,
                 onto: NDArray[np.integer] | None) -> NDArray[np.int64]:
        """Return the exact results for activations (tokens, columns): (tokens, rows)."""
        # Exact: sums have 32 bits at most.
        total = (x.astype(np.float64) @ self.weights.values.T.astype(np.float64)).astype(np.int64)
        return self.finish(config, total, onto)

    def expected_pairs(self, config: Configuration, x: NDArray[np.integer], row: NDArray[np.intp],
                       planes: int | None, onto: NDArray[np.integer] | None) -> NDArray[np.int64]:
        """Return the exact results of rows (n,) of the section for activations (n, columns)."""
        total = (x.astype(np.int64) * self.weights.values[row]).sum(axis=1)
        return self.finish(config, total, onto)


def sparse_section(config: Configuration, weights: SparseWeights, output: Output | None,
                   name: str) -> SparseSection:
    """Return the section of a sparse layer, not placed yet.

    Raises
    ------
    UserError
        If the device has no chain, or not one that can multiply such weights.
    """
    device, rows, columns = f"configuration {config.name!r}", *weights.shape
    if config.sparse is None:
        raise UserError(
            f"layer {name} has sparse weights, and {device} has no sparse chain; give it a section "
            f"[sparse], or load the weights as Weights.integer")
    for what, size, key in (("rows", rows, "max_rows"), ("columns", columns, "max_columns")):
        limit = getattr(config.table, key)
        if size > limit:
            raise UserError(f"layer {name} has {size} {what}, {size - limit} more than table.{key} "
                            f"({limit}) of {device}; raise it, or split the layer")
    half = 1 << config.sparse.weight_bits - 1
    if not -half <= weights.values.min() <= weights.values.max() < half:
        raise UserError(
            f"layer {name} has weights of {weights.form.weight_bits} bits, and sparse.weight_bits "
            f"of {device} is {config.sparse.weight_bits}; raise it, or quantise to fewer bits")
    return SparseSection(
        np.arange(rows), None if output is None else _scaling(weights, output, name),
        output or Output("int32"), weights=weights, form=_form(config, weights, name))


def _form(config: Configuration, weights: SparseWeights, name: str) -> BlockFormat | RowFormat:
    """Return the encoding that the device has and that takes the fewest cycles.

    Or ``csr``, where it was asked for.
    """
    sparse = config.sparse
    assert sparse is not None
    rows, columns, block, most = *weights.shape, sparse.block, sparse.kept[-1]
    wide = np.zeros((rows, -(-columns // block) * block), bool)
    wide[:, :columns] = weights.values != 0
    counts = wide.reshape(rows, -1, block).sum(axis=2)
    least = next((kept for kept in sparse.kept if kept >= counts.max()), None)
    blocks = None if least is None else sparse.form(least, config.table.beat_bits)
    if sparse.csr:
        single = sparse.row_form(config.table.beat_bits, config.activations_per_word)
        if blocks is None or weights.encoding == "csr":
            return single
        beats = packet_beats(blocks, packet_words(config.chain, blocks, rows, columns))
        if counts.sum() < beats:
            words = encode_rows(single, matrix_items(single, weights.values))
            if packet_cycles(single, rows, columns, words)[0] < beats:
                return single
    if blocks is None:
        row, place = (int(i) for i in np.argwhere(counts > most)[0])
        raise UserError(
            f"layer {name} has {int(counts[row, place])} weights in {block} columns, as in row "
            f"{row}, block {place}, and the blocks of configuration {config.name!r} have at most "
            f"{most} (sparse.kept); prune it to {most}:{block}, add a number to sparse.kept, or "
            f"set sparse.csr for single weights")
    return blocks


def _scaling(weights: SparseWeights, output: Output, name: str) -> Scaling:
    scale = weights.one_scale()
    if scale is None:
        raise UserError(
            f"layer {name} has scales of its own for rows or groups, which the sparse chain does "
            f"not apply; give it one scale for the whole matrix, or load it without output and "
            f"scale its sums")
    multiplier, shift = multiplier_and_shift(scale / output.scale)
    if shift < 0:
        raise UserError(
            f"layer {name}: its scale is {scale / output.scale:.3g} times the output's, more than "
            f"the device can multiply by; raise the output's scale")
    return Scaling(values=weights.values, group=0, scale=None, offset=None, multiplier=multiplier,
                   shift=shift)
