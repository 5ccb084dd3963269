# SPDX-License-Identifier: Apache-2.0
"""Random products of sparse matrices for ``luthier check``."""

import numpy as np

from ..golden.config import Configuration
from .operations import Operation

__all__ = ["random_sparse_operation"]

#: Limits of one operation, which keep a simulated board quick.
_MOST_ROWS, _MOST_COLUMNS, _MOST_BEATS = 400, 2000, 4096


def random_sparse_operation(config: Configuration, seed: int, index: int) -> Operation:
    """Return operation ``index`` of the sequence that ``seed`` starts; each can be had alone."""
    from ..host import Output, SparseWeights

    sparse, t = config.sparse, config.table
    assert sparse is not None
    rng = np.random.default_rng([seed, index])
    single = sparse.csr and rng.random() < 0.4
    kept = sparse.block if single else int(rng.choice(sparse.kept))
    columns = int(np.exp(rng.uniform(0, np.log(min(_MOST_COLUMNS, t.max_columns) + 1))))
    blocks = -(-columns // sparse.block)
    slots = t.beat_bits // sparse.weight_bits
    beats = min(_MOST_BEATS, config.memory.words // 4)
    words = config.scratchpad.words - -(-columns // config.activations_per_word)
    most = min(_MOST_ROWS, t.max_rows, words * config.results_per_word,
               max(1, beats * slots // (2 * kept * blocks)))
    rows = int(np.exp(rng.uniform(0, np.log(most + 1))))
    bits = sparse.weight_bits if rng.random() < 0.8 else 4
    half = 1 << bits - 1
    corners = rng.random() < 0.3
    values = rng.choice([-half, half - 1], (rows, blocks, sparse.block)) if corners else (
        rng.integers(-half, half, (rows, blocks, sparse.block)))
    full = kept if rng.random() < 0.7 else rng.integers(0, kept + 1, (rows, blocks, 1))
    values[np.argsort(rng.random(values.shape), axis=2) >= full] = 0
    if single:
        values[rng.random(values.shape) >= np.exp(rng.uniform(np.log(0.002), 0))] = 0
    values = values.reshape(rows, -1)[:, :columns]
    half = 1 << t.activation_bits - 1
    tokens = int(rng.choice([1, 1, 1, 2, 5]))
    x = rng.choice([-half, half - 1], (tokens, columns)) if rng.random() < 0.3 else (
        rng.integers(-half, half, (tokens, columns)))
    output, onto, scale = None, None, 1.0
    if rng.random() < 0.6:
        dtype = ("int8", "int16", "int32")[rng.integers(3)]
        info, scale = np.iinfo(dtype), float(rng.uniform(0.1, 1))
        largest = max(float(abs(scale * (x @ values.T)).max()), 1.0)
        output = Output(dtype, max(largest / info.max * float(rng.choice([0.5, 1, 3])),
                                   scale / 2**14))
        if rng.random() < 0.5:
            onto = rng.integers(info.min, info.max + 1, (tokens, rows))
    weights = SparseWeights(values, bits, scales=scale, group=0, beat_bits=t.beat_bits,
                            encoding="csr" if single else None)
    return Operation("single weights" if single else f"up to {kept} of {sparse.block}",
                     f"sparse i{bits}", weights,
                     values.astype(np.int64), x, output, None, onto)
