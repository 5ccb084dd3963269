# SPDX-License-Identifier: Apache-2.0
"""Golden model of the streaming Walsh-Hadamard transform: exact integers, and what it takes.

Row k of the unnormalised transform in natural order is ``y[k] = sum_i (-1)**popcount(k & i) x[i]``.
The other two orders hold the same rows: dyadic (Paley) row s is natural row ``reverse(s)``, the
bits in reverse; sequency (Walsh) row s, which has s changes of sign, is natural row
``reverse(s ^ s >> 1)``.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import UserError
from .sizes import is_power, nearest_power

__all__ = ["LARGEST", "LFSR_BITS", "ORDERS", "WIDEST", "Pipeline", "fwht", "lfsr_next",
           "lfsr_signs", "natural_rows", "order_index", "transform"]

#: Samples of the largest transform.
LARGEST = 32768
_LANES = 64
#: Bits of the widest sample, and of the narrowest.
WIDEST, _NARROWEST = 16, 2
ORDERS = ("natural", "dyadic", "sequency")
#: Bits of the shift register that makes signs.
LFSR_BITS = 32
#: Those that make the next one: x**32 + x**22 + x**2 + x + 1, which is primitive.
_LFSR_TAPS = (0, 1, 2, 22)


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Parameters of the streaming pipeline, its latency and what it takes.

    Parameters
    ----------
    samples : int
        N of the largest transform, a power of two from 2 to 32768.
    lanes : int
        P, samples of a beat, a power of two up to ``samples``, at most 64.
    width : int
        w, bits of a signed sample at the input, 2 to 16.
    order : str
        In which order the index beside each beat of results counts; the results themselves are in
        natural order.

    Raises
    ------
    TypeError
        If a number is no integer.
    UserError
        If there is no such pipeline; it says what there is.
    """

    samples: int
    lanes: int = 1
    width: int = 8
    order: str = "natural"

    def __post_init__(self) -> None:
        _check_power("samples", self.samples, 2, LARGEST)
        _check_power("lanes", self.lanes, 1, min(_LANES, self.samples))
        _check_integer("width", self.width)
        if not _NARROWEST <= self.width <= WIDEST:
            nearest = min(max(self.width, _NARROWEST), WIDEST)
            raise UserError(f"width must be between {_NARROWEST} and {WIDEST} bits, not "
                            f"{self.width}; the nearest is {nearest}")
        if self.order not in ORDERS:
            raise UserError(f"order must be {', '.join(ORDERS[:-1])} or {ORDERS[-1]}, "
                            f"not {self.order!r}")

    @property
    def stages(self) -> int:
        """log2 N: butterflies that a sample passes."""
        return self.samples.bit_length() - 1

    @property
    def lane_stages(self) -> int:
        """log2 P: the last stages, whose butterflies are between lanes."""
        return self.lanes.bit_length() - 1

    @property
    def delays(self) -> tuple[int, ...]:
        """Beats between the inputs of a butterfly, for each stage with a delay, largest first."""
        return tuple(1 << stage for stage in reversed(range(self.stages - self.lane_stages)))

    @property
    def widths(self) -> tuple[int, ...]:
        """Bits of a sample into each stage, and behind the last: one more each.

        A sum of two values of w bits is at least ``-2**w``, and that is reached; a difference is
        less in magnitude. So w + 1 bits are needed and enough.
        """
        return tuple(self.width + stage for stage in range(self.stages + 1))

    @property
    def delay_words(self) -> int:
        """Samples in delay memories: N - P, the least with which results come in order."""
        return self.lanes * sum(self.delays)

    @property
    def delay_bits(self) -> int:
        """Bits of delay memories: they hold differences, a bit wider than the stage's input."""
        return self.lanes * sum(
            delay * width for delay, width in zip(self.delays, self.widths[1:]))

    @property
    def adders(self) -> int:
        """Adders and subtractors: two a lane and stage with a delay, one a lane in the others."""
        return self.lanes * (2 * len(self.delays) + self.lane_stages)

    @property
    def registers(self) -> int:
        """Cycles from a beat to its result that are no delay: one a stage, and 3 or 5."""
        return self.stages + (5 if self.delays else 3)

    def beats(self, samples: int) -> int:
        """Return the beats of a transform; one also where several share it."""
        return max(samples // self.lanes, 1)

    def latency(self, samples: int) -> int:
        """Return the cycles from the first beat of a transform to its first results."""
        return self.beats(samples) - 1 + self.registers

    def check(self, samples: int) -> None:
        """Refuse a size that the pipeline does not transform.

        Raises
        ------
        TypeError
            If it is no integer.
        UserError
            If it is no power of two up to ``samples``.
        """
        _check_power("the size of a transform", samples, 1, self.samples)


def _check_integer(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not {value!r}")


def _check_power(name: str, value: Any, least: int, most: int) -> None:
    """Refuse what is no power of two in a range, and say which is nearest."""
    _check_integer(name, value)
    if not is_power(value, least, most):
        raise UserError(f"{name} must be a power of two from {least} to {most}, not {value}; the "
                        f"nearest is {nearest_power(value, least, most)}")


def fwht(x: np.ndarray) -> np.ndarray:
    """Return the unnormalised transform of the last axis, natural order, exact: int64 array.

    Parameters
    ----------
    x : integer array, shape (..., N)
        N a power of two. Magnitudes times N must be below 2**63.

    Raises
    ------
    UserError
        If N is no power of two.
    """
    y = np.array(x, np.int64)
    size = y.shape[-1]
    if not size or size & (size - 1):
        raise UserError(f"a transform has a power of two of samples, not {size}; pad the vector to "
                        f"{1 << size.bit_length()} or choose blocks")
    stride = size // 2
    while stride:
        pairs = y.reshape(*y.shape[:-1], -1, 2, stride)
        y = np.stack([pairs[..., 0, :] + pairs[..., 1, :], pairs[..., 0, :] - pairs[..., 1, :]],
                     axis=-2).reshape(y.shape)
        stride //= 2
    return y


def transform(x: np.ndarray, samples: int, *, order: str = "natural",
              signs: np.ndarray | None = None) -> np.ndarray:
    """Return the transforms of consecutive blocks of the last axis: a packet's results, int64.

    Parameters
    ----------
    x : integer array, shape (..., a multiple of ``samples``)
    samples : int
        N of each block, a power of two.
    order : str
        Of the results.
    signs : integer array, optional
        1 where a sample is negated first. It starts over where a packet is longer.
    """
    x = np.asarray(x, np.int64)
    if signs is not None:
        x = np.where(np.resize(signs, x.shape[-1]) != 0, -x, x)
    y = fwht(x.reshape(*x.shape[:-1], -1, samples))
    return y[..., natural_rows(samples, order)].reshape(x.shape)


def _reversed_bits(values: np.ndarray, bits: int) -> np.ndarray:
    result = np.zeros_like(values)
    for bit in range(bits):
        result |= (values >> bit & 1) << bits - 1 - bit
    return result


def natural_rows(samples: int, order: str) -> np.ndarray:
    """Return the natural row that is each row of an order: int64 array."""
    rows = np.arange(samples)
    if order == "natural":
        return rows
    return _reversed_bits(rows ^ rows >> 1 if order == "sequency" else rows,
                          samples.bit_length() - 1)


def order_index(samples: int, order: str) -> np.ndarray:
    """Return the place in an order of each natural row: int64 array.

    It is linear over exclusive or: ``order_index[a ^ b] == order_index[a] ^ order_index[b]``. So
    the place of a beat's first row is enough to know those of its other rows.
    """
    return np.argsort(natural_rows(samples, order))


def lfsr_signs(seed: int, count: int) -> np.ndarray:
    """Return pseudo-random signs, 1 for minus: uint8 array.

    A Fibonacci linear feedback shift register: the first 32 are the bits of the seed, lowest first,
    and ``s[t + 32] = s[t] ^ s[t + 1] ^ s[t + 2] ^ s[t + 22]``. The period is 2**32 - 1.

    Parameters
    ----------
    seed : int
        1 to 2**32 - 1.
    count : int

    Raises
    ------
    UserError
        If the seed is none of these.
    """
    _check_integer("seed", seed)
    if not 0 < seed < 1 << LFSR_BITS:
        raise UserError(f"seed must be between 1 and 2**{LFSR_BITS} - 1, not {seed}")
    signs = [seed >> bit & 1 for bit in range(LFSR_BITS)]
    while len(signs) < count:
        signs.append(lfsr_next(signs[-LFSR_BITS:]))
    return np.array(signs[:count], np.uint8)


def lfsr_next(state: list[Any]) -> Any:
    """Return the bit behind the 32 of ``state``, oldest first: integers or anything with ``^``."""
    first, *others = (state[tap] for tap in _LFSR_TAPS)
    for bit in others:
        first = first ^ bit
    return first
