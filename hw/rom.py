# SPDX-License-Identifier: Apache-2.0
"""Tables of constants."""

from collections.abc import Sequence

from amaranth import *
from amaranth.lib import memory

__all__ = ["look_up"]


def look_up(m: Module, name: str, content: Sequence[int], address: Value) -> Value:
    """Return the word of ``content`` at ``address``, in the same cycle; 0 behind the last one.

    It is a read-only memory, not a chain of cases: nothing to simulate but one load.

    Parameters
    ----------
    m : Module
        Gets the memory as the submodule ``name``.
    name : str
    content : sequence of int
        Unsigned words.
    address : Value
    """
    depth = 1 << len(address)
    if len(content) > depth:
        raise ValueError(f"{len(content)} words do not fit {len(address)} bits of address")
    rom = memory.Memory(shape=max(1, *map(int.bit_length, content)), depth=depth, init=content)
    m.submodules[name] = rom
    port = rom.read_port(domain="comb")
    m.d.comb += port.addr.eq(address)
    return port.data
