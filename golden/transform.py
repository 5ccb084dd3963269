# SPDX-License-Identifier: Apache-2.0
"""The operations HADAMARD, QUANTISE and both in one: golden model, and what descriptors mean.

A vector of ``columns`` samples, a multiple of P, is read for each token; a sample with more bits
than the transform's w, or the quantiser's W, is clamped, which counts as saturation. Bytes behind
the last result of a token are written as zeros.

*Transform.* ``rows`` is its size: a power of two up to N that divides ``columns``, so that many
blocks are one block-diagonal transform; or K * 2**m, the whole vector. Without the quantiser
results are int32 sums; nothing is normalised.

*Quantiser.* ``planes_stored`` is the bits of a code, ``planes_used`` a
:class:`~luthier.golden.quantiser.Mode`, ``group`` the samples with a common scale, 0 for all of a
vector; flag bit 0 rounds half away from zero. A static scale is ``multiplier``, here unsigned, over
``2**shift``; else these are zero. Codes have the type of activations; those of ASYMMETRIC are
unsigned. Scales are uint32, one for each group, and behind each with ASYMMETRIC its offset, int32;
they go to the scratchpad from word ``scales`` on, those of each token from the start of a word,
one token's behind the other's. There are none with a static scale, and ``scales`` is zero then.

Fields without a meaning are zero; strides are 1.
"""

from dataclasses import dataclass

import numpy as np

from .config import Configuration
from .config_sections import TransformConfiguration
from .descriptor import Descriptor, Element, Opcode, Refusal
from .fwht import fwht
from .hadamard import Factors, hadamard_outer
from .places import MOST_SAMPLES, Place, places_refusal
from .quantiser import SMALLEST_GROUP, Mode, Quantisation, Rounding, quantise
from .sizes import is_power

__all__ = ["TRANSFORM_OPCODES", "Transformed", "factors", "quantisation", "run",
           "scale_places", "scale_words", "transform_refusal"]

TRANSFORM_OPCODES = (Opcode.HADAMARD, Opcode.QUANTISE, Opcode.HADAMARD_QUANTISE)


def factors(transform: TransformConfiguration, size: int) -> Factors | None:
    """Return a size as K * 2**m, K = 1 for powers of two; None if the device has no such transform.
    """
    if is_power(size, 1, transform.samples):
        return Factors(1, size.bit_length() - 1)
    power, rest = divmod(size, transform.order)
    if transform.order > 1 and not rest and is_power(
            power, transform.order_lanes, transform.order_samples):
        return Factors(transform.order, power.bit_length() - 1)
    return None


def quantisation(d: Descriptor) -> Quantisation:
    """Return what the quantiser is told, of a descriptor that is not refused."""
    return Quantisation(
        mode=Mode(d.planes_used), bits=d.planes_stored, group=d.group or None,
        rounding=Rounding(d.flags & Descriptor.AWAY), shift=d.shift,
        mantissa=d.multiplier & 0xFFFF)


def scale_places(d: Descriptor) -> int:
    """Return the scales and offsets of one token, 32 bits each; 0 without any."""
    if not Opcode(d.opcode).quantises or d.planes_used == Mode.STATIC:
        return 0
    groups = -(-d.columns // d.group) if d.group else 1
    return groups * (1 + (d.planes_used == Mode.ASYMMETRIC))


def scale_words(config: Configuration, d: Descriptor) -> int:
    """Return the scratchpad words of one token's scales."""
    return -(-4 * scale_places(d) // config.word_bytes)


def transform_refusal(config: Configuration, transform: TransformConfiguration,
                      d: Descriptor) -> Refusal:
    """Return why the device refuses one of these operations, or ``Refusal.NONE``."""
    opcode = Opcode(d.opcode)
    unused = [d.flags & ~(Descriptor.AWAY * opcode.quantises), d.weights, d.reserved_51,
              d.reserved_52, d.reserved_56, d.reserved_60]
    if not opcode.quantises:
        unused += [d.scales, d.group, d.planes_stored, d.planes_used, d.multiplier, d.shift]
    if not opcode.transforms:
        unused += [d.rows]
    if any(unused):
        return Refusal.RESERVED
    if not (d.source_stride == d.destination_stride == 1) or d.source_type > Element.INT32 or (
            d.destination_type != (config.activation_bytes - 1 if opcode.quantises
                                   else Element.INT32)):
        return Refusal.UNSUPPORTED
    if opcode.quantises and not _quantiser_does(transform, d):
        return Refusal.UNSUPPORTED
    if not 1 <= d.columns <= MOST_SAMPLES or d.columns % transform.lanes or not d.tokens:
        return Refusal.SHAPE
    if opcode.transforms:
        found = factors(transform, d.rows)
        if found is None or (d.columns % d.rows if found.order == 1 else d.columns != d.rows):
            return Refusal.SHAPE
    if opcode.quantises and d.planes_used != Mode.STATIC and not d.group and (
            d.columns > transform.group):
        return Refusal.SHAPE
    scales = Place(d.scales, d.scales + d.tokens * scale_words(config, d))
    return places_refusal(config, d, scales, apart=True)


def _quantiser_does(transform: TransformConfiguration, d: Descriptor) -> bool:
    """Whether single fields ask for what the quantiser has."""
    if not 2 <= d.planes_stored <= transform.bits or d.planes_used > max(Mode):
        return False
    if d.planes_used == Mode.STATIC:
        return not (d.scales or d.group) and d.shift <= transform.quantiser.largest_shift
    return not (d.multiplier or d.shift) and (
        d.group == 0 or is_power(d.group, SMALLEST_GROUP, transform.group))


@dataclass(frozen=True)
class Transformed:
    """What one token's vector becomes.

    Attributes
    ----------
    results : int64 array, shape (columns,)
        Sums or codes.
    scales : int64 array
        As they lie in the scratchpad.
    saturations : int
        Samples clamped and codes out of range.
    """

    results: np.ndarray
    scales: np.ndarray
    saturations: int


def run(transform: TransformConfiguration, d: Descriptor, samples: np.ndarray) -> Transformed:
    """Return what a descriptor that is not refused makes of one token's samples, exactly."""
    opcode = Opcode(d.opcode)
    width = transform.width if opcode.transforms else transform.quantiser.width
    y = np.clip(samples, -(1 << width - 1), (1 << width - 1) - 1).astype(np.int64)
    saturations = int((y != samples).sum())
    if opcode.transforms:
        found = factors(transform, d.rows)
        assert found is not None
        y = fwht(y.reshape(-1, 1 << found.m)).reshape(-1)
        if found.order > 1:
            y = hadamard_outer(y, found.order, variant=transform.variant,
                               transpose=transform.transposed)
    if not opcode.quantises:
        return Transformed(y, y[:0], saturations)
    q = quantise(y, quantisation(d))
    scales = q.scales
    if d.planes_used == Mode.ASYMMETRIC:
        scales = np.stack([q.scales, q.offsets], axis=1).reshape(-1)
    return Transformed(q.codes.astype(np.int64), scales,
                       saturations + int(q.saturated.sum()))
