# SPDX-License-Identifier: Apache-2.0
"""Lanes: tables in distributed RAM, and the adder tree."""

from amaranth import *
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.table import entry_width, node_width
from ...golden.weights import trit_codes
from ..tree import delayed, signed_tree
from .commands import most_groups

__all__ = ["AdderTree", "TableLane", "Tables"]


class Tables(wiring.Component):
    """D/4 tables in distributed RAM, two banks each, read by one beat of weights.

    Even tables hold 16 entries a bank (triples of trits), odd ones 8. Latency: 2 cycles from
    ``weights`` to ``value``: decode, read. Throughput: one beat a cycle.

    Signs are not applied here: ``relative`` says whether the second table of a pair has the other
    sign than the first, ``sign`` is the first's. The tree subtracts instead of adding, which costs
    nothing, and the accumulator applies the one sign that is left.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    valid : ``In(1)``, weights : ``In(D)``, trits : ``In(1)``, bank : ``In(1)``
        There is a beat, its alphabet and its bank. Registers rest where there is none.
    ones : ``In(1)``
        Not the beat, but weights of 1. With scales only.
    entry, write, address_even, address_odd, write_phase, write_bank
        From the builders.
    value_valid : ``Out(1)``, value : ``Out(signed(A + 2))`` x D/4
        Entries read.
    relative, sign : ``Out(D/8)``
        Signs of each pair.
    """

    def __init__(self, config: Configuration):
        self._config = config
        self._pairs = config.table.beat_bits // 8
        width = signed(entry_width(config.table.activation_bits))
        super().__init__(({"ones": In(1)} if config.table.scaled else {}) | {
            "valid": In(1),
            "weights": In(config.table.beat_bits),
            "trits": In(1),
            "bank": In(1),
            "entry": In(width).array(self._pairs),
            "write": In(2),
            "address_even": In(4),
            "address_odd": In(3),
            "write_phase": In(1),
            "write_bank": In(1),
            "value_valid": Out(1),
            "value": Out(width).array(2 * self._pairs),
            "relative": Out(self._pairs),
            "sign": Out(self._pairs),
        })

    @property
    def latency(self) -> int:
        """Cycles from a beat to its entries."""
        return 2

    def elaborate(self, platform):
        m = Module()
        valid = Signal()
        bank = Signal(reset_less=True)
        m.d.sync += [valid.eq(self.valid), self.value_valid.eq(valid)]
        with m.If(self.valid):
            m.d.sync += bank.eq(self.bank)
        # Bits 3 and 7 of a byte of planes, 2 and 7 of a byte of trits.
        low, middle, high = (Cat(self.weights[bit::8]) for bit in (2, 3, 7))
        relative, sign = (Signal(self._pairs, name=name, reset_less=True)
                          for name in ("relative_0", "sign_0"))
        relative_1, sign_1 = (Signal(self._pairs, name=name, reset_less=True)
                              for name in ("relative_1", "sign_1"))
        m.d.sync += [
            relative.eq(Mux(self.trits, low, middle ^ high)),
            sign.eq(Mux(self.trits, high, middle)),
            relative_1.eq(relative),
            sign_1.eq(sign),
        ]
        m.d.comb += [self.relative.eq(relative_1), self.sign.eq(sign_1)]
        # Four weights of 1 are entry 7, five are not an escape; neither has a sign.
        five = int(trit_codes()[-1])
        assert five < 0x70 and not five & 4
        if self._config.table.scaled:
            with m.If(self.ones):
                m.d.sync += [relative.eq(0), sign.eq(0)]
        for pair in range(self._pairs):
            byte = self.weights.word_select(pair, 8)
            even = Signal(4, name=f"even_{pair}", reset_less=True)
            odd = Signal(3, name=f"odd_{pair}", reset_less=True)
            with m.If(self.valid):
                with m.If(self.trits):
                    escape = byte[4:7].all()
                    m.d.sync += [
                        even.eq(Mux(escape, byte[0:4], byte[3:7])),
                        odd.eq(Mux(escape, 4, byte[0:2])),
                    ]
                with m.Else():
                    m.d.sync += [
                        even.eq(byte[0:3]),
                        odd.eq(byte[4:7]),
                    ]
                if self._config.table.scaled:
                    with m.If(self.ones):
                        m.d.sync += [
                            even.eq(Mux(self.trits, five >> 3, 7)),
                            odd.eq(Mux(self.trits, five & 3, 7)),
                        ]
            for which, address in enumerate((even, odd)):
                table = 2 * pair + which
                phase, builder = divmod(table, self._pairs)
                width = len(address)
                m.submodules[f"table_{table}"] = store = memory.Memory(
                    shape=signed(entry_width(self._config.table.activation_bits)),
                    depth=2 << width, init=[])
                write, read = store.write_port(), store.read_port(domain="comb")
                target = self.address_odd if which else self.address_even
                m.d.comb += [
                    write.addr.eq(Cat(target, self.write_bank)),
                    write.data.eq(self.entry[builder]),
                    write.en.eq(self.write[which] & (self.write_phase == phase)),
                    read.addr.eq(Cat(address, bank)),
                ]
                value = Signal.like(read.data, name=f"value_{table}", reset_less=True)
                with m.If(valid):
                    m.d.sync += value.eq(read.data)
                m.d.comb += self.value[table].eq(value)
        return m


