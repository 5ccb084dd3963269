# SPDX-License-Identifier: Apache-2.0
"""The clock that a board's oscillator is turned into, with the PLL of the family."""

from dataclasses import dataclass

from amaranth import *

__all__ = ["Pll", "PllSettings", "pll_settings"]


@dataclass(frozen=True)
class _Limits:
    """What a family's PLL can do: factors, and Hz of the phase detector and of the oscillator."""

    reference: range
    feedback: range
    output: tuple[int, ...]
    detector: tuple[float, float]
    oscillator: tuple[float, float]
    #: Whether feedback is taken behind the output divider, so that it counts output cycles.
    behind_output: bool


_LIMITS = {
    # FPGA-DS-02012, with feedback from CLKOP.
    "ecp5": _Limits(range(1, 129), range(1, 81), tuple(range(1, 129)), (3.125e6, 400e6),
                    (400e6, 800e6), True),
    # FPGA-TN-02052: SIMPLE feedback, taken before the output divider.
    "ice40": _Limits(range(1, 17), range(1, 65), (2, 4, 8, 16, 32, 64), (10e6, 133e6),
                     (533e6, 1066e6), False),
    # UG472 and DS181, PLLE2_BASE, speed grade 1.
    "xc7": _Limits(range(1, 57), range(2, 65), tuple(range(1, 129)), (19e6, 450e6),
                   (800e6, 1600e6), False),
}
#: Families in Amaranth's words.
_FAMILIES = {"ecp5": "ecp5", "ice40": "ice40", "series7": "xc7"}
_MIDDLE = {family: sum(limits.oscillator) / 2 for family, limits in _LIMITS.items()}


@dataclass(frozen=True)
class PllSettings:
    """Factors: output = source / ``reference`` * ``feedback`` (/ ``output`` where that follows).

    Attributes
    ----------
    reference, feedback, output : int
    detector_hz, oscillator_hz, hz : float
        Of the phase detector, of the oscillator, of the output.
    """

    reference: int
    feedback: int
    output: int
    detector_hz: float
    oscillator_hz: float
    hz: float


def pll_settings(family: str, source_hz: int, hz: int) -> PllSettings:
    """Return the factors that give exactly ``hz``, the oscillator near its middle.

    Raises
    ------
    ValueError
        If there are none; it names the nearest frequency that there is.
    """
    limits, found, nearest = _LIMITS[family], [], 0.0
    for reference in limits.reference:
        detector = source_hz / reference
        if not limits.detector[0] <= detector <= limits.detector[1]:
            continue
        for feedback in limits.feedback:
            for output in limits.output:
                oscillator = detector * feedback * (output if limits.behind_output else 1)
                if not limits.oscillator[0] <= oscillator <= limits.oscillator[1]:
                    continue
                made = oscillator / output
                if abs(made - hz) < abs(nearest - hz):
                    nearest = made
                if abs(made - hz) < 1:
                    found.append(PllSettings(reference, feedback, output, detector, oscillator,
                                             made))
    if not found:
        raise ValueError(f"hz must be a frequency that the PLL of {family} makes of {source_hz} "
                         f"Hz, not {hz!r}; the nearest is {round(nearest)}")
    return min(found, key=lambda one: (abs(one.oscillator_hz - _MIDDLE[family]), one.reference))


