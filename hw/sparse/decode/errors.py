# SPDX-License-Identifier: Apache-2.0
"""The count of a packet's errors, and the first of them."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ....golden.sparse.encodings import Defect
from .layouts import report_layout

__all__ = ["Errors"]


class Errors(wiring.Component):
    """Count words with a defect, and keep what is wrong with the length.

    Latency: 1 cycle.

    Parameters
    ----------
    defect : Defect
        Of a word.

    Members
    -------
    clear : ``In(1)``
        A packet begins.
    word : ``In(1)``
        A word had a defect.
    truncated, overlong : ``In(1)``
        The packet is too short or too long.
    report : ``Out(report_layout)``

    Raises
    ------
    TypeError
        If ``defect`` is no :class:`~luthier.golden.sparse.encodings.Defect`.
    """

    def __init__(self, defect: Defect):
        if not isinstance(defect, Defect):
            raise TypeError(f"defect must be a Defect, not {defect!r}")
        self._defect = defect
        super().__init__({"clear": In(1), "word": In(1), "truncated": In(1), "overlong": In(1),
                          "report": Out(report_layout)})

    def elaborate(self, platform):
        m = Module()
        words = Signal(16)
        length = Signal(report_layout["first"].shape)
        with m.If(self.word & ~words.all()):
            m.d.sync += words.eq(words + 1)
        with m.If(self.truncated):
            m.d.sync += length.eq(Defect.TRUNCATED)
        with m.If(self.overlong):
            m.d.sync += length.eq(Defect.OVERLONG)
        with m.If(self.clear):
            m.d.sync += [words.eq(0), length.eq(0)]
        m.d.comb += [
            self.report.errors.eq(words + (length.any() & ~words.all())),
            self.report.first.eq(Mux(words.any(), self._defect, length)),
        ]
        return m
