# SPDX-License-Identifier: Apache-2.0
"""Beats from the memory to packets of the decoders."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ....golden.config import Configuration
from ...sparse.decode.layouts import beat_layout, block_command

__all__ = ["PacketFramer", "packet_command"]


def packet_command(config: Configuration) -> data.StructLayout:
    """Return the layout of a command: ``words`` and ``beats`` of a packet, and times it comes."""
    size = range(config.memory.words + 1)
    return data.StructLayout({"words": size, "beats": size, "tokens": 16})


class PacketFramer(wiring.Component):
    """Announce a packet for each token, and mark its last beat.

    Latency: 0 cycles. Throughput: one beat a cycle; a cycle to announce a packet.

    Parameters
    ----------
    config : Configuration

    Members
    -------
    command : ``In(stream.Signature(packet_command(config)))``
        Taken with the last beat.
    beats : ``In(stream.Signature(D))``
    c : ``Out(stream.Signature(block_command))``
    o : ``Out(stream.Signature(beat_layout(D)))``
    """

    def __init__(self, config: Configuration):
        bits = config.table.beat_bits
        super().__init__({
            "command": In(stream.Signature(packet_command(config))),
            "beats": In(stream.Signature(bits)),
            "c": Out(stream.Signature(block_command)),
            "o": Out(stream.Signature(beat_layout(bits))),
        })

    def elaborate(self, platform):
        m = Module()
        command = self.command.payload
        begun, left = Signal(), Signal.like(command.beats)
        token = Signal.like(command.tokens)
        m.d.comb += [
            self.c.valid.eq(self.command.valid & ~begun),
            self.c.payload.words.eq(command.words),
            self.o.valid.eq(self.beats.valid & begun),
            self.beats.ready.eq(self.o.ready & begun),
            self.o.payload.data.eq(self.beats.payload),
            self.o.payload.last.eq(left == 1),
        ]
        with m.If(self.c.valid & self.c.ready):
            m.d.sync += [begun.eq(1), left.eq(command.beats)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += left.eq(left - 1)
            with m.If(left == 1):
                m.d.comb += self.command.ready.eq(token + 1 == command.tokens)
                m.d.sync += [begun.eq(0), token.eq(Mux(self.command.ready, 0, token + 1))]
        return m
