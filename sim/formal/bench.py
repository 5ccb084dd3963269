# SPDX-License-Identifier: Apache-2.0
"""A unit with free inputs, and what is assumed and asserted about it."""

from collections.abc import Callable, Iterator

from amaranth.back import rtlil
from amaranth.hdl import (
    Assert,
    Assume,
    ClockDomain,
    Const,
    Cover,
    Fragment,
    MemoryInstance,
    Module,
    Mux,
    ResetSignal,
    Shape,
    Signal,
    Value,
)
from amaranth.hdl._ast import AnyConst, AnySeq, Assign, Initial, Switch
from amaranth.lib import wiring

from .prover import TOP

__all__ = ["Bench", "Unit", "implies"]


def _guarded(statements, tests: tuple = ()) -> Iterator[tuple[tuple, Assign]]:
    """Return the assignments, each with the signals that decide whether it is made."""
    for statement in statements:
        if isinstance(statement, Assign):
            yield tests, statement
        elif isinstance(statement, Switch):
            for _, inner, _ in statement.cases:
                yield from _guarded(inner, (*tests, *statement.test._rhs_signals()))


def _fragments(fragment: Fragment) -> Iterator[Fragment]:
    yield fragment
    for inner, _, _ in fragment.subfragments:
        yield from _fragments(inner)


class Unit:
    """The inside of an elaborated component: its signals and memories by their names.

    Names are paths of submodules, ``"beats.fifo.level"``.
    """

    def __init__(self, component):
        self.component = component
        self.fragment = Fragment.get(component, None)
        self._ports = {id(Value.cast(value))
                       for _, _, value in component.signature.flatten(component)}

    def _inner(self, path: list[str]) -> Fragment:
        fragment = self.fragment
        for name in path:
            fragment = fragment.find_subfragment(name)
        return fragment

    def signal(self, path: str, *, but: Signal | None = None) -> Signal:
        """Return the signal of that name that is no port of the unit, and not ``but``.

        KeyError unless there is exactly one.
        """
        *modules, name = path.split(".")
        found: dict[int, Signal] = {}
        for statements in self._inner(modules).statements.values():
            for statement in statements:
                for signal in statement._lhs_signals() | statement._rhs_signals():
                    if signal.name == name and id(signal) not in self._ports | {id(but)}:
                        found[id(signal)] = signal
        if len(found) != 1:
            raise KeyError(f"{len(found)} signals are called {path}")
        return next(iter(found.values()))

    def states(self, path: str) -> tuple[Signal, dict[str, int]]:
        """Return the register of a state machine, and its states."""
        *modules, name = path.split(".")
        machine = self._inner(modules).generated[name]
        return machine.state, dict(machine.encoding)

    def peek(self, path: str, address) -> Value:
        """Return a word of a memory, through a read port of its own."""
        memory = self._inner(path.split("."))
        if not isinstance(memory, MemoryInstance):
            raise KeyError(f"{path} is no memory")
        depth = memory._data.depth
        word = Signal(Shape.cast(memory._data.shape))
        memory.read_port(domain="comb", addr=Value.cast(address)[: (depth - 1).bit_length()],
                         data=word, en=1, transparent_for=())
        return word

    def reaches(self, source: Signal, target: Signal) -> bool:
        """Return whether ``target`` may depend on ``source`` within a cycle.

        Signals count as wholes, so a no is certain.
        """
        after: dict[int, set[int]] = {}
        for fragment in _fragments(self.fragment):
            for condition, assignment in _guarded(fragment.statements.get("comb", ())):
                for signal in [*assignment._rhs_signals(), *condition]:
                    after.setdefault(id(signal), set()).update(
                        id(other) for other in assignment._lhs_signals())
            if isinstance(fragment, MemoryInstance):
                for port in fragment._read_ports:
                    if port._domain == "comb":
                        for signal in port._addr._rhs_signals():
                            after.setdefault(id(signal), set()).update(
                                id(other) for other in port._data._lhs_signals())
        reached, new = set(), {id(source)}
        while new:
            reached |= new
            new = {other for signal in new for other in after.get(signal, ())} - reached
        return id(target) in reached

    def corrupt(self, target: Signal | str, change: Callable, which: int | None = None) -> None:
        """Break the unit: what is assigned to a signal becomes ``change(what was assigned)``.

        ``which`` names one assignment, in the order of the source; else all are changed.
        """
        signal = self.signal(target) if isinstance(target, str) else target
        found = list(self._assigning(signal))
        if not found:
            raise KeyError(f"nothing is assigned to {target!r}")
        for assignment in found if which is None else [found[which]]:
            value = Value.cast(change(assignment._rhs))
            assert len(value) >= len(assignment._lhs) or not value.shape().signed
            assignment._rhs = value

    def _assigning(self, signal: Signal) -> Iterator[Assign]:
        for fragment in _fragments(self.fragment):
            for statements in fragment.statements.values():
                for _, assignment in _guarded(statements):
                    if signal in assignment._lhs_signals():
                        yield assignment

    def cut(self, target: Signal | str) -> None:
        """Let a combinational signal take any value: what is shown does not depend on it."""
        signal = self.signal(target) if isinstance(target, str) else target
        found = list(self._assigning(signal))
        if not found:
            raise KeyError(f"nothing is assigned to {target!r}")
        free = Signal.like(signal, name=f"{signal.name}_cut")
        self.fragment.add_statements("comb", free.eq(AnySeq(signal.shape())))
        for assignment in found:
            assignment._rhs = free


