# SPDX-License-Identifier: Apache-2.0
"""Token queues, which order operations, and the operations under way."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.descriptor import TOKEN_LIMIT, TOKEN_QUEUES

__all__ = ["TokenQueues"]


class TokenQueues(wiring.Component):
    """Count the tokens of each queue, those present and those that operations under way will put.

    An operation may be dispatched when a token is present in each queue that it waits for. If one
    is neither present nor promised, it never will be, because operations are dispatched in order:
    ``refused`` says so at once, and no operation waits for ever.

    Latency: 1 cycle from ``dispatch`` or ``done`` to the counts.

    Members
    -------
    clear : ``In(1)``
        Forget all tokens. No operation is under way.
    wait, release : ``In(8)``
        Masks of the operation that is next, there a cycle before ``ready`` and ``refused`` count.
    ready : ``Out(1)``
        It may be dispatched.
    refused : ``Out(1)``
        It waits for a token that will never come, or would release one too many.
    dispatch : ``In(1)``
        It starts.
    instant : ``In(1)``
        With ``dispatch``: it is done, too.
    done : ``In(1)``
        The oldest operation under way is done.
    underway : ``Out(range(OPERATIONS + 1))``
        Operations dispatched and not done.
    """

    #: Operations under way at most: one that drains and one that builds.
    OPERATIONS = 2

    clear: In(1)
    wait: In(TOKEN_QUEUES)
    release: In(TOKEN_QUEUES)
    ready: Out(1)
    refused: Out(1)
    dispatch: In(1)
    instant: In(1)
    done: In(1)
    underway: Out(2)

    def elaborate(self, platform):
        m = Module()
        oldest, youngest = (Signal(TOKEN_QUEUES, name=name) for name in ("oldest", "youngest"))
        enters = self.dispatch & ~self.instant
        m.d.sync += self.underway.eq(self.underway + enters - self.done)
        # What the operations under way will release; the oldest is done first.
        with m.If(self.done):
            m.d.sync += oldest.eq(youngest)
        with m.If(enters):
            with m.If(self.underway - self.done == 0):
                m.d.sync += oldest.eq(self.release)
            with m.Else():
                m.d.sync += youngest.eq(self.release)

        # Whether a queue holds tokens, will hold some, is full: registers beside the counts.
        present_any, promised_any, full = (Signal(TOKEN_QUEUES, name=name) for name in (
            "present_any", "promised_any", "full"))
        allowed = Signal()
        takes, puts, arrives = (Signal(TOKEN_QUEUES, name=name) for name in (
            "takes", "puts", "arrives"))
        m.d.comb += [
            takes.eq(Mux(self.dispatch, self.wait, 0)),
            puts.eq(Mux(self.dispatch, self.release, 0)),
            arrives.eq(Mux(self.done, oldest, 0) | Mux(self.instant, puts, 0)),
            # Two tokens for one queue in one cycle are not counted: the instant ones wait.
            self.ready.eq(allowed & ~(self.instant & self.done)),
        ]
        # What is missing can only come, until there is a dispatch.
        m.d.sync += [
            allowed.eq(~(self.wait & ~present_any).any() & (self.underway != self.OPERATIONS)),
            self.refused.eq(((self.wait & ~promised_any)
                             | (self.release & ~self.wait & full)).any()),
        ]
        for name, added, any_ in (("present", arrives, present_any),
                                  ("promised", puts, promised_any)):
            # One more, one less; both at once leave a count as it is.
            up, down = (Signal(TOKEN_QUEUES, name=f"{name}_{way}") for way in ("up", "down"))
            m.d.comb += [up.eq(added & ~takes), down.eq(takes & ~added)]
            counts = [Signal(range(TOKEN_LIMIT + 1), name=f"{name}_{queue}")
                      for queue in range(TOKEN_QUEUES)]
            with m.If(self.clear):
                m.d.sync += [count.eq(0) for count in counts]
                m.d.sync += any_.eq(0)
                if name == "promised":
                    m.d.sync += full.eq(0)
            with m.Elif(self.dispatch | self.done):
                for queue, count in enumerate(counts):
                    with m.If(down[queue]):
                        m.d.sync += [count.eq(count - 1), any_[queue].eq(count != 1)]
                        if name == "promised":
                            m.d.sync += full[queue].eq(0)
                    with m.Elif(up[queue]):
                        m.d.sync += [count.eq(count + 1), any_[queue].eq(1)]
                        if name == "promised":
                            m.d.sync += full[queue].eq(count == TOKEN_LIMIT - 1)
        return m
