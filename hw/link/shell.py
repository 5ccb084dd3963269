# SPDX-License-Identifier: Apache-2.0
"""The link: a framed byte stream on one side, the engine's host port on the other."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ...golden.config import Configuration
from ...golden.protocol import IDENTIFICATION_HEAD_BYTES, REPORT_BYTES
from ..seam import host_read, host_write, run_request
from ..stream import byte_beat
from .executor import Executor
from .receiver import Receiver
from .transmitter import Transmitter

__all__ = ["LinkShell"]


class LinkShell(wiring.Component):
    """Serve the link protocol of :mod:`luthier.golden.protocol` on a byte stream.

    Receiving, executing and sending overlap, so that data moves both ways at W = ``link.width``
    bytes per cycle, less COBS and headers. The stream ``i`` is never blocked by a busy engine:
    requests beyond ``link.window`` are dropped and counted. With W = 1 it is never blocked at all;
    above, a COBS group of n bytes takes ceil(n / W) cycles.

    The executor spends up to 12 + 32 / W cycles on a request besides its data. Between the last
    byte of a request and the first of its reply pass about 28 + 28 / W cycles and those of its
    data and of the reply's first COBS group.

    Memory: (``window`` + ``cache_depth``) * ``payload_bytes`` + 512 bytes in block RAM, the
    identification in a ROM of D-bit words.

    Parameters
    ----------
    config : Configuration
        Uses ``link``, D and the sizes of scratchpad and memory.
    identification : bytes
        Content of the identification space, as :func:`~luthier.golden.protocol.identification`
        gives it.

    Members
    -------
    i, o : ``In``, ``Out(stream.Signature(byte_beat(link.width)))``
        Bytes from and to the host.
    request : ``Out(stream.Signature(host_read(config)))``
        Words to read: ``space``, ``address``, ``count``.
    read : ``In(stream.Signature(D))``
        The words, ``count`` for each request.
    write : ``Out(stream.Signature(host_write(config)))``
        A word to write: ``space``, ``address``, ``data``.
    run : ``Out(stream.Signature(run_request))``
        A program to run: ``base``, ``repeat``, ``count``.
    report : ``In(stream.Signature(512))``
        Report, one for each run.

    Raises
    ------
    TypeError
        If ``config`` is not a Configuration, or ``identification`` not bytes.
    ValueError
        If ``identification`` is shorter than its head or not whole words.
    """

    def __init__(self, config: Configuration, identification: bytes):
        if not isinstance(config, Configuration):
            raise TypeError(f"config must be a Configuration, not {config!r}")
        if not isinstance(identification, bytes):
            raise TypeError(f"identification must be bytes, not {identification!r}")
        size = len(identification)
        if size < IDENTIFICATION_HEAD_BYTES or size % config.word_bytes:
            raise ValueError(
                f"identification must be at least {IDENTIFICATION_HEAD_BYTES} bytes long and a "
                f"multiple of {config.word_bytes}, not {size!r}")
        self._config, self._identification = config, identification
        beat = stream.Signature(byte_beat(config.link.width))
        super().__init__({
            "i": In(beat),
            "o": Out(beat),
            "request": Out(stream.Signature(host_read(config))),
            "read": In(stream.Signature(config.table.beat_bits)),
            "write": Out(stream.Signature(host_write(config))),
            "run": Out(stream.Signature(run_request)),
            "report": In(stream.Signature(8 * REPORT_BYTES)),
        })

    @property
    def config(self) -> Configuration:
        """Configuration of the device."""
        return self._config

    @property
    def identification(self) -> bytes:
        """Content of the identification space."""
        return self._identification

    def elaborate(self, platform):
        m = Module()
        link = self._config.link
        m.submodules.receiver = receiver = Receiver(link.width, link.payload_bytes, link.window)
        m.submodules.executor = executor = Executor(self._config, self._identification)
        m.submodules.transmitter = transmitter = Transmitter(
            link.width, link.payload_bytes, link.cache_depth)
        connect(m, flipped(self.i), receiver.i)
        connect(m, receiver.reader, executor.reader)
        connect(m, executor.slots, transmitter.write)
        connect(m, executor.send, transmitter.send)
        connect(m, transmitter.o, flipped(self.o))
        for name in ("request", "read", "write", "run", "report"):
            connect(m, getattr(executor, name), flipped(getattr(self, name)))
        m.d.comb += [
            executor.busy.eq(transmitter.busy),
            executor.slot.eq(transmitter.slot),
            executor.damaged.eq(receiver.damaged),
            executor.overrun.eq(receiver.overrun),
        ]
        return m
