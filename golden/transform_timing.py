# SPDX-License-Identifier: Apache-2.0
"""The exact cycles of an operation of the transform or the quantiser."""

import numpy as np

from .config import Configuration
from .config_sections import TransformConfiguration
from .descriptor import Descriptor, Opcode
from .fwht import Pipeline
from .quantiser import Mode, QuantiserShape
from .transform import factors

__all__ = ["outer_cycles", "quantiser_latency", "transform_cycles"]

# Cycles of the hardware's fixed parts.
_READ = 5  # dispatch to the first beat: address, data, queue, cut, clamp
_NARROW, _WIDEN = 1, 1  # to fewer lanes in front of H_K, and back
_OUTER = 11  # the last sample of a column to its first sum, and that to the port
_WRITE = 2  # the last beat to the scratchpad: in its place, written


def quantiser_latency(shape: QuantiserShape) -> int:
    """Return the cycles from the last beat of a group to its first codes."""
    return shape.lanes.bit_length() - 1 + shape.bits + 14


def transform_cycles(config: Configuration, d: Descriptor) -> int:
    """Return the exact cycles, from dispatch to the last result in the scratchpad.

    That is for an operation alone. Beats come without a gap unless they pass the stage of H_K: then
    their times are followed through it and through the pipeline.
    """
    transform, opcode = config.transform, Opcode(d.opcode)
    assert transform is not None
    beats = d.columns // transform.lanes
    outer = opcode.transforms and (found := factors(transform, d.rows)) and found.order > 1
    if outer:
        return _WRITE + _last(transform, d, _outer_results(transform, d))
    first = _READ + (transform.pipeline.latency(d.rows) if opcode.transforms else 0)
    end = first + d.tokens * beats - 1
    if opcode.quantises:
        # The longest group is late by its length, and what follows comes without a gap.
        end += quantiser_latency(transform.quantiser) + _group_beats(transform, d) - 1
    return end + _WRITE


def outer_cycles(order: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return when samples leave the stage of H_K, counted from the first one in.

    Parameters
    ----------
    order : int
        K.
    columns : int
        Columns of a lane: M / lanes.

    Returns
    -------
    first, later : int64 array, shape (order * columns,)
        Beats of the first vector: those of the first row as their columns are summed up, others
        behind each other. Those of a second vector follow at once.
    """
    row = (order - 1) * columns + _OUTER + order * np.arange(columns)
    first = np.append(row, row[-1] + 1 + np.arange((order - 1) * columns))
    return first, first[-1] + 1 + np.arange(order * columns)


def _outer_results(transform: TransformConfiguration, d: Descriptor) -> np.ndarray:
    """Return when each beat of results leaves the pipeline behind the stage of H_K."""
    found = factors(transform, d.rows)
    assert found is not None
    pipeline, together = transform.pipeline, transform.lanes // transform.order_lanes
    first, later = outer_cycles(found.order, (1 << found.m) // transform.order_lanes)
    vectors = [first, *(later + token * len(first) for token in range(d.tokens - 1))]
    times = np.concatenate(vectors)[together - 1 :: together] + _READ + _NARROW + _WIDEN
    return _pipeline_results(pipeline, times, pipeline.beats(1 << found.m))


def _pipeline_results(pipeline: Pipeline, times: np.ndarray, beats: int) -> np.ndarray:
    """Return when results leave the pipeline, given when beats of its transforms enter.

    In a stage with a delay sums leave with the second half of a block, and differences by
    themselves behind the last of them.
    """
    delay = beats // 2
    while delay:
        blocks = times.reshape(-1, 2 * delay)
        differences = blocks[:, -1:] + 1 + np.arange(delay)
        times = np.concatenate([blocks[:, delay:], differences], axis=1).reshape(-1)
        delay //= 2
    return times + pipeline.registers


def _last(transform: TransformConfiguration, d: Descriptor, results: np.ndarray) -> int:
    """Return when the last sum or code leaves, given when results leave the pipeline."""
    if not Opcode(d.opcode).quantises:
        return int(results[-1])
    size, beats = _group_beats(transform, d), len(results) // d.tokens
    starts = np.add.outer(beats * np.arange(d.tokens), np.arange(0, beats, size)).reshape(-1)
    ends = np.minimum(starts + size, (starts // beats + 1) * beats)
    # Codes of a group come when it is complete, and behind those of the groups before.
    return int(np.max(results[ends - 1] + len(results) - starts)) - 1 + quantiser_latency(
        transform.quantiser)


def _group_beats(transform: TransformConfiguration, d: Descriptor) -> int:
    """Return the beats of a group: those after which its codes may come."""
    beats = d.columns // transform.lanes
    if d.planes_used == Mode.STATIC:
        return 1
    return min(beats, d.group // transform.lanes) if d.group else beats
