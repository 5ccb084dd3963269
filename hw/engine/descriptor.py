# SPDX-License-Identifier: Apache-2.0
"""The checks of a descriptor before it runs."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.descriptor import Element, Opcode, Refusal
from ...golden.places import MOST_SAMPLES
from ...golden.shared import TRIT_PLANES
from ...golden.table import columns_per_beat
from ...golden.weights import STRIP_ROWS
from ..table.commands import full_strip_words, most_groups
from .fields import field_refusal
from .layouts import descriptor_layout, vectors_layout
from .sparse.fields import SparseFields
from .transform_fields import TransformFields
from .vector_fields import VectorFields

__all__ = ["DescriptorCheck"]

class DescriptorCheck(wiring.Component):
    """Test a descriptor as :func:`luthier.golden.descriptor.refusal` does.

    Latency: 3 cycles if a field is wrong; else 10 to 46 and a cycle for each column tile, because
    the products in the addresses are computed bit by bit; with scale records up to 15 cycles and
    again one for each tile. Rows that share tables: up to 16 cycles for all tiles. Operations on
    vectors have no weights: three products, of up to 16 cycles each.

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
    words : ``Out(range(memory.words + 1))``
        Words of sparse weights, without their index.
    """

    def __init__(self, config: Configuration):
        self._config = config
        self._others = {}
        if config.transform is not None:
            self._others["transform"] = TransformFields(config)
        if config.vector is not None:
            self._others["vector"] = VectorFields(config)
        self._sparse = None if config.sparse is None else SparseFields(config)
        super().__init__({
            "start": In(1),
            "descriptor": In(descriptor_layout),
            "done": Out(1),
            "refusal": Out(range(max(Refusal) + 1)),
            "beats": Out(range(config.memory.words + 1)),
            "groups": Out(range(max(2, most_groups(config).bit_length()))),
            "words": Out(range(config.memory.words + 1)),
        })

    @property
    def sparse(self) -> SparseFields | None:
        """What the sparse chain makes of the descriptor, where there is one."""
        return self._sparse

    @property
    def others(self) -> dict[str, TransformFields | VectorFields]:
        """What units besides the tables make of the descriptor."""
        return self._others

    def elaborate(self, platform):
        m = Module()
        config, d, others = self._config, self.descriptor, list(self._others.values())
        checking = Signal()
        places = Signal(vectors_layout)  # of another unit, if the operation is for one
        for name, fields in self._others.items():
            m.submodules[name] = fields
            m.d.comb += fields.descriptor.eq(d)
            with m.If(fields.places.mine):
                m.d.comb += places.eq(fields.places)
        elsewhere = [(fields.places.mine, fields.refusal) for fields in others]
        if (sparse := self._sparse) is not None:
            m.submodules.sparse = sparse
            m.d.comb += [sparse.descriptor.eq(d), sparse.words.eq(self.words)]
            elsewhere.append((sparse.mine, sparse.refusal))
        code = field_refusal(m, config, d, checking=checking, groups=self.groups, others=elsewhere)
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
        source_words, result_words = self._vectors(m, rows, columns, places)
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
        # Known long before they are needed.
        first_ends = [Signal(33, name=f"first_{name}", reset_less=True)
                      for name in ("source_end", "destination_end")]
        m.d.sync += [first_ends[0].eq(d.source + source_words),
                     first_ends[1].eq(d.destination + result_words)]
        ends = [
            ("SOURCE", "DESTINATION", source_end, first_ends[0]),
            ("DESTINATION", "WEIGHTS", destination_end, first_ends[1]),
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
                m.next = "FIELDS CHECKED"
            with m.State("FIELDS CHECKED"):
                with m.If((self.refusal != Refusal.NONE) | (d.opcode == Opcode.NOP)):
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
                        m.next = following
                        if name == "SOURCE":
                            multiply(d.destination_step, d.tokens - 1)
                        else:
                            multiply(counted, planes)
                            if sparse is not None:
                                with m.If(sparse.mine):
                                    multiply(sparse.groups, sparse.span)
                            if others:
                                with m.If(places.mine):
                                    multiply(Mux(places.stepped, d.destination_step, places.each),
                                             Mux(places.stepped, d.tokens - 1, d.tokens))
                                    m.next = "THIRD"
            with m.State("WEIGHTS"):
                proceed()
                with m.If(multiplier == 0):
                    m.d.sync += columns_left.eq(columns)
                    multiply(total, tiles)
                    m.next = "WEIGHT TILES"
                    if sparse is not None:
                        with m.If(sparse.mine):
                            multiply(total, sparse.blocks)
                            m.next = "SPARSE WORDS"
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
            if sparse is not None:
                with m.State("SPARSE WORDS"):
                    proceed()
                    with m.If(multiplier == 0):
                        m.d.sync += self.words.eq(total)  # or too many, which total still says
                        m.next = "SPARSE INDEX"
                with m.State("SPARSE INDEX"):
                    m.d.sync += total.eq(clipped(total + sparse.index))
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
            third_end = Signal.like(source_end, name="third_end")
            if others:
                with m.State("THIRD"):
                    proceed()
                    with m.If(multiplier == 0):
                        end = total + d.scales + places.behind
                        m.d.sync += third_end.eq(end)
                        refuse(places.third & (end > config.scratchpad.words), Refusal.ADDRESS)
                        m.next = "OVERLAP"
            with m.State("OVERLAP"):
                m.d.sync += self.done.eq(1)
                overlap = (d.source < destination_end) & (d.destination < source_end)
                always = 0 if sparse is None else sparse.mine
                if others:
                    always |= places.mine
                    same = (places.in_place & (d.source == d.destination)
                            & (d.source_type == d.destination_type)
                            & ((d.tokens == 1) | (d.source_step == d.destination_step)))
                    with_source = (d.scales < source_end) & (d.source < third_end)
                    with_results = ((d.scales < destination_end) & (d.destination < third_end)
                                    & ~(places.onto & (d.scales == d.destination)))
                    overlap = (overlap & ~same) | (
                        places.third & (with_results | (places.apart & with_source)))
                added = ((d.accumulate | always | Const(config.table.tokens > 1))
                         & (d.tokens != 1) & (d.destination_step < result_words))
                refuse((self.refusal == Refusal.NONE) & (overlap | added), Refusal.OVERLAP)
                m.next = "IDLE"
        return m

    def _vectors(self, m, rows, columns, places):
        """Return the scratchpad words of a token's activations or samples, and of its results."""
        config, d = self._config, self.descriptor

        def words(count, bytes_each):
            per_word = config.word_bytes // bytes_each
            return (count + per_word - 1) >> (per_word.bit_length() - 1)

        source_words = words(columns, config.activation_bytes)
        counted, most = rows, config.table.max_rows
        if self._others:
            results = d.columns[: MOST_SAMPLES.bit_length()]
            counted, most = Mux(places.mine, results, rows), max(most, MOST_SAMPLES)
            read = Signal(range(most + 1), name="source_words")
            m.d.comb += read.eq(source_words)
            for element in Element:
                with m.If(places.mine & (d.source_type == element)):
                    m.d.comb += read.eq(words(places.samples, element.bytes))
            source_words = read
        result_words = Signal(range(most + 1))
        with m.Switch(d.destination_type):
            for element in Element:
                with m.Case(element):
                    m.d.comb += result_words.eq(words(counted, element.bytes))
        return source_words, result_words
