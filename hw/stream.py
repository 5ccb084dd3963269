# SPDX-License-Identifier: Apache-2.0
"""Stream building blocks that every unit shares."""

from amaranth import *
from amaranth.lib import data, fifo, memory, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BypassQueue", "Queue", "ReservedQueue", "StreamRegister", "byte_beat"]


def byte_beat(width: int) -> data.StructLayout:
    """Return the payload of a byte stream that moves 1 to ``width`` bytes per transfer.

    ``data`` holds the bytes, first byte in the lowest bits; ``count`` says how many are valid. A
    source never offers a beat with ``count`` 0 or more than ``width``.
    """
    return data.StructLayout({"data": 8 * width, "count": range(width + 1)})


class Queue(wiring.Component):
    """First in, first out, in distributed RAM.

    Latency: 1 cycle. Throughput: 1 word per cycle, also when full. Holds ``depth`` words.

    Parameters
    ----------
    shape : ShapeLike
        Payload.
    depth : int
        Words, at least 1.

    Members
    -------
    i : ``In(stream.Signature(shape))``
        Words in.
    o : ``Out(stream.Signature(shape))``
        The same words, in order.
    level : ``Out(range(depth + 1))``
        Words held.

    Raises
    ------
    ValueError
        If ``depth`` is not a positive integer.
    """

    def __init__(self, shape, depth: int):
        if not isinstance(depth, int) or isinstance(depth, bool) or depth < 1:
            raise ValueError(f"depth must be a positive integer, not {depth!r}")
        self._shape, self._depth = shape, depth
        super().__init__({
            "i": In(stream.Signature(shape)),
            "o": Out(stream.Signature(shape)),
            "level": Out(range(depth + 1)),
        })

    @property
    def depth(self) -> int:
        """Words that fit."""
        return self._depth

    @property
    def latency(self) -> int:
        """Cycles from an accepted word to its output."""
        return 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = queue = fifo.SyncFIFO(width=Shape.cast(self._shape).width,
                                                  depth=self._depth)
        m.d.comb += [
            queue.w_data.eq(self.i.payload),
            queue.w_en.eq(self.i.valid),
            self.i.ready.eq(queue.w_rdy),
            Value.cast(self.o.payload).eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.o.ready),
            self.level.eq(queue.level),
        ]
        return m


class BypassQueue(Queue):
    """First in, first out, in distributed RAM; a word goes past it while it is empty.

    Latency: 0 cycles where the word can be taken at once. Throughput: 1 word per cycle.

    Parameters and members are those of :class:`Queue`.
    """

    @property
    def latency(self) -> int:
        """Cycles from an accepted word to its output."""
        return 0

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = Queue(self._shape, self._depth)
        past = Signal()
        m.d.comb += [
            past.eq(~queue.o.valid & self.o.ready),
            queue.i.payload.eq(self.i.payload),
            queue.i.valid.eq(self.i.valid & ~past),
            self.i.ready.eq(queue.i.ready),
            self.o.valid.eq(queue.o.valid | (self.i.valid & queue.i.ready)),
            self.o.payload.eq(Mux(queue.o.valid, queue.o.payload, self.i.payload)),
            queue.o.ready.eq(self.o.ready),
            self.level.eq(queue.level),
        ]
        return m


class ReservedQueue(wiring.Component):
    """First in, first out, behind a pipeline that cannot wait: places are reserved beforehand.

    Latency: 1 cycle from ``write`` to ``o``. Throughput: 1 word per cycle.

    Parameters
    ----------
    shape : ShapeLike
        Payload.
    depth : int
        Words, a power of two from 4 on.
    registered : bool
        Whether the first word waits in a register, for a higher clock, not in distributed RAM.

    Members
    -------
    reserve : ``In(1)``
        Take a place; there must be ``room``.
    room : ``Out(1)``
        There is a place. From a register, which leaves one place out of use where the queue is
        nearly full.
    write : ``In(1)``, word : ``In(shape)``
        The word for the place that was taken first of those still empty.
    o : ``Out(stream.Signature(shape))``

    Raises
    ------
    ValueError
        If ``depth`` is not a power of two.
    """

    def __init__(self, shape, depth: int, *, registered: bool = False):
        if depth < 4 or depth & (depth - 1):
            raise ValueError(f"depth must be a power of two from 4 on, not {depth!r}")
        self._shape, self._depth, self._registered = shape, depth, registered
        super().__init__({
            "reserve": In(1),
            "room": Out(1, init=1),
            "write": In(1),
            "word": In(shape),
            "o": Out(stream.Signature(shape)),
        })

    @property
    def depth(self) -> int:
        """Words that fit."""
        return self._depth

    @property
    def latency(self) -> int:
        """Cycles from a word to its output."""
        return 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.words = words = memory.Memory(
            shape=Shape.cast(self._shape).width, depth=self._depth, init=[])
        write, read = words.write_port(), words.read_port(domain="comb")
        # One bit more than the address: a queue is full where only that one differs.
        reserved, written, taken, fetched = (
            Signal(range(2 * self._depth), name=name)
            for name in ("reserved", "written", "taken", "fetched"))
        word = Value.cast(self.word)
        m.d.comb += [
            write.addr.eq(written[:-1]),
            write.data.eq(word),
            write.en.eq(self.write),
        ]
        if self._registered:
            first, waiting = Signal.like(word, name="first", reset_less=True), Signal()
            m.d.comb += [
                read.addr.eq(fetched[:-1]),
                waiting.eq(written != fetched),
                Value.cast(self.o.payload).eq(first),
            ]
            with m.If(~self.o.valid | self.o.ready):
                m.d.sync += [
                    first.eq(Mux(waiting, read.data, word)),
                    self.o.valid.eq(waiting | self.write),
                    fetched.eq(fetched + (waiting | self.write)),
                ]
        else:
            m.d.comb += [
                read.addr.eq(taken[:-1]),
                self.o.valid.eq(written != taken),
                Value.cast(self.o.payload).eq(read.data),
            ]
        occupied = Signal(range(2 * self._depth))
        m.d.comb += occupied.eq(reserved - taken)
        m.d.sync += [
            self.room.eq(occupied < self._depth - 1),
            reserved.eq(reserved + self.reserve),
            written.eq(written + self.write),
            taken.eq(taken + (self.o.valid & self.o.ready)),
        ]
        return m


class StreamRegister(wiring.Component):
    """Registers on every wire of a stream: payload and valid forward, ready backward.

    Latency: 1 cycle. Throughput: 1 word per cycle. Holds two words.

    Parameters
    ----------
    shape : ShapeLike
        Payload.

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature(shape))``
    """

    def __init__(self, shape):
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    @property
    def latency(self) -> int:
        """Cycles from an accepted word to its output."""
        return 1

    def elaborate(self, platform):
        m = Module()
        first, second = (Signal.like(Value.cast(self.i.payload), name=name, reset_less=True)
                         for name in ("first", "second"))
        filled = Signal()
        spilled = Signal()
        m.d.comb += [
            self.i.ready.eq(~spilled),
            self.o.valid.eq(filled),
            Value.cast(self.o.payload).eq(first),
        ]
        with m.If(~filled | self.o.ready):
            m.d.sync += [filled.eq(self.i.valid | spilled), spilled.eq(0)]
            m.d.sync += first.eq(Mux(spilled, second, Value.cast(self.i.payload)))
        with m.Elif(self.i.valid & self.i.ready):
            m.d.sync += [second.eq(self.i.payload), spilled.eq(1)]
        return m
