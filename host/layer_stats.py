# SPDX-License-Identifier: Apache-2.0
"""What the calls of a layer took."""

from collections.abc import Callable

from ..golden.protocol import Report
from .results import LayerStats
from .waiting import add_reports

__all__ = ["layer_stats"]


def layer_stats(reports: list[Report], efficiency: Callable[[int], float], *, tokens: int,
                declared_cycles: int, link_bytes: int) -> LayerStats:
    """Return the figures of a call, given the reports of its runs and the efficiency by cycles."""
    total = add_reports(reports)
    return LayerStats(
        tokens=tokens, cycles=total.cycles, declared_cycles=declared_cycles, runs=len(reports),
        beats=total.busy, efficiency=efficiency(total.cycles),
        starved=total.starved, blocked=total.blocked, saturations=total.saturations,
        link_bytes=link_bytes, report=total)
