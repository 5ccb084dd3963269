# SPDX-License-Identifier: Apache-2.0
"""The sparse chain of multipliers."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.sparse import Chain
from ..choice import choose
from ..dsp import DspGroup
from ..tree import delayed
from .control import Admission, control_layout
from .lanes import packed_operand, split_lanes
from .layouts import block_layout, result_layout, word_layout
from .reduction import Reduction
from .results import Results

__all__ = ["SparseChain"]


class SparseChain(wiring.Component):
    """Multiply a sparse matrix with activations, every multiplier busy whatever the pattern.

    A word of weights comes each cycle, one weight to a multiplier, or two of rows that share
    positions. In front of each multiplier the weight's position picks one of the M activations of
    the present block, or one of each of two tokens. Multipliers are cascaded in groups of
    ``least``. Behind the groups, reduction nodes join them into rows of the block's N weights, and
    accumulators add these up until a row group ends. How words are laid out is in
    :mod:`~luthier.hw.sparse.layouts`, how the chain counts in
    :class:`~luthier.golden.sparse.Chain`.

    The pattern is chosen block by block, at run time, and costs no cycle. Packed products are exact
    (``golden.sparse.packing``): lanes are split behind each group, which is no longer than the
    derived run.

    Latency: ``latency`` cycles from a row group's last word to its first sums. Throughput: a word a
    cycle, ``M / N`` dense products of a multiplier and cycle, or twice as many; row groups of less
    than ``beats`` words wait for the results of the one before. Sums wrap at ``accumulator_bits``,
    which ``config.columns`` columns do not reach. Takes ``slots`` multipliers and choices of M.

    Parameters
    ----------
    config : Chain

    Members
    -------
    weights : ``In(stream.Signature(word_layout(config)))``
        Words of weights.
    blocks : ``In(stream.Signature(block_layout(config)))``
        Activations of the blocks, and how many words each has. Those of a column come again with
        each row group.
    o : ``Out(stream.Signature(result_layout(config)))``
        Sums.

    Raises
    ------
    TypeError
        If ``config`` is no :class:`~luthier.golden.sparse.Chain`.

    Source: FlightLLM (arXiv 2401.03868), section 3.2.1: sparse choice, DSP groups, reduction
    nodes, two products in a multiplier.
    """

    def __init__(self, config: Chain):
        if not isinstance(config, Chain):
            raise TypeError(f"config must be a Chain, not {config!r}")
        self._config = config
        super().__init__({
            "weights": In(stream.Signature(word_layout(config))),
            "blocks": In(stream.Signature(block_layout(config))),
            "o": Out(stream.Signature(result_layout(config))),
        })

    @property
    def config(self) -> Chain:
        """Parameters."""
        return self._config

    @property
    def latency(self) -> int:
        """Cycles from a row group's last word to its first sums."""
        return self._config.latency

    @property
    def interval(self) -> int:
        """Cycles from a word to the next."""
        return 1

    def cycles(self, words: list[int]) -> int:
        """Return the cycles from the first word to the last sums, by words of each row group."""
        return self._config.cycles(words)

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.admission = admission = Admission(config)
        m.submodules.reduction = reduction = Reduction(config)
        m.submodules.results = results = Results(config)
        wiring.connect(m, wiring.flipped(self.weights), admission.weights)
        wiring.connect(m, wiring.flipped(self.blocks), admission.blocks)
        wiring.connect(m, results.o, wiring.flipped(self.o))
        pairs = [self._factors(m, admission.word, admission.block, slot)
                 for slot in range(config.slots)]
        for index in range(config.groups):
            first = index * config.least
            lanes = self._group(m, index, pairs[first : first + config.least])
            m.d.comb += [reduction.groups[lane][index].eq(total)
                         for lane, total in enumerate(lanes)]
        control = admission.control
        for cycle in range(1 + config.least + config.split_cycles):
            register = Signal(control_layout(config), name=f"control_{cycle}")
            m.d.sync += register.eq(control)
            control = register
        m.d.comb += [
            reduction.control.eq(control),
            admission.free.eq(results.free),
            results.taken.eq(admission.taken),
            results.sums.eq(reduction.sums),
            results.done.eq(reduction.done),
            results.last.eq(reduction.last),
            results.fault.eq(reduction.fault),
        ]
        return m

    def _factors(self, m, word, block, slot):
        """Return the factors of a multiplier: the one that may be packed, and the other."""
        config = self._config
        chosen = []
        for token in range(config.tokens):
            found = Signal(Shape(config.activation_bits, config.activation_signed),
                           name=f"activation_{slot}_{token}")
            first = token * config.block
            m.d.comb += found.eq(self._chosen(m, slot, token, word, [
                block.activations[first + column] for column in range(config.block)]))
            # An activation goes to all multipliers: the way there is a cycle of its own.
            chosen.append(delayed(m, f"chosen_{slot}_{token}", found))
        rows = config.slot_rows
        weights = [delayed(m, f"weight_{slot}_{row}", word.weights[rows * slot + row])
                   for row in range(rows)]
        if config.packed is None:
            return weights[0], chosen[0]
        low, high = weights if config.packing == "rows" else chosen
        shared = chosen[0] if config.packing == "rows" else weights[0]
        return packed_operand(m, f"operand_{slot}", config.packed, low, high), shared

    def _chosen(self, m, slot, token, word, activations):
        """Return the activation of a slot, of those of its block."""
        return choose(m, f"choice_{slot}_{token}", word.positions[slot], activations)

    def _group(self, m, index, pairs):
        """Return the sums of a DSP group, of each lane."""
        config, packed = self._config, self._config.packed
        ranges = config.weight_range, config.activation_range
        if packed is None:
            bits, product = tuple(part.bits for part in ranges), ranges[0].times(ranges[1])
        else:
            shared = ranges[1] if config.packing == "rows" else ranges[0]
            bits = packed.operand.bits, shared.bits
            product = packed.product.packed(packed.shift)
        m.submodules[f"group_{index}"] = group = DspGroup(
            config.least, bits, product.sums(config.least).bits)
        for place, (a, b) in enumerate(pairs):
            m.d.comb += [group.a[place].eq(a), group.b[place].eq(b)]
        if packed is None:
            return [group.total]
        return split_lanes(m, f"lanes_{index}", packed, group.total, config.least)
