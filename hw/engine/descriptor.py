# SPDX-License-Identifier: Apache-2.0
"""The descriptor as the hardware sees it, and the checks before it runs."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.descriptor import LARGEST_SHIFT, Element, Opcode, Refusal
from ...golden.shared import TRIT_PLANES
from ...golden.table import columns_per_beat, max_columns
from ...golden.weights import STRIP_ROWS
from ..table.commands import full_strip_words, most_groups

__all__ = ["DescriptorCheck", "descriptor_layout"]

#: Bits as in :class:`luthier.golden.descriptor.Descriptor`.
descriptor_layout = data.StructLayout({
    "opcode": 8,
    "trits": 1,
    "scaled": 1,
    "saturate": 1,
    "accumulate": 1,
    "offsets": 1,
    "reserved_flags": 3,
    "wait": 8,
    "release": 8,
    "source": 32,
    "destination": 32,
    "weights": 32,
    "scales": 32,
    "rows": 32,
    "columns": 32,
    "group": 16,
    "planes_stored": 8,
    "planes_used": 8,
    "source_type": 8,
    "destination_type": 8,
    "tokens": 16,
    "source_step": 32,
    "destination_step": 32,
    "source_stride": 16,
    "destination_stride": 16,
    "multiplier": signed(16),
    "output_shift": 8,
    "reserved": 104,
})


class DescriptorCheck(wiring.Component):
    """Test a descriptor as :func:`luthier.golden.descriptor.refusal` does.

    Latency: 2 cycles if a field is wrong; else 9 to 45 and a cycle for each column tile, because
    the products in the addresses are computed bit by bit; with scale records up to 15 cycles and
    again one for each tile. Rows that share tables: up to 16 cycles for all tiles.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    start : ``In(1)``
        Begin; ``descriptor`` holds until ``done``.
    descriptor : ``In(descriptor_layout)``
    done : ``Out(1)``
        The outputs below are valid in this cycle and until the next start.
    refusal : ``Out(Refusal)``
    beats : ``Out(range(memory.words + 1))``
        Words of the weights.
    groups : ``Out``
        Logarithm of the groups of a tile.
    """

    def __init__(self, config: Configuration):
        self._config = config
        super().__init__({
            "start": In(1),
            "descriptor": In(descriptor_layout),
            "done": Out(1),
            "refusal": Out(range(max(Refusal) + 1)),
            "beats": Out(range(config.memory.words + 1)),
            "groups": Out(range(max(2, most_groups(config).bit_length()))),
        })

    def _fields(self, m, checking) -> Value:
        """Return the refusal for what can be seen from single fields, while ``checking``."""
        config, d = self._config, self.descriptor
        narrow = [max_columns(config, planes=planes) for planes in range(9)[1:]]
        limit = Signal(range(config.table.max_columns + 1))
        with m.Switch(d.planes_stored):
            for planes, columns in enumerate(narrow, start=1):
                with m.Case(planes):
                    m.d.comb += limit.eq(columns)
        unsupported = self._unsupported(m)
        shape = ((d.rows == 0) | (d.rows > config.table.max_rows) | (d.columns == 0)
                 | (d.columns > config.table.max_columns) | (d.tokens == 0))
        planes = ((d.planes_stored == 0) | (d.planes_stored > 8) | (d.planes_used == 0)
                  | (d.planes_used > d.planes_stored) | (d.trits & (d.planes_stored != 1)))
        code = Signal.like(self.refusal)
        with m.If(~checking):
            m.d.comb += code.eq(Refusal.NONE)
        with m.Elif(d.opcode == Opcode.NOP):
            rest = Value.cast(d)[8:16].any() | Value.cast(d)[32:].any()
            m.d.comb += code.eq(Mux(rest, Refusal.RESERVED, Refusal.NONE))
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

    def _unsupported(self, m) -> Value:
        """Return whether single fields ask for what the device does not have."""
        config, d, t = self._config, self.descriptor, self._config.table
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
            for groups in range(most_groups(config).bit_length()):
                with m.If(d.group == t.beat_bits >> groups):
                    m.d.comb += [known.eq(1), self.groups.eq(groups)]
        with m.If(d.scaled & ~known):
            m.d.comb += wrong.eq(1)
        return wrong

    def elaborate(self, platform):
        m = Module()
        config, d = self._config, self.descriptor
        checking = Signal()  # as a condition, it spares a simulator all of this in other cycles
        code = self._fields(m, checking)
        # One product at a time: total += multiplicand << i for each bit i of the multiplier. Both
        # hold the limits of addresses; the bit above says that the number is larger.
        bits = max(config.scratchpad.words, config.memory.words).bit_length()
        multiplicand = Signal(bits + 1)
        total = Signal(bits + 1)
        multiplier = Signal(16)
        # What has not been refused needs no more bits than these.
        rows = d.rows[: config.table.max_rows.bit_length()]
        columns = d.columns[: config.table.max_columns.bit_length()]
        columns_left = Signal.like(columns)
        per_tile = Mux(d.trits, columns_per_beat(config, True), columns_per_beat(config, False))
        source_words = (columns + config.activations_per_word - 1) >> (
            config.activations_per_word.bit_length() - 1)
        result_words = Signal(range(config.table.max_rows + 1))
        with m.Switch(d.destination_type):
            for element in Element:
                per_word = config.word_bytes // element.bytes
                with m.Case(element):
                    m.d.comb += result_words.eq(
                        (rows + per_word - 1) >> (per_word.bit_length() - 1))
        # Beats: of rows and planes, or of blocks of rows that share tables, for each tile.
        counted, planes, tiles, shared = rows, d.planes_stored[:4], 0, config.table.shared
        if shared is not None:
            counted = (rows + shared.rows - 1) >> (shared.rows.bit_length() - 1)
            planes = Mux(d.trits, TRIT_PLANES, planes)
            tiles = (columns + shared.k - 1) >> (shared.k.bit_length() - 1)
        strip_words = full_strip_words(m, config, "strip_words", self.groups, d.offsets)
        # The last token's offset comes from the product; the vector behind it is added here.
        source_end, destination_end = (
            Signal(range(config.scratchpad.words + 1), name=name)
            for name in ("source_end", "destination_end"))
        ends = [
            ("SOURCE", "DESTINATION", source_end, d.source + source_words),
            ("DESTINATION", "WEIGHTS", destination_end, d.destination + result_words),
        ]

        def clipped(value):
            return Cat(value[:bits], value[bits:].any())

        def multiply(a, b):
            m.d.sync += [multiplicand.eq(clipped(a)), multiplier.eq(b), total.eq(0)]

        def proceed():
            m.d.sync += [
                multiplicand.eq(clipped(multiplicand << 1)),
                multiplier.eq(multiplier >> 1),
            ]
            with m.If(multiplier[0]):
                m.d.sync += total.eq(clipped(total + multiplicand))

        def refuse(condition, refusal):
            with m.If(condition):
                m.d.sync += self.refusal.eq(refusal)

        m.d.sync += self.done.eq(0)
        with m.FSM(name="state"):
            with m.State("IDLE"):
                with m.If(self.start):
                    m.next = "FIELDS"
            with m.State("FIELDS"):
                m.d.comb += checking.eq(1)
                m.d.sync += self.refusal.eq(code)
                with m.If((code != Refusal.NONE) | (d.opcode == Opcode.NOP)):
                    m.d.sync += self.done.eq(1)
                    m.next = "IDLE"
                with m.Else():
                    multiply(d.source_step, d.tokens - 1)
                    m.next = "SOURCE"
            for name, following, end, sum_ in ends:
                with m.State(name):
                    proceed()
                    with m.If(multiplier == 0):
                        m.d.sync += end.eq(total + sum_)
                        refuse(total + sum_ > config.scratchpad.words, Refusal.ADDRESS)
                        if name == "SOURCE":
                            multiply(d.destination_step, d.tokens - 1)
                        else:
                            multiply(counted, planes)
                        m.next = following
            with m.State("WEIGHTS"):
                proceed()
                with m.If(multiplier == 0):
                    m.d.sync += columns_left.eq(columns)
                    multiply(total, tiles)
                    m.next = "WEIGHT TILES"
            with m.State("WEIGHT TILES"):
                if shared is not None:
                    proceed()
                    with m.If(multiplier == 0):
                        m.next = "LIMIT"
                else:
                    m.d.sync += [
                        total.eq(clipped(total + multiplicand)),
                        columns_left.eq(columns_left - per_tile),
                    ]
                    with m.If(columns_left <= per_tile):
                        m.next = "LIMIT"
            with m.State("LIMIT"):
                m.d.sync += self.beats.eq(total)
                refuse(total + d.weights > config.memory.words, Refusal.ADDRESS)
                m.next = "OVERLAP"
                if config.table.records:
                    with m.If(d.scaled):
                        multiply(strip_words, (rows + STRIP_ROWS - 1) >> 4)
                        m.next = "SCALES"
            if config.table.records:
                with m.State("SCALES"):
                    proceed()
                    with m.If(multiplier == 0):
                        m.d.sync += [
                            multiplicand.eq(total),
                            total.eq(0),
                            columns_left.eq(Mux(d.group == 0, 0, columns)),
                        ]
                        m.next = "SCALE TILES"
                with m.State("SCALE TILES"):
                    m.d.sync += [
                        total.eq(clipped(total + multiplicand)),
                        columns_left.eq(columns_left - per_tile),
                    ]
                    with m.If(columns_left <= per_tile):
                        m.next = "SCALE LIMIT"
                with m.State("SCALE LIMIT"):
                    refuse(total + d.scales > config.memory.words, Refusal.ADDRESS)
                    m.next = "OVERLAP"
            with m.State("OVERLAP"):
                m.d.sync += self.done.eq(1)
                overlap = (d.source < destination_end) & (d.destination < source_end)
                added = ((d.accumulate | Const(config.table.tokens > 1)) & (d.tokens != 1)
                         & (d.destination_step < result_words))
                refuse((self.refusal == Refusal.NONE) & (overlap | added), Refusal.OVERLAP)
                m.next = "IDLE"
        return m
