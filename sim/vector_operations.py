# SPDX-License-Identifier: Apache-2.0
"""Random operations of the vector unit, and places for all that work on vectors."""

from dataclasses import replace
from typing import Any

import numpy as np

from ..golden.config import Configuration
from ..golden.descriptor import Descriptor, Opcode, result_words, source_words
from ..golden.transform import TRANSFORM_OPCODES, scale_words
from ..golden.vector_operations import third_place

__all__ = ["place_vectors", "random_vectors", "vector_contents"]


def random_vectors(config: Configuration, rng: np.random.Generator, **fixed: Any) -> Descriptor:
    """Return a valid operation of the vector unit.

    Parameters
    ----------
    config : Configuration
        With a vector unit.
    rng : numpy.random.Generator
    fixed
        Fields of :class:`~luthier.golden.descriptor.Descriptor` that are given.
    """
    opcode = Opcode(fixed.get("opcode", int(rng.integers(Opcode.RESCALE, Opcode.GATHER + 1))))
    while True:
        fields: dict[str, Any] = {
            "opcode": opcode, "planes_used": 0, "planes_stored": 0, "tokens": int(
                rng.choice([1, 1, 1, 2, 3])),
            "columns": int(np.exp(rng.uniform(0, np.log(1500)))),
            "source_type": int(rng.integers(3)), "destination_type": int(rng.integers(3))}
        if opcode == Opcode.GATHER:
            fields |= {"destination_type": fields["source_type"],
                       "rows": int(np.exp(rng.uniform(0, np.log(1500)))),
                       "planes_stored": int(rng.choice([2, 4]))}
        else:
            shift = int(rng.integers(64) if rng.random() < 0.2 else rng.integers(40))
            fields |= {"shift": shift, "multiplier": int(rng.choice(
                [1, -1, 32767, -32768, int(rng.integers(-32768, 32768))]))}
        d = place_vectors(config, rng, Descriptor(**fields | fixed))
        if d is None:
            continue
        if opcode != Opcode.GATHER and rng.random() < 0.3:  # in place
            if d.source_type == d.destination_type and rng.random() < 0.5:
                d = replace(d, destination=d.source, destination_step=d.source_step)
            elif opcode == Opcode.ADD:
                d = replace(d, scales=d.destination)
        return d


def vector_contents(config: Configuration, rng: np.random.Generator, d: Descriptor,
                    scratchpad: np.ndarray) -> None:
    """Write numbers for a GATHER, of which one in ten is out of range."""
    if d.opcode != Opcode.GATHER:
        return
    numbers = rng.integers(0, d.rows, d.columns)
    wrong = rng.random(d.columns) < 0.1
    numbers[wrong] = rng.choice([-1, d.rows, 32767, -32768], wrong.sum())
    raw = numbers.astype(f"<i{d.planes_stored}").view(np.uint8)
    scratchpad.reshape(-1)[d.scales * config.word_bytes :][: len(raw)] = raw


def place_vectors(config: Configuration, rng: np.random.Generator,
                  d: Descriptor) -> Descriptor | None:
    """Choose places in the scratchpad for what an operation reads and writes; None without any."""
    third = third_place(config, replace(d, destination_step=result_words(config, d)))
    scales = third.end - third.start
    if d.opcode in TRANSFORM_OPCODES:
        scales = d.tokens * scale_words(config, d)
    sizes = {"source": (source_words(config, d), "source_step"),
             "destination": (result_words(config, d), "destination_step"), "scales": (scales, "")}
    wanted = {name: size * (d.tokens if step else 1) for name, (size, step) in sizes.items()}
    free = config.scratchpad.words - sum(wanted.values())
    if free < 0:
        return None
    gaps = np.diff(np.append(np.sort(rng.integers(0, free + 1, 3)), free))
    place, fields = 0, dict[str, int]()
    for name, gap in zip(rng.permutation(list(sizes)), gaps, strict=True):
        size, step = sizes[str(name)]
        fields[str(name)] = place if size else 0
        if step:
            fields[step] = size
        place += wanted[str(name)] + int(gap)
    return replace(d, **fields)
