# SPDX-License-Identifier: Apache-2.0
"""Executor of the link: verified requests to replies."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.config import Configuration
from ...golden.protocol import (
    HEADER_BYTES,
    IDENTIFICATION_HEAD_BYTES,
    REPLY,
    REPORT_BYTES,
    FrameType,
    Space,
    Status,
)
from ..seam import host_read, host_write, run_request
from .cache import ReplyCache
from .check import RequestCheck
from .layouts import RequestReader, SlotWrite, slot_shape
from .local import LocalSpaces
from .registers import executor_registers

__all__ = ["Executor"]


class Executor(wiring.Component):
    """Execute requests in order, one at a time, and write their replies to slots.

    A request is 16 / W cycles of header, 2 of checks, its data, 1 + 16 / W of reply header and 1
    to hand over, W being the link's width; a repeated one has neither data nor reply header. Data
    moves at W bytes per cycle, if the engine keeps up. HELLO is a READ of the identification's
    head that also names the session; RUN is, when the report is there, a READ of the status space.

    Parameters
    ----------
    config : Configuration
        Sizes.
    identification : bytes
        Content of the identification space.

    Members
    -------
    reader : ``In(RequestReader(width))``
        Requests.
    slots : ``Out(SlotWrite(width, payload_bytes, cache_depth))``
        Replies.
    send : ``Out(stream.Signature(range(cache_depth)))``
        Slots to send.
    busy, slot : ``In``
        The slot that is being sent, which is not written to.
    request, read, write, run, report
        The seam, see docs/link.md.
    damaged, overrun : ``In(1)``
        Events to count.
    """

    def __init__(self, config: Configuration, identification: bytes):
        self._config, self._identification = config, identification
        link, bits = config.link, config.table.beat_bits
        super().__init__({
            "reader": In(RequestReader(link.width)),
            "slots": Out(SlotWrite(link.width, link.payload_bytes, link.cache_depth)),
            "send": Out(stream.Signature(slot_shape(link.cache_depth))),
            "busy": In(1),
            "slot": In(slot_shape(link.cache_depth)),
            "request": Out(stream.Signature(host_read(config))),
            "read": In(stream.Signature(bits)),
            "write": Out(stream.Signature(host_write(config))),
            "run": Out(stream.Signature(run_request)),
            "report": In(stream.Signature(8 * REPORT_BYTES)),
            "damaged": In(1),
            "overrun": In(1),
        })

    @property
    def config(self) -> Configuration:
        """Configuration of the device."""
        return self._config

    def elaborate(self, platform):
        m = Module()
        config = self._config
        width, size = config.link.width, config.word_bytes
        m.submodules.cache = cache = ReplyCache(config.link.cache_depth)
        m.submodules.check = check = RequestCheck(config, len(self._identification) // size)
        m.submodules.local = local = LocalSpaces(8 * size, self._identification)

        s = executor_registers(config)
        s.cache, s.check, s.local = cache, check, local
        m.d.comb += s.hello.eq(s.header.type == FrameType.HELLO)
        s.chunks = size // width
        s.at_end_of_word = s.index[: (s.chunks - 1).bit_length()] == s.chunks - 1
        s.total = Cat(C(0, (s.chunks - 1).bit_length()), s.words)
        m.d.comb += [
            cache.seq.eq(s.header.seq),
            check.header.eq(s.header),
            check.session.eq(s.session.any()),
            local.damaged.eq(self.damaged),
            local.overrun.eq(self.overrun),
            local.status.eq(s.status_space),
            local.address.eq(s.address),
            self.send.payload.eq(s.slot),
            self.slots.slot.eq(s.slot),
            self.slots.index.eq(s.index),
            self.slots.word.eq(s.word),
            self.request.payload.space.eq(s.header.space),
            self.request.payload.address.eq(s.header.address),
            self.request.payload.count.eq(s.header.count),
            self.write.payload.space.eq(s.header.space),
            self.write.payload.address.eq(s.address),
            self.write.payload.data.eq(s.word),
            self.run.payload.base.eq(s.header.address[:32]),
            self.run.payload.repeat.eq(s.header.address[32:]),
            self.run.payload.count.eq(s.header.count),
        ]
        # Both shift registers always shift the same way: in come bytes of the request, or nothing.
        width_bits = 8 * width
        with m.If(s.load_word):
            m.d.sync += s.word.eq(Mux(s.remote, self.read.payload, local.word))
        with m.Elif(s.shift_word):
            m.d.sync += s.word.eq(Cat(s.word[width_bits:], self.reader.word))
        with m.If(s.shift_header):
            m.d.sync += s.header.eq(Cat(s.header.as_value()[width_bits:], self.reader.word))
        with m.FSM():
            self._load(m, s)
            self._dispatch(m, s)
            self._read(m, s)
            self._write(m, s)
            self._run(m, s)
            self._reply(m, s)
        return m

    def _load(self, m, s):
        """Take the header and look it up."""
        header_words = HEADER_BYTES // self._config.link.width
        with m.State("load"):
            m.d.comb += [
                self.reader.take.eq(self.reader.valid),
                s.shift_header.eq(self.reader.valid),
            ]
            with m.If(self.reader.valid):
                m.d.sync += s.index.eq(s.index + 1)
                with m.If(s.index == header_words - 1):
                    m.d.sync += s.index.eq(0)
                    m.next = "look up"
        with m.State("look up"):
            hit = s.cache.hit & ~s.hello
            m.d.sync += [
                s.hit.eq(hit),
                s.slot.eq(Mux(hit, s.cache.slot, s.cache.oldest)),
                s.status.eq(s.check.status),
                s.address.eq(Mux(s.hello, 0, s.header.address)),
                s.status_space.eq((s.header.space == Space.STATUS) & ~s.hello),
                s.remote.eq((s.header.space != Space.STATUS)
                            & (s.header.space != Space.IDENTIFICATION) & ~s.hello),
                s.words.eq(Mux(s.hello, IDENTIFICATION_HEAD_BYTES // self._config.word_bytes,
                               s.header.count)),
            ]
            m.next = "dispatch"

    def _dispatch(self, m, s):
        """Send a cached reply, or begin the execution."""
        with m.State("dispatch"):
            with m.If(s.hit):
                m.d.comb += s.local.repeat.eq(1)
                m.next = "send"
            with m.Elif(~self.busy | (self.slot != s.slot)):
                m.d.comb += [s.local.executed.eq(1), s.cache.clear.eq(s.hello)]
                with m.If(s.hello & ~s.session.any()):
                    m.d.sync += s.session.eq(s.header.count)
                with m.If(s.status != Status.OK):
                    m.d.sync += s.words.eq(0)
                    m.next = "finish"
                with m.Elif(s.header.type == FrameType.RUN):
                    m.next = "run"
                with m.Elif(s.header.type == FrameType.WRITE):
                    m.next = "write"
                with m.Elif(s.remote):
                    m.next = "request"
                with m.Else():
                    m.next = "read"
        with m.State("request"):
            m.d.comb += self.request.valid.eq(1)
            with m.If(self.request.ready):
                m.next = "read"

    def _read(self, m, s):
        """Move words from their source to the reply."""
        with m.State("read"):
            taking = ~s.full | s.at_end_of_word
            m.d.comb += [
                s.load_word.eq(taking & Mux(s.remote, self.read.valid, s.local_valid)),
                s.shift_word.eq(s.full),
                self.read.ready.eq(taking & s.remote),
                s.local.enable.eq(~s.remote & (~s.local_valid | taking)),
                self.slots.enable.eq(s.full),
                self.slots.body.eq(1),
            ]
            with m.If(s.local.enable):
                m.d.sync += [s.local_valid.eq(1), s.address.eq(s.address + 1)]
            with m.If(s.full):
                m.d.sync += s.index.eq(s.index + 1)
            with m.If(taking):
                m.d.sync += s.full.eq(s.load_word)
            with m.If(s.full & (s.index + 1 == s.total)):
                m.d.sync += [s.full.eq(0), s.local_valid.eq(0)]
                m.next = "finish"

    def _write(self, m, s):
        """Move words from the request to the engine."""
        with m.State("write"):
            m.d.comb += self.write.valid.eq(s.full)
            with m.If(s.full & self.write.ready):
                m.d.sync += [s.full.eq(0), s.address.eq(s.address + 1)]
            with m.If(self.reader.valid & ~s.taken & (~s.full | self.write.ready)):
                m.d.comb += [self.reader.take.eq(1), s.shift_word.eq(1)]
                m.d.sync += [s.index.eq(s.index + 1), s.full.eq(s.at_end_of_word),
                             s.taken.eq(s.index + 1 == s.total)]
            with m.If(s.full & self.write.ready & s.taken):
                m.d.sync += [s.words.eq(0), s.taken.eq(0)]
                m.next = "finish"

    def _run(self, m, s):
        """Run a program, keep its report, and go on as for a READ of it."""
        bits = 8 * self._config.word_bytes
        report_words = 8 * REPORT_BYTES // bits
        part_bits = (report_words - 1).bit_length()
        with m.State("run"):
            m.d.comb += self.run.valid.eq(1)
            with m.If(self.run.ready):
                m.next = "report"
        with m.State("report"):
            m.d.comb += [
                s.local.report_enable.eq(self.report.valid),
                s.local.report_address.eq(s.index),
                s.local.report_word.eq(
                    self.report.payload.word_select(s.index[:part_bits], bits)
                    if report_words > 1 else self.report.payload),
                # Taken with its last word.
                self.report.ready.eq(s.index == report_words - 1),
            ]
            with m.If(self.report.valid):
                m.d.sync += s.index.eq(s.index + 1)
                with m.If(self.report.payload[:32] != 0):
                    m.d.sync += s.status.eq(Status.REFUSED)
                with m.If(self.report.ready):
                    m.d.sync += [
                        s.index.eq(0), s.address.eq(0), s.words.eq(report_words),
                        s.remote.eq(0), s.status_space.eq(1),
                    ]
                    m.next = "read"

    def _reply(self, m, s):
        """Write the header of the reply and send it."""
        width = self._config.link.width
        with m.State("finish"):
            m.d.sync += [
                s.header.type.eq(s.header.type | REPLY),
                s.header.length.eq(s.words * self._config.word_bytes),
                s.header.space.eq(s.status),
                s.index.eq(0),
            ]
            with m.If(s.hello):
                m.d.sync += s.header.count.eq(s.session)
            m.next = "header"
        with m.State("header"):
            m.d.comb += [
                self.slots.enable.eq(1),
                self.slots.word.eq(s.header.as_value()[: 8 * width]),
                s.shift_header.eq(1),
            ]
            m.d.sync += s.index.eq(s.index + 1)
            # The sequence number has left the header after a few words.
            with m.If(s.index == 0):
                m.d.comb += s.cache.insert.eq(1)
            with m.If(s.index == HEADER_BYTES // width - 1):
                m.d.sync += s.index.eq(0)
                m.next = "send"
        with m.State("send"):
            m.d.comb += self.send.valid.eq(1)
            with m.If(self.send.ready):
                m.d.comb += self.reader.done.eq(1)
                m.next = "load"
