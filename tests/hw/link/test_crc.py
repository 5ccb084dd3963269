# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The CRC against zlib."""

import random
import zlib

import pytest
from amaranth.back import verilog

from luthier.hw.link.crc import Crc32
from luthier.sim.streams import simulate


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_equals_zlib(width):
    dut, rng = Crc32(width), random.Random(width)

    async def bench(ctx):
        content, begun = b"", False
        for _ in range(300):
            word = rng.choice([bytes(width), b"\xff" * width, rng.randbytes(width)])
            start, valid = not begun or rng.random() < 0.1, rng.random() < 0.7
            begun = True
            ctx.set(dut.start, start)
            ctx.set(dut.valid, valid)
            ctx.set(dut.data, int.from_bytes(word, "little"))
            await ctx.tick().repeat(dut.latency)
            content = (b"" if start else content) + (word if valid else b"")
            assert ctx.get(dut.crc) == zlib.crc32(content), f"seed {width}"

    simulate(dut, [bench])


def test_converts():
    text = verilog.convert(Crc32(8), name="unit", emit_src=False, strip_internal_attrs=True)
    assert "module unit(" in text


def test_bad_width_is_named():
    with pytest.raises(ValueError, match=r"^width must be 1, 2, 4 or 8, not 3$"):
        Crc32(3)
