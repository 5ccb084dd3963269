# SPDX-License-Identifier: Apache-2.0
"""A layer as an operation of a program."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from ..golden.config import Configuration
from ..golden.descriptor import LARGEST_SHIFT, Descriptor
from ..golden.errors import UserError
from .arguments import whole
from .layer import Layer
from .output import Output
from .scaling import Scaling
from .section import Section
from .sparse_section import SparseSection
from .vectors import Vector

__all__ = ["Step", "require_one_operation", "scaled_by_token"]


@dataclass(frozen=True)
class Step:
    """A layer's matrix times a vector.

    Attributes
    ----------
    layer : Layer
    section : Section or SparseSection
        Its only one; with ``by_token``, with an output stage whose numbers each run brings.
    source, result : Vector
    planes : int or None
        Planes to use, if not all.
    onto : Vector or None
        What results are added to.
    by_token : bool
    """

    layer: Layer
    section: Section | SparseSection
    source: Vector
    result: Vector
    planes: int | None
    onto: Vector | None
    by_token: bool

    @property
    def name(self) -> str:
        """For messages."""
        return self.layer.name

    @property
    def results(self) -> list[Vector]:
        """The vector that it writes."""
        return [self.result]

    def require_usable(self) -> None:
        """Raise an error if the layer was unloaded."""
        self.layer.require_loaded()

    def descriptor(self, config: Configuration) -> Descriptor:
        """Return the operation with its places."""
        return self.section.descriptor(
            config, self.planes, self.onto is not None, source=self.source.address,
            destination=self.result.address)

    def cycles(self, config: Configuration, d: Descriptor) -> int:
        """Return the exact cycles of the step's operation ``d``."""
        return self.section.cycles(config, d)

    def work(self, config: Configuration) -> float:
        """Return the weight beats that the matrix would take without any padding."""
        return self.layer.work(self.planes)

    def run_golden(self, config: Configuration, known: dict[int, NDArray[Any]]) -> None:
        """Add the result to ``known``: vectors (1, size) by number."""
        onto = None if self.onto is None else known[self.onto.number]
        known[self.result.number] = self.section.expected(
            config, known[self.source.number], self.planes, onto)

    def scaled(self, multiplier: int, shift: int) -> Step:
        """Return the step with these numbers in the output stage; UserError if they do not fit."""
        plan = self.section.scaling
        assert plan is not None
        plan = replace(plan, multiplier=whole(multiplier, "a multiplier", -1 << 15, (1 << 15) - 1),
                       shift=whole(shift, "a shift", 0, LARGEST_SHIFT))
        return replace(self, section=replace(self.section, scaling=plan))

    def with_output_stage(self, d: Descriptor) -> Descriptor:
        """Return the step's descriptor with the numbers of the output stage that it has now."""
        plan = self.section.scaling
        if plan is None or not self.by_token:
            return d
        return replace(d, multiplier=plan.multiplier, shift=plan.shift)


def require_one_operation(layer: Layer) -> None:
    """Raise UserError unless a layer is one operation from a vector to a vector."""
    if len(layer.sections) > 1:
        raise UserError(
            f"layer {layer.name} has rows of different planes, whose results lie in another "
            f"order than the next layer needs; call it by itself, or load it with the same "
            f"bits for all rows")
    if layer.widening.planes > 1:
        raise UserError(
            f"layer {layer.name} has planes with coefficients of their own, which need the "
            f"activations {layer.widening.planes} times, and a vector of a program is there once; "
            f"call it by itself")


def scaled_by_token(config: Configuration, layer: Layer, dtype: str) -> Section | SparseSection:
    """Return a layer's section with an output stage that is still to come.

    Raises
    ------
    UserError
        If the type is wrong, the layer has an output already, or the device cannot scale.
    """
    section = layer.sections[0]
    if dtype not in ("int16", "int32"):
        raise UserError(f"by_token must be 'int16' or 'int32', not {dtype!r}")
    if section.scaling is not None:
        raise UserError(f"layer {layer.name} has an output already; load it without, so that each "
                        f"run can bring its scale")
    if isinstance(section, Section) and not config.table.scaled:
        raise UserError(
            f"configuration {config.name!r} cannot scale results; set table.scaled to true, or "
            f"leave by_token out")
    values = section.values if isinstance(section, Section) else section.weights.values
    plan = Scaling(values=values, group=0, scale=None, offset=None, multiplier=0, shift=0)
    return replace(section, scaling=plan, output=Output(dtype))
