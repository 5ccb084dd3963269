# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The divider against Python's, all numerators and divisors; the multiplier's conversion."""

import pytest

from luthier.gen.synthesis import synthesise
from luthier.gen.verilog import convert
from luthier.hw.fwht.divider import Divider
from luthier.hw.fwht.multiplier import Multiplier
from luthier.sim.streams import simulate


@pytest.mark.parametrize("width, bits, numerator", [(3, 2, 6), (2, 4, 6), (4, 1, 7)])
def test_all_divisions(width, bits, numerator):
    """A division a cycle; each quotient comes ``latency`` cycles later, with its comparisons."""
    unit = Divider(2, numerator, width, bits)
    cases = [(n, d) for d in range(1, 1 << width) for n in range(1 << numerator)]
    found = []

    async def bench(ctx):
        for cycle in range(len(cases) + unit.latency):
            n, d = cases[min(cycle, len(cases) - 1)]
            ctx.set(unit.numerators[0], n)
            ctx.set(unit.numerators[1], (1 << numerator) - 1 - n)
            ctx.set(unit.divisor, d)
            if cycle >= unit.latency:
                found.append([(ctx.get(unit.quotients[lane]), ctx.get(unit.above[lane]),
                               ctx.get(unit.half[lane]), ctx.get(unit.beyond[lane]))
                              for lane in range(2)])
            await ctx.tick()

    simulate(unit, [bench], observed=())
    assert len(found) == len(cases)
    for (n, d), lanes in zip(cases, found):
        for value, (quotient, above, half, beyond) in zip((n, (1 << numerator) - 1 - n), lanes):
            assert beyond == (value // d >= 1 << bits)
            if not beyond:
                rest = 2 * (value % d)
                assert (quotient, above, half) == (value // d, rest > d, rest == d), (value, d)


@pytest.mark.parametrize("target", [None, "ecp5"])
@pytest.mark.parametrize("width", [8, 18, 24])
def test_multiplier_of_the_family(width, target):
    """The cell is there up to 18 bits, and its register in it."""
    text = convert(Multiplier(width, 16), target=target)
    cell = target == "ecp5" and width <= 18
    assert text.count("MULT18X18D #(") == cell
    if cell:
        found = synthesise(text, "ecp5")
        assert (found.dsp, found.ff, found.sites) == (1, 0, 0)


def test_multiplier():
    unit, pairs, found = Multiplier(18, 16), [(0, 9), (262143, 65535), (77, 1), (1, 65535)], []

    async def bench(ctx):
        for a, b in pairs:
            ctx.set(unit.a, a)
            ctx.set(unit.b, b)
            await ctx.tick().repeat(unit.latency)
            found.append(ctx.get(unit.product))

    simulate(unit, [bench])
    assert found == [a * b for a, b in pairs]
