# SPDX-License-Identifier: Apache-2.0
"""To which unit of the report an instance belongs."""

__all__ = ["UNITS", "unit_of"]

#: Names of the units, with the prefixes of their instances; the longest decides.
UNITS = {
    "table": ("engine.table",),
    "engine": ("engine", "memory"),
    "link": ("shell",),
    "top": ("",),
}


def unit_of(path: str) -> str:
    """Return the unit of an instance, such as ``table`` for ``engine.table.builder``."""
    best, length = "top", -1
    for unit, prefixes in UNITS.items():
        for prefix in prefixes:
            inside = not prefix or path == prefix or path.startswith(f"{prefix}.")
            if inside and len(prefix) > length:
                best, length = unit, len(prefix)
    return best