class Bench:
    """Build the module that is proved: one unit, free inputs, assumptions and facts.

    In the first cycle everything holds any value and, with ``reset``, the reset is high; from then
    on it is low. So a proof covers a reset in the middle of anything, and nothing rests on the
    initial values of registers that the reset leaves alone. Without ``reset`` the unit goes on
    from any state, also from those it cannot reach.

    Facts are asserted from the second cycle on.

    Parameters
    ----------
    defect : callable, optional
        Breaks the unit before it is proved: called with the :class:`Unit`.
    reset : bool
        Whether the first cycle is a reset.
    """

    def __init__(self, *, defect: Callable[[Unit], None] | None = None, reset: bool = True):
        self.m = Module()
        self._defect = defect
        self.broken = defect is not None
        self._domain = ClockDomain("sync")
        self.m.domains += self._domain
        self.first = Signal()
        self.m.d.comb += [self.first.eq(Initial()), ResetSignal("sync").eq(self.first & reset)]
        self.covers = 0

    def add(self, component: wiring.Component, name: str = "dut", *,
            driven: bool = True) -> Unit:
        """Put a unit in, or its broken twin, with free inputs if it is to be ``driven``."""
        unit = Unit(component)
        if self._defect is not None:
            self._defect(unit)
        self.m.submodules[name] = unit.fragment
        for _, member, value in component.signature.flatten(component):
            if driven and member.flow == wiring.In:
                value = Value.cast(value)
                if isinstance(value, Const):  # an input that is always ready
                    continue
                self.m.d.comb += value.eq(AnySeq(value.shape()))
        return unit

    def free(self, shape, name: str) -> Signal:
        """Return a signal that takes any value in each cycle."""
        signal = Signal(shape, name=name)
        self.m.d.comb += signal.eq(AnySeq(signal.shape()))
        return signal

    def symbol(self, shape, name: str) -> Signal:
        """Return a signal that holds one value, which may be any, for ever."""
        signal = Signal(shape, name=name)
        self.m.d.comb += signal.eq(AnyConst(signal.shape()))
        return signal

    def past(self, value, name: str) -> Signal:
        """Return what ``value`` was a cycle ago; 0 after a reset."""
        signal = Signal(Value.cast(value).shape(), name=name)
        self.m.d.sync += signal.eq(value)
        return signal

    def running(self, cycles: int) -> Value:
        """Return whether that many cycles came before this one: for what was earlier."""
        age = Signal(range(cycles + 1), name="age")
        self.assume_at_start(age == 0)
        self.m.d.sync += age.eq(Mux(age == cycles, age, age + 1))
        return self.named((age == cycles) & ~self.first, "running")

    def named(self, value, name: str) -> Signal:
        """Return ``value`` as a signal that can be found in a trace."""
        signal = Signal(Value.cast(value).shape(), name=name)
        self.m.d.comb += signal.eq(value)
        return signal

    def assume(self, condition) -> None:
        """Look only at what keeps the condition, in every cycle."""
        self.m.d.comb += Assume(condition)

    def assume_at_start(self, condition) -> None:
        """Look only at first states with this condition."""
        with self.m.If(self.first):
            self.m.d.comb += Assume(condition)

    def fact(self, name: str, condition) -> None:
        """Assert a condition; ``name`` is what a failing proof says."""
        with self.m.If(~self.first):
            self.m.d.comb += Assert(condition, name)

    def lemma(self, name: str, condition) -> None:
        """Assert what only the induction needs, about the inside; not of a broken twin.

        A twin has to fail by what can be seen from outside.
        """
        if not self.broken:
            self.fact(name, condition)

    def cover(self, name: str, condition) -> None:
        """Ask for a cycle with this condition, lest the facts hold for want of any."""
        self.covers += 1
        with self.m.If(~self.first):
            self.m.d.comb += Cover(condition, name)

    def rtlil(self) -> str:
        """Return the design for the prover."""
        return rtlil.convert(self.m, name=TOP, ports=[self._domain.clk], emit_src=False)


def implies(condition, consequence) -> Value:
    """Return ``condition -> consequence``."""
    return ~Value.cast(condition).bool() | Value.cast(consequence).bool()
