# SPDX-License-Identifier: Apache-2.0
"""Lanes: tables in distributed RAM, and the adder tree."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.table import (
    entry_width,
    group_levels,
    group_tables,
    group_width,
    tables,
    total_width,
    tree_levels,
)
from ...golden.weights import plane_fields, trit_codes
from ..block_ram import BlockRam
from ..lut_ram import LutRams
from ..tree import Node, delayed, signed_tree, total_of
from .commands import entry_bits, most_groups
from .handover import written
from .programs import builder_lanes

__all__ = ["AdderTree", "TableLane", "Tables"]


def _pairs(config: Configuration) -> list[tuple[int, ...]]:
    """Return the tables whose entries the first adders take: two of a group, or its last one."""
    size = group_tables(config)
    return [tuple(range(first, min(first + 2, group + size)))
            for group in range(0, tables(config), size) for first in range(group, group + size, 2)]


class Tables(wiring.Component):
    """Tables in distributed or block RAM, two banks each or one, read by one beat of weights.

    In distributed RAM, where there are trits, even tables hold triples, 16 entries a bank, and odd
    ones pairs: a byte of trits is decoded. In block RAM a byte of any weights is a sign and an
    address. Latency: 2 cycles from ``weights`` to ``value``. Throughput: one beat a cycle.

    Signs are not applied here: the tree subtracts instead of adding, which costs nothing.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    proceed : ``In(1)``
        What is here moves on by a cycle; without it there is no beat.
    valid : ``In(1)``, weights : ``In(D)``, trits : ``In(1)``, bank : ``In(1)``
        There is a beat, its alphabet and its bank. Registers rest where there is none.
    ones : ``In(1)``
        Not the beat, but weights of 1. With scales only.
    entry, write, turn, address, write_bank
        From :class:`~.builder.TableBuilder`.
    value_valid : ``Out(1)``, value : ``Out(signed)`` x tables
        Entries read: with ``table.tokens`` = M words of M entries.
    sign, second : ``Out``
        Sign of the first of each pair of tables; of the second one, or with adders of two inputs
        whether it differs from the first's.
    """

    def __init__(self, config: Configuration):
        self._config = config
        self._pairs = _pairs(config)
        width = signed(config.table.tokens * entry_width(config))
        super().__init__(({"ones": In(1)} if config.table.scaled else {}) | written(config, In) | {
            "proceed": In(1, init=1),
            "valid": In(1),
            "weights": In(config.table.beat_bits),
            "trits": In(1),
            "bank": In(1),
            "entry": In(width).array(len(builder_lanes(config))),
            "write_bank": In(1),
            "value_valid": Out(1),
            "value": Out(width).array(tables(config)),
            "sign": Out(len(self._pairs)),
            "second": Out(len(self._pairs)),
        })

    @property
    def latency(self) -> int:
        """Cycles from a beat to its entries."""
        return 2

    def elaborate(self, platform):
        m = Module()
        valid, bank = Signal(), Signal(reset_less=True)
        with m.If(self.proceed):
            m.d.sync += [valid.eq(self.valid), self.value_valid.eq(valid)]
        passes = valid & self.proceed if self._config.table.scaled else self.proceed
        with m.If(self.valid):
            m.d.sync += bank.eq(self.bank)
        self._signs(m)
        if self._config.table.deep:
            for table in range(len(self.value)):
                self._block_ram(m, table, passes)
            return m
        addresses = self._addresses(m)
        for turn in range(2 * self._config.table.rounds):
            self._store(m, turn, addresses, bank, passes)
        return m

    def _signs(self, m):
        """Decode the signs of each pair, and hold them back until its entries are there."""
        t, fields = self._config.table, plane_fields(self._config.table.layout)
        relative = t.adder_inputs == 2
        of_planes = [(self.weights[fields[pair[0]][-1]],
                      self.weights[fields[pair[1]][-1]] ^ (relative & self.weights[
                          fields[pair[0]][-1]]) if len(pair) == 2 else Const(0, 1))
                     for pair in self._pairs]
        # Bits 7 and 2 of a byte of trits: sign of both, and whether they differ.
        of_trits = [(byte[7], byte[2] if relative else byte[7] ^ byte[2])
                    for byte in (self.weights.word_select(pair, 8)
                                 for pair in range(len(self._pairs)))]
        if t.deep or not t.trits:
            of_trits = of_planes
        elif not t.planes:
            of_planes = of_trits
        for which, target in enumerate((self.sign, self.second)):
            name = ("sign", "second")[which]
            decoded = Signal(len(self._pairs), name=f"{name}_0", reset_less=True)
            with m.If(self.proceed):
                m.d.sync += decoded.eq(Mux(self.trits, Cat(s[which] for s in of_trits),
                                           Cat(s[which] for s in of_planes))
                                       if t.planes and t.trits and not t.deep else
                                       Cat(s[which] for s in of_planes))
            if t.scaled:
                with m.If(self.ones):
                    m.d.sync += decoded.eq(0)
            m.d.comb += target.eq(delayed(m, f"{name}_1", decoded, enable=self.proceed))

    def _addresses(self, m):
        """Decode the entry that each table is read at: a register each."""
        config, t = self._config, self._config.table
        fields = plane_fields(t.layout)
        five = self._five()
        addresses = []
        for table in range(tables(config)):
            address = Signal(entry_bits(config, table), name=f"address_{table}", reset_less=True)
            byte = self.weights.word_select(table // 2, 8)
            escape = byte[4:7].all()
            if table % 2:
                trit_entry, ones = Cat(byte[0:2], escape), five & 3
            else:
                trit_entry, ones = Mux(escape, byte[0:4], byte[3:7]), five >> 3
            field = fields[table]
            spare = t.k - len(field)
            with m.If(self.valid):
                if t.planes:
                    index = Cat(Const(0, spare), self.weights[field.start : field.stop - 1])
                    m.d.sync += address.eq(
                        Mux(self.trits, trit_entry, index) if t.trits else index)
                else:
                    m.d.sync += address.eq(trit_entry)
                if t.scaled:
                    all_ones = ones
                    if t.planes:
                        all_ones = (1 << t.k - 1) - (1 << spare)
                        all_ones = Mux(self.trits, ones, all_ones) if t.trits else all_ones
                    with m.If(self.ones):
                        m.d.sync += address.eq(all_ones)
            addresses.append(address)
        return addresses

    @staticmethod
    def _five() -> int:
        """Return the byte of five weights of 1: no escape, and no sign, nor has a field any."""
        five = int(trit_codes()[-1])
        assert five < 0x70 and not five & 4
        return five

    def _block_ram(self, m, table, valid):
        """Make one deep table: a byte is its address."""
        t, size = self._config.table, entry_bits(self._config, table)
        turn, builder = divmod(table, len(self.entry))
        # Reading and writing never meet: they are in different banks.
        m.submodules[f"table_{table}"] = store = BlockRam(
            len(self.entry[0]), 2 << size, always=True, turn=(turn, 2 * t.rounds))
        address = self.weights.word_select(table, 8)[:size]
        if t.scaled:
            planes, trits = ((1 << size) - 1) * t.planes, self._five() * t.trits
            ones = Mux(self.trits, trits, planes) if planes and trits else planes | trits
            address = Mux(self.ones, ones, address)
        m.d.comb += [
            store.write_address.eq(Cat(self.address, self.write_bank)),
            store.word.eq(self.entry[builder]),
            store.write.eq(self.write),
            store.turn.eq(self.turn),
            store.address.eq(Cat(address, self.bank)),
            store.enable.eq(self.valid),
            store.enable_out.eq(valid),
            self.value[table].eq(store.value),
        ]

    def _store(self, m, turn, addresses, bank, valid):
        """Make the tables that are written at the same time: those of a turn.

        The bank is the lowest bit of an address: tables are not all equally deep.
        """
        here = range(turn * len(self.entry), (turn + 1) * len(self.entry))
        banks = self._config.table.bank_count
        m.submodules[f"tables_{turn}"] = store = LutRams(
            len(self.entry[0]), [banks << len(addresses[table]) for table in here])
        m.d.comb += [
            store.write.eq(self.write[turn]),
            store.write_address.eq(Cat(self.write_bank[: banks - 1], self.address)),
        ]
        for builder, table in enumerate(here):
            m.d.comb += [
                store.word[builder].eq(self.entry[builder]),
                store.address[builder].eq(Cat(bank[: banks - 1], addresses[table])),
            ]
            value = Signal.like(self.value[table], name=f"value_{table}", reset_less=True)
            with m.If(valid):
                m.d.sync += value.eq(store.value[builder].as_signed())
            m.d.comb += self.value[table].eq(value)


class AdderTree(wiring.Component):
    """Signed sum of the entries of a beat, a register after each level.

    Latency: ``tree_levels(config)`` cycles. Throughput: one sum a cycle.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    value_valid, value, sign, second
        From :class:`Tables`.
    total : ``Out(signed(total_width(config)))``, negate : ``Out(1)``
        The sum is ``-total`` where ``negate`` is set.
    lane : ``Out(signed(group_width(config)))`` x D/S, lane_negate : ``Out(D/S)``
        Sums of the smallest groups of the same beat, likewise. With scales only.
    """

    def __init__(self, config: Configuration):
        self._config, self._pairs = config, _pairs(config)
        self._lanes = most_groups(config) if config.table.scaled else 0
        lanes = {
            "lane": Out(signed(group_width(config))).array(self._lanes),
            "lane_negate": Out(self._lanes),
        } if self._lanes else {}
        super().__init__(lanes | {
            "value_valid": In(1),
            "value": In(signed(entry_width(config))).array(tables(config)),
            "sign": In(len(self._pairs)),
            "second": In(len(self._pairs)),
            "total": Out(signed(total_width(config))),
            "negate": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from entries to their sum: levels of the tree."""
        return tree_levels(self._config)

    def _most(self, table: int) -> int | None:
        """Return the largest magnitude of an entry where there are trits only."""
        t = self._config.table
        digits = 5 if t.deep else 2 if table % 2 else 3
        return None if t.planes else digits << t.activation_bits - 1

    def elaborate(self, platform):
        m = Module()
        # Without scales registers change only if entries do, with no need to see to it.
        valid = self.value_valid if self._config.table.scaled else Const(1, 1)
        nodes = []
        for number, pair in enumerate(self._pairs):
            signs = self.sign[number], self.second[number]
            nodes += [Node(self.value[table], sign, self._most(table))
                      for table, sign in zip(pair, signs)]
        if not self._lanes:
            total, negate = total_of(m, nodes, self.second, valid, len(self.total),
                                     self._config.table.adder_inputs)
            m.d.comb += [self.total.eq(total), self.negate.eq(negate)]
            return m
        size, pairs = len(nodes) // self._lanes, len(self._pairs) // self._lanes
        groups = [signed_tree(m, f"lane_{lane}", nodes[lane * size : (lane + 1) * size],
                              valid,
                              relative=self.second[lane * pairs : (lane + 1) * pairs])
                  for lane in range(self._lanes)]
        age = group_levels(self._config)
        valid = delayed(m, "group_valid", valid, age)
        total = signed_tree(m, "node", groups, valid, age=age)
        rest = self.latency - age
        signs = delayed(m, "lane_sign", Cat(group.sign for group in groups), self.latency)
        m.d.comb += [self.total.eq(total.value), self.negate.eq(signs[0]),
                     self.lane_negate.eq(signs)]
        for lane, group in enumerate(groups):
            m.d.comb += self.lane[lane].eq(delayed(m, f"sum_{lane}", group.value, rest))
        return m


class TableLane(wiring.Component):
    """Tables and tree: a beat of weights in, its sum out; what is measured as a lane.

    Latency: :class:`Tables` and :class:`AdderTree`. Throughput: one beat a cycle.

    Parameters
    ----------
    config : Configuration
        With ``table.tokens`` = 1.

    Members
    -------
    The inputs of :class:`Tables` and the outputs of :class:`AdderTree`.
    """

    def __init__(self, config: Configuration):
        if config.table.tokens > 1:
            raise ValueError(
                f"table.tokens must be 1 for a lane by itself, not {config.table.tokens}")
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
        for name in ("value_valid", "value", "sign", "second"):
            join(getattr(tree, name), getattr(tables, name))
        return m
