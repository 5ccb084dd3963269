# SPDX-License-Identifier: Apache-2.0
"""The fields of a descriptor for the sparse chain, and what is wrong with them."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ....golden.config import Configuration
from ....golden.descriptor import LARGEST_SHIFT, Element, Opcode, Refusal
from ..layouts import descriptor_layout

__all__ = ["SparseFields"]


class SparseFields(wiring.Component):
    """Read a descriptor as :mod:`luthier.golden.sparse_operation` describes it.

    Latency: 0 cycles.

    Parameters
    ----------
    config : Configuration
        With a sparse chain.

    Members
    -------
    descriptor : ``In(descriptor_layout)``
    mine : ``Out(1)``
        It is one.
    refusal : ``Out(Refusal)``
        What can be seen from single fields, in the order of the golden model.
    groups, span, blocks : ``Out``
        The product of which is the words of its weights: row groups, words of a block, and blocks.
    words : ``In``, index : ``Out``
        So many words, and beats of index that these need; all beats of single weights, which have
        no words.
    """

    def __init__(self, config: Configuration):
        assert config.sparse is not None
        self._config = config
        t, chain = config.table, config.chain
        words = range(config.memory.words + 1)
        super().__init__({
            "descriptor": In(descriptor_layout),
            "mine": Out(1),
            "refusal": Out(range(max(Refusal) + 1)),
            "groups": Out(range(-(-t.max_rows // chain.rows) + 1)),
            "span": Out(range(max(config.sparse.kept) // chain.least + 1)),
            "blocks": Out(range(chain.columns // chain.block + 1)),
            "words": In(words),
            "index": Out(config.memory.words.bit_length() + config.sparse.csr),
        })

    def elaborate(self, platform):
        m = Module()
        d, config, sparse = self.descriptor, self._config, self._config.sparse
        chain, t = config.chain, config.table
        rows, columns = d.rows[: t.max_rows.bit_length()], d.columns[: t.max_columns.bit_length()]
        m.d.comb += [
            self.mine.eq(d.opcode == Opcode.SPARSE),
            self.groups.eq((rows + (chain.rows - 1)) >> chain.rows.bit_length() - 1),
            self.blocks.eq((columns + (chain.block - 1)) >> chain.block.bit_length() - 1),
        ]
        known, single, empty, beats = Signal(), Const(0), Const(0), d.scales
        with m.Switch(d.planes_stored):
            for kept in sparse.kept:
                bits, beat = sparse.form(kept, t.beat_bits).index_bits, t.beat_bits
                with m.Case(kept):
                    m.d.comb += [
                        known.eq(1),
                        self.span.eq(kept // chain.least),
                        self.index.eq((self.words * bits + (beat - 1)) >> beat.bit_length() - 1),
                    ]
        if sparse.csr:
            single, empty = d.planes_stored == 0, beats == 0
            with m.If(single):
                # Any number that is too large is as good as another.
                top = beats[len(self.index) - 1 :].any()
                m.d.comb += [known.eq(1), self.index.eq(Mux(top, ~0, beats))]
        staged = d.multiplier.any() | d.output_shift.any()
        supported = (known & (d.source_type == config.activation_bytes - 1)
                     & (d.source_stride == 1) & (d.destination_stride == 1)
                     & Mux(d.saturate, (d.destination_type <= Element.INT32)
                           & (d.output_shift <= LARGEST_SHIFT),
                           ~d.accumulate & ~staged & (d.destination_type == Element.INT32)))
        unused = (d.trits | d.scaled | d.offsets | d.reserved_flags.any() | d.group.any()
                  | (d.scales.any() & ~single) | d.planes_used.any() | d.reserved.any())
        shape = ((d.rows == 0) | (d.rows > t.max_rows) | (d.columns == 0)
                 | (d.columns > t.max_columns) | (d.tokens == 0) | (single & empty))
        with m.If(unused):
            m.d.comb += self.refusal.eq(Refusal.RESERVED)
        with m.Elif(~supported):
            m.d.comb += self.refusal.eq(Refusal.UNSUPPORTED)
        with m.Elif(shape):
            m.d.comb += self.refusal.eq(Refusal.SHAPE)
        return m
