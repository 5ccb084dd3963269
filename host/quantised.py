# SPDX-License-Identifier: Apache-2.0
"""What a quantiser is asked for, and what it returns."""

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..golden.config_sections import TransformConfiguration
from ..golden.errors import UserError
from ..golden.quantiser import MANTISSA_BITS, SMALLEST_GROUP, Mode, Quantisation, Rounding
from ..golden.sizes import is_power, nearest_power
from .arguments import whole

__all__ = ["Quantised", "QuantiserMode", "RoundingMode", "known_quantisation"]

#: Where the scale comes from; see :class:`luthier.golden.quantiser.Mode`.
QuantiserMode = Literal["symmetric", "static", "power", "asymmetric"]
#: What becomes of a quotient half-way between two codes.
RoundingMode = Literal["half-even", "half-away"]


@dataclass(frozen=True)
class Quantised:
    """Codes of vectors and what they stand for: ``offset + scale * code`` is about the sample.

    Attributes
    ----------
    codes : int16 array, shape (columns,) or (tokens, columns)
        Signed; unsigned with ``"asymmetric"``.
    scale, offset : float64 array, shape (groups,) or (tokens, groups)
        Of each group; exact.
    group : int
        Samples with a common scale; the last group of a vector may be shorter.
    """

    codes: NDArray[np.int16]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    group: int

    def dequantised(self) -> NDArray[np.float64]:
        """Return about the samples that were quantised, in the shape of ``codes``."""
        columns = self.codes.shape[-1]
        scale, offset = (np.repeat(values, self.group, axis=-1)[..., :columns]
                         for values in (self.scale, self.offset))
        return offset + scale * self.codes


def known_quantisation(transform: TransformConfiguration, columns: int, *, bits: Any, mode: Any,
                       group: Any, rounding: Any, scale: Any) -> Quantisation:
    """Return what the device is asked for, if its quantiser does that.

    Raises
    ------
    UserError
        If it does not; it says what is nearest.
    """
    if mode not in get_args(QuantiserMode):
        raise UserError(f"mode must be {_listed(QuantiserMode)}, not {mode!r}")
    if rounding not in get_args(RoundingMode):
        raise UserError(f"rounding must be {_listed(RoundingMode)}, not {rounding!r}")
    bits = whole(bits, "bits", 2, transform.bits, " (transform.bits)")
    if (mode == "static") != (scale is not None):
        raise UserError("scale goes with mode 'static', which needs one: the real value of a code "
                        "of 1; give both or neither")
    known: dict[str, Any] = {
        "mode": Mode[mode.upper()], "bits": bits,
        "rounding": Rounding[rounding.upper().replace("-", "_")]}
    if mode == "static":
        if group is not None:
            raise UserError("group must be left out with mode 'static', whose scale is one for all")
        known["mantissa"], known["shift"] = _dyadic(transform, scale)
        return Quantisation(**known)
    if group is None and columns > transform.group:
        raise UserError(
            f"a vector of {columns} samples is longer than the largest group, "
            f"{transform.group} (transform.group); give group={transform.group}, or raise "
            f"transform.group")
    if group is not None:
        group = whole(group, "group")
        if not is_power(group, SMALLEST_GROUP, transform.group):
            nearest = nearest_power(group, SMALLEST_GROUP, transform.group)
            raise UserError(
                f"group must be a power of two from {SMALLEST_GROUP} to {transform.group} "
                f"(transform.group), not {group}; the nearest is {nearest}")
        known["group"] = None if group >= columns else group
    return Quantisation(**known)


def quantised(q: Quantisation, codes: NDArray[np.int64], words: NDArray[np.int64]) -> Quantised:
    """Return what codes (tokens, columns) and their scale words (tokens, words) stand for."""
    columns, top = codes.shape[-1], q.range[1]
    offset = np.zeros((len(codes), 1))
    match q.mode:
        case Mode.STATIC:
            scale = np.full(offset.shape, 2.0**q.shift / q.mantissa)
        case Mode.POWER:
            scale, offset = 2.0 ** (words - (q.bits - 2)), np.zeros(words.shape)
        case Mode.SYMMETRIC:
            scale, offset = words / top, np.zeros(words.shape)
        case Mode.ASYMMETRIC:
            scale, offset = words[:, ::2] / top, words[:, 1::2].astype(np.int32).astype(float)
    return Quantised(codes.astype(np.int16), np.asarray(scale, np.float64),
                     np.asarray(offset, np.float64), q.group or columns)


def _dyadic(transform: TransformConfiguration, scale: Any) -> tuple[int, int]:
    """Return mantissa and shift of about 1 / scale."""
    real = isinstance(scale, int | float | np.integer | np.floating)
    if isinstance(scale, bool) or not real or not (0 < scale and math.isfinite(scale)):
        raise UserError(f"scale must be a positive finite number, not {scale!r}")
    largest = transform.quantiser.largest_shift
    exponent = math.frexp(scale)[1]  # scale is below 2**exponent, and at least half of that
    shift = max(0, min(largest, exponent + MANTISSA_BITS - 1))
    mantissa, limit = round(2.0**shift / scale), (1 << MANTISSA_BITS) - 1
    if mantissa > limit and shift:
        shift -= 1
        mantissa = round(2.0**shift / scale)
    if not 0 < mantissa <= limit:
        raise UserError(f"scale must be between {1 / limit:.3g} and {2.0**largest:.3g}, not "
                        f"{scale!r}; scale the samples first")
    return mantissa, shift


def _listed(words: Any) -> str:
    *most, last = map(repr, get_args(words))
    return f"{', '.join(most)} or {last}"
