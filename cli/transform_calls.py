# SPDX-License-Identifier: Apache-2.0
"""Random transforms and quantisers for ``luthier check``."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..golden.config import Configuration
from ..golden.quantiser import SMALLEST_GROUP

if TYPE_CHECKING:
    from ..host import Device, TransformStats

__all__ = ["TransformCall", "random_transform_call"]

#: Samples of one call, about, which keeps a simulated board quick.
_MOST_SAMPLES = 8192


@dataclass(frozen=True)
class TransformCall:
    """A call of ``device.hadamard``, or of ``device.quantise``.

    Attributes
    ----------
    x : int64 array, shape (tokens, columns)
    block : int or None
        Size of the transforms; None without any.
    quantiser : dict or None
        Arguments of the quantiser; None for the sums.
    """

    x: np.ndarray
    block: int | None
    quantiser: dict[str, Any] | None

    def __str__(self) -> str:
        tokens, columns = self.x.shape
        what = "quantise" if self.block is None else f"hadamard of {self.block}"
        options = "".join(f", {key} {value}" for key, value in (self.quantiser or {}).items())
        return f"{what}, {columns} samples, {tokens} tokens{options}"

    def run(self, device: "Device") -> "TransformStats":
        """Make the call; every result is compared with the golden model's.

        Raises
        ------
        ResultMismatch
            If one is wrong.
        """
        before, device.check = device.check, "all"
        try:
            if self.quantiser is None:
                device.hadamard(self.x, self.block)
            else:
                device.quantise(self.x, hadamard=self.block or False, **self.quantiser)
        finally:
            device.check = before
        assert device.transform_stats is not None
        return device.transform_stats


def random_transform_call(config: Configuration, seed: int, index: int) -> TransformCall:
    """Return call ``index`` of the sequence that ``seed`` starts; each can be had alone."""
    transform = config.transform
    assert transform is not None
    rng = np.random.default_rng([seed, index])
    block, quantiser, width = None, None, transform.width
    kind = rng.integers(3)
    columns = int(np.exp(rng.uniform(0, np.log(_MOST_SAMPLES))))
    if kind > 0:
        columns, block = _size(config, rng)
    if kind < 2:
        quantiser = {"bits": int(rng.integers(2, transform.bits + 1)), "mode": str(rng.choice(
            ["symmetric", "asymmetric", "power", "static"])), "rounding": str(rng.choice(
                ["half-even", "half-away"]))}
        if block is None:
            width = transform.quantiser.width
        if quantiser["mode"] == "static":
            quantiser["scale"] = float(2.0 ** rng.uniform(0, width))
        elif columns > transform.group or rng.random() < 0.6:
            quantiser["group"] = 1 << int(rng.integers(
                SMALLEST_GROUP.bit_length() - 1, transform.group.bit_length()))
    tokens = max(1, min(int(rng.integers(1, 6)), _MOST_SAMPLES // columns))
    half = 1 << width - 1
    match rng.integers(4):
        case 0:
            x = rng.choice([-half, half - 1], (tokens, columns))
        case 1:
            x = np.full((tokens, columns), int(rng.choice([-half, half - 1, 0])))
        case _:
            x = rng.integers(-half, half, (tokens, columns)) >> int(rng.integers(width))
    return TransformCall(x, block, quantiser)


def _size(config: Configuration, rng: np.random.Generator) -> tuple[int, int]:
    """Return the size of a vector and of its transforms."""
    transform = config.transform
    assert transform is not None
    if transform.order > 1 and rng.random() < 0.4:
        size = transform.order << int(rng.integers(
            transform.order_lanes.bit_length() - 1, transform.largest_m + 1))
        return size, size
    block = 1 << int(rng.integers(transform.samples.bit_length()))
    return block * int(rng.integers(1, 1 + max(1, min(9, _MOST_SAMPLES // block)))), block
