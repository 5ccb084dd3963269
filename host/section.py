# SPDX-License-Identifier: Apache-2.0
"""The rows of a layer that have the same planes: where they lie, and what is expected of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..golden.config import Configuration
from ..golden.descriptor import Descriptor, element_bits
from ..golden.entries import entry_sums
from ..golden.errors import UserError
from ..golden.records import scale_words
from ..golden.scales import exact_sums, output_stage, sums_of_pairs
from ..golden.table import beats, columns_per_beat, pack
from ..golden.timing import cycles
from .output import Output
from .scaling import Scaling, scaling
from .weights import Weights

__all__ = ["MatrixSection", "Section", "cut"]


@dataclass(frozen=True)
class MatrixSection:
    """What the sections of all layers have.

    Attributes
    ----------
    rows : int array
        Rows of the layer, in this order.
    scaling : Scaling or None
        None for plain sums.
    output : Output
        Type and scale of the results.
    weight_address, scale_address : int
        First words in the device memory; the latter 0 without records.
    """

    rows: NDArray[np.intp]
    scaling: Scaling | None
    output: Output
    weight_address: int = field(default=0, kw_only=True)
    scale_address: int = field(default=0, kw_only=True)

    def result_words(self, config: Configuration) -> int:
        """Return the scratchpad words of one token's results."""
        return -(-len(self.rows) * self.output.element.bytes // config.word_bytes)

    def cycles(self, config: Configuration, d: Descriptor) -> int:
        """Return the exact cycles of the section's operation ``d``."""
        return cycles(config, d)

    def stage_fields(self, accumulate: bool) -> dict[str, Any]:
        """Return the fields of a descriptor for the output stage."""
        if self.scaling is None:
            return {}
        return {"flags": Descriptor.SATURATE | Descriptor.ACCUMULATE * accumulate,
                "destination_type": self.output.element, "multiplier": self.scaling.multiplier,
                "shift": self.scaling.shift}

    def finish(self, config: Configuration, total: NDArray[np.int64],
               onto: NDArray[np.integer] | None) -> NDArray[np.int64]:
        """Return the results of exact sums."""
        if self.scaling is None:
            return total
        results, _ = output_stage(
            total, self.scaling.multiplier, self.scaling.shift,
            element_bits(config, self.output.element),
            None if onto is None else onto.astype(np.int64))
        return results


@dataclass(frozen=True)
class Section(MatrixSection):
    """One operation's matrix of planes or trits.

    Attributes
    ----------
    weights : Weights
    """

    weights: Weights

    @property
    def values(self) -> NDArray[np.integer]:
        """The integers that the device multiplies by."""
        return self.weights.values if self.scaling is None else self.scaling.values

    def pack(self, config: Configuration) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """Return the words of the weights and, if there are any, of the scale records."""
        weights = self.weights
        packed = pack(config, self.values, planes=weights.planes, trits=weights.trits)
        records = None
        if self.scaling is not None:
            records = self.scaling.records(config, weights.trits)
        return packed, records

    def words(self, config: Configuration) -> int:
        """Return the words of device memory that weights and records take."""
        shape = {"rows": len(self.rows), "columns": self.weights.shape[1],
                 "trits": self.weights.trits}
        words = beats(config, planes=self.weights.planes, **shape)
        if self.scaling is not None and self.scaling.scale is not None:
            words += scale_words(config, group=self.scaling.group,
                                 offsets=self.scaling.offset is not None, **shape)
        return words

    def descriptor(self, config: Configuration, planes: int | None, accumulate: bool,
                   **places: int) -> Descriptor:
        """Return the operation; ``places`` are its addresses, steps and tokens."""
        rows, columns = self.weights.shape
        stored = self.weights.planes
        fields: dict[str, Any] = {
            "flags": Descriptor.TRITS if self.weights.trits else 0, "rows": rows,
            "columns": columns, "weights": self.weight_address, "planes_stored": stored,
            "planes_used": min(stored, planes or stored),
            "source_type": config.activation_bytes - 1, **places}
        flags, stage = fields["flags"], self.stage_fields(accumulate)
        if self.scaling is not None and self.scaling.scale is not None:
            flags |= Descriptor.SCALED | Descriptor.OFFSETS * (self.scaling.offset is not None)
            fields |= {"scales": self.scale_address, "group": self.scaling.group}
        return Descriptor(**fields | stage | {"flags": flags | stage.get("flags", 0)})

    # What is expected ----------------------------------------------------------------------

    def expected(self, config: Configuration, x: NDArray[np.integer], planes: int | None,
                 onto: NDArray[np.integer] | None) -> NDArray[np.int64]:
        """Return the exact results for activations (tokens, columns): (tokens, rows)."""
        values = self._used(planes)
        if config.table.quantisation is not None:
            return entry_sums(config, values, self.weights.planes, x.T).T
        if self.scaling is None:
            size = values.shape[1]
            s = t = None
        else:
            size = self._group_size(config)
            s, t = self.scaling.integers()
        total = exact_sums(values, x, s, t, size)
        return self.finish(config, total, onto)

    def expected_pairs(self, config: Configuration, x: NDArray[np.integer],
                       row: NDArray[np.intp], planes: int | None,
                       onto: NDArray[np.integer] | None) -> NDArray[np.int64]:
        """Return the exact results of rows (n,) of the section for activations (n, columns)."""
        values = self._used(planes)[row]
        if config.table.quantisation is not None:
            return entry_sums(config, values[:, None], self.weights.planes,
                              x[..., None])[:, 0, 0]
        sums, of_x = sums_of_pairs(
            values, x, values.shape[1] if self.scaling is None else self._group_size(config))
        total = sums.sum(axis=1)
        if self.scaling is not None:
            s, t = self.scaling.integers()
            total = (s[row][:, : sums.shape[1]] * sums).sum(axis=1) + (
                t[row][:, : sums.shape[1]] * of_x).sum(axis=1)
        return self.finish(config, total, onto)

    def _used(self, planes: int | None) -> NDArray[np.integer]:
        if planes is None:
            return self.values
        # Scales may have negated the values.
        negated = Weights(self.values, self.weights.planes, self.weights.trits, self.weights.s,
                          self.weights.t, self.weights.group)
        return negated.used(planes)

    def _group_size(self, config: Configuration) -> int:
        assert self.scaling is not None
        if not self.scaling.group:
            return self.weights.shape[1]
        return columns_per_beat(config, True) if self.weights.trits else self.scaling.group


def cut(config: Configuration, weights: Weights, output: Output | None,
        name: str) -> list[Section]:
    """Return the sections of a layer, not placed yet.

    Raises
    ------
    UserError
        If the device cannot have such scales, or they are needed and there is no output.
    """
    if weights.coefficients is not None and output is None:
        raise UserError(
            f"layer {name} has planes with coefficients of their own, which plain sums leave out; "
            f"load it with output=Output(...)")
    return [Section(rows, None if output is None else scaling(config, part, output, name),
                    output or Output("int32"), part)
            for rows, part in weights.widened(config, name).sections()]
