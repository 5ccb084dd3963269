# SPDX-License-Identifier: Apache-2.0
"""Reduction nodes behind DSP groups, and the accumulators that they feed."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...golden.sparse import Chain
from ..tree import delayed
from .control import control_layout

__all__ = ["Reduction"]


class Reduction(wiring.Component):
    """Join the sums of DSP groups into those of rows, and add these up over the columns.

    The sums of neighbouring groups meet in nodes, those of two, of four and so on up to a dense
    block's. Where N weights of a row are a block, the chain is broken into pieces of N / least
    groups: each row's sum is that of a node at this level, and the levels above count for nothing.
    Each accumulator thus takes its addend from one of ``levels + 1`` nodes above it, in those words
    in which the node is of its row, and zero in the others.

    Latency: ``levels + 2`` cycles. Throughput: one word a cycle. Takes, of each lane, ``groups``
    accumulators with a choice of ``levels + 1``, and ``groups * (1 - least / M)`` adders.

    Parameters
    ----------
    config : Chain

    Members
    -------
    control : ``In(control_layout(config))``
        Of the sums that come two cycles later.
    groups : ``In(ArrayLayout(signed, groups))`` x 1 or 2
        Sums of the DSP groups, of each lane.
    sums : ``Out(ArrayLayout(signed(accumulator_bits), sums))``
        Accumulators, the lanes of each side by side.
    done : ``Out(1)``, last : ``Out(1)``, fault : ``Out(1)``
        The sums are those of a row group, in this cycle only.

    Source: FlightLLM (arXiv 2401.03868), section 3.2.1, where a reduction node breaks the chain
    at the end of a DSP group.
    """

    def __init__(self, config: Chain):
        self._config = config
        self._width = config.weight_range.times(config.activation_range).sums(config.least).bits
        group = In(data.ArrayLayout(signed(self._width), config.groups))
        super().__init__({
            "control": In(control_layout(config)),
            "groups": group.array(config.products),
            "sums": Out(data.ArrayLayout(signed(config.accumulator_bits), config.sums)),
            "done": Out(1),
            "last": Out(1),
            "fault": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from the sums of groups to the accumulators."""
        return self._config.levels + 2

    def elaborate(self, platform):
        m = Module()
        config = self._config
        levels, residues = config.levels, 1 << config.levels
        # Control is two cycles ahead: one before the taps it is decided which of them count.
        control = _delayed(m, config, "control", self.control, levels + 1)
        active, clear = (Signal(residues, name=name) for name in ("active", "clear"))
        span = Signal(range(levels + 1), reset_less=True)
        for residue in range(residues):
            mine = control.valid & Cat(
                (control.span <= bit) | (control.place[bit] == residue >> bit & 1)
                for bit in range(levels)).all() if levels else control.valid
            m.d.sync += [active[residue].eq(mine), clear[residue].eq(mine & control.first)]
        m.d.sync += span.eq(control.span)
        clear = delayed(m, "clear", clear)
        sums = [self._lane(m, lane, groups, span, active, clear)
                for lane, groups in enumerate(self.groups)]
        m.d.comb += Value.cast(self.sums).eq(Cat(
            total for totals in zip(*sums) for total in totals))
        ready = _delayed(m, config, "ready", control, 3)
        m.d.comb += [self.done.eq(ready.valid & ready.final), self.last.eq(ready.last),
                     self.fault.eq(ready.fault)]
        return m

    def _lane(self, m, lane, groups, span, active, clear):
        """Return the accumulators of a lane."""
        config = self._config
        nodes = [[Value.cast(groups[index]).as_signed() for index in range(config.groups)]]
        for level in range(config.levels):
            pairs = zip(nodes[-1][::2], nodes[-1][1::2])
            nodes.append([])
            for index, (left, right) in enumerate(pairs):
                node = Signal(signed(len(left) + 1), name=f"node_{lane}_{level}_{index}",
                              reset_less=True)
                m.d.sync += node.eq(left + right)
                nodes[-1].append(node)
        width = len(nodes[-1][0])
        aligned = [[delayed(m, f"aligned_{lane}_{level}_{index}", node, config.levels - level)
                    for index, node in enumerate(row)] for level, row in enumerate(nodes)]
        totals = []
        for index in range(config.groups):
            residue = index % (1 << config.levels)
            tap = Signal(signed(width), name=f"tap_{lane}_{index}", reset_less=True)
            total = Signal(signed(config.accumulator_bits), name=f"total_{lane}_{index}",
                           reset_less=True)
            found = Signal(signed(width), name=f"found_{lane}_{index}")
            with m.Switch(span):
                for level in range(config.levels):
                    with m.Case(level):
                        m.d.comb += found.eq(aligned[level][index >> level])
                with m.Default():
                    m.d.comb += found.eq(aligned[-1][index >> config.levels])
            m.d.sync += [
                tap.eq(Mux(active[residue], found, 0)),
                total.eq(Mux(clear[residue], 0, total) + tap),
            ]
            totals.append(total)
        return totals


def _delayed(m, config, name, control, cycles):
    """Return control so many cycles later, with valid reset."""
    for cycle in range(cycles):
        register = Signal(control_layout(config), name=f"{name}_{cycle}")
        m.d.sync += register.eq(control)
        control = register
    return control
