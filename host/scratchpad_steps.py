# SPDX-License-Identifier: Apache-2.0
"""Operations of a program from scratchpad to scratchpad."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..golden import transform, vector_operations
from ..golden.config import Configuration
from ..golden.descriptor import Descriptor, Opcode
from ..golden.timing import cycles
from .transforms import require_transform
from .vectors import Scales, Vector

__all__ = ["ElementStep", "TransformStep"]


@dataclass(frozen=True)
class _ScratchpadStep:
    """An operation on a vector.

    Attributes
    ----------
    operation : Descriptor
        Without its places.
    source, result : Vector
    third : Vector or None
        What lies from ``scales`` on.
    """

    operation: Descriptor
    source: Vector
    result: Vector
    third: Vector | None = None

    by_token: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """For messages."""
        return Opcode(self.operation.opcode).name

    @property
    def results(self) -> list[Vector]:
        """The vectors that it writes."""
        return [self.result]

    def require_usable(self) -> None:
        """Do nothing: there is nothing to load."""

    def descriptor(self, config: Configuration) -> Descriptor:
        """Return the operation with its places."""
        return replace(
            self.operation, source=self.source.address, destination=self.result.address,
            scales=0 if self.third is None else self.third.address)

    def with_output_stage(self, d: Descriptor) -> Descriptor:
        """Return ``d``: there is none that a run brings."""
        return d

    def cycles(self, config: Configuration, d: Descriptor) -> int:
        """Return the exact cycles of the step's operation ``d``."""
        return cycles(config, d)

    def work(self, config: Configuration) -> float:
        """Return 0: no weights."""
        return 0.0


@dataclass(frozen=True)
class TransformStep(_ScratchpadStep):
    """A transform, a quantiser, or both; the third vector is that of scales."""

    @property
    def results(self) -> list[Vector]:
        """The vectors that it writes."""
        return [self.result] if self.third is None else [self.result, self.third]

    def run_golden(self, config: Configuration, known: dict[int, NDArray[Any]]) -> None:
        """Add the results to ``known``: vectors (1, size) by number."""
        x = known[self.source.number][0].astype(np.int64)
        done = transform.run(require_transform(config), self.operation, x)
        known[self.result.number] = done.results[None]
        if isinstance(self.third, Scales):
            known[self.third.number] = done.scales[None] & 0xFFFF_FFFF


@dataclass(frozen=True)
class ElementStep(_ScratchpadStep):
    """RESCALE, ADD or GATHER; the third vector is what is added, or numbers."""

    def run_golden(self, config: Configuration, known: dict[int, NDArray[Any]]) -> None:
        """Add the result to ``known``: vectors (1, size) by number."""
        x = known[self.source.number][0].astype(np.int64)
        other = x if self.third is None else known[self.third.number][0].astype(np.int64)
        y, _ = vector_operations.run(config, self.operation, x, other)
        known[self.result.number] = y[None]
