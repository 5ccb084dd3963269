# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""From packets of memory to sums: decoder and chain in a row make the product of the matrix."""

import numpy as np
import pytest
from amaranth import Module
from amaranth.lib import wiring

from luthier.golden.errors import UserError
from luthier.golden.sparse import Chain, pack_words
from luthier.golden.sparse.packets import matrix_packet, packet_format
from luthier.hw.sparse import SparseChain
from luthier.hw.sparse.decode import BlockDecoder
from luthier.sim.chain_case import ChainCase
from luthier.sim.compiled import CompiledUnit


class Decoded(wiring.Component):
    """A chain behind a decoder."""

    def __init__(self, form, config):
        self._decoder, self._chain = BlockDecoder(form), SparseChain(config)
        decoder, chain = (unit.signature.members for unit in (self._decoder, self._chain))
        super().__init__({
            "c": decoder["c"],
            "i": decoder["i"], "report": decoder["report"],
            "blocks": chain["blocks"], "o": chain["o"]})

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder, m.submodules.chain = decoder, chain = self._decoder, self._chain
        wiring.connect(m, decoder.o, chain.weights)
        for name in ("c", "i"):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(decoder, name))
        wiring.connect(m, wiring.flipped(self.blocks), chain.blocks)
        wiring.connect(m, decoder.report, wiring.flipped(self.report))
        wiring.connect(m, chain.o, wiring.flipped(self.o))
        return m


def sparse(rng, rows, columns, kept, block, bits):
    """A random matrix with at most N weights in M columns."""
    matrix = rng.integers(-(1 << bits - 1), 1 << bits - 1, (rows, columns // block, block))
    order = np.argsort(rng.random(matrix.shape), axis=2)
    matrix[order >= kept] = 0
    return matrix.reshape(rows, columns)


@pytest.mark.parametrize("encoding, kept, block, bits", [
    ("index", 2, 8, 8), ("bitmap", 4, 8, 8), ("pairs", 2, 4, 8), ("bitmap", 8, 16, 4),
    ("dense", 4, 4, 8)])
def test_products(encoding, kept, block, bits, seed):
    rng = np.random.default_rng(seed)
    config = Chain(slots=16, block=block, least=2, weight_bits=bits, columns=64)
    form = packet_format(config, encoding, kept)
    case, packets, commands = ChainCase(config), [], []
    for rows in (config.rows, 2 * config.rows + 3):
        matrix = sparse(rng, rows, 64, kept, block, bits)
        counts = [np.full(64 // block, kept)] * -(-rows // config.rows)
        words = pack_words(config, matrix, counts)
        case.add(matrix, rng.integers(-128, 128, 64), counts)
        beats = matrix_packet(config, form, matrix)
        packets += [int.from_bytes(beat.tobytes(), "little")
                    | (place == len(beats) - 1) << form.beat_bits
                    for place, beat in enumerate(beats)]
        commands.append(words.total)
    unit = CompiledUnit(Decoded(form, config))
    for how in ({}, {"p_valid": 0.6, "p_ready": 0.5, "seed": seed}):
        got, _ = unit.run({"c": commands, "i": packets, "blocks": case.blocks},
                          {"o": len(case.results), "report": 2}, **how)
        assert [transfer.payload for transfer in got["o"]] == case.results
        assert [transfer.payload for transfer in got["report"]] == [0, 0]


def test_matrices_that_are_no_packet():
    config = Chain(slots=16, block=8, least=2)
    matrix = np.zeros((8, 16), int)
    matrix[3, 8:12] = 1
    with pytest.raises(UserError, match="at most 2 weights in each 8 columns, not 4 as in row 3, "
                                        "block 1"):
        matrix_packet(config, packet_format(config, "index", 2), matrix)
    packed = Chain(slots=16, block=8, least=2, weight_bits=4, packing="rows")
    with pytest.raises(UserError, match="one weight to a slot"):
        packet_format(packed, "index", 2)
