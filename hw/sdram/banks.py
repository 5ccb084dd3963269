# SPDX-License-Identifier: Apache-2.0
"""What the banks of an SDRAM allow."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...golden.config_sdram import BANKS, SdramConfiguration

__all__ = ["Banks"]


class Banks(wiring.Component):
    """Rows that are open, and times that have to pass.

    A bank may close after tRAS, and late enough that it opens again after tRC; and behind the last
    burst of its own, of words written by tWR.

    Parameters
    ----------
    config : SdramConfiguration
    clock_hz : int
    burst : int
        Words of a burst.

    Members
    -------
    bank : ``In(2)``, row : ``In(row_bits)``
        Whom ``opened``, ``same``, ``may_open`` and ``may_close`` are about, and what ``open`` and
        ``close`` do something to.
    open, close, close_all : ``In(1)``
        These commands are given.
    used : ``In(2)``
        Whom ``may_use``, ``read`` and ``write`` are about.
    read, write : ``In(1)``
        A burst begins.
    opened, same : ``Out(1)``
        A row is open; it is ``row``.
    may_open, may_close, may_use, may_close_all : ``Out(1)``
        These commands are possible.
    """

    def __init__(self, config: SdramConfiguration, clock_hz: int, burst: int):
        self._cycles = {key: config.cycles(f"{key}_ns", clock_hz)
                        for key in ("trcd", "trp", "tras", "trc", "trrd", "twr")}
        self._row_bits, self._burst = config.row_bits, burst
        inputs = {"bank": 2, "row": config.row_bits, "used": 2, "open": 1, "close": 1,
                  "close_all": 1, "read": 1, "write": 1}
        outputs = ("opened", "same", "may_open", "may_close", "may_use", "may_close_all")
        super().__init__({**{name: In(width) for name, width in inputs.items()},
                          **{name: Out(1) for name in outputs}})

    def elaborate(self, platform):
        m = Module()
        cycles, burst = self._cycles, self._burst
        # tRC is kept by closing late.
        stays = max(cycles["tras"], cycles["trc"] - cycles["trp"])
        opened, rows, closed, may = [], [], [], {"close": [], "use": []}
        apart = self._timer(m, "apart", (self.open, cycles["trrd"]))
        for number in range(BANKS):
            mine, used = self.bank == number, self.used == number
            opens = self.open & mine
            closes = self.close_all | self.close & mine
            is_open, row = Signal(name=f"opened_{number}"), Signal(
                self._row_bits, name=f"row_{number}", reset_less=True)
            m.d.sync += is_open.eq(opens | is_open & ~closes)
            with m.If(opens):
                m.d.sync += row.eq(self.row)
            opened.append(is_open)
            rows.append(row)
            closed.append(self._timer(m, f"closed_{number}", (closes, cycles["trp"])))
            may["use"].append(self._timer(m, f"opening_{number}", (opens, cycles["trcd"])))
            may["close"].append(
                self._timer(m, f"active_{number}", (opens, stays))
                & self._timer(m, f"busy_{number}", (self.read & used, burst),
                              (self.write & used, burst - 1 + cycles["twr"])))
        m.d.comb += [
            self.opened.eq(Array(opened)[self.bank]),
            self.same.eq(Array(rows)[self.bank] == self.row),
            self.may_open.eq(apart & Array(closed)[self.bank]),
            self.may_close.eq(Array(may["close"])[self.bank]),
            self.may_use.eq(Array(may["use"])[self.used]),
            self.may_close_all.eq(Cat(may["close"], closed).all()),
        ]
        return m

    @staticmethod
    def _timer(m, name, *events):
        """Return a signal that is low from the cycle after an event until its cycles are over."""
        left = Signal(range(max(2, *(cycles for _, cycles in events))), name=f"{name}_left")
        over = Signal(name=f"{name}_over", init=1)
        nearly = left <= 1 if len(left) > 1 else 1
        m.d.sync += [left.eq(Mux(over, 0, left - 1)), over.eq(nearly)]
        for event, cycles in events:
            with m.If(event):
                m.d.sync += [left.eq(cycles - 1), over.eq(cycles == 1)]
        return over
