# SPDX-License-Identifier: Apache-2.0
"""Random operations of the sparse chain, and their packets."""

from dataclasses import replace
from typing import Any

import numpy as np

from ..golden.config import Configuration
from ..golden.descriptor import Descriptor, Opcode
from ..golden.sparse.encodings import RowFormat, encode_rows, matrix_items
from ..golden.sparse.packets import matrix_packet
from ..golden.sparse_operation import operation_format, sparse_beats
from .vector_operations import place_vectors

__all__ = ["random_packet", "random_sparse"]


def random_sparse(config: Configuration, rng: np.random.Generator, **fixed: Any) -> Descriptor:
    """Return a valid operation, its packet at word 0.

    Parameters
    ----------
    config : Configuration
        With a sparse chain.
    rng : numpy.random.Generator
    fixed
        Fields of :class:`~luthier.golden.descriptor.Descriptor` that are given.
    """
    assert config.sparse is not None
    t = config.table
    while True:
        fields: dict[str, Any] = {
            "opcode": Opcode.SPARSE, "planes_used": 0,
            "planes_stored": int(rng.choice([*config.sparse.kept, *[0] * config.sparse.csr])),
            "source_type": config.activation_bytes - 1,
            "rows": int(np.exp(rng.uniform(0, np.log(t.max_rows + 1)))),
            "columns": int(np.exp(rng.uniform(0, np.log(t.max_columns + 1)))),
            "tokens": int(rng.choice([1, 1, 1, 2, 3])), "destination_type": 2}
        if rng.random() < 0.7:
            accumulate = Descriptor.ACCUMULATE * int(rng.random() < 0.5)
            shift = int(rng.integers(64) if rng.random() < 0.2 else rng.integers(20))
            fields |= {
                "flags": Descriptor.SATURATE | accumulate, "shift": shift,
                "multiplier": int(rng.choice(
                    [1, 1, -1, 32767, -32768, int(rng.integers(-32768, 32768))])),
                "destination_type": int(rng.integers(3))}
        d = place_vectors(config, rng, Descriptor(**fields | fixed))
        if d is None:
            continue
        if d.planes_stored == 0:
            return replace(d, scales=1)  # its packet says how many words there are
        if sparse_beats(config, d) <= config.memory.words // 4:
            return d


def random_packet(config: Configuration, rng: np.random.Generator, d: Descriptor) -> np.ndarray:
    """Return the packet of an operation: of random weights, of corner values, or of random bits.

    Random bits have malformed blocks, unless all are dense. In packets of single weights, random
    are gaps and weights, and no row is missing.
    """
    form, chain = operation_format(config, d), config.chain
    if isinstance(form, RowFormat):
        return _single_weights(config, rng, d, form)
    if rng.random() < 0.2:
        return rng.integers(0, 256, (sparse_beats(config, d), config.word_bytes), dtype=np.uint8)
    low, high = -1 << form.weight_bits - 1, (1 << form.weight_bits - 1) - 1
    size = d.rows, -(-d.columns // form.block), form.block
    weights = rng.choice([low, high], size) if rng.random() < 0.3 else rng.integers(
        low, high + 1, size)
    most = form.kept if rng.random() < 0.7 else rng.integers(0, form.kept + 1, size[:2])[..., None]
    weights[np.argsort(rng.random(size), axis=2) >= most] = 0
    return matrix_packet(chain, form, weights.reshape(d.rows, -1)[:, : d.columns])


def _single_weights(config: Configuration, rng: np.random.Generator, d: Descriptor,
                    form: RowFormat) -> np.ndarray:
    low, high = -1 << form.weight_bits - 1, (1 << form.weight_bits - 1) - 1
    size = d.rows, d.columns
    weights = rng.choice([low, high], size) if rng.random() < 0.3 else rng.integers(
        low, high + 1, size)
    most = config.memory.words // 4 * form.items
    share = min(float(np.exp(rng.uniform(np.log(0.002), 0))), most / 4 / (d.rows * d.columns))
    weights[rng.random(size) >= share] = 0
    items = matrix_items(form, weights)
    if rng.random() < 0.2:
        count = len(items.gaps)
        items = replace(items, gaps=rng.integers(0, form.longest_gap + 1, count),
                        weights=rng.integers(low, high + 1, (count, 1)))
    return encode_rows(form, items)
