# SPDX-License-Identifier: Apache-2.0
"""Random operations of the transform and the quantiser."""

from typing import Any

import numpy as np

from ..golden.config import Configuration
from ..golden.descriptor import Descriptor, Element, Opcode
from ..golden.quantiser import SMALLEST_GROUP, Mode
from .vector_operations import place_vectors

__all__ = ["random_transform"]


def random_transform(config: Configuration, rng: np.random.Generator, **fixed: Any) -> Descriptor:
    """Return a valid operation of the transform.

    Parameters
    ----------
    config : Configuration
        With a transform.
    rng : numpy.random.Generator
    fixed
        Fields of :class:`~luthier.golden.descriptor.Descriptor` that are given.
    """
    transform = config.transform
    assert transform is not None
    opcode = Opcode(fixed.get("opcode", int(rng.integers(2, 5))))
    while True:
        fields: dict[str, Any] = {"opcode": opcode, "planes_stored": 0, "planes_used": 0,
                                  "source_type": int(rng.integers(3))}
        columns = _transform(transform, rng, fields) if opcode.transforms else (
            transform.lanes * int(np.exp(rng.uniform(0, np.log(4096 // transform.lanes)))))
        fields |= {"columns": columns, "tokens": int(rng.choice([1, 1, 1, 2, 3])),
                   "destination_type": Element.INT32}
        if opcode.quantises:
            fields["destination_type"] = config.activation_bytes - 1
            _quantiser(transform, rng, fields)
        placed = place_vectors(config, rng, Descriptor(**fields | fixed))
        if placed is not None:
            return placed


def _transform(transform, rng: np.random.Generator, fields: dict[str, Any]) -> int:
    """Choose the size of a transform; return that of the vectors."""
    if transform.order > 1 and rng.random() < 0.3:
        m = int(rng.integers(transform.order_lanes.bit_length() - 1, transform.largest_m + 1))
        fields["rows"] = transform.order << m
        if fields["rows"] % transform.lanes == 0:
            return fields["rows"]
    size = 1 << int(rng.integers(transform.samples.bit_length()))
    fields["rows"] = size
    blocks = 1 if rng.random() < 0.5 else int(rng.integers(1, 6))
    return -(-size * blocks // transform.lanes) * transform.lanes if size < transform.lanes else (
        size * blocks)


def _quantiser(transform, rng: np.random.Generator, fields: dict[str, Any]) -> None:
    mode = Mode(int(rng.integers(4)))
    fields |= {"planes_used": mode, "planes_stored": int(rng.integers(2, transform.bits + 1)),
               "flags": int(rng.integers(2))}
    if mode == Mode.STATIC:
        largest = transform.quantiser.largest_shift
        mantissa = int(rng.integers(1 << 16))
        fields |= {"multiplier": mantissa - (mantissa >> 15 << 16),
                   "shift": int(rng.integers(min(16, largest), largest + 1))}
    elif fields["columns"] > transform.group or rng.random() < 0.7:
        sizes = range(SMALLEST_GROUP.bit_length() - 1, transform.group.bit_length())
        fields["group"] = 1 << int(rng.choice(sizes))
        if fields["group"] == 1 << 16:
            fields["group"] = 1 << 15
