# SPDX-License-Identifier: Apache-2.0
"""A single-data-rate SDRAM for simulation, which reports what breaks its data sheet's rules."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SDRAM_VERILOG", "VIOLATIONS", "SdramModel"]

#: The model, to be compiled with what instantiates it.
SDRAM_VERILOG = Path(__file__).with_name("sdram.v")
_TEXT = SDRAM_VERILOG.read_text(encoding="utf-8")
#: Name of each code of ``first_violation``.
VIOLATIONS: Mapping[int, str] = MappingProxyType(
    {int(code): name for name, code in re.findall(r"^ +(\w+) = (\d+)[,;] +//", _TEXT, re.M)})
_NAMES = sorted({name.lower() for name in re.findall(r"parameter (?:\[63:0\] )?(\w+) =", _TEXT)}
                - {"a_bits"})
#: Least and most.
_LIMITS = {"clock_ps": (1, 10**9), "row_bits": (1, 16), "column_bits": (3, 13),
           "bank_bits": (1, 3), "refresh_ps": (1, 1 << 62)}


class SdramModel(wiring.Component):
    """Pins of one chip, in the clock of the `sync` domain, and a report.

    A READ of latency L that is sampled at one edge has its first word in ``dq_o`` before the L-th
    edge after that. The chip has no reset and none of its rules is suspended by the domain's.
    For simulation by Verilator only; :data:`SDRAM_VERILOG` goes with it.

    Parameters
    ----------
    clock_ps : int
        Period of the clock in picoseconds: all times are compared in cycles.
    row_bits, column_bits, bank_bits, data_bits : int
        Size; data of 8, 16 or 32 bits.
    **timings : int
        The other parameters of ``sim/sdram.v`` in lower case: ``t_rcd_ps``, ``t_rp_ps``,
        ``t_ras_ps``, ``t_ras_max_ps``, ``t_rc_ps``, ``t_rfc_ps``, ``t_rrd_ps``, ``t_wr_ps``,
        ``t_wr_auto_ps``, ``mrd_cycles``, ``t_cl2_ps``, ``t_cl3_ps``, ``t_init_ps``,
        ``refresh_ps``, ``postpone``. Those of Micron's -75 by default.

    Members
    -------
    cke, cs_n, ras_n, cas_n, we_n, ba, a, dqm : In
        Of the chip. ``a`` has 11 bits or more.
    dq_i, dq_driven : In
        What the controller puts on DQ, and whether it does.
    dq_o, dq_drives : Out
        What the chip puts there, and whether it drives any byte. Bytes that it does not drive are
        noise.
    violations : Out(32)
        How many there were.
    first_violation, first_cycle : Out(8), Out(32)
        What the first was, one of :data:`VIOLATIONS` or 0, and how many cycles were before it.

    Raises
    ------
    TypeError
        If there is no such parameter, or it is not an integer.
    ValueError
        If it is out of range.

    Source: Micron 256Mb SDRAM (MT48LC16M16A2), the text and the truth tables with their notes.
    """

    def __init__(self, *, clock_ps: int, row_bits: int = 13, column_bits: int = 9,
                 bank_bits: int = 2, data_bits: int = 16, **timings: int):
        self._parameters = {
            "clock_ps": clock_ps, "row_bits": row_bits, "column_bits": column_bits,
            "bank_bits": bank_bits, "data_bits": data_bits, **timings}
        for name, value in self._parameters.items():
            least, most = _LIMITS.get(name, (0, (1 << 31) - 1 - clock_ps))
            if name not in _NAMES:
                raise TypeError(f"parameters must be among {_NAMES}, not {name!r}")
            if not isinstance(value, int):
                raise TypeError(f"{name} must be an integer, not {value!r}")
            if not least <= value <= most:
                raise ValueError(f"{name} must be {least} to {most}, not {value!r}")
        if data_bits not in (8, 16, 32):
            raise ValueError(f"data_bits must be 8, 16 or 32, not {data_bits!r}")
        # A10 is not of the column.
        address_bits = max(row_bits, 11, column_bits + (column_bits > 10))
        super().__init__({
            **dict.fromkeys(("cke", "cs_n", "ras_n", "cas_n", "we_n", "dq_driven"), In(1)),
            "ba": In(bank_bits), "a": In(address_bits), "dqm": In(data_bits // 8),
            "dq_i": In(data_bits), "dq_o": Out(data_bits), "dq_drives": Out(1),
            "violations": Out(32), "first_violation": Out(8), "first_cycle": Out(32)})

    @property
    def parameters(self) -> Mapping[str, int]:
        """What was given, and the size."""
        return MappingProxyType(self._parameters)

    def elaborate(self, platform):
        m = Module()
        m.submodules.chip = Instance(
            "luthier_sdram", i_clk=ClockSignal(),
            # 64 bits are more than an integer of Verilog.
            **{f"p_{name.upper()}": Const(value, 64) if name == "refresh_ps" else value
               for name, value in self._parameters.items()},
            **{f"{'i' if member.flow == In else 'o'}_{name}": getattr(self, name)
               for name, member in self.signature.members.items()})
        return m
