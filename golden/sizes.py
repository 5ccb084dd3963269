# SPDX-License-Identifier: Apache-2.0
"""Sizes that are powers of two."""

__all__ = ["is_power", "nearest_power"]


def is_power(value: int, least: int, most: int) -> bool:
    """Return whether ``value`` is a power of two from ``least`` to ``most``."""
    return least <= value <= most and not value & (value - 1)


def nearest_power(value: int, least: int, most: int) -> int:
    """Return the power of two from ``least`` to ``most`` that is nearest; of two, the smaller."""
    powers = [1 << bit for bit in range(most.bit_length()) if 1 << bit >= least]
    return min(powers, key=lambda power: abs(power - value))
