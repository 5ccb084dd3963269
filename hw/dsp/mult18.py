# SPDX-License-Identifier: Apache-2.0
"""ECP5's multiplier with all of its registers."""

from amaranth import *

__all__ = ["LIMITS", "product"]

#: Bits of the signed factors.
LIMITS = (18, 18)
_BITS = 18


def product(m, name, a, b):
    """Return the product of two signed numbers, three cycles later."""
    words = [Signal(signed(_BITS), name=f"{name}_{port}") for port in "AB"]
    found = Signal(signed(2 * _BITS), name=f"{name}_P")
    m.d.comb += [word.eq(factor) for word, factor in zip(words, (a, b))]
    pins = {"i_SIGNEDA": Const(1, 1), "i_SIGNEDB": Const(1, 1), "i_SOURCEA": Const(0, 1),
            "i_SOURCEB": Const(0, 1), "i_CLK0": ClockSignal(), "i_CE0": Const(1, 1),
            "i_RST0": Const(0, 1)}
    for port, word in zip("AB", words):
        pins |= {f"i_{port}{bit}": word[bit] for bit in range(_BITS)}
    pins |= {f"o_P{bit}": found[bit] for bit in range(2 * _BITS)}
    m.submodules[name] = Instance(
        "MULT18X18D", p_GSR="DISABLED",
        **{f"p_REG_{register}_CLK": "CLK0" for register in (
            "INPUTA", "INPUTB", "PIPELINE", "OUTPUT")}, **pins)
    # Synthesis does not know that the upper bits are the sign.
    return found[: len(a) + len(b)].as_signed()
