# SPDX-License-Identifier: Apache-2.0
"""Walsh-Hadamard transforms and quantisers on a device: arguments, runs, checks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..golden.config import Configuration
from ..golden.config_sections import TransformConfiguration
from ..golden.descriptor import Descriptor, Element, Opcode, result_words, source_words
from ..golden.errors import UserError
from ..golden.places import MOST_SAMPLES
from ..golden.protocol import Report, Space
from ..golden.quantiser import Mode, Quantisation
from ..golden.timing import cycles
from ..golden.transform import (
    Transformed,
    factors,
    run,
    scale_places,
    scale_words,
)
from .arguments import integers, plain_array, whole
from .quantised import Quantised, known_quantisation, quantised
from .results import TransformStats, compare
from .waiting import add_reports

if TYPE_CHECKING:
    from .driver import Device

__all__ = ["hadamard", "known_block", "quantise", "require_transform", "transform_descriptor"]

_DTYPES = {Element.INT8: np.int8, Element.INT16: np.int16, Element.INT32: np.int32}


def require_transform(config: Configuration) -> TransformConfiguration:
    """Return the transform of a device; UserError without one."""
    if config.transform is None:
        raise UserError(f"configuration {config.name!r} has no transform; add a section "
                        f"[transform], or use configuration 'rotation'")
    return config.transform


def known_block(transform: TransformConfiguration, columns: int, block: Any) -> int:
    """Return the size of the transforms of a vector: ``block``, or all of it.

    Raises
    ------
    UserError
        If the device has none of that size; it names the nearest.
    """
    size = columns if block is None else whole(block, "block", 1)
    found, what = factors(transform, size), "a vector" if block is None else "block"
    if found is None:
        sizes = [1 << m for m in range(transform.samples.bit_length())]
        allowed = f"a power of two up to {transform.samples}"
        if transform.order > 1:
            orders = range(transform.order_lanes.bit_length() - 1, transform.largest_m + 1)
            sizes += [transform.order << m for m in orders]
            allowed += f" or {transform.order} * 2**m up to {sizes[-1]}"
        nearest = min(sizes, key=lambda other: (abs(other - size), other))
        other = "; or give block" if block is None else ""
        raise UserError(f"the size of {what} to transform must be {allowed}, not {size}; the "
                        f"nearest is {nearest}{other}")
    if columns % size:
        raise UserError(f"block must divide the size of the vectors, {columns}, which {size} does "
                        f"not; pad them to {-(-columns // size) * size}")
    if found.order > 1 and size != columns:
        raise UserError(f"block must be a power of two or all of a vector, {columns}, not {size}; "
                        f"give each block as a token of its own")
    return size


def transform_descriptor(config: Configuration, columns: int, element: Element, *,
                         block: int | None = None, quantisation: Quantisation | None = None,
                         ) -> Descriptor:
    """Return the operation for vectors of so many samples, without its places.

    Parameters
    ----------
    config : Configuration
    columns : int
    element : Element
        Type of the samples.
    block : int, optional
        Size of the transforms, if there is to be one.
    quantisation : Quantisation, optional
        What the quantiser does, if it is to.
    """
    d = Descriptor(columns=columns, source_type=element, rows=block or 0, planes_stored=0,
                   planes_used=0, destination_type=Element.INT32)
    if quantisation is None:
        return replace(d, opcode=Opcode.HADAMARD)
    q = quantisation
    static = q.mode == Mode.STATIC
    mantissa = q.mantissa if static else 0
    return replace(
        d, opcode=Opcode.QUANTISE if block is None else Opcode.HADAMARD_QUANTISE,
        flags=Descriptor.AWAY * int(q.rounding), planes_stored=q.bits, planes_used=int(q.mode),
        group=q.group or 0, multiplier=mantissa - (mantissa >> 15 << 16),
        shift=q.shift if static else 0, destination_type=config.activation_bytes - 1)


def hadamard(device: Device, x: ArrayLike, block: int | None) -> NDArray[np.int32]:
    """Transform vectors on a device; see :meth:`luthier.host.Device.hadamard`."""
    transform = require_transform(device.config)
    samples, given = _samples(x, transform.width, "transform.width")
    block = known_block(transform, samples.shape[-1], block)
    padded = _padded(samples, transform.lanes, block)
    d = transform_descriptor(device.config, padded.shape[-1], _element(padded), block=block)
    results, _ = _run(device, d, padded, "hadamard")
    results = results[:, : samples.shape[-1]].astype(np.int32)
    return results if given.ndim == 2 else results[0]


def quantise(device: Device, x: ArrayLike, *, hadamard: bool | int, **wanted: Any) -> Quantised:
    """Quantise vectors on a device; see :meth:`luthier.host.Device.quantise`."""
    transform = require_transform(device.config)
    width, key = transform.quantiser.width, "transform.quantiser_width"
    if hadamard:
        width, key = transform.width, "transform.width"
    samples, given = _samples(x, width, key)
    columns = samples.shape[-1]
    block = None
    if hadamard:
        block = known_block(transform, columns, None if hadamard is True else hadamard)
    q = known_quantisation(transform, columns, **wanted)
    padded = _padded(samples, transform.lanes, block or 1)
    d = transform_descriptor(device.config, padded.shape[-1], _element(padded), block=block,
                             quantisation=q)
    codes, words = _run(device, d, padded, "quantise")
    found = quantised(q, codes[:, :columns], words)
    if given.ndim == 2:
        return found
    return Quantised(found.codes[0], found.scale[0], found.offset[0], found.group)


def _samples(x: ArrayLike, width: int, key: str) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return samples as (tokens, columns), and as they were given."""
    given = plain_array(x, "samples")
    low, high = -(1 << width - 1), (1 << width - 1) - 1
    if given.size:
        integers(given, "samples", f"integers from {low} to {high}", "round and convert them first")
    if given.ndim not in (1, 2) or not given.size or given.shape[-1] > MOST_SAMPLES:
        raise UserError(f"samples must have the shape (columns,) or (tokens, columns) with 1 to "
                        f"{MOST_SAMPLES} columns and at least one token, not {given.shape}")
    if (given < low).any() or (given > high).any():
        wrong = int(given[(given < low) | (given > high)].reshape(-1)[0])
        raise UserError(f"samples must be between {low} and {high} ({width} bits, {key}), not "
                        f"{wrong}")
    return np.atleast_2d(given).astype(np.int64), given


