# SPDX-License-Identifier: Apache-2.0
"""Which encodings there are, with their parameters: what a beat, a word and an index entry hold."""

from dataclasses import dataclass
from typing import Any

from ...errors import UserError
from .defects import Defect

__all__ = ["BLOCK_ENCODINGS", "GROUP", "PAIRS", "ROW_ENCODINGS", "BlockFormat", "RowFormat",
           "smallest_format"]

#: A fixed number of weights in each block: every index entry is of the same size.
BLOCK_ENCODINGS = ("dense", "index", "bitmap", "pairs")
#: Gaps between what is there, and marks where rows end.
ROW_ENCODINGS = ("bsr", "csr")
#: Columns that ``bsr`` keeps or drops together.
GROUP = 16
#: Positions that each code of ``pairs`` means; the last two mean nothing.
PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3), (0, 0), (0, 0))


def _one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if type(value) is not type(allowed[0]) or value not in allowed:
        choices = ", ".join(map(str, allowed[:-1])) + (" or " if allowed[1:] else "")
        choices += str(allowed[-1])
        raise UserError(f"{name} must be {choices}, not {value!r}")


@dataclass(frozen=True, kw_only=True)
class BlockFormat:
    """N of each M columns, in one of four encodings.

    A beat of weights has a slot for each ``weight_bits``; N consecutive slots are a block. Before
    it goes what is needed of the index, in beats of its own that hold no padding between words.

    Parameters
    ----------
    encoding : str
        ``dense``: N = M, no index. ``index``: a position for each slot, ascending in each block.
        ``bitmap``: a bit for each column of the block, N of them set. ``pairs``: N = 2 and M = 4;
        three bits for each block, a code of :data:`PAIRS`.
    beat_bits : int
        D: 64, 128, 256 or 512.
    weight_bits : int
        4 or 8.
    kept : int
        N, a power of two.
    block : int
        M: 4, 8 or 16.

    Raises
    ------
    UserError
        If there is no such format; it says what there is.
    """

    encoding: str
    kept: int
    block: int
    weight_bits: int = 4
    beat_bits: int = 128

    def __post_init__(self) -> None:
        _one_of("encoding", self.encoding, BLOCK_ENCODINGS)
        _one_of("beat_bits", self.beat_bits, (64, 128, 256, 512))
        _one_of("weight_bits", self.weight_bits, (4, 8))
        _one_of("block", self.block, (4, 8, 16))
        if self.encoding == "dense":
            _one_of("kept of a dense block", self.kept, (self.block,))
        elif self.encoding == "pairs":
            _one_of("block of pairs", self.block, (4,))
            _one_of("kept of pairs", self.kept, (2,))
        else:
            _one_of("kept", self.kept, tuple(1 << bit for bit in range(self.position_bits)))
        if self.kept > self.slots:
            raise UserError(f"a beat of {self.beat_bits} bits must hold a block, and {self.kept} "
                            f"weights of {self.weight_bits} bits are more; take wider beats or "
                            f"smaller blocks")

    @property
    def slots(self) -> int:
        """Weights of a beat."""
        return self.beat_bits // self.weight_bits

    @property
    def blocks(self) -> int:
        """Blocks of a beat of weights."""
        return self.slots // self.kept

    @property
    def columns(self) -> int:
        """Columns that a beat of weights stands for."""
        return self.blocks * self.block

    @property
    def position_bits(self) -> int:
        """Bits of a position in a block."""
        return self.block.bit_length() - 1

    @property
    def entry_bits(self) -> int:
        """Bits of the index for each block."""
        return {"dense": 0, "index": self.kept * self.position_bits, "bitmap": self.block,
                "pairs": 3}[self.encoding]

    @property
    def index_bits(self) -> int:
        """Bits of the index for each beat of weights."""
        return self.blocks * self.entry_bits

    @property
    def position_cycles(self) -> int:
        """Cycles from an index to its positions in the hardware."""
        return int(self.encoding == "bitmap" and self.block > 4)

    @property
    def defect(self) -> Defect:
        """What can be wrong with a block."""
        return {"dense": Defect.NONE, "index": Defect.ORDER, "bitmap": Defect.COUNT,
                "pairs": Defect.CODE}[self.encoding]


