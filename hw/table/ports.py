# SPDX-License-Identifier: Apache-2.0
"""The ports that every table unit has."""

from typing import Any

from amaranth import *
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from .commands import table_command
from .stage import result_layout

__all__ = ["results_layout", "unit_ports"]


def results_layout(config: Configuration) -> data.Layout:
    """Return the layout of results: one, or one of each token, which all have the same ``last``."""
    count = config.table.results_at_once
    return data.ArrayLayout(result_layout, count) if count > 1 else result_layout


def unit_ports(config: Configuration) -> dict[str, Any]:
    """Return the members that the engine connects; see :class:`~.unit.TableUnit`."""
    t = config.table
    return {
        "command": In(stream.Signature(table_command(config))),
        "activations": In(stream.Signature(data.ArrayLayout(
            signed(t.activation_bits), t.words_at_once * config.activations_per_word))),
        "weights": In(stream.Signature(t.beat_bits)),
        "results": Out(stream.Signature(results_layout(config))),
        "busy": Out(1),
        "starved": Out(1),
        "blocked": Out(1),
    }