def _padded(samples: NDArray[np.int64], lanes: int, block: int) -> NDArray[np.int64]:
    """Return samples filled up to whole beats with more of the last block.

    That changes no extremes: a beat that is not full lies in the group of its last block.
    """
    missing = -samples.shape[-1] % lanes
    return np.hstack([samples, *[samples[:, -block:]] * (missing // block)])


def _element(samples: NDArray[np.int64]) -> Element:
    """Return the narrowest type that holds all samples."""
    return next(element for element, dtype in _DTYPES.items()
                if np.iinfo(dtype).min <= samples.min() and samples.max() <= np.iinfo(dtype).max)


def _run(device: Device, d: Descriptor, samples: NDArray[np.int64],
         name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Run one operation on vectors, as many at a time as the scratchpad holds.

    Returns
    -------
    results, scales : int64 array, shape (tokens, ...)
    """
    config, transform = device.config, require_transform(device.config)
    device.require_open()
    source, result, scale = (count(config, d) for count in (
        source_words, result_words, scale_words))
    at_once = min(config.scratchpad.words // (source + result + scale), 0xFFFF)
    if not at_once:
        raise UserError(
            f"a vector of {d.columns} samples and its results need {source + result + scale} words "
            f"of scratchpad, more than scratchpad.words ({config.scratchpad.words}) of "
            f"configuration {config.name!r}; cut it, or raise scratchpad.words")
    kind = np.dtype(_DTYPES[Element(d.source_type)]).newbyteorder("<")
    target = np.dtype(_DTYPES[Element(d.destination_type)]).newbyteorder("<")
    asymmetric = Opcode(d.opcode).quantises and d.planes_used == Mode.ASYMMETRIC
    if asymmetric:  # codes are unsigned
        target = np.dtype(target.str.replace("i", "u"))
    wanted = [run(transform, d, x) for x in samples] if device.check != "never" else []
    results, scales, reports, declared = [], [], list[Report](), 0
    link = device.link
    before = link.bytes_sent + link.bytes_received
    for first in range(0, len(samples), at_once):
        part = samples[first : first + at_once]
        count = len(part)
        raw = np.zeros((count, source * config.word_bytes // kind.itemsize), kind)
        raw[:, : part.shape[-1]] = part
        placed = replace(d, tokens=count, source_step=source, destination=count * source,
                         destination_step=result,
                         scales=count * (source + result) if scale else 0)
        link.write(Space.SCRATCHPAD, 0, raw.tobytes())
        reports.append(device.run([placed]))
        declared += cycles(config, placed)
        data = link.read(Space.SCRATCHPAD, count * source, count * (result + scale))
        split = count * result * config.word_bytes
        y = np.frombuffer(data[:split], target).reshape(count, -1)[:, : d.columns]
        results.append(y.astype(np.int64))
        scales.append(np.frombuffer(data[split:], "<u4").reshape(count, -1).astype(np.int64))
    total = add_reports(reports)
    device.transform_stats = TransformStats(
        tokens=len(samples), cycles=total.cycles, declared_cycles=declared, runs=len(reports),
        saturations=total.saturations, report=total,
        link_bytes=link.bytes_sent + link.bytes_received - before)
    y, found = np.concatenate(results), np.concatenate(scales)[:, : scale_places(d)]
    if wanted:
        _compare(device, wanted, y, found, name)
    return y, found


def _compare(device: Device, wanted: list[Transformed], y: NDArray[np.int64],
             scales: NDArray[np.int64], name: str) -> None:
    """Compare results and scales with the golden model's, as many as the device's ``check`` says.
    """
    for suffix, got, golden in (
            ("", y, [token.results for token in wanted]),
            (" scales", scales, [token.scales & 0xFFFF_FFFF for token in wanted])):
        expected = np.array(golden).reshape(got.shape)
        if got.size:
            compare(lambda token, row, expected=expected: expected if token is None else
                    expected[token, row], got, how=device.check, rng=device.rng,
                    layer=name + suffix, reproduce=device.reproduce)
