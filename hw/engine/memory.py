# SPDX-License-Identifier: Apache-2.0
"""The memory port that weights and programs come from, and its on-chip backend."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.records import strip_words
from ...golden.weights import SHORTEST_STRIP, STRIP_ROWS
from ..large_ram import BANKED_LATENCY, BankedRam
from ..stream import Queue
from ..table.commands import most_groups

__all__ = [
    "BURST",
    "MemorySignature",
    "OnChipMemory",
    "engine_request",
    "longest_request",
    "read_request",
    "write_request",
]

#: Beats of one request where weights are read as they lie.
BURST = 64

#: Latency from which on-chip memory has banks and registers around them.
_BANKED = BANKED_LATENCY + 2


def longest_request(config: Configuration, *, host: bool = True) -> int:
    """Return the most words that the engine asks for at once; without the host, its units.

    Those are a strip's weights of all planes, a strip's records, or :data:`BURST`; the host's, a
    frame's.
    """
    rows = STRIP_ROWS + SHORTEST_STRIP - 1
    units = max(BURST, 8 * rows, strip_words(config, rows, most_groups(config), True))
    return max(units, config.link.payload_bytes // config.word_bytes) if host else units


def read_request(words: int, longest: int) -> data.StructLayout:
    """Return the layout of a request to a memory of ``words``.

    ``length`` beats, at most ``longest``, from word ``address`` on.
    """
    return data.StructLayout({"address": range(words), "length": range(longest + 1)})


def engine_request(config: Configuration) -> data.StructLayout:
    """Return the layout of an engine's requests to its memory."""
    return read_request(config.memory.words, longest_request(config))


def write_request(beat_bits: int, words: int) -> data.StructLayout:
    """Return the layout of one word to write to a memory of ``words``."""
    return data.StructLayout({"address": range(words), "data": beat_bits})


class MemorySignature(wiring.Signature):
    """A memory port, seen by its master.

    Beats come in the order of the requests. A backend takes at least four requests before the first
    is answered, and shows a write to every request after it.

    Parameters
    ----------
    beat_bits : int
        D.
    words : int
        Size.
    longest : int
        Most words of a request.

    Interface attributes
    --------------------
    request : ``Out(stream.Signature(read_request(words, longest)))``
    beat : ``In(stream.Signature(D))``
    write : ``Out(stream.Signature(write_request(D, words)))``
    """

    def __init__(self, beat_bits: int, words: int, longest: int):
        super().__init__({
            "request": Out(stream.Signature(read_request(words, longest))),
            "beat": In(stream.Signature(beat_bits)),
            "write": Out(stream.Signature(write_request(beat_bits, words))),
        })


class OnChipMemory(wiring.Component):
    """Block RAM behind a memory port, as slow as asked.

    Latency: ``latency`` cycles from a request to its first beat. Throughput: one beat and one write
    a cycle. From a latency of six on it is made of banks with registers around them, as large ones
    on an FPGA want. Addresses beyond the end show any word; the engine does not ask for them, nor
    for more words at once than there are.

    Parameters
    ----------
    beat_bits : int
        D.
    words : int
        Size.
    longest : int
        Most words of a request.
    latency : int
        At least 3.

    Members
    -------
    port : ``In(MemorySignature(beat_bits, words, longest))``

    Raises
    ------
    ValueError
        If ``latency`` is less than 3.
    """

    def __init__(self, *, beat_bits: int, words: int, longest: int, latency: int):
        if latency < 3:
            raise ValueError(f"latency must be at least 3, not {latency!r}")
        self._beat_bits, self._words, self._longest = beat_bits, words, longest
        self._latency = latency
        super().__init__({"port": In(MemorySignature(beat_bits, words, longest))})

    @property
    def latency(self) -> int:
        """Cycles from a request to its first beat."""
        return self._latency

    def elaborate(self, platform):
        m = Module()
        port, depth = self.port, self._latency + 1
        m.submodules.requests = requests = Queue(read_request(self._words, self._longest), 4)
        m.submodules.beats = beats = Queue(self._beat_bits, depth)
        wiring.connect(m, wiring.flipped(port.request), requests.i)
        wiring.connect(m, beats.o, wiring.flipped(port.beat))
        m.d.comb += port.write.ready.eq(1)

        # A credit for each place in the queue of beats.
        credits = Signal(range(depth + 1), init=depth)
        current = requests.o.payload
        offset = Signal.like(current.length)
        issue = Signal()
        m.d.comb += issue.eq(requests.o.valid & (credits != 0))
        m.d.sync += credits.eq(credits - issue + (beats.o.valid & beats.o.ready))
        with m.If(issue):
            last = offset + 1 == current.length
            m.d.comb += requests.o.ready.eq(last)
            m.d.sync += offset.eq(Mux(last, 0, offset + 1))

        address, valid = Signal(range(self._words)), Signal()
        m.d.comb += [address.eq(current.address + offset), valid.eq(issue)]
        banked = self._latency >= _BANKED
        for stage in range(self._latency - (_BANKED if banked else 3)):
            following, going = Signal.like(address, name=f"address_{stage}"), Signal(
                name=f"valid_{stage}")
            m.d.sync += [following.eq(address), going.eq(valid)]
            address, valid = following, going
        for step in range(BANKED_LATENCY - 1 if banked else 0):
            going = Signal(name=f"going_{step}")
            m.d.sync += going.eq(valid)
            valid = going
        arrived = Signal()
        m.d.sync += arrived.eq(valid)
        m.d.comb += beats.i.valid.eq(arrived)
        (self._banks if banked else self._plain)(m, address, valid, beats.i.payload)
        return m

    def _plain(self, m, address, enable, beat):
        """One memory, of one cycle."""
        write = self.port.write
        m.submodules.store = store = memory.Memory(
            shape=self._beat_bits, depth=self._words, init=[])
        read_port, write_port = store.read_port(), store.write_port()
        m.d.comb += [
            write_port.addr.eq(write.payload.address),
            write_port.data.eq(write.payload.data),
            write_port.en.eq(write.valid),
            read_port.addr.eq(address),
            read_port.en.eq(enable),
            beat.eq(read_port.data),
        ]

    def _banks(self, m, address, _, beat):
        """Banks, which need more cycles and no enable."""
        write = self.port.write
        m.submodules.store = store = BankedRam(self._beat_bits, self._words)
        m.d.comb += [
            store.write.eq(write.valid),
            store.write_address.eq(write.payload.address),
            store.word.eq(write.payload.data),
            store.address.eq(address),
            beat.eq(store.value),
        ]