class AdderTree(wiring.Component):
    """Signed sum of D/4 entries, a register after each level.

    A node adds or subtracts its second input and hands the sign of its first one on. Latency:
    ``log2(D/4)`` cycles. Throughput: one sum a cycle.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    value_valid, value, relative, sign
        From :class:`Tables`.
    total : ``Out(signed(node_width(A, log2(D/4))))``, negate : ``Out(1)``
        The sum is ``-total`` where ``negate`` is set.
    lane : ``Out(signed(node_width(A, log2(S/4))))`` x D/S, lane_negate : ``Out(D/S)``
        Sums of the smallest groups of the same beat, likewise. With scales only.
    """

    def __init__(self, config: Configuration):
        self._bits = bits = config.table.activation_bits
        self._lanes = most_groups(config) if config.table.scaled else 0
        #: Level of the tree whose nodes are the smallest groups.
        self._tap = (config.table.smallest_group // config.table.k).bit_length() - 1
        self._pairs = pairs = config.table.beat_bits // 8
        self._levels = (2 * pairs).bit_length() - 1
        lanes = {
            "lane": Out(signed(node_width(bits, self._tap))).array(self._lanes),
            "lane_negate": Out(self._lanes),
        } if self._lanes else {}
        super().__init__(lanes | {
            "value_valid": In(1),
            "value": In(signed(entry_width(bits))).array(2 * pairs),
            "relative": In(pairs),
            "sign": In(pairs),
            "total": Out(signed(node_width(bits, self._levels))),
            "negate": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from entries to their sum: levels of the tree."""
        return self._levels

    def elaborate(self, platform):
        m = Module()
        values = [self.value[index] for index in range(2 * self._pairs)]
        tree = signed_tree(m, values, self.relative, self.sign, self.value_valid)
        if self._lanes:
            self._tap_off(m, tree.levels[self._tap - 1])
        m.d.comb += [self.total.eq(tree.levels[-1][0]), self.negate.eq(tree.negate)]
        return m

    def _tap_off(self, m, nodes):
        """Hand on the nodes of a level, and their signs, when the tree has its total."""
        signs = Cat(self.sign[lane << self._tap - 1] for lane in range(self._lanes))
        m.d.comb += self.lane_negate.eq(delayed(m, "lane_negate", signs, self._levels))
        for lane, node in enumerate(nodes):
            m.d.comb += self.lane[lane].eq(
                delayed(m, f"lane_{lane}", node, self._levels - self._tap))


class TableLane(wiring.Component):
    """Tables and tree: a beat of weights in, its sum out; what is measured as a lane.

    Latency: :class:`Tables` and :class:`AdderTree`. Throughput: one beat a cycle.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    The inputs of :class:`Tables` and the outputs of :class:`AdderTree`.
    """

    def __init__(self, config: Configuration):
        self._tables, self._tree = Tables(config), AdderTree(config)
        members = {name: member for unit, flow in ((self._tables, In), (self._tree, Out))
                   for name, member in unit.signature.members.items() if member.flow == flow}
        super().__init__(members)
        self._names = members

    @property
    def latency(self) -> int:
        """Cycles from a beat to its sum."""
        return self._tables.latency + self._tree.latency

    def elaborate(self, platform):
        m = Module()
        m.submodules.tables, m.submodules.tree = tables, tree = self._tables, self._tree

        def join(sink, source):
            if isinstance(sink, (list, tuple)):
                for a, b in zip(sink, source, strict=True):
                    join(a, b)
            else:
                m.d.comb += sink.eq(source)

        for name, member in self._names.items():
            outside = getattr(self, name)
            join(*((getattr(tables, name), outside) if member.flow == In
                   else (outside, getattr(tree, name))))
        for name in ("value_valid", "value", "relative", "sign"):
            join(getattr(tree, name), getattr(tables, name))
        return m
