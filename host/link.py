# SPDX-License-Identifier: Apache-2.0
"""Reading, writing and running over a transport, and finding back after a failure."""

import secrets
from collections.abc import Sequence

from ..golden.errors import DeviceError
from ..golden.protocol import (
    PROTOCOL_VERSION,
    REPORT_BYTES,
    FrameType,
    Header,
    Identification,
    Report,
    Space,
    Status,
)
from .conversation import TRIES, Conversation, DeviceReset, LinkError
from .transports import Transport

__all__ = ["Link"]

#: Bytes of data in a reply below which its frame costs more than cutting it saves.
_PIECE_BYTES = 240


class Link(Conversation):
    """One host's conversation with one device.

    Requests are numbered; one that is not answered in time is sent again under its number, so that
    the device executes it once. The READs or WRITEs of a call are pipelined as far as the device
    has room; every call returns when all its replies are there, so a READ or a RUN sees the WRITEs
    before it. A call that ends early, by Ctrl-C also, leaves a link that resynchronises at the next
    call.

    Parameters
    ----------
    transport : Transport
        Open.

    Attributes
    ----------
    bytes_sent, bytes_received, ignored, repeats : int
        As of :class:`~luthier.host.conversation.Conversation`.
    data_bytes : int
        Bytes of words that were read and written, without frames and repeats.
    resyncs : int
        Resynchronisations, the first contact included.
    resets : int
        Resets of the device that were noticed; each ended a call with :class:`DeviceReset`.
    """

    def __init__(self, transport: Transport):
        super().__init__(transport)
        self.resyncs = self.resets = self.data_bytes = 0
        #: The device's session; 0: whichever it has.
        self._session = 0
        self._identification: Identification | None = None
        self._dirty = True
        #: Seconds that an operation which was given up may still take in the device.
        self._patience = 0.0

    # Operations ----------------------------------------------------------------------------

    @property
    def identification(self) -> Identification:
        """What the device says of itself; asks it at the first use."""
        if self._identification is None:
            self.resync()
        assert self._identification is not None
        return self._identification

    @property
    def word_bytes(self) -> int:
        """Bytes of a word, D / 8."""
        return self.identification.beat_bits // 8

    @property
    def words_per_frame(self) -> int:
        """Words that one READ or WRITE moves at most."""
        return self.identification.payload_bytes // self.word_bytes

    def read(self, space: Space, address: int, count: int) -> bytes:
        """Return ``count`` words from ``address`` of a space.

        Raises
        ------
        LinkError
            If the device does not answer.
        DeviceError
            If it refuses.
        """
        return self.read_all(space, [(address, count)])[0]

    def read_all(self, space: Space, parts: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return the words of several places of a space, given by address and count."""
        what = "reading " + ", ".join(f"{count} words of {space.name.lower()} at {address}"
                                      for address, count in parts)
        window, total = self.identification.window, sum(count for _, count in parts)
        # The device makes a reply while it sends the one before: pieces, but not too small ones.
        step = min(self.words_per_frame,
                   max(-(-total // window), -(-_PIECE_BYTES // self.word_bytes)))
        requests: list[tuple[Header, bytes]] = []
        owner: list[int] = []
        for part, (address, count) in enumerate(parts):
            for first in range(address, address + count, step):
                words = min(step, address + count - first)
                requests.append((Header(type=FrameType.READ, seq=0, space=space, count=words,
                                        address=first), b""))
                owner.append(part)
        found = [b""] * len(parts)
        for part, (header, data) in zip(owner, self._exchange(requests, window, what), strict=True):
            if len(data) != header.count * self.word_bytes:
                raise self._broken(what, f"{len(data)} bytes for {header.count} words")
            found[part] += data
            self.data_bytes += len(data)
        return found

    def write(self, space: Space, address: int, data: bytes) -> None:
        """Write whole words at ``address`` of a space; errors as of :meth:`read`.

        Raises
        ------
        ValueError
            If ``data`` is not whole words.
        """
        self.write_all([(space, address, data)])

    def write_all(self, parts: Sequence[tuple[Space, int, bytes]]) -> None:
        """Write to several places, in any order: a space, an address and whole words for each."""
        word, requests = self.word_bytes, list[tuple[Header, bytes]]()
        step = self.words_per_frame * word
        for space, address, data in parts:
            if len(data) % word:
                raise ValueError(f"data must be a multiple of {word} bytes, not {len(data)}")
            for first in range(0, len(data), step):
                piece = data[first : first + step]
                requests.append((Header(
                    type=FrameType.WRITE, seq=0, length=len(piece), space=space,
                    count=len(piece) // word, address=address + first // word), piece))
            self.data_bytes += len(data)
        self._exchange(requests, self.identification.window, "writing " + ", ".join(
            f"{len(data) // word} words of {space.name.lower()} at {address}"
            for space, address, data in parts))

    def run(self, base: int, count: int, repeat: int = 1, limit: float = 1.0) -> Report:
        """Run ``count`` descriptors from word ``base`` of the memory, ``repeat`` times over.

        Parameters
        ----------
        limit : float
            Seconds of the transport's time that it may take.

        Returns
        -------
        Report
            Also of a program that was refused: its ``code`` is not 0.
        """
        what = f"running {count} operations at {base}"
        header = Header(type=FrameType.RUN, seq=0, count=count, address=base | repeat << 32)
        ((_, data),) = self._exchange([(header, b"")], 1, what, limit)
        if len(data) != REPORT_BYTES:
            raise self._broken(what, f"{len(data)} bytes for a report")
        return Report.unpack(data)

    def resync(self) -> Identification:
        """Bring both ends to a known state: drop what is under way, HELLO, forget old replies.

        Raises
        ------
        LinkError
            If the device does not answer.
        DeviceReset
            If it was reset since the last contact; the link is synchronised all the same.
        DeviceError
            If it is another device than before, or speaks another protocol version.
        """
        self.resyncs += 1
        self._dirty = True
        self.send(b"\0\0")
        self.drain()
        reply, data = self._greet()
        name = self.transport.description
        try:
            found = Identification.unpack(data)
        except ValueError as error:
            raise DeviceError(f"{name} is not a Luthier device: {error}") from None
        if found.protocol != PROTOCOL_VERSION:
            raise DeviceError(
                f"{name} speaks version {found.protocol} of the link protocol and this Luthier "
                f"version {PROTOCOL_VERSION}; use the Luthier that generated the device, or "
                f"generate it again with this one")
        if found.beat_bits < 64 or found.payload_bytes < found.beat_bits // 8 or not found.window:
            raise DeviceError(f"{name} describes itself with impossible sizes: {found}")
        if self._identification not in (None, found):
            raise DeviceError(f"{name} is now another device than at the start; connect again")
        self._identification, self.payload_bytes = found, found.payload_bytes
        reset = self._session not in (0, reply.count)
        self.resets += reset  # before it is forgotten, should Ctrl-C come here
        self._session = reply.count
        self._dirty, self._patience = False, 0.0
        if reset:
            raise self._reset("since the last operation")
        return found

    def require_no_reset(self, since: int, what: str) -> None:
        """Raise DeviceReset if what was loaded when ``resets`` was ``since`` may be lost."""
        if self.resets != since:
            raise DeviceReset(f"{what} was loaded before {self.transport.description} was reset, "
                              f"which may have cost its weights; load them again")

    def close(self) -> None:
        """Close the transport."""
        self.transport.close()

    # Conversation --------------------------------------------------------------------------

    def _greet(self) -> tuple[Header, bytes]:
        """Return the reply to a HELLO of which no repeat is under way.

        The repeat would begin a session, unnoticed, if the device were reset just before it.
        """
        # Any session but 0 and the one that is known.
        session = 1 + (self._session + secrets.randbelow(0xFFFE)) % 0xFFFF
        for attempt in range(TRIES):
            repeats = self.repeats
            hello = Header(type=FrameType.HELLO, seq=0, count=session, address=secrets.randbits(64))
            # A device that is only slow gets more time.
            extra = self._patience + (self.pause(attempt) if attempt else 0.0)
            reply, = self.converse([(hello, b"")], 1, "greeting the device", extra)
            if self.repeats == repeats:
                return reply
        raise LinkError(
            f"greeting the device: {self.transport.description} answered only when asked again, "
            f"{TRIES} times: the line loses too much; {self.transport.advice}")

    def _exchange(self, requests: Sequence[tuple[Header, bytes]], window: int, what: str,
                  extra: float = 0.0) -> list[tuple[Header, bytes]]:
        """Return the replies to ``requests``, in their order; resynchronise first where needed."""
        if self._dirty:
            self.resync()
        # Whatever ends this early, Ctrl-C also, leaves replies under way.
        self._dirty, self._patience = True, extra + self.travel(window * self.frame_bytes)
        try:
            replies = self.converse(requests, window, what, extra)
        except LinkError as error:
            raise LinkError(f"{error}; {self._diagnosis(what)}") from None
        for header, _ in replies:
            if header.space == Status.NO_SESSION:
                self.resets += 1
                self._session = 0  # the next contact need not tell again
                raise self._reset(f"while {what}")
            if header.space not in (Status.OK, Status.REFUSED):
                known = header.space in tuple(Status)
                raise self._broken(what, Status(header.space).name if known else
                                   f"the unknown status {header.space}")
        self._dirty, self._patience = False, 0.0
        return replies

    def _diagnosis(self, what: str) -> str:
        """Say after a failure whether the device still answers at all."""
        self._patience = 0.0  # The limit was waited for several times already.
        try:
            self.resync()
        except DeviceReset:
            raise self._reset(f"while {what}") from None
        except DeviceError:
            return f"nor does it answer a greeting: {self.transport.advice}"
        return ("it does answer a greeting, so the connection works: the operation takes longer "
                "than declared, or the line loses bytes")

    def _reset(self, when: str) -> DeviceReset:
        return DeviceReset(
            f"{self.transport.description} was reset {when}, so that this may not have been done "
            f"and what its memory held is lost; load the layers again")

    def _broken(self, what: str, answer: str) -> DeviceError:
        self._dirty = True
        return DeviceError(
            f"{what}: {self.transport.description} answered {answer}; the device does not agree "
            f"with this Luthier, generate it again")
