# SPDX-License-Identifier: Apache-2.0
"""The cycles that memory outside the FPGA needs for an operation."""

from .config import Configuration
from .descriptor import Descriptor, Opcode
from .records import scale_words
from .sparse_operation import sparse_beats
from .table import beats, passes

__all__ = ["is_exact", "memory_cycles"]

#: From a request to its first word, with rows to close and to open.
_FIRST = 30
#: What a request costs, most of whose rows open in time, and words of a usual one.
_OPEN, _REQUEST = 1, 32
#: What a refresh costs, with the row that opens again.
_REFRESH = 20


def is_exact(config: Configuration) -> bool:
    """Return whether :func:`luthier.golden.timing.cycles` is exact: not so with an SDRAM."""
    return config.sdram is None


def memory_cycles(config: Configuration, d: Descriptor) -> int:
    """Return about the cycles in which an SDRAM gives all that an operation reads; 0 without one.

    Within 2 % and 64 cycles (``tests/sim/test_sdram.py``).
    """
    if config.sdram is None or d.opcode not in (Opcode.TABLE, Opcode.SPARSE):
        return 0
    if d.opcode == Opcode.SPARSE:
        words = d.tokens * sparse_beats(config, d)
    else:
        words = beats(config, rows=d.rows, columns=d.columns, planes=d.planes_stored,
                      trits=d.trits) // d.planes_stored * d.planes_used
        if d.scaled:
            words += scale_words(config, rows=d.rows, columns=d.columns, group=d.group,
                                 trits=d.trits, offsets=d.offsets)
        words *= passes(config, d.tokens)
    taken = (words * (config.table.beat_bits // config.sdram.data_bits)
             + -(-words // _REQUEST) * _OPEN)
    interval = config.sdram.refresh_cycles(config.clock_hz)
    return _FIRST + taken * interval // (interval - _REFRESH)
