# SPDX-License-Identifier: Apache-2.0
"""The spaces that live inside the link: identification and status."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ...golden.protocol import REPORT_BYTES, STATUS_BYTES

__all__ = ["LocalSpaces"]


class LocalSpaces(wiring.Component):
    """Words of the identification, of the last report, and the link's counters.

    Latency: 1 cycle from ``enable`` to ``word``; ``word`` stays until the next ``enable``, but the
    counters in it go on counting. Throughput: a word per cycle.

    Parameters
    ----------
    word_bits : int
        D, bits per word: 64 to 512.
    identification : bytes
        Content of the identification space, whole words.

    Members
    -------
    enable : ``In(1)``
        Read.
    status : ``In(1)``
        0: identification; 1: status.
    address : ``In(range(words))``
        Word of the space.
    word : ``Out(word_bits)``
        The word read.
    report_enable : ``In(1)``
        Write ``report_word`` to the last report.
    report_address : ``In(range(512 // word_bits))``
        Word of the report.
    report_word : ``In(word_bits)``
        Word to write.
    executed, damaged, overrun, repeat : ``In(1)``
        Events to count.
    """

    def __init__(self, word_bits: int, identification: bytes):
        self._word_bits = word_bits
        size = word_bits // 8
        self._words = [int.from_bytes(identification[start : start + size], "little")
                       for start in range(0, len(identification), size)]
        self._report_words = REPORT_BYTES // size
        self._status_words = STATUS_BYTES // size
        super().__init__({
            "enable": In(1),
            "status": In(1),
            "address": In(range(max(len(self._words), self._status_words))),
            "word": Out(word_bits),
            "report_enable": In(1),
            "report_address": In(range(max(self._report_words, 2))),
            "report_word": In(word_bits),
            "executed": In(1),
            "damaged": In(1),
            "overrun": In(1),
            "repeat": In(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from ``enable`` to ``word``."""
        return 1

    def elaborate(self, platform):
        m = Module()
        status = Signal(reset_less=True)
        address = Signal.like(self.address, reset_less=True)
        m.submodules.identification = identification = Memory(
            shape=self._word_bits, depth=len(self._words), init=self._words)
        m.submodules.report = report = Memory(
            shape=self._word_bits, depth=self._report_words, init=[])
        # Few words, very wide: distributed memory, with the address registered below.
        identification_port = identification.read_port(domain="comb")
        report_port = report.read_port(domain="comb")
        write_port = report.write_port()
        reported = Signal()  # the memory of the report survives a reset
        m.d.comb += [
            identification_port.addr.eq(address),
            report_port.addr.eq(address),
            write_port.en.eq(self.report_enable),
            write_port.addr.eq(self.report_address),
            write_port.data.eq(self.report_word),
        ]
        with m.If(self.report_enable):
            m.d.sync += reported.eq(1)

        counters = []
        for name in ("executed", "damaged", "overrun", "repeat"):
            counter = Signal(32, name=f"count_{name}")
            with m.If(getattr(self, name)):
                m.d.sync += counter.eq(counter + 1)
            counters.append(counter)
        tail = Cat(*counters, C(0, 8 * (STATUS_BYTES - REPORT_BYTES) - 128))

        with m.If(self.enable):
            m.d.sync += [status.eq(self.status), address.eq(self.address)]
        half = (self._report_words - 1).bit_length()
        in_tail = address[half]  # the second half of the status space
        with m.If(~status):
            m.d.comb += self.word.eq(identification_port.data)
        with m.Elif(in_tail):
            m.d.comb += self.word.eq(tail.word_select(address[:half], self._word_bits)
                                     if self._report_words > 1 else tail)
        with m.Elif(reported):
            m.d.comb += self.word.eq(report_port.data)
        return m