class Pll(Elaboratable):
    """One clock from another.

    Without a family's cells, as in simulation, and where both are the same, it is a wire.

    Parameters
    ----------
    source_hz, hz : int
        Frequency of the source, and the one wanted.
    late : bool
        Whether ``late`` is used.

    Attributes
    ----------
    source, clock, locked, late : Signal
        In; out; out, high where the clock can be used; out, the clock 270 degrees later (ECP5
        alone).

    Raises
    ------
    ValueError
        When elaborated, if the family's PLL can not do it.
    """

    def __init__(self, source_hz: int, hz: int, *, late: bool = False):
        self._source_hz, self._hz, self._late = source_hz, hz, late
        self.source, self.clock, self.locked, self.late = (
            Signal(name=f"pll_{name}") for name in ("source", "clock", "locked", "late"))

    def elaborate(self, platform):
        m = Module()
        family = _FAMILIES.get(getattr(platform, "family", None))
        if family is None or (self._source_hz == self._hz and not self._late):
            m.d.comb += [self.clock.eq(self.source), self.locked.eq(1)]
            return m
        settings = pll_settings(family, self._source_hz, self._hz)
        m.submodules.pll = getattr(self, f"_{family}")(m, settings)
        return m

    def _ecp5(self, m, s: PllSettings):
        # Frequencies as attributes: nextpnr derives the clock's constraint from them. Phases count
        # cycles of the oscillator and eighths of them; that of the first output makes it rise with
        # the source.
        phase, eighths = divmod(s.output * 8 * 3 // 4, 8)
        return Instance(
            "EHXPLLL", p_CLKI_DIV=s.reference, p_CLKFB_DIV=s.feedback, p_CLKOP_DIV=s.output,
            p_CLKOS_ENABLE="ENABLED" if self._late else "DISABLED", p_CLKOS_DIV=s.output,
            p_CLKOS_CPHASE=s.output // 2 + phase, p_CLKOS_FPHASE=eighths,
            a_FREQUENCY_PIN_CLKOS=f"{s.hz / 1e6:g}", o_CLKOS=self.late,
            p_CLKOP_CPHASE=s.output // 2, p_CLKOP_FPHASE=0, p_CLKOP_ENABLE="ENABLED",
            p_FEEDBK_PATH="CLKOP", p_PLLRST_ENA="DISABLED", p_INTFB_WAKE="DISABLED",
            p_STDBY_ENABLE="DISABLED", p_DPHASE_SOURCE="DISABLED", p_OUTDIVIDER_MUXA="DIVA",
            p_OUTDIVIDER_MUXB="DIVB", p_OUTDIVIDER_MUXC="DIVC", p_OUTDIVIDER_MUXD="DIVD",
            a_FREQUENCY_PIN_CLKI=f"{self._source_hz / 1e6:g}",
            a_FREQUENCY_PIN_CLKOP=f"{s.hz / 1e6:g}", a_ICP_CURRENT="12", a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1", a_MFG_GMCREF_SEL="2",
            i_CLKI=self.source, i_CLKFB=self.clock, i_RST=Const(0), i_STDBY=Const(0),
            i_PHASESEL0=Const(0), i_PHASESEL1=Const(0), i_PHASEDIR=Const(0), i_PHASESTEP=Const(0),
            i_PHASELOADREG=Const(0), i_PLLWAKESYNC=Const(0), i_ENCLKOP=Const(0),
            o_CLKOP=self.clock, o_LOCK=self.locked)

    def _ice40(self, m, s: PllSettings):
        filters = ((17e6, 1), (26e6, 2), (44e6, 3), (66e6, 4), (101e6, 5), (134e6, 6))
        return Instance(
            "SB_PLL40_PAD", p_FEEDBACK_PATH="SIMPLE", p_DIVR=Const(s.reference - 1, 4),
            p_DIVF=Const(s.feedback - 1, 7), p_DIVQ=Const(s.output.bit_length() - 1, 3),
            p_FILTER_RANGE=Const(next(n for most, n in filters if s.detector_hz < most), 3),
            i_PACKAGEPIN=self.source, i_RESETB=Const(1), i_BYPASS=Const(0),
            o_PLLOUTGLOBAL=self.clock, o_LOCK=self.locked)

    def _xc7(self, m, s: PllSettings):
        feedback, made = Signal(name="feedback"), Signal(name="made")
        m.submodules.buffer = Instance("BUFG", i_I=made, o_O=self.clock)
        return Instance(
            "PLLE2_BASE", p_CLKIN1_PERIOD=1e9 / self._source_hz, p_DIVCLK_DIVIDE=s.reference,
            p_CLKFBOUT_MULT=s.feedback, p_CLKOUT0_DIVIDE=s.output,
            i_CLKIN1=self.source, i_CLKFBIN=feedback, i_RST=Const(0), i_PWRDWN=Const(0),
            o_CLKFBOUT=feedback, o_CLKOUT0=made, o_LOCKED=self.locked)
