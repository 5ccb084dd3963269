# SPDX-License-Identifier: Apache-2.0
"""What is proved of many units: the contract of streams, and that nothing is lost on the way."""

from dataclasses import dataclass

from amaranth.hdl import Array, Cat, Const, Mux, Signal, Value

from .bench import Bench, Unit, implies

__all__ = ["Tracked", "holds", "legal_source", "track"]


def _stalled(bench: Bench, stream, name: str):
    payload = Value.cast(stream.payload)
    return (bench.past(stream.valid & ~stream.ready, f"{name}_stalled"),
            payload == bench.past(payload, f"{name}_before"))


def holds(bench: Bench, unit: Unit, stream, name: str = "o") -> None:
    """Assert that an output holds valid and payload until the transfer, and never waits for ready.

    The latter is read from the unit's own assignments.
    """
    stalled, same = _stalled(bench, stream, name)
    bench.fact(f"{name} keeps valid until ready", implies(stalled, stream.valid))
    bench.fact(f"{name} keeps its payload until ready", implies(stalled, same))
    bench.fact(f"{name} has valid without regard to ready",
               Const(not unit.reaches(stream.ready, stream.valid)))


def legal_source(bench: Bench, stream, name: str = "i") -> None:
    """Assume that the source of an input holds valid and payload until the transfer."""
    stalled, same = _stalled(bench, stream, name)
    bench.assume(bench.first | implies(stalled, stream.valid & same))


@dataclass(frozen=True)
class Tracked:
    """The item that is followed.

    Parameters
    ----------
    count : Signal
        Items on the way.
    armed : Signal
        The item is on the way.
    ahead : Signal
        Items that leave before it.
    value : Signal
        What it was when it went in.
    """

    count: Signal
    armed: Signal
    ahead: Signal
    value: Signal


def track(bench: Bench, *, pushed, items, popped, visible, shown) -> Tracked:
    """Assert that items leave in order, unchanged, each once.

    One item, any one, is followed by the number of items before it. As it may be any, that it
    leaves after exactly those says that none is lost, repeated or overtaken.

    Parameters
    ----------
    bench : Bench
    pushed : Value
        Items accepted in this cycle, the first of ``items``.
    items : list of Value
        What is offered.
    popped : Value
        Items that leave in this cycle, the first of ``shown``.
    visible : Value
        How many of ``shown`` are valid.
    shown : list of Value
        What is offered at the output.
    """
    m = bench.m
    count, ahead, armed = Signal(8, name="count"), Signal(8, name="ahead"), Signal(name="armed")
    value = Signal(len(Value.cast(items[0])), name="followed")
    choose, chosen = bench.free(1, "choose"), bench.free(range(len(items) + 1), "chosen")
    m.d.sync += count.eq(count + pushed - popped)
    with m.If(armed):
        m.d.sync += [armed.eq(ahead >= popped), ahead.eq(Mux(ahead >= popped, ahead - popped, 0))]
    with m.Elif(choose & (chosen < pushed)):
        m.d.sync += [armed.eq(1), ahead.eq(count - popped + chosen),
                     value.eq(Array(Value.cast(item) for item in items)[chosen])]
    right = Cat(implies(armed & (ahead == index) & (index < visible), Value.cast(item) == value)
                for index, item in enumerate(shown))
    bench.fact("what comes out is what went in", right.all())
    bench.fact("no more comes out than went in", visible <= count)
    bench.lemma("the item is on the way", implies(armed, ahead < count))
    bench.cover("an item leaves", armed & (ahead < popped))
    return Tracked(count, armed, ahead, value)
