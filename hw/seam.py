# SPDX-License-Identifier: Apache-2.0
"""What crosses the seam between link and engine; see ``docs/link.md``."""

from amaranth.lib import data

from ..golden.config import Configuration

__all__ = ["host_read", "host_write", "run_request"]

#: A program: ``count`` descriptors from word ``base`` on, ``repeat`` times.
run_request = data.StructLayout({"base": 32, "repeat": 32, "count": 16})


def _address(config: Configuration) -> range:
    return range(max(config.scratchpad.words, config.memory.words))


def host_read(config: Configuration) -> data.StructLayout:
    """Return the layout of a request for ``count`` words of a space, at most a frame's."""
    most = config.link.payload_bytes // config.word_bytes
    return data.StructLayout({"space": 2, "address": _address(config), "count": range(most + 1)})


def host_write(config: Configuration) -> data.StructLayout:
    """Return the layout of one word that the host writes to a space."""
    return data.StructLayout({
        "space": 2, "address": _address(config), "data": config.table.beat_bits})
