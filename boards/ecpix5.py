# SPDX-License-Identifier: Apache-2.0
"""ECPIX-5, by LambdaConcept: ECP5, FT2232H serial bridge."""

from .board import Board

__all__ = ["Ecpix585F"]


class Ecpix585F(Board):
    """With an LFE5UM5G-85F; its own button resets. The DDR3 memory is not used."""

    name = "ecpix5_85f"
    title = "ECPIX-5 (LFE5UM5G-85F)"
    target = "ecp5"
    platform_class = "ecpix5:ECPIX585Platform"
    resources = {"clk": ("clk100", 0), "rst": ("rst", 0), "rx": ("uart", 0, "rx"),
                 "tx": ("uart", 0, "tx")}
    leds = (("rgb_led", 0, "g"), ("rgb_led", 1, "g"))
    baud = 2_000_000
    loader = ("openFPGALoader", "--board", "ecpix5_r03")
    options = ("--um5g-85k", "--speed", "8", "--package", "CABGA554")
