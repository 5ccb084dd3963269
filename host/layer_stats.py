# SPDX-License-Identifier: Apache-2.0
"""What the calls of a layer took."""

import numpy as np

from ..golden.config import Configuration
from ..golden.losses import efficiency
from ..golden.protocol import Report
from .results import LayerStats
from .waiting import add_reports
from .weights import Weights

__all__ = ["layer_stats"]


def layer_stats(config: Configuration, weights: Weights, reports: list[Report], *, tokens: int,
                planes: int | None, declared_cycles: int, link_bytes: int) -> LayerStats:
    """Return the figures of a call, given the reports of its runs."""
    total = add_reports(reports)
    used = np.minimum(weights.row_planes, planes or weights.planes)
    work = int(used.sum()) * weights.shape[1] * tokens
    return LayerStats(
        tokens=tokens, cycles=total.cycles, declared_cycles=declared_cycles, runs=len(reports),
        beats=total.busy, efficiency=efficiency(
            config, weights=work, cycles=total.cycles, trits=weights.trits),
        starved=total.starved, blocked=total.blocked, saturations=total.saturations,
        link_bytes=link_bytes, report=total)
