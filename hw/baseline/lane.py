# SPDX-License-Identifier: Apache-2.0
"""What the lanes have in common: activations in two sets of registers."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Lane"]


class Lane(wiring.Component):
    """Dot products of activations that are held with a beat of weights a cycle.

    Throughput: one beat a cycle, without end: the next activations are loaded in shadow.

    Parameters
    ----------
    columns : int
        Activations, a multiple of ``words``.
    activation_bits : int
        A.
    weight_bits : int
        Bits of a beat.
    width : int
        Of the sum.
    words : int
        Words that the activations come in.
    triples : bool
        Whether three times the activations come with them, as ``triples``.

    Members
    -------
    load : ``In(1)``, activations : ``In(ArrayLayout(signed(A), columns / words))``
        The next word of the activations to come, the first columns first.
    swap : ``In(1)``
        Those that were loaded hold from the next cycle on.
    valid : ``In(1)``, weights : ``In(weight_bits)``
        A beat.
    total : ``Out(signed(width))``, negate : ``Out(1)``
        ``latency`` cycles later: the sum, or where ``negate`` is set, minus the sum.
    """

    def __init__(self, *, columns: int, activation_bits: int, weight_bits: int, width: int,
                 words: int = 8, triples: bool = False):
        self._columns, self._bits, self._words = columns, activation_bits, words
        lanes = columns // words
        members = {
            "load": In(1),
            "activations": In(data.ArrayLayout(signed(activation_bits), lanes)),
            "swap": In(1),
            "valid": In(1),
            "weights": In(weight_bits),
            "total": Out(signed(width)),
            "negate": Out(1),
        }
        if triples:
            members["triples"] = In(data.ArrayLayout(signed(activation_bits + 2), lanes))
        super().__init__(members)

    @property
    def columns(self) -> int:
        """Weights of a beat."""
        return self._columns

    def _held(self, m, triples: bool = False) -> list[Value]:
        """Return the activations that hold, or their triples: registers, and no look-up table."""
        source = self.triples if triples else self.activations
        name, size = "triple" if triples else "x", len(Value.cast(source))
        shadow = [Signal(size, name=f"{name}_shadow_{word}", reset_less=True)
                  for word in range(self._words)]
        held = [Signal(size, name=f"{name}_{word}", reset_less=True) for word in range(self._words)]
        with m.If(self.load):
            m.d.sync += [a.eq(b) for a, b in zip(shadow, [*shadow[1:], source])]
        with m.If(self.swap):
            m.d.sync += [a.eq(b) for a, b in zip(held, shadow)]
        lanes = self._columns // self._words
        return [word.word_select(lane, size // lanes).as_signed()
                for word in held for lane in range(lanes)]
