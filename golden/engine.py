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
from .entries import dropped_bits, field_sums, fields
from .protocol import MOST_MALFORMED, Report
from .records import groups_per_tile, scale_words, unpack_scales
from .refusal import refusal
from .scales import output_stage
from .shared import TRIT_PLANES, SharedLayout, unpack_signs
from .sparse_operation import products, sparse_beats
from .table import beats, columns_per_beat, passes
from .timing import cycles
from .transform import run as run_transform
from .transform import scale_words as transform_scale_words
from .vector_operations import VECTOR_OPCODES
from .vector_operations import run as run_vectors
from .weights import STRIP_ROWS, decode_planes, decode_trits, strips

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
        return {"cycles": cycles(config, d), "busy": d.tokens * sparse_beats(config, d),
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
        """Multiply beat by beat in stream order; ``x`` is (tokens, columns).

        Returns
        -------
        sums : int64 array, shape (tokens, rows, groups)
            Of weights times activations; one group for whole rows.
        of_x : int64 array, shape (tokens, groups)
            Of activations.
        """
        if (shared := self.config.table.shared) is not None:
            return self._multiply_shared(packed, x, d, shared)
        per_tile, tokens = columns_per_beat(self.config, d.trits), len(x)
        tiles = -(-d.columns // per_tile)
        groups = groups_per_tile(self.config, d.group, d.trits)
        padded = np.zeros((tokens, tiles * per_tile), np.int64)
        padded[:, : d.columns] = x
        of_x = padded.reshape(tokens, tiles * groups, -1).sum(axis=2)
        decode = decode_trits if d.trits else decode_planes
        exact = np.float32 if self._small(per_tile) else np.float64
        column = np.arange(per_tile)
        by_group = np.zeros((per_tile, groups, tokens), exact)
        sums = np.zeros((d.rows, tiles * groups, tokens), np.int64)
        row_block, planes, position = self.config.table.row_block, d.planes_stored, 0
        for start in range(0, d.rows, row_block):
            rows = min(row_block, d.rows - start)
            for tile in range(tiles):
                part = decode(packed[position : position + rows * planes],
                              self.config.table.layout).astype(exact)
                position += rows * planes
                by_group[column, column * groups // per_tile] = (
                    padded[:, tile * per_tile : (tile + 1) * per_tile].T)
                if dropped := dropped_bits(self.config):
                    products = field_sums(part, by_group[:, 0], fields(self.config), dropped)
                else:
                    products = (part @ by_group.reshape(per_tile, -1)).astype(np.int64)
                sums[start : start + rows, tile * groups : (tile + 1) * groups] = _planes(
                    products, rows, planes, d.planes_used).reshape(rows, groups, tokens)
        sums = sums.transpose(2, 0, 1)
        return (sums, of_x) if d.group else (sums.sum(axis=2, keepdims=True),
                                             of_x.sum(axis=1, keepdims=True))

    def _multiply_shared(self, packed: np.ndarray, x: np.ndarray, d: Descriptor,
                         layout: SharedLayout) -> tuple[np.ndarray, np.ndarray]:
        """The same for beats of many rows, which have no groups."""
        if dropped := dropped_bits(self.config):
            return self._multiply_rounded(packed, x, d, layout, dropped)
        signs = unpack_signs(packed, d.rows, d.columns, TRIT_PLANES if d.trits else d.planes_stored,
                             layout)
        weights = (1,) * TRIT_PLANES if d.trits else 1 << np.arange(d.planes_stored)[::-1]
        sums = x @ np.tensordot(weights, signs, axes=1).T
        return (sums >> d.trits)[..., None], x.sum(axis=1, keepdims=True)

    @staticmethod
    def _multiply_rounded(packed: np.ndarray, x: np.ndarray, d: Descriptor, layout: SharedLayout,
                          dropped: int) -> tuple[np.ndarray, np.ndarray]:
        """The same with rounded entries; the columns of padding have signs, too."""
        padded = np.zeros((-(-d.columns // layout.k) * layout.k, len(x)), np.int64)
        padded[: d.columns] = x.T
        signs = unpack_signs(packed, d.rows, len(padded), d.planes_stored, layout)
        tables = [range(start, start + layout.k) for start in range(0, len(padded), layout.k)]
        weights = 1 << np.arange(d.planes_stored)[::-1]
        sums = np.tensordot(weights, field_sums(signs, padded, tables, dropped), axes=1)
        return sums.T[..., None], x.sum(axis=1, keepdims=True)

    def _small(self, columns: int) -> bool:
        """Whether a tile's sums are exact in float32."""
        return columns << self.config.table.activation_bits <= 1 << 23


def _planes(sums: np.ndarray, rows: int, planes: int, used: int) -> np.ndarray:
    """Add up the sums (rows * planes, n) of one tile and row block, strip by strip."""
    weights = np.where(np.arange(planes) < used, 1 << np.arange(planes)[::-1], 0)[:, None, None]
    sizes, groups = strips(rows), sums.shape[1]
    whole = sizes.count(STRIP_ROWS) * STRIP_ROWS
    head = sums[: whole * planes].reshape(-1, planes, STRIP_ROWS, groups)
    tail = sums[whole * planes :].reshape(planes, -1, groups)
    return np.concatenate([(head * weights).sum(axis=1).reshape(-1, groups),
                           (tail * weights).sum(axis=0)])


def _tokens(queues: list[int], d: Descriptor) -> Refusal:
    """Take and put an operation's tokens; all operations before it have ended."""
    for queue in range(TOKEN_QUEUES):
        if d.wait >> queue & 1 and not queues[queue]:
            return Refusal.TOKENS
    for queue in range(TOKEN_QUEUES):
        queues[queue] += (d.release >> queue & 1) - (d.wait >> queue & 1)
    return Refusal.TOKENS if max(queues) > TOKEN_LIMIT else Refusal.NONE
