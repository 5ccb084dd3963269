# SPDX-License-Identifier: Apache-2.0
"""The section of a configuration for memory outside the FPGA: an SDRAM."""

from typing import Annotated

from pydantic import model_validator

from .config_fields import Section, between, one_of

__all__ = ["BANKS", "SdramConfiguration"]

BANKS = 4
#: Cycles in which a refresh and all that it waits for is over, beside a word's.
_REFRESH = 64


class SdramConfiguration(Section):
    """A single-data-rate SDRAM of four banks, in place of memory in the FPGA.

    The values it has by default are those of Micron's MT48LC16M16A2-75 (256 Mbit, 16 bits), which
    other chips of that size and speed keep, too; times are the data sheet's.

    Parameters
    ----------
    data_bits : int
        Width of the chip: 8 or 16.
    row_bits : int
        Of a row's address, 11 to 13.
    column_bits : int
        Of a column's address, 8 to 10.
    cas_latency : int
        2 or 3.
    tck_ns : int
        Shortest period of the clock with this latency.
    trcd_ns, trp_ns, tras_ns, trc_ns, trfc_ns, trrd_ns, twr_ns : int
        From activate to read or write; from precharge to activate; from activate to precharge; from
        activate to activate, of a bank; from refresh to activate; from activate to activate of
        another bank; from the last word written to precharge.
    init_us : int
        From power to the first command.
    refresh_ms : int
        In which every row has to be refreshed.
    """

    data_bits: Annotated[int, one_of(8, 16)] = 16
    row_bits: Annotated[int, between(11, 13)] = 13
    column_bits: Annotated[int, between(8, 10)] = 9
    cas_latency: Annotated[int, one_of(2, 3)] = 2
    tck_ns: Annotated[int, between(1, 100)] = 10
    trcd_ns: Annotated[int, between(1, 100)] = 20
    trp_ns: Annotated[int, between(1, 100)] = 20
    tras_ns: Annotated[int, between(1, 200)] = 44
    trc_ns: Annotated[int, between(1, 200)] = 66
    trfc_ns: Annotated[int, between(1, 200)] = 66
    trrd_ns: Annotated[int, between(1, 100)] = 15
    twr_ns: Annotated[int, between(1, 100)] = 15
    init_us: Annotated[int, between(1, 1000)] = 200
    refresh_ms: Annotated[int, between(1, 1000)] = 64

    @model_validator(mode="after")
    def _check_combinations(self):
        if self.trc_ns < self.tras_ns:
            raise ValueError(f"trc_ns ({self.trc_ns}) must not be less than tras_ns "
                             f"({self.tras_ns}); see the chip's data sheet")
        return self

    @property
    def bytes(self) -> int:
        """What the chip holds."""
        return BANKS * self.data_bits // 8 << self.row_bits + self.column_bits

    def cycles(self, key: str, clock_hz: int) -> int:
        """Return one of the times in cycles, rounded up."""
        nanoseconds = getattr(self, key) * (1000 if key == "init_us" else 1)
        return -(-nanoseconds * clock_hz // 1_000_000_000)

    def refresh_cycles(self, clock_hz: int) -> int:
        """Return the cycles from one refresh to the next, rounded down."""
        return self.refresh_ms * clock_hz // (1000 << self.row_bits)

    def check_beside(self, clock_hz: int, beat_bits: int, words: int) -> None:
        """Raise ValueError if the chip can not be the memory of such a device."""
        if words * beat_bits > 8 * self.bytes:
            raise ValueError(
                f"memory.words ({words}) must be at most {8 * self.bytes // beat_bits} where "
                f"table.beat_bits is {beat_bits}, as the SDRAM holds no more; lower memory.words")
        if clock_hz * self.tck_ns > 1_000_000_000:
            raise ValueError(
                f"clock_hz ({clock_hz}) must be at most {1_000_000_000 // self.tck_ns} with an "
                f"SDRAM of sdram.tck_ns = {self.tck_ns}; lower the clock, or raise "
                f"sdram.cas_latency if the chip is faster then")
        least = _REFRESH + 4 * beat_bits // self.data_bits
        if self.refresh_cycles(clock_hz) < least:
            raise ValueError(
                f"sdram.refresh_ms ({self.refresh_ms}) is too short at a clock_hz of {clock_hz}: a "
                f"row would be refreshed every {self.refresh_cycles(clock_hz)} cycles, and {least} "
                f"are needed; raise clock_hz")
