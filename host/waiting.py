# SPDX-License-Identifier: Apache-2.0
"""How long a device may take, and what it took."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from ..golden.errors import DeviceError
from ..golden.protocol import Report

if TYPE_CHECKING:
    from .open_device import OpenDevice

__all__ = ["add_reports", "require_sound", "run_limit"]

#: Cycles per second that a board must reach, which may be a simulated one behind a socket.
_SLOWEST_HZ = 100_000
_MARGIN_CYCLES, _MARGIN_SECONDS = 10_000, 5.0


def run_limit(device: OpenDevice, declared: int) -> float:
    """Return the seconds of the transport's time that so many declared cycles may take."""
    if device.transport.simulated:
        return 4 * (declared + _MARGIN_CYCLES) / device.config.clock_hz
    return _MARGIN_SECONDS + 2 * declared / _SLOWEST_HZ


def add_reports(reports: list[Report]) -> Report:
    """Return the sum of reports, field by field."""
    return Report(**{field.name: sum(getattr(report, field.name) for report in reports)
                     for field in fields(Report)})


def require_sound(device: OpenDevice, report: Report, what: str) -> None:
    """Raise DeviceError if sparse weights had a defect."""
    if report.malformed:
        raise DeviceError(
            f"{device.url} found {report.malformed} words of sparse weights in {what} that no "
            f"encoder writes, and took what is wrong for zeros; its memory has changed, load the "
            f"weights again")
