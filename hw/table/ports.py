# SPDX-License-Identifier: Apache-2.0
"""The ports that every table unit has."""

from typing import Any

from amaranth import *
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from .commands import table_command
from .stage import result_layout

__all__ = ["unit_ports"]


def unit_ports(config: Configuration) -> dict[str, Any]:
    """Return the members that the engine connects; see :class:`~.unit.TableUnit`."""
    t = config.table
    return {
        "command": In(stream.Signature(table_command(config))),
        "activations": In(stream.Signature(data.ArrayLayout(
            signed(t.activation_bits), t.tokens * config.activations_per_word))),
        "weights": In(stream.Signature(t.beat_bits)),
        "results": Out(stream.Signature(result_layout)),
        "busy": Out(1),
        "starved": Out(1),
        "blocked": Out(1),
    }
