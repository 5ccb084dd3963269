# SPDX-License-Identifier: Apache-2.0
"""The fields of a descriptor for the transform: what they mean, and what is wrong with them."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ...golden.config import Configuration
from ...golden.descriptor import Element, Opcode, Refusal
from ...golden.places import MOST_SAMPLES
from ...golden.quantiser import SMALLEST_GROUP, Mode
from ..fwht.layouts import LOG2_SIZE
from .layouts import descriptor_layout, vectors_layout

__all__ = ["TransformFields", "transform_fields_layout"]


def transform_fields_layout(config: Configuration) -> data.StructLayout:
    """Return the layout of what a descriptor for the transform says.

    ``transforms``, ``quantises``: which of the two work; ``log2_size`` of the transform, beside H_K
    if it is ``outer``; ``group``: logarithm of the samples with a common scale; ``scaled``: there
    are scales.
    """
    assert config.transform is not None
    return data.StructLayout({
        "transforms": 1, "quantises": 1, "log2_size": LOG2_SIZE, "outer": 1,
        "group": range(ceil_log2(config.transform.group) + 1), "scaled": 1})


class TransformFields(wiring.Component):
    """Read a descriptor as :mod:`luthier.golden.transform` describes it.

    Latency: 0 cycles.

    Parameters
    ----------
    config : Configuration
        With a transform.

    Members
    -------
    descriptor : ``In(descriptor_layout)``
    fields : ``Out(transform_fields_layout(config))``
    places : ``Out(vectors_layout)``
        Where it reads and writes.
    refusal : ``Out(Refusal)``
        What can be seen from single fields, in the order of the golden model.
    """

    def __init__(self, config: Configuration):
        assert config.transform is not None
        self._config, self._transform = config, config.transform
        super().__init__({
            "descriptor": In(descriptor_layout),
            "fields": Out(transform_fields_layout(config)),
            "places": Out(vectors_layout),
            "refusal": Out(range(max(Refusal) + 1)),
        })

    def elaborate(self, platform):
        m = Module()
        d, fields, transform = self.descriptor, self.fields, self._transform
        static, asymmetric = d.planes_used == Mode.STATIC, d.planes_used == Mode.ASYMMETRIC
        m.d.comb += [
            fields.transforms.eq((d.opcode == Opcode.HADAMARD)
                               | (d.opcode == Opcode.HADAMARD_QUANTISE)),
            fields.quantises.eq((d.opcode == Opcode.QUANTISE)
                              | (d.opcode == Opcode.HADAMARD_QUANTISE)),
            fields.scaled.eq(fields.quantises & ~static),
            self.places.mine.eq(fields.transforms | fields.quantises),
            self.places.samples.eq(d.columns),
            self.places.third.eq(fields.scaled),
            self.places.apart.eq(1),
        ]
        shape = self._sizes(m) | (d.columns == 0) | (d.columns > MOST_SAMPLES) | (d.tokens == 0)
        if transform.lanes > 1:
            shape |= d.columns[: transform.lanes.bit_length() - 1].any()
        known = self._groups(m, asymmetric)
        shape |= fields.scaled & (d.group == 0) & (d.columns > transform.group)

        flags = Value.cast(d)[8:16]
        of_quantiser = (
            flags[0] | d.scales.any() | d.group.any() | d.planes_stored.any()
            | d.planes_used.any() | d.multiplier.any() | d.output_shift.any())
        unused = (flags[1:].any() | d.reserved.any() | d.weights.any()
                  | (~fields.quantises & of_quantiser) | (~fields.transforms & d.rows.any()))
        codes = Element.INT8 if self._config.activation_bytes == 1 else Element.INT16
        supported = ((d.source_stride == 1) & (d.destination_stride == 1)
                     & (d.source_type <= Element.INT32)
                     & (d.destination_type == Mux(fields.quantises, codes, Element.INT32)))
        largest_shift = transform.quantiser.largest_shift
        quantiser = ((d.planes_stored >= 2) & (d.planes_stored <= transform.bits)
                     & (d.planes_used <= max(Mode)) & Mux(
                         static, ~d.scales.any() & ~d.group.any()
                         & (d.output_shift <= largest_shift),
                         ~d.multiplier.any() & ~d.output_shift.any() & known))
        with m.If(unused):
            m.d.comb += self.refusal.eq(Refusal.RESERVED)
        with m.Elif(~supported | (fields.quantises & ~quantiser)):
            m.d.comb += self.refusal.eq(Refusal.UNSUPPORTED)
        with m.Elif(shape):
            m.d.comb += self.refusal.eq(Refusal.SHAPE)
        return m

    def _sizes(self, m) -> Value:
        """Find the size of the transform; return whether there is none of it."""
        d, fields, transform = self.descriptor, self.fields, self._transform
        found, whole = Signal(), Signal()
        for log2_size in range(transform.samples.bit_length()):
            with m.If(d.rows == 1 << log2_size):
                m.d.comb += [fields.log2_size.eq(log2_size), found.eq(1)]
        if transform.order > 1:
            for log2_size in range(transform.order_lanes.bit_length() - 1,
                                   transform.largest_m + 1):
                with m.If(d.rows == transform.order << log2_size):
                    m.d.comb += [fields.log2_size.eq(log2_size), fields.outer.eq(1), found.eq(1)]
        low = range(max(transform.samples.bit_length() - 1, 1))
        m.d.comb += whole.eq(Mux(fields.outer, d.columns == d.rows, ~Cat(
            d.columns[bit] & (fields.log2_size > bit) for bit in low).any()))
        return fields.transforms & ~(found & whole)

    def _groups(self, m, asymmetric) -> Value:
        """Find the group and the words of scales; return whether there are such groups."""
        d, fields, transform = self.descriptor, self.fields, self._transform
        known, groups = Signal(), Signal(range(MOST_SAMPLES // SMALLEST_GROUP + 1))
        columns = d.columns[: MOST_SAMPLES.bit_length()]
        sizes = range(SMALLEST_GROUP.bit_length() - 1, transform.group.bit_length())
        m.d.comb += [known.eq(d.group == 0), groups.eq(1), fields.group.eq(sizes[-1])]
        for log2_group in sizes:
            with m.If(d.group == 1 << log2_group):
                m.d.comb += [
                    known.eq(1), fields.group.eq(log2_group),
                    groups.eq((columns + ((1 << log2_group) - 1)) >> log2_group),
                ]
        per_word = self._config.word_bytes // 4
        words = [(groups + (places - 1)) >> places.bit_length() - 1
                 for places in (per_word, per_word // 2)]
        with m.If(fields.scaled):
            m.d.comb += self.places.each.eq(Mux(asymmetric, words[1], words[0]))
        return known
