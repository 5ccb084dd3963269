# SPDX-License-Identifier: Apache-2.0
"""The fields of a descriptor for the vector unit, and what is wrong with them."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.descriptor import LARGEST_SHIFT, Element, Opcode, Refusal
from ...golden.places import MOST_SAMPLES
from .layouts import descriptor_layout, vectors_layout

__all__ = ["VectorFields"]


class VectorFields(wiring.Component):
    """Read a descriptor as :mod:`luthier.golden.vector_operations` describes it.

    Latency: 0 cycles.

    Parameters
    ----------
    config : Configuration
        With a vector unit.

    Members
    -------
    descriptor : ``In(descriptor_layout)``
    places : ``Out(vectors_layout)``
        Where it reads and writes.
    refusal : ``Out(Refusal)``
        What can be seen from single fields, in the order of the golden model.
    """

    def __init__(self, config: Configuration):
        assert config.vector is not None
        self._config = config
        super().__init__({
            "descriptor": In(descriptor_layout),
            "places": Out(vectors_layout),
            "refusal": Out(range(max(Refusal) + 1)),
        })

    def elaborate(self, platform):
        m = Module()
        d, places = self.descriptor, self.places
        gather, add, rescale = (d.opcode == opcode for opcode in (
            Opcode.GATHER, Opcode.ADD, Opcode.RESCALE))
        wide = d.planes_stored == 4
        samples = Mux(gather, d.rows, d.columns)
        numbers = d.columns[: MOST_SAMPLES.bit_length()]
        words = [self._words(numbers, size) for size in (2, 4)]
        m.d.comb += [
            places.mine.eq(gather | add | rescale),
            places.samples.eq(samples),
            places.third.eq(gather | add),
            places.stepped.eq(add),
            places.in_place.eq(~gather),
            places.onto.eq(add),
        ]
        with m.If(gather):
            m.d.comb += places.behind.eq(Mux(wide, words[1], words[0]))
        with m.Elif(add):
            with m.Switch(d.destination_type):
                for element in Element:
                    with m.Case(element):
                        m.d.comb += places.behind.eq(self._words(numbers, element.bytes))
        flags = Value.cast(d)[8:16]
        unused = (flags.any() | d.weights.any() | d.group.any() | d.planes_used.any()
                  | d.reserved.any() | (rescale & d.scales.any())
                  | Mux(gather, d.multiplier.any() | d.output_shift.any(),
                        d.rows.any() | d.planes_stored.any()))
        supported = ((d.source_stride == 1) & (d.destination_stride == 1)
                     & (d.source_type <= Element.INT32) & (d.destination_type <= Element.INT32)
                     & (d.output_shift <= LARGEST_SHIFT)
                     & (~gather | ((wide | (d.planes_stored == 2))
                                   & (d.source_type == d.destination_type))))
        shape = ((d.columns == 0) | (d.columns > MOST_SAMPLES) | (d.tokens == 0)
                 | (gather & ((d.rows == 0) | (d.rows > MOST_SAMPLES))))
        with m.If(unused):
            m.d.comb += self.refusal.eq(Refusal.RESERVED)
        with m.Elif(~supported):
            m.d.comb += self.refusal.eq(Refusal.UNSUPPORTED)
        with m.Elif(shape):
            m.d.comb += self.refusal.eq(Refusal.SHAPE)
        return m

    def _words(self, count, size: int) -> Value:
        """Return the words of so many elements of ``size`` bytes."""
        per_word = self._config.word_bytes // size
        return (count + (per_word - 1)) >> per_word.bit_length() - 1
