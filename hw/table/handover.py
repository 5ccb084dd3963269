# SPDX-License-Identifier: Apache-2.0
"""How builders hand over their tables: ports, and the count of the two banks."""

from typing import Any

from amaranth import *
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.table import entry_width
from .commands import entry_bits, tile_layout, walk_command
from .programs import builder_lanes

__all__ = ["builder_ports", "offer_tiles", "written"]


def written(config: Configuration, flow) -> dict[str, Any]:
    """Return the members that say where a builder's words go: strobes, turn and entry.

    A strobe for each turn, but where tables are deep: their block RAM compares the turn itself.
    """
    turns = 2 * config.table.rounds
    return ({"write": flow(1), "turn": flow(range(turns))} if config.table.deep else
            {"write": flow(turns)}) | {"address": flow(entry_bits(config, 0))}


def builder_ports(config: Configuration) -> dict[str, Any]:
    """Return the members of :class:`~.builder.TableBuilder`."""
    t = config.table
    return written(config, Out) | {
        "command": In(stream.Signature(walk_command(config))),
        "activations": In(stream.Signature(
            data.ArrayLayout(signed(t.activation_bits), config.activations_per_word))),
        "tile": Out(stream.Signature(tile_layout(config))),
        "release": In(1),
        "bank": Out(1),
        "entry": Out(signed(t.tokens * entry_width(config))).array(len(builder_lanes(config))),
    }


def offer_tiles(m, builder, done, delay: int):
    """Count the banks in use, and offer a tile so many cycles after it is done, and one.

    Returns
    -------
    bank, full, offered : Signal
        The bank to be filled; all are in use; a tile is still to be taken.
    """
    bank, full, offered = Signal(name="bank"), Signal(name="full"), Signal(name="offered")
    some = Signal()  # one bank is in use, or both
    coming = done
    for cycle in range(delay):
        following = Signal(name=f"coming_{cycle}")
        m.d.sync += following.eq(coming)
        coming = following
    taken = builder.tile.valid & builder.tile.ready
    m.d.sync += [
        builder.tile.valid.eq(coming | (builder.tile.valid & ~builder.tile.ready)),
        offered.eq(done | (offered & ~taken)),
        bank.eq(bank ^ done),
    ]
    # One more where only the first is set, one less where only the second; as gates, of which one
    # LUT each is made.
    more, less = done & ~builder.release, builder.release & ~done
    m.d.sync += [
        some.eq(more | (less & full) | (some & ~less)),
        full.eq((more & some) | (full & ~less)),
    ]
    if builder.config.table.banks == 1:
        return Const(0, 1), some, offered
    return bank, full, offered
