# SPDX-License-Identifier: Apache-2.0
"""What moves the sums of a row group out while the next one is added up."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.sparse import Chain
from ..arithmetic import pick
from ..stream import Queue
from .layouts import result_layout

__all__ = ["Results"]


class Results(wiring.Component):
    """Take the sums of a row group at once, and give them away beat by beat.

    A register takes them and moves a beat a cycle into a queue. Places there are counted in row
    groups and given away when a row group's last word is taken, so that nothing in between ever has
    to wait.

    Latency: 2 cycles. Throughput: a beat a cycle; row groups ``beats`` cycles apart or more. Takes
    a register of all sums, and ``places * beats`` beats of distributed RAM.

    Parameters
    ----------
    config : Chain

    Members
    -------
    sums : ``In(ArrayLayout(signed(accumulator_bits), sums))``
    done : ``In(1)``, last : ``In(1)``, fault : ``In(1)``
        Take the sums.
    free : ``Out(1)``
        A row group has a place.
    taken : ``In(1)``
        It is taken.
    o : ``Out(stream.Signature(result_layout(config)))``
    """

    def __init__(self, config: Chain):
        self._config = config
        super().__init__({
            "sums": In(data.ArrayLayout(signed(config.accumulator_bits), config.sums)),
            "done": In(1),
            "last": In(1),
            "fault": In(1),
            "free": Out(1),
            "taken": In(1),
            "o": Out(stream.Signature(result_layout(config))),
        })

    @property
    def latency(self) -> int:
        """Cycles from the sums to their first beat."""
        return 2

    def elaborate(self, platform):
        m = Module()
        config = self._config
        width = config.accumulator_bits * config.lanes
        beat = data.StructLayout({"result": result_layout(config), "end": 1})
        m.submodules.queue = queue = Queue(beat, config.places * config.beats)
        held = Signal(config.sums * config.accumulator_bits, reset_less=True)
        number, busy = Signal(range(config.beats)), Signal()
        last, fault = Signal(reset_less=True), Signal(reset_less=True)
        end = Signal()
        word = queue.i.payload
        m.d.comb += [
            end.eq(number == config.beats - 1),
            queue.i.valid.eq(busy),
            Value.cast(word.result.sums).eq(
                pick(number, {index: held.word_select(index, width)
                              for index in range(config.beats)})),
            word.result.last.eq(last & end),
            word.result.fault.eq(fault),
            word.end.eq(end),
        ]
        with m.If(self.done):
            m.d.sync += [number.eq(0), busy.eq(1), last.eq(self.last), fault.eq(self.fault),
                         held.eq(self.sums)]
        with m.Elif(busy):
            m.d.sync += [number.eq(number + 1), busy.eq(~end)]
        places = Signal(range(config.places + 1), init=config.places)
        given = Signal()
        m.d.comb += [
            given.eq(queue.o.valid & self.o.ready & queue.o.payload.end),
            self.free.eq(places != 0),
            self.o.valid.eq(queue.o.valid),
            self.o.payload.eq(queue.o.payload.result),
            queue.o.ready.eq(self.o.ready),
        ]
        m.d.sync += places.eq(places + given - self.taken)
        return m
