# SPDX-License-Identifier: Apache-2.0
"""Golden model of the engine: programs of descriptors on a scratchpad and a device memory."""

import numpy as np

from .config import Configuration
from .descriptor import DESCRIPTOR_BYTES, Descriptor, Opcode, Refusal, refusal
from .protocol import Report
from .table import beats, columns_per_beat, cycles
from .weights import STRIP_ROWS, decode_planes, decode_trits, strips

__all__ = ["Engine"]


class Engine:
    """Scratchpad, device memory and the operations on them, bit for bit as the hardware's.

    Parameters
    ----------
    config : Configuration

    Attributes
    ----------
    scratchpad : uint8 array, shape (scratchpad.words, D / 8)
    memory : uint8 array, shape (memory.words, D / 8)
    """

    def __init__(self, config: Configuration):
        self.config = config
        self.scratchpad = np.zeros((config.scratchpad.words, config.word_bytes), np.uint8)
        self.memory = np.zeros((config.memory.words, config.word_bytes), np.uint8)

    def run(self, base: int, count: int, repeat: int) -> Report:
        """Run ``count`` descriptors from word ``base`` of the memory, ``repeat`` times.

        Stops at the first descriptor that is refused. ``starved``, ``blocked`` and the time to
        fetch descriptors are not modelled: ``elapsed`` equals ``cycles``.
        """
        words = -(-DESCRIPTOR_BYTES // self.config.word_bytes)
        if base + count * words > self.config.memory.words:
            return Report(code=Refusal.PROGRAM)
        total = busy = operations = 0
        for _ in range(repeat):
            for index in range(count):
                start = base + index * words
                d = Descriptor.unpack(self.memory[start : start + words].tobytes())
                code = refusal(self.config, d)
                if code != Refusal.NONE:
                    return Report(code=code, index=index, cycles=total, busy=busy, elapsed=total,
                                  operations=operations)
                if d.opcode == Opcode.TABLE:
                    total_, busy_ = self._table(d)
                    total, busy = total + total_, busy + busy_
                operations += 1
        return Report(index=operations, cycles=total, busy=busy, elapsed=total,
                      operations=operations)

    def _table(self, d: Descriptor) -> tuple[int, int]:
        """Run a TABLE operation from the bytes in memory; return its cycles and beats."""
        config = self.config
        shape = {"rows": d.rows, "columns": d.columns, "planes": d.planes_stored, "trits": d.trits}
        length = beats(config, **shape)
        packed = self.memory[d.weights : d.weights + length]
        for token in range(d.tokens):
            x = self._activations(d.source + token * d.source_step, d.columns)
            y = self._multiply(packed, x, d).astype(np.int32)
            raw = y.view(np.uint8) if y.dtype.byteorder != ">" else y.byteswap().view(np.uint8)
            start = d.destination + token * d.destination_step
            self.scratchpad.reshape(-1)[start * config.word_bytes :][: raw.size] = raw
        return cycles(config, **shape, tokens=d.tokens), length * d.tokens

    def _activations(self, start: int, columns: int) -> np.ndarray:
        """Return ``columns`` activations from word ``start``, sign-extended from A bits."""
        config = self.config
        dtype = np.dtype("<i1" if config.activation_bytes == 1 else "<i2")
        raw = self.scratchpad.reshape(-1)[start * config.word_bytes :]
        x = raw[: columns * dtype.itemsize].view(dtype).astype(np.int64)
        half = 1 << config.table.activation_bits - 1
        return ((x + half) & (2 * half - 1)) - half

    def _multiply(self, packed: np.ndarray, x: np.ndarray, d: Descriptor) -> np.ndarray:
        """Return int64 results, beat by beat in stream order."""
        per_tile = columns_per_beat(self.config, d.trits)
        tiles = -(-d.columns // per_tile)
        padded = np.zeros(tiles * per_tile, np.int64)
        padded[: d.columns] = x
        decode = decode_trits if d.trits else decode_planes
        y = np.zeros(d.rows, np.int64)
        row_block, planes, position = self.config.table.row_block, d.planes_stored, 0
        for start in range(0, d.rows, row_block):
            rows = min(row_block, d.rows - start)
            for tile in range(tiles):
                part = packed[position : position + rows * planes]
                position += rows * planes
                sums = decode(part).astype(np.float32 if self._small(per_tile) else np.float64) @ (
                    padded[tile * per_tile : (tile + 1) * per_tile])
                y[start : start + rows] += _planes(sums.astype(np.int64), rows, planes)
        return y

    def _small(self, columns: int) -> bool:
        """Whether a tile's sums are exact in float32."""
        return columns << self.config.table.activation_bits <= 1 << 23


def _planes(sums: np.ndarray, rows: int, planes: int) -> np.ndarray:
    """Add up the sums (rows * planes,) of one tile and row block, strip by strip."""
    weights = 1 << np.arange(planes)[::-1, None]
    sizes = strips(rows)
    whole = sizes.count(STRIP_ROWS)
    head = sums[: whole * STRIP_ROWS * planes].reshape(whole, planes, STRIP_ROWS)
    tail = sums[head.size :].reshape(planes, -1)
    return np.concatenate([(head * weights).sum(axis=1).reshape(-1), (tail * weights).sum(axis=0)])