def smallest_format(kept: int, block: int, weight_bits: int, beat_bits: int) -> BlockFormat:
    """Return the format of N:M blocks whose index takes the fewest bits.

    Raises
    ------
    UserError
        If there is none.
    """
    encodings = ["index", "bitmap"] if kept < block else ["dense"]
    if (kept, block) == (2, 4):
        encodings = ["pairs"]
    forms = [BlockFormat(encoding=encoding, kept=kept, block=block, weight_bits=weight_bits,
                         beat_bits=beat_bits) for encoding in encodings]
    return min(forms, key=lambda form: form.entry_bits)


@dataclass(frozen=True, kw_only=True)
class RowFormat:
    """Whole groups, or single weights, at gaps from one another, row after row.

    An *item* is a group of 16 columns or a single weight. Its entry has ``gap_bits`` bits, the
    items left out since the one before in its row, and above them a bit that ends the row. A gap
    that is too long has items of zeros in it. A row without weights has one item of zeros.

    ``bsr``: entries lie in beats of their own before the beats of groups that need them.
    ``csr``: an entry is above the bits of its weight.

    Parameters
    ----------
    encoding : str
        ``bsr`` or ``csr``.
    beat_bits : int
        D: 64, 128, 256 or 512.
    weight_bits : int
        4 or 8.
    gap_bits : int
        3 or 7 for ``bsr``; 3 or 11 with weights of 4 bits, or 7 with weights of 8, for ``csr``:
        whatever makes entries, or items, of 4, 8 or 16 bits.
    block : int
        M: 4, 8 or 16 columns, of which a word of weights has positions; 16 for ``bsr``.

    Raises
    ------
    UserError
        If there is no such format; it says what there is.

    Source: GQSA (arXiv 2412.17560), groups kept or dropped whole in block-sparse rows; SpQR (arXiv
    2306.03078), scattered outliers in compressed rows. Gaps for their column numbers are ours.
    """

    encoding: str
    weight_bits: int = 4
    gap_bits: int = 3
    beat_bits: int = 128
    block: int = GROUP

    def __post_init__(self) -> None:
        _one_of("encoding", self.encoding, ROW_ENCODINGS)
        _one_of("beat_bits", self.beat_bits, (64, 128, 256, 512))
        _one_of("weight_bits", self.weight_bits, (4, 8))
        if self.encoding == "bsr":
            _one_of("gap_bits of bsr", self.gap_bits, (3, 7))
            _one_of("block of bsr", self.block, (GROUP,))
            if self.beat_bits < GROUP * self.weight_bits:
                raise UserError(f"a beat of {self.beat_bits} bits must hold a group, and {GROUP} "
                                f"weights of {self.weight_bits} bits are more; take wider beats")
        else:
            _one_of("block", self.block, (4, 8, 16))
            _one_of(f"gap_bits of csr with weights of {self.weight_bits} bits", self.gap_bits,
                    (3, 11) if self.weight_bits == 4 else (7,))

    @property
    def group(self) -> int:
        """Columns of an item."""
        return GROUP if self.encoding == "bsr" else 1

    @property
    def item_bits(self) -> int:
        """Bits of an item where it lies: weights, and the entry if it lies there too."""
        return self.group * self.weight_bits + (self.entry_bits if self.encoding == "csr" else 0)

    @property
    def items(self) -> int:
        """Items of a beat."""
        return self.beat_bits // self.item_bits

    @property
    def slots(self) -> int:
        """Weights of a beat, and slots of a word."""
        return self.items * self.group

    @property
    def entry_bits(self) -> int:
        """Bits of an entry: the gap, and the bit that ends a row."""
        return self.gap_bits + 1

    @property
    def index_bits(self) -> int:
        """Bits of the index for each beat of items, where it has beats of its own."""
        return self.items * self.entry_bits if self.encoding == "bsr" else 0

    @property
    def longest_gap(self) -> int:
        """Items that an entry can leave out."""
        return (1 << self.gap_bits) - 1

    @property
    def position_bits(self) -> int:
        """Bits of a position in a block."""
        return self.block.bit_length() - 1

    @property
    def place_bits(self) -> int:
        """Bits of a block's number in a row: rows of up to 65,535 items."""
        return 16 if self.encoding == "bsr" else 16 - self.position_bits

    @property
    def place_cycles(self) -> int:
        """Cycles from gaps to places in the hardware.

        Gaps are added up by ``log2(items)`` levels of adders, a register behind every second one.
        """
        return 1 + max(-(-(self.items - 1).bit_length() // 2), 1)

    @property
    def defect(self) -> Defect:
        """What can be wrong with an item."""
        return Defect.RANGE
