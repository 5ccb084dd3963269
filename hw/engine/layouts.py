# SPDX-License-Identifier: Apache-2.0
"""The descriptor as the hardware sees it."""

from amaranth.hdl import signed
from amaranth.lib import data

from ...golden.places import MOST_SAMPLES

__all__ = ["descriptor_layout", "vectors_layout"]

#: Bits as in :class:`luthier.golden.descriptor.Descriptor`.
descriptor_layout = data.StructLayout({
    "opcode": 8,
    "trits": 1,
    "scaled": 1,
    "saturate": 1,
    "accumulate": 1,
    "offsets": 1,
    "reserved_flags": 3,
    "wait": 8,
    "release": 8,
    "source": 32,
    "destination": 32,
    "weights": 32,
    "scales": 32,
    "rows": 32,
    "columns": 32,
    "group": 16,
    "planes_stored": 8,
    "planes_used": 8,
    "source_type": 8,
    "destination_type": 8,
    "tokens": 16,
    "source_step": 32,
    "destination_step": 32,
    "source_stride": 16,
    "destination_stride": 16,
    "multiplier": signed(16),
    "output_shift": 8,
    "reserved": 104,
})

#: What an operation on vectors, from scratchpad to scratchpad, says of its places. ``mine``: it is
#: one of a unit's; ``samples`` of a source vector. ``third``: there is a third place, from the word
#: ``scales`` on, of ``each`` words for each token, or ``stepped`` as results are, with ``behind``
#: words at the end. ``in_place``: results may overwrite their own source; ``onto``: and the third
#: place; ``apart``: that must not meet the source either.
vectors_layout = data.StructLayout({
    "mine": 1, "samples": range(MOST_SAMPLES + 1), "third": 1, "each": 16, "stepped": 1,
    "behind": range(MOST_SAMPLES + 1), "in_place": 1, "onto": 1, "apart": 1})
