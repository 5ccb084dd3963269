# SPDX-License-Identifier: Apache-2.0
"""Registers that ``short_paths`` cuts paths by: the cycles an operation takes more."""

from .config import Configuration

__all__ = ["request_cut", "stage_cut", "write_cut"]


def request_cut(config: Configuration) -> int:
    """Return the cycles of a request for weights: it waits in a register."""
    return 1 if config.short_paths else 0


def stage_cut(config: Configuration) -> int:
    """Return the cycles of the output stage: halves of a product are put together, rounding."""
    return 2 if config.short_paths else 0


def write_cut(config: Configuration) -> int:
    """Return the cycles of a result: what is in its place is read, chosen, added, saturated."""
    return 4 if config.short_paths else 0
