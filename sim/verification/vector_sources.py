# SPDX-License-Identifier: Apache-2.0
"""Sources of operations of other units: transforms, quantisers, vectors, sparse matrices."""

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...golden.config import Configuration
from ...golden.descriptor import Descriptor, Refusal
from ...golden.protocol import Space
from ...golden.refusal import refusal
from ...host.link import Link
from ..operations import random_operation, random_program
from ..sparse_operations import random_sparse
from ..transform_operations import random_transform
from ..vector_operations import random_vectors
from .script import Recorder

__all__ = ["on_vectors"]

_Maker = Callable[[Configuration, np.random.Generator], Descriptor]


def on_vectors(recorder: Recorder, rng: random.Random, effort: int) -> None:
    """Run operations of transform, vector unit and sparse chain alone, in programs, and wrong ones.

    Samples are at random, small, or at the corners. Nothing where the device has none of them.
    """
    config, link = recorder.config, Link(recorder)
    makers: list[_Maker] = []
    if config.transform is not None:
        makers.append(random_transform)
    if config.vector is not None:
        makers.append(random_vectors)
    if config.sparse is not None:
        makers.append(random_sparse)
    if not makers:
        return
    for index in range(60 * effort):
        recorder.pins = rng.choice([(0, 0), (0, 0), (60, 60)])
        numbers = np.random.default_rng(rng.getrandbits(32))
        maker = makers[index % len(makers)]
        program = [maker(config, numbers)]
        if index % 3 == 1:  # the same again begins while the first ends
            d = program[0]
            program = [d, d]
            if d.destination in (d.source, d.scales) or rng.random() < 0.5:
                program = [replace(d, release=1), replace(d, wait=1)]
        elif index % 3 == 2:
            program += [rng.choice([*makers, random_operation])(config, numbers)
                        for _ in range(rng.randint(1, 3))]
            program = [replace(d, wait=place > 0, release=1) for place, d in enumerate(program)]
        if index % 10 == 9:
            raw = bytearray(program[-1].pack())
            raw[rng.randrange(64)] ^= 1 << rng.randrange(8)
            wrong = Descriptor.unpack(bytes(raw))
            if refusal(config, wrong) != Refusal.NONE:
                program[-1] = wrong
        made = random_program(config, numbers, program)
        link.write(Space.MEMORY, 0, made.memory.tobytes())
        link.write(Space.SCRATCHPAD, 0, _samples(rng, made.scratchpad).tobytes())
        link.run(0, len(program), 1)
        link.read(Space.SCRATCHPAD, 0, config.scratchpad.words)


def _samples(rng: random.Random, scratchpad: np.ndarray) -> np.ndarray:
    """Return contents as they are, or as int32 of few bits, which are not clamped."""
    if rng.random() < 0.5:
        return scratchpad
    return (scratchpad.view("<i4") >> rng.choice([16, 20, 24, 28])).view(np.uint8)
