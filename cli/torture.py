# SPDX-License-Identifier: Apache-2.0
"""``luthier check --bytes-per-fault``: operations over a bad line, and what became of them."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..golden.errors import CheckFailed
from .output import Output, log

if TYPE_CHECKING:
    from ..host import Device
    from ..host.transports import Transport

__all__ = ["BytesPerFaultOption", "Line"]

BytesPerFaultOption = Annotated[int, typer.Option(
    "--bytes-per-fault", metavar="N", min=0,
    help="Disturb the line to the device: a byte inserted, deleted or flipped, a frame cut, "
         "replies doubled or swapped, silence or, where possible, a reset, once in N bytes on "
         "average; 0 for never. Operations may then end in an error, but not in a wrong result.")]

#: Seconds of the transport's time that an operation may take, by Transport.simulated.
_LIMIT = {True: 30.0, False: 600.0}
#: Operations in a row that may end in an error before the device counts as gone.
_MOST_FAILURES = 50


class Line:
    """The way to a device, bad or not.

    Parameters
    ----------
    url : str
    bytes_per_fault : int
        Mean distance of faults, which begin with the first operation; 0 for none.
    seed : int
        Of the faults; each operation begins a sequence of its own, so that it can be had alone.
    """

    def __init__(self, url: str, bytes_per_fault: int, seed: int):
        from ..host.transports import open_transport
        from ..host.transports.faulty import FaultyTransport

        inner = open_transport(url)
        self._faulty = FaultyTransport(inner) if bytes_per_fault else None
        self.transport: Transport = self._faulty or inner
        self._bytes_per_fault, self._seed = bytes_per_fault, seed
        self._errors: Counter[str] = Counter()
        self._operations = self._in_a_row = 0
        self._longest = 0.0

    @property
    def options(self) -> list[str]:
        """Arguments that make the same line again."""
        return ["--bytes-per-fault", str(self._bytes_per_fault)] if self._faulty else []

    def run(self, index: int, work: Callable[[], None], fail: Callable[[CheckFailed], None],
            again: str) -> None:
        """Do ``work``; on a bad line it may end in an error, which is counted, but it must end.

        Raises
        ------
        LinkError, DeviceReset
            The last of many in a row.
        """
        from ..host import DeviceReset, LinkError
        from ..host.transports.faulty import Overdue

        line = self._faulty
        if line is None:
            work()
            return
        begin = line.now()
        line.restart(self._bytes_per_fault, f"{self._seed}-{index}")
        line.deadline = begin + _LIMIT[line.simulated]
        self._operations += 1
        try:
            work()
        except (LinkError, DeviceReset) as error:
            log.debug("operation %d: %s", index, error)
            self._errors[type(error).__name__] += 1
            self._in_a_row += 1
            if self._in_a_row == _MOST_FAILURES:
                raise
        except Overdue as error:
            self._errors[type(error).__name__] += 1
            fail(CheckFailed(f"operation {index}: {error}; reproduce with: {again}"))
        else:
            self._in_a_row = 0
        line.deadline = None
        self._longest = max(self._longest, line.now() - begin)

    def show(self, output: Output, device: "Device", succeeded: int, wrong: int) -> dict[str, Any]:
        """Print what became of the operations; return it for the JSON."""
        line, link = self._faulty, device.link
        data: dict[str, Any] = {"bytes_per_fault": self._bytes_per_fault}
        if line is None:
            return data
        faults: dict[str, dict[str, int]] = {}
        for (direction, kind), count in sorted(line.faults.items()):
            faults.setdefault(direction, {})[kind] = count
        overdue = self._errors.pop("Overdue", 0)
        data |= {
            "operations": self._operations, "succeeded": succeeded, "failed": dict(self._errors),
            "wrong": wrong, "overdue": overdue, "faults": faults, "repeats": link.repeats,
            "ignored": link.ignored, "resyncs": link.resyncs, "resets": link.resets,
            "link_bytes": link.bytes_sent + link.bytes_received,
            "longest_seconds": self._longest}
        output.line(
            f"succeeded   {succeeded} of {self._operations} "
            f"({100 * succeeded / self._operations:.2f} %); errors: {_list(self._errors)}; "
            f"{wrong} with wrong results; {overdue} without an end")
        output.line(f"faults      {line.faults.total()} in {data['link_bytes']} bytes")
        for direction, kinds in faults.items():
            output.line(f"  {direction}: {_list(kinds)}")
        output.line(f"link        {link.repeats} repeats, {link.resyncs} resynchronisations, "
                    f"{link.resets} resets noticed; longest operation {self._longest:.3g} s"
                    + (" of simulated time" if line.simulated else ""))
        return data


def _list(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"
