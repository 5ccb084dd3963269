# SPDX-License-Identifier: Apache-2.0
"""Golden model of the engine: programs of descriptors on a scratchpad and a device memory."""

from collections.abc import Iterator

import numpy as np

from .config import Configuration
from .descriptor import (
    DESCRIPTOR_BYTES,
    TOKEN_LIMIT,
    TOKEN_QUEUES,
    Descriptor,
    Element,
    Opcode,
    Refusal,
    element_bits,
    result_words,
)
from .protocol import MOST_MALFORMED, Report
from .records import groups_per_tile, scale_words, unpack_scales
from .refusal import refusal
from .scales import output_stage
from .sparse_operation import lane_cycles, products, sparse_beats
from .table import beats, columns_per_beat, passes
from .table_products import table_products
from .timing import cycles
from .transform import run as run_transform
from .transform import scale_words as transform_scale_words
from .vector_operations import VECTOR_OPCODES
from .vector_operations import run as run_vectors

__all__ = ["Engine"]

#: Sums of several tokens that are computed at once: 32 MiB.
_MOST_SUMS = 1 << 22


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

        Operations run one after the other, which gives the device's results if tokens order those
        that depend on each other. Stops at the first descriptor that is refused. ``starved``,
        ``blocked``, overlapping operations and the time to fetch descriptors are not modelled:
        ``elapsed`` equals ``cycles``, the sum over operations.
        """
        words = -(-DESCRIPTOR_BYTES // self.config.word_bytes)
        if base + count * words > self.config.memory.words:
            return Report(code=Refusal.PROGRAM)
        sums = {"cycles": 0, "busy": 0, "saturations": 0, "malformed": 0}
        operations, queues = 0, [0] * TOKEN_QUEUES
        for _ in range(repeat):
            for index in range(count):
                start = base + index * words
                d = Descriptor.unpack(self.memory[start : start + words].tobytes())
                code = refusal(self.config, d)
                if code == Refusal.NONE:
                    code = _tokens(queues, d)
                if code != Refusal.NONE:
                    return Report(code=code, index=index, elapsed=sums["cycles"],
                                  operations=operations, **sums)
                if d.opcode != Opcode.NOP:
                    unit = self._transform
                    if d.opcode in VECTOR_OPCODES:
                        unit = self._vectors
                    elif d.opcode in (Opcode.TABLE, Opcode.SPARSE):
                        unit = self._table if d.opcode == Opcode.TABLE else self._sparse
                    for name, amount in unit(d).items():
                        sums[name] += amount
                    sums["malformed"] = min(sums["malformed"], MOST_MALFORMED)
                operations += 1
        return Report(index=operations, elapsed=sums["cycles"], operations=operations, **sums)

    def _table(self, d: Descriptor) -> dict[str, int]:
        """Run a TABLE operation from the bytes in memory; return what it took."""
        config = self.config
        shape = {"rows": d.rows, "columns": d.columns, "trits": d.trits}
        length = beats(config, **shape, planes=d.planes_stored)
        packed = self.memory[d.weights : d.weights + length]
        s = t = None
        if d.scaled:
            records = {**shape, "group": d.group, "offsets": d.offsets}
            s, t = unpack_scales(
                config, self.memory[d.scales : d.scales + scale_words(config, **records)],
                **records)
        saturations, element = 0, Element(d.destination_type)
        for token, (sums, of_x) in enumerate(self._products(packed, d)):
            y = sums.sum(axis=1)
            if s is not None and t is not None:
                y = (s * sums).sum(axis=1) + (t * of_x).sum(axis=1)
            start = (d.destination + token * d.destination_step) * config.word_bytes
            place = self.scratchpad.reshape(-1)[start : start + d.rows * element.bytes]
            dtype = np.dtype(f"<i{element.bytes}")
            if d.flags & Descriptor.SATURATE:
                onto = place.view(dtype).astype(np.int64) if d.accumulate else None
                y, wrong = output_stage(y, d.multiplier, d.shift,
                                        element_bits(config, element), onto)
                saturations += wrong
            place[:] = y.astype(dtype).view(np.uint8)
        return {"cycles": cycles(config, d),
                "busy": length // d.planes_stored * d.planes_used
                * passes(config, d.tokens),
                "saturations": saturations}

    def _sparse(self, d: Descriptor) -> dict[str, int]:
        """Run a SPARSE operation from the bytes in memory; return what it took."""
        config, dtype = self.config, f"<i{Element(d.destination_type).bytes}"
        columns = -(-d.columns // config.chain.block) * config.chain.block
        x = np.array([self._activations(d.source + token * d.source_step, columns)
                      for token in range(d.tokens)])
        sums, malformed = products(config, d, self.memory, x)
        saturations = 0
        for token, y in enumerate(sums):
            start = d.destination + token * d.destination_step
            if d.flags & Descriptor.SATURATE:
                onto = self._read(start, d.rows, d.destination_type) if d.accumulate else None
                y, wrong = output_stage(y, d.multiplier, d.shift,
                                        element_bits(config, d.destination_type), onto)
                saturations += wrong
            self._write(start, y, dtype, result_words(config, d))
        return {"cycles": cycles(config, d, lane_cycles(config, d, self.memory)),
                "busy": d.tokens * sparse_beats(config, d),
                "saturations": saturations, "malformed": malformed}

    def _read(self, word: int, count: int, element: int) -> np.ndarray:
        """Return elements from a word of the scratchpad on, int64."""
        dtype = np.dtype(f"<i{Element(element).bytes}")
        raw = self.scratchpad.reshape(-1)[word * self.config.word_bytes :]
        return raw[: count * dtype.itemsize].view(dtype).astype(np.int64)

    def _write(self, word: int, values: np.ndarray, dtype: str, words: int) -> None:
        """Write elements from a word of the scratchpad on, and zeros behind them."""
        padded = np.zeros(words * self.config.word_bytes, np.uint8)
        raw = values.astype(dtype).view(np.uint8)
        padded[: len(raw)] = raw
        self.scratchpad.reshape(-1)[word * self.config.word_bytes :][: len(padded)] = padded

    def _transform(self, d: Descriptor) -> dict[str, int]:
        """Run an operation of the transform or the quantiser; return what it took."""
        config, transform = self.config, self.config.transform
        assert transform is not None
        scales, saturations = transform_scale_words(config, d), 0
        for token in range(d.tokens):
            samples = self._read(d.source + token * d.source_step, d.columns, d.source_type)
            done = run_transform(transform, d, samples)
            self._write(d.destination + token * d.destination_step, done.results,
                        f"<i{Element(d.destination_type).bytes}", result_words(config, d))
            self._write(d.scales + token * scales, done.scales, "<u4", scales)
            saturations += done.saturations
        return {"cycles": cycles(config, d), "busy": d.tokens * d.columns // transform.lanes,
                "saturations": saturations}

    def _vectors(self, d: Descriptor) -> dict[str, int]:
        """Run an operation on vectors; return what it took."""
        assert self.config.vector is not None
        gather, saturations = d.opcode == Opcode.GATHER, 0
        for token in range(d.tokens):
            x = self._read(d.source + token * d.source_step, d.rows if gather else d.columns,
                           d.source_type)
            if gather:
                other = self._read(d.scales, d.columns, d.planes_stored // 2)
            else:
                other = self._read(d.scales + token * d.destination_step, d.columns,
                                   d.destination_type)
            results, wrong = run_vectors(self.config, d, x, other)
            self._write(d.destination + token * d.destination_step, results,
                        f"<i{Element(d.destination_type).bytes}", result_words(self.config, d))
            saturations += wrong
        return {"cycles": cycles(self.config, d),
                "busy": d.tokens * -(-d.columns // self.config.vector.lanes),
                "saturations": saturations}

    def _products(self, packed: np.ndarray, d: Descriptor) -> Iterator[
            tuple[np.ndarray, np.ndarray]]:
        """Yield what :meth:`_multiply` makes of each token, from as many at once as are handy."""
        tiles = -(-d.columns // columns_per_beat(self.config, d.trits))
        sums = d.rows * tiles * groups_per_tile(self.config, d.group, d.trits)
        chunk = max(1, _MOST_SUMS // sums)
        for first in range(0, d.tokens, chunk):
            x = np.array([self._activations(d.source + token * d.source_step, d.columns)
                          for token in range(first, min(first + chunk, d.tokens))])
            yield from zip(*self._multiply(packed, x, d), strict=True)

    def _activations(self, start: int, columns: int) -> np.ndarray:
        """Return ``columns`` activations from word ``start``, sign-extended from A bits."""
        config = self.config
        dtype = np.dtype("<i1" if config.activation_bytes == 1 else "<i2")
        raw = self.scratchpad.reshape(-1)[start * config.word_bytes :]
        x = raw[: columns * dtype.itemsize].view(dtype).astype(np.int64)
        half = 1 << config.table.activation_bits - 1
        return ((x + half) & (2 * half - 1)) - half

    def _multiply(self, packed: np.ndarray, x: np.ndarray,
                  d: Descriptor) -> tuple[np.ndarray, np.ndarray]:
        return table_products(self.config, packed, x, d)


def _tokens(queues: list[int], d: Descriptor) -> Refusal:
    """Take and put an operation's tokens; all operations before it have ended."""
    for queue in range(TOKEN_QUEUES):
        if d.wait >> queue & 1 and not queues[queue]:
            return Refusal.TOKENS
    for queue in range(TOKEN_QUEUES):
        queues[queue] += (d.release >> queue & 1) - (d.wait >> queue & 1)
    return Refusal.TOKENS if max(queues) > TOKEN_LIMIT else Refusal.NONE
