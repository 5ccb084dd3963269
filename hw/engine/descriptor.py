# SPDX-License-Identifier: Apache-2.0
"""The descriptor as the hardware sees it, and the checks before it runs."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.descriptor import Element, Opcode, Refusal
from ...golden.table import columns_per_beat, max_columns

__all__ = ["DescriptorCheck", "descriptor_layout"]

#: Bits as in :class:`luthier.golden.descriptor.Descriptor`.
descriptor_layout = data.StructLayout({
    "opcode": 8,
    "trits": 1,
    "options": 3,
    "reserved_flags": 4,
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
    "multiplier": 16,
    "output_shift": 8,
    "reserved": 104,
})


class DescriptorCheck(wiring.Component):
    """Test a descriptor as :func:`luthier.golden.descriptor.refusal` does.

    Latency: 2 cycles if a field is wrong; else 9 to 45 and a cycle for each column tile, because
    the products in the addresses are computed bit by bit.

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
    refusal : ``Out(8)``
        A :class:`Refusal`.
    beats : ``Out(32)``
        Words of the weights.
    """

    def __init__(self, config: Configuration):
        self._config = config
        super().__init__({
            "start": In(1),
            "descriptor": In(descriptor_layout),
            "done": Out(1),
            "refusal": Out(8),
            "beats": Out(32),
        })

    def _fields(self, m) -> Value:
        """Return the refusal for what can be seen from single fields."""
        config, d = self._config, self.descriptor
        narrow = [max_columns(config, planes=planes) for planes in range(9)[1:]]
        limit = Signal(range(config.table.max_columns + 1))
        with m.Switch(d.planes_stored):
            for planes, columns in enumerate(narrow, start=1):
                with m.Case(planes):
                    m.d.comb += limit.eq(columns)
        source_type = Element.INT8 if config.activation_bytes == 1 else Element.INT16
        unsupported = (
            d.options.any() | d.wait.any() | d.release.any() | d.scales.any() | d.group.any()
            | d.multiplier.any() | d.output_shift.any() | (d.planes_used != d.planes_stored)
            | (d.source_type != source_type) | (d.destination_type != Element.INT32)
            | (d.source_stride != 1) | (d.destination_stride != 1))
        shape = ((d.rows == 0) | (d.rows > config.table.max_rows) | (d.columns == 0)
                 | (d.columns > config.table.max_columns) | (d.tokens == 0))
        planes = ((d.planes_stored == 0) | (d.planes_stored > 8)
                  | (d.trits & (d.planes_stored != 1)))
        code = Signal(8)
        with m.If(d.opcode == Opcode.NOP):
            m.d.comb += code.eq(Mux(Value.cast(d)[8:].any(), Refusal.RESERVED, Refusal.NONE))
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

    def elaborate(self, platform):
        m = Module()
        config, d = self._config, self.descriptor
        code = self._fields(m)
        # One product at a time: total += multiplicand << i for each bit i of the multiplier.
        multiplicand = Signal(48)
        multiplier = Signal(16)
        total = Signal(49)
        columns_left = Signal(32)
        per_tile = Mux(d.trits, columns_per_beat(config, True), columns_per_beat(config, False))
        source_words = (d.columns[:17] + config.activations_per_word - 1) >> (
            config.activations_per_word.bit_length() - 1)
        result_words = (d.rows[:17] + config.results_per_word - 1) >> (
            config.results_per_word.bit_length() - 1)
        # The last token's offset comes from the product; the vector behind it is added here.
        ends = [
            ("SOURCE", "DESTINATION", d.source + source_words, config.scratchpad.words),
            ("DESTINATION", "WEIGHTS", d.destination + result_words, config.scratchpad.words),
        ]

        def multiply(a, b):
            m.d.sync += [multiplicand.eq(a), multiplier.eq(b), total.eq(0)]

        def proceed():
            m.d.sync += [multiplicand.eq(multiplicand << 1), multiplier.eq(multiplier >> 1)]
            with m.If(multiplier[0]):
                m.d.sync += total.eq(total + multiplicand)

        m.d.sync += self.done.eq(0)
        with m.FSM(name="state"):
            with m.State("IDLE"):
                with m.If(self.start):
                    m.next = "FIELDS"
            with m.State("FIELDS"):
                m.d.sync += self.refusal.eq(code)
                with m.If((code != Refusal.NONE) | (d.opcode == Opcode.NOP)):
                    m.d.sync += self.done.eq(1)
                    m.next = "IDLE"
                with m.Else():
                    multiply(d.source_step, d.tokens - 1)
                    m.next = "SOURCE"
            for name, following, end, words in ends:
                with m.State(name):
                    proceed()
                    with m.If(multiplier == 0):
                        with m.If(total + end > words):
                            m.d.sync += self.refusal.eq(Refusal.ADDRESS)
                        if name == "SOURCE":
                            multiply(d.destination_step, d.tokens - 1)
                        else:
                            multiply(d.rows, d.planes_stored)
                            m.d.sync += columns_left.eq(d.columns)
                        m.next = following
            with m.State("WEIGHTS"):
                proceed()
                with m.If(multiplier == 0):
                    m.d.sync += [
                        multiplicand.eq(total),
                        multiplier.eq(0),
                        total.eq(0),
                    ]
                    m.next = "TILES"
            with m.State("TILES"):
                m.d.sync += [
                    total.eq(total + multiplicand),
                    columns_left.eq(columns_left - per_tile),
                ]
                with m.If(columns_left <= per_tile):
                    m.next = "LIMIT"
            with m.State("LIMIT"):
                m.d.sync += [self.beats.eq(total), self.done.eq(1)]
                with m.If(total + d.weights > config.memory.words):
                    m.d.sync += self.refusal.eq(Refusal.ADDRESS)
                m.next = "IDLE"
        return m
