# SPDX-License-Identifier: Apache-2.0
"""A counter of steps to come, loaded and counted in one carry chain."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["StepCounter"]


class StepCounter(wiring.Component):
    """Count so many steps, and say without a comparison whether any are left.

    The counter goes up from minus the steps, so that its sign says whether there are more. With
    ECP5's ``CCU2C`` the choice between loading and counting is in the LUTs of the chain, which
    synthesis does not find: a bit takes one LUT. Elsewhere it is plain arithmetic.

    Latency: 1 cycle from ``enable``. Throughput: one step a cycle, loading included.

    Parameters
    ----------
    width : int
        Bits of ``steps``, 1 at least.
    ahead : bool
        Look one step ahead: ``more`` is whether a step is left after the present one.

    Members
    -------
    enable : ``In(1)``
        Load or count; without it all stays.
    load : ``In(1)``
        Begin with ``steps``, else count one.
    steps : ``In(width)``
        With ``ahead`` 1 at least.
    number : ``Out(width)``
        Number of the step, beginning with ``-steps`` modulo ``2**width``; with ``ahead`` one more.
    more : ``Out(1)``
        The step is one of them; with ``ahead`` the one after it is.

    Raises
    ------
    ValueError
        If ``width`` can not be.

    Source: Lattice FPGA-TN-02200 for the cell.
    """

    def __init__(self, width: int, *, ahead: bool = False):
        if width < 1:
            raise ValueError(f"width must be 1 or more, not {width!r}")
        self._ahead = ahead
        super().__init__({
            "enable": In(1),
            "load": In(1),
            "steps": In(width),
            "number": Out(width),
            "more": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        count = Signal(len(self.steps) + 1)  # -steps and up, signed
        following = Signal.like(count, name="following")
        m.d.comb += Cat(self.number, self.more).eq(count)
        with m.If(self.enable):
            m.d.sync += count.eq(following)
        if getattr(platform, "family", None) == "ecp5":
            self._ecp5(m, count, following)
            return m
        base = Signal.like(count, name="base")
        m.d.comb += [
            base.eq(Mux(self.load, Cat(~self.steps, 1), count)),
            following.eq(base + (Cat(~self.load, self.load) if self._ahead else 1)),
        ]
        return m

    def _ecp5(self, m, count, following):
        """Two bits in a CCU2C. Where loaded, minus the steps is their complement and a carry of 1.

        With D at 1 the upper half of INIT is ``A ? ~B : C``, and nothing generates a carry but the
        one from outside. To look ahead one more is added: the lowest bit is loaded as it is, and
        its carry is A, the lowest four bits of its INIT.
        """
        chain = Const(1, 1)
        for first in range(0, len(count), 2):
            carry = Signal(name=f"carry_{first}")
            pins = {}
            for half in range(2):
                bit = first + half
                init, steps, before = 0, Const(0, 1), Const(0, 1)
                if bit < len(count):
                    init = 0xD80A if self._ahead and not bit else 0x7200
                    steps = self.steps[bit] if bit < len(self.steps) else Const(0, 1)
                    before = count[bit]
                total = Signal(name=f"total_{bit}")
                pins |= {f"p_INIT{half}": Const(init, 16), f"p_INJECT1_{half}": "NO",
                         f"i_A{half}": self.load, f"i_B{half}": steps, f"i_C{half}": before,
                         f"i_D{half}": Const(1, 1), f"o_S{half}": total}
                if bit < len(count):
                    m.d.comb += following[bit].eq(total)
            m.submodules[f"chain_{first}"] = Instance("CCU2C", i_CIN=chain, o_COUT=carry, **pins)
            chain = carry
