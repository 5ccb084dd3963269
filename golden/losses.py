# SPDX-License-Identifier: Apache-2.0
"""Where the cycles of an operation go."""

from dataclasses import dataclass, fields, replace
from fractions import Fraction

from .config import Configuration
from .descriptor import Descriptor
from .records import groups_per_tile, strip_words
from .table import ACCUMULATOR_SPACING, beats, columns_per_beat, passes, products_per_beat
from .timing import cycles, tile_slots
from .weights import strips

__all__ = ["Losses", "efficiency", "losses"]


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The cycles of an operation in parts; :attr:`cycles` is their exact sum.

    All but the last two are slots of the unit, counted from the shape.

    Attributes
    ----------
    work : Fraction
        Weight beats that the weights would take without padding.
    padding : Fraction
        Weight beats beyond that: columns of the last tile that are not there, and where rows or
        tokens share a beat, those.
    idle : int
        Slots in which an accumulator is waited for: a block of fewer than 4 rows.
    records : int
        Beats of scale records and, with offsets, slots for the sum of the activations of a tile.
    scaler : int
        Slots in which the scaler, a group a cycle, is waited for: a strip of more groups than
        beats.
    waiting : int
        Cycles between tiles, in which tables are waited for; with tables in registers, between
        blocks, whose results have to leave. With scales, also what the scaler is
        behind at the end on account of the tiles before: less than a strip.
    fixed : int
        Cycles from dispatch to the first slot and from the last one to the last result, as if the
        last tile were the whole operation: its tables, the latency of the unit, its last groups.
    """

    work: Fraction
    padding: Fraction
    idle: int
    records: int
    scaler: int
    waiting: int
    fixed: int

    @property
    def cycles(self) -> int:
        """The cycles of the operation."""
        return int(self.work + sum(self.lost().values()))

    @property
    def largest(self) -> str:
        """The name of the largest part other than work; of equal ones, the first."""
        lost = self.lost()
        return max(lost, key=lambda name: lost[name])

    def lost(self) -> dict[str, Fraction | int]:
        """Return the parts other than work by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)
                if field.name != "work"}


def efficiency(config: Configuration, *, weights: int, cycles: int, trits: bool) -> float:
    """Return weights over cycles times products of a beat; 0 without cycles.

    ``weights`` counts each plane and each token: rows x columns x planes x tokens.
    """
    return weights / (cycles * products_per_beat(config, trits)) if cycles else 0.0


def losses(config: Configuration, d: Descriptor) -> Losses:
    """Return where the cycles of an operation go, those of :func:`luthier.golden.timing.cycles`.

    What is no slot is told apart with the same function: an operation of the last block's rows, one
    tile (a word of activations, where rows share tables) and the last tokens waits for no tables
    but the first, so all of it but its slots is ``fixed``.
    """
    tile = columns_per_beat(config, d.trits)
    if config.table.shared is not None:
        tile = config.activations_per_word
    last_rows = (d.rows - 1) % config.table.row_block + 1
    single = replace(d, rows=last_rows, columns=min(d.columns, tile),
                     tokens=(d.tokens - 1) % config.table.tokens + 1)
    fixed = cycles(config, single) - sum(_slots(config, single))
    weights, idle, records, scaler = slots = _slots(config, d)
    work = Fraction(d.rows * d.columns * d.planes_used * d.tokens,
                    products_per_beat(config, d.trits))
    return Losses(work=work, padding=weights - work, idle=idle, records=records, scaler=scaler,
                  waiting=cycles(config, d) - sum(slots) - fixed, fixed=fixed)


def _slots(config: Configuration, d: Descriptor) -> tuple[int, int, int, int]:
    """Return the slots of weights, of idle accumulators, of records and of the scaler alone."""
    groups, planes = groups_per_tile(config, d.group, d.trits), d.planes_used
    tiles = -(-d.columns // columns_per_beat(config, d.trits))
    scaled_tiles = (tiles if d.group else 1) if d.scaled else 0
    idle = records = scaler = 0
    for start in range(0, d.rows, config.table.row_block):
        rows = min(config.table.row_block, d.rows - start)
        # Strips of fewer rows than that are alone in their block.
        if config.table.shared is None:
            idle += tiles * planes * tile_slots(config, planes, rows)[1]
        records += tiles * d.offsets
        for strip in strips(rows) if scaled_tiles else []:
            words = strip_words(config, strip, groups, d.offsets)
            filled = planes * max(strip, ACCUMULATOR_SPACING) + words
            records += scaled_tiles * words
            scaler += scaled_tiles * max(0, strip * groups - filled)
    weights = beats(config, rows=d.rows, columns=d.columns, planes=planes, trits=d.trits)
    times = passes(config, d.tokens)
    return weights * times, idle * times, records * times, scaler * times
