# SPDX-License-Identifier: Apache-2.0
"""A transform or a quantiser as an operation of a program."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..golden.config import Configuration
from ..golden.descriptor import Descriptor, Opcode
from ..golden.transform import run
from .transforms import require_transform
from .vectors import Scales, Vector

__all__ = ["TransformStep"]


@dataclass(frozen=True)
class TransformStep:
    """An operation on a vector.

    Attributes
    ----------
    operation : Descriptor
        Without its places.
    source, result : Vector
    scales : Scales or None
    """

    operation: Descriptor
    source: Vector
    result: Vector
    scales: Scales | None
    by_token: bool = False

    @property
    def name(self) -> str:
        """For messages."""
        return Opcode(self.operation.opcode).name

    @property
    def results(self) -> list[Vector]:
        """The vectors that it writes."""
        return [self.result] if self.scales is None else [self.result, self.scales]

    def require_usable(self) -> None:
        """Do nothing: there is nothing to load."""

    def descriptor(self, config: Configuration) -> Descriptor:
        """Return the operation with its places."""
        return replace(
            self.operation, source=self.source.address, destination=self.result.address,
            scales=0 if self.scales is None else self.scales.address)

    def with_output_stage(self, d: Descriptor) -> Descriptor:
        """Return ``d``: there is none."""
        return d

    def work(self, config: Configuration) -> float:
        """Return 0: no weights."""
        return 0.0

    def run_golden(self, config: Configuration, known: dict[int, NDArray[Any]]) -> None:
        """Add the results to ``known``: vectors (1, size) by number."""
        x = known[self.source.number][0].astype(np.int64)
        done = run(require_transform(config), self.operation, x)
        known[self.result.number] = done.results[None]
        if self.scales is not None:
            known[self.scales.number] = done.scales[None] & 0xFFFF_FFFF
