# SPDX-License-Identifier: Apache-2.0
"""Arty A7, by Digilent: Artix-7, FT2232H serial bridge. Built by Vivado."""

from .board import Board

__all__ = ["ArtyA735", "ArtyA7100"]


class _Arty(Board):
    """The button RESET, which is low when pressed, resets. The DDR3 memory is not used."""

    target = "xc7"
    resources = {"clk": ("clk100", 0), "rst": ("rst", 0), "rx": ("uart", 0, "rx"),
                 "tx": ("uart", 0, "tx")}
    leds = (("led", 0), ("led", 1))
    baud = 2_000_000


class ArtyA735(_Arty):
    """With an XC7A35T."""

    name = "arty_a7_35"
    title = "Arty A7-35 (XC7A35T)"
    platform_class = "arty_a7:ArtyA7_35Platform"
    loader = ("openFPGALoader", "--board", "arty_a7_35t")
    options = ("xc7a35ticsg324-1L",)


class ArtyA7100(_Arty):
    """With an XC7A100T."""

    name = "arty_a7_100"
    title = "Arty A7-100 (XC7A100T)"
    platform_class = "arty_a7:ArtyA7_100Platform"
    loader = ("openFPGALoader", "--board", "arty_a7_100t")
    options = ("xc7a100tcsg324-1",)
