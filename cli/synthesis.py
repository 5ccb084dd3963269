# SPDX-License-Identifier: Apache-2.0
"""What commands that synthesise and route share."""

from ..golden.errors import UserError

__all__ = ["cell", "check_route", "parse_seeds"]


def check_route(route: bool, target: str) -> None:
    """Refuse a ``--route`` that could not be done, before any work is done.

    Raises
    ------
    UserError
        If nothing is routed for the target.
    ToolMissing
        If its nextpnr is not installed.
    """
    if not route:
        return
    from ..gen.routing import ROUTED_TARGETS
    from ..gen.tools import require_nextpnr

    if target not in ROUTED_TARGETS:
        raise UserError(f"--route is for --target {' or '.join(ROUTED_TARGETS)}, not {target}; "
                        f"leave it out")
    require_nextpnr(target)


def cell(value: float | None, digits: int = 1) -> str:
    """Return a figure for a table: whole ones without a point, unless two digits are asked for."""
    if value is None:
        return ""
    return f"{value:.0f}" if digits < 2 and value == int(value) else f"{value:.{digits}f}"


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds of ``N,N,...``, each once.

    Raises
    ------
    UserError
        If it is not of that form.
    """
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise UserError(f"--seeds must be integers of at most 9 digits with commas between them, "
                        f"such as 1,2,3, not {text!r}")
    return tuple(dict.fromkeys(int(part) for part in parts))
