# SPDX-License-Identifier: Apache-2.0
"""What is wrong with single fields of a descriptor."""

from amaranth import *

from ...golden.config import Configuration
from ...golden.descriptor import LARGEST_SHIFT, Element, Opcode, Refusal
from ...golden.table import columns_per_beat, max_columns
from ..table.commands import most_groups

__all__ = ["field_refusal"]


def field_refusal(m, config: Configuration, d, *, checking: Value, groups: Signal,
                  others: list) -> Signal:
    """Return the refusal for what can be seen from single fields, while ``checking``.

    Parameters
    ----------
    m : Module
    config : Configuration
    d : View of descriptor_layout
    checking : Value
        As a condition, it spares a simulator all of this in other cycles.
    groups : Signal
        Is set to the logarithm of the groups of a tile.
    others : list of tuple of Value
        Whether it is for another unit, and the refusal then.
    """
    narrow = [max_columns(config, planes=planes) for planes in range(9)[1:]]
    limit = Signal(range(config.table.max_columns + 1))
    with m.Switch(d.planes_stored):
        for planes, columns in enumerate(narrow, start=1):
            with m.Case(planes):
                m.d.comb += limit.eq(columns)
    unsupported = _unsupported(m, config, d, groups)
    shape = ((d.rows == 0) | (d.rows > config.table.max_rows) | (d.columns == 0)
             | (d.columns > config.table.max_columns) | (d.tokens == 0))
    planes = ((d.planes_stored == 0) | (d.planes_stored > 8) | (d.planes_used == 0)
              | (d.planes_used > d.planes_stored) | (d.trits & (d.planes_stored != 1)))
    code = Signal(range(max(Refusal) + 1), name="code")
    with m.If(~checking):
        m.d.comb += code.eq(Refusal.NONE)
    with m.Elif(d.opcode == Opcode.NOP):
        rest = Value.cast(d)[8:16].any() | Value.cast(d)[32:].any()
        m.d.comb += code.eq(Mux(rest, Refusal.RESERVED, Refusal.NONE))
    for mine, refusal in others:
        with m.Elif(mine):
            m.d.comb += code.eq(refusal)
    with m.Elif(d.opcode != Opcode.TABLE):
        m.d.comb += code.eq(Refusal.OPCODE)
    with m.Elif(d.reserved_flags.any() | d.reserved.any()):
        m.d.comb += code.eq(Refusal.RESERVED)
    with m.Elif(unsupported):
        m.d.comb += code.eq(Refusal.UNSUPPORTED)
    with m.Elif(shape):
        m.d.comb += code.eq(Refusal.SHAPE)
    with m.Elif(planes):
        m.d.comb += code.eq(Refusal.PLANES)
    with m.Elif(d.columns > limit):
        m.d.comb += code.eq(Refusal.RANGE)
    return code


def _unsupported(m, config: Configuration, d, groups: Signal) -> Value:
    """Return whether single fields ask for what the device does not have."""
    t = config.table
    source_type = Element.INT8 if config.activation_bytes == 1 else Element.INT16
    wrong = Signal()
    with m.If((d.source_type != source_type) | (d.source_stride != 1)
              | (d.destination_stride != 1)):
        m.d.comb += wrong.eq(1)
    if not t.planes or not t.trits:
        with m.If(d.trits != t.trits):
            m.d.comb += wrong.eq(1)
    with m.If(~d.saturate):
        with m.If(d.scaled | d.accumulate | d.offsets | d.multiplier.any()
                  | d.output_shift.any() | (d.destination_type != Element.INT32)):
            m.d.comb += wrong.eq(1)
    with m.Elif((d.destination_type > Element.INT32) | (d.output_shift > LARGEST_SHIFT)
                | Const(not t.scaled)):
        m.d.comb += wrong.eq(1)
    with m.If(~d.scaled):
        with m.If(d.scales.any() | d.group.any() | d.offsets
                  | (Const(not t.records) & (d.planes_used != d.planes_stored))):
            m.d.comb += wrong.eq(1)
    if not t.records:
        with m.If(d.scaled):
            m.d.comb += wrong.eq(1)
    known = Signal()  # a group that there is
    with m.If(d.group == 0):
        m.d.comb += known.eq(1)
    with m.Elif(d.trits):
        m.d.comb += known.eq(d.group == columns_per_beat(config, True))
    with m.Else():
        for log2_groups in range(most_groups(config).bit_length()):
            with m.If(d.group == t.beat_bits >> log2_groups):
                m.d.comb += [known.eq(1), groups.eq(log2_groups)]
    with m.If(d.scaled & ~known):
        m.d.comb += wrong.eq(1)
    return wrong
