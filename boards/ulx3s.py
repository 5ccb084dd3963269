# SPDX-License-Identifier: Apache-2.0
"""ULX3S, by Radiona: ECP5, FT231X serial bridge."""

from .board import Board

__all__ = ["Ulx3s12F", "Ulx3s85F"]


class _Ulx3s(Board):
    """With 32 MB of SDRAM; the button FIRE1 resets."""

    target = "ecp5"
    # Names of the serial lines are those of the FPGA's side.
    resources = {"clk": ("clk25", 0), "rst": ("button_fire", 0), "rx": ("uart", 0, "rx"),
                 "tx": ("uart", 0, "tx")}
    leds = (("led", 0), ("led", 1))
    sdram = "sdram"
    baud = 2_000_000
    loader = ("openFPGALoader", "--board", "ulx3s")


class Ulx3s12F(_Ulx3s):
    """With an LFE5U-12F."""

    name = "ulx3s_12f"
    title = "ULX3S (LFE5U-12F)"
    platform_class = "ulx3s:ULX3S_12F_Platform"
    options = ("--12k", "--speed", "6", "--package", "CABGA381")


class Ulx3s85F(_Ulx3s):
    """With an LFE5U-85F."""

    name = "ulx3s_85f"
    title = "ULX3S (LFE5U-85F)"
    platform_class = "ulx3s:ULX3S_85F_Platform"
    options = ("--85k", "--speed", "6", "--package", "CABGA381")
