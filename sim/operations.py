# SPDX-License-Identifier: Apache-2.0
"""Random operations on random contents of both memories, for a device and its golden model."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..golden.config import Configuration
from ..golden.descriptor import Descriptor, Opcode, Refusal, result_words, source_words
from ..golden.engine import Engine
from ..golden.protocol import Report, Space
from ..golden.records import groups_per_tile, pack_scales
from ..golden.refusal import refusal
from ..golden.table import beats, columns_per_beat, max_columns, pack
from ..host.link import Link
from .sparse_operations import random_packet
from .vector_operations import vector_contents

__all__ = ["Program", "Runner", "random_operation", "random_program"]

#: Seconds that a program may take.
_LIMIT = 1.0


def random_operation(config: Configuration, rng: np.random.Generator, **fixed: Any) -> Descriptor:
    """Return a valid operation, its addresses zero but for the scratchpad's.

    Parameters
    ----------
    config : Configuration
    rng : numpy.random.Generator
    fixed
        Fields of :class:`~luthier.golden.descriptor.Descriptor` that are given, and ``trits`` and
        the other flags as booleans.
    """
    t = config.table

    def pick(name: str, draw: Any) -> Any:
        value = draw()
        return fixed.get(name, value)

    trits = pick("trits", lambda: rng.random() < 0.3)
    if not config.table.planes or not config.table.trits:
        trits = config.table.trits
    stage = t.scaled and pick("saturate", lambda: rng.random() < 0.85)
    scaled = stage and pick("scaled", lambda: rng.random() < 0.75) and t.records
    groups = [0, columns_per_beat(config, True)] if trits else [
        0, *(t.smallest_group << i for i in range((t.beat_bits // t.smallest_group).bit_length()))]
    planes = 1 if trits else int(pick("planes_stored", lambda: rng.integers(1, 9)))
    used = planes
    if t.records:
        used = int(pick("planes_used", lambda: rng.integers(1, planes + 1)
                        if rng.random() < 0.3 else planes))
    rows = pick("rows", lambda: int(np.exp(rng.uniform(0, np.log(3 * t.row_block)))))
    if "rows" not in fixed and rng.random() < 0.3:  # a last block of a few rows
        rows = t.row_block * int(rng.integers(1, 3)) + int(rng.integers(1, 4))
    tiles = int(pick("tiles", lambda: rng.integers(1, 4)))
    per_tile = columns_per_beat(config, trits)
    columns = pick("columns", lambda: tiles * per_tile if rng.random() < 0.25 else 1 + int(
        rng.integers((tiles - 1) * per_tile, tiles * per_tile)))
    columns = min(columns, max_columns(config, planes=planes))
    rows = min(rows, t.max_rows, config.memory.words // 4 // (planes * tiles))
    flags = {"TRITS": trits, "SATURATE": stage, "SCALED": scaled,
             "OFFSETS": scaled and pick("offsets", lambda: rng.random() < 0.7),
             "ACCUMULATE": stage and pick("accumulate", lambda: rng.random() < 0.3)}
    shift = int(rng.integers(0, 64)) if rng.random() < 0.2 else int(
        rng.integers(8, 48) if scaled else rng.integers(0, 20))
    d = Descriptor(
        flags=sum(getattr(Descriptor, name) for name, is_set in flags.items() if is_set),
        rows=rows, columns=columns, planes_stored=planes, planes_used=used,
        group=int(pick("group", lambda: rng.choice(groups))) if scaled else 0,
        source_type=config.activation_bytes - 1,
        destination_type=int(pick("destination_type", lambda: rng.integers(3))) if stage else 2,
        multiplier=int(pick("multiplier", lambda: rng.choice(
            [1, 1, -1, 32767, -32768, int(rng.integers(-32768, 32768))]))) if stage else 0,
        shift=fixed.get("shift", shift) if stage else 0,
        tokens=int(pick("tokens", lambda: rng.choice([1, 1, 1, 2, 3]))))
    return _place(config, rng, d)


def _place(config: Configuration, rng: np.random.Generator, d: Descriptor) -> Descriptor:
    """Choose places in the scratchpad; fewer tokens or rows where they do not fit."""
    for tokens, rows in ((d.tokens, d.rows), (1, d.rows), (1, max(1, d.rows // 8)), (1, 1)):
        d = replace(d, tokens=tokens, rows=rows)
        source, result = source_words(config, d), result_words(config, d)
        free = config.scratchpad.words - tokens * (source + result)
        if free >= 0:
            break
    first, gap = (int(value) for value in np.sort(rng.integers(0, free + 1, 2)))
    gap -= first
    if rng.random() < 0.5:
        places = {"source": first, "destination": first + tokens * source + gap}
    else:
        places = {"destination": first, "source": first + tokens * result + gap}
    return replace(d, source_step=source, destination_step=result, **places)


@dataclass
class Program:
    """Descriptors and what the memories hold before they run.

    Attributes
    ----------
    descriptors : list of Descriptor
    scratchpad : uint8 array, shape (scratchpad.words, D / 8)
    memory : uint8 array, shape (words, D / 8)
        From word 0 on, the descriptors first.
    repeat : int
    """

    descriptors: list[Descriptor]
    scratchpad: np.ndarray
    memory: np.ndarray
    repeat: int = 1


def _weights(config: Configuration, rng: np.random.Generator, d: Descriptor) -> np.ndarray:
    size = d.rows, d.columns
    low, top = (-1, 1) if d.trits else (0, (1 << d.planes_stored) - 1)
    match rng.integers(5):
        case 4:  # weights behind the last column, too, and bytes without a vector of trits
            count = beats(config, rows=d.rows, columns=d.columns, planes=d.planes_stored,
                          trits=d.trits)
            return rng.integers(0, 256, (count, config.word_bytes), dtype=np.uint8)
        case 0:
            stored = np.full(size, rng.choice([low, top]))
        case 1:
            stored = rng.choice([low, top], size=size)
        case _:
            stored = rng.integers(low, top + 1, size=size)
    return pack(config, stored if d.trits else 2 * stored - top, planes=d.planes_stored,
                trits=bool(d.trits))


def _scales(config: Configuration, rng: np.random.Generator, d: Descriptor) -> np.ndarray:
    tiles = -(-d.columns // columns_per_beat(config, d.trits)) if d.group else 1
    size = (d.rows, tiles * groups_per_tile(config, d.group, d.trits))
    extreme = rng.random() < 0.2

    def draw(low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
        if extreme:
            return rng.choice([low, high - 1], size), np.full(size, 15)
        return rng.integers(low, high, size), rng.integers(0, 16, size)

    scale = draw(0, 1 << 16)
    return pack_scales(config, scale, draw(-1 << 15, 1 << 15) if d.offsets else None,
                       columns=d.columns, group=d.group, trits=d.trits)


def random_program(config: Configuration, rng: np.random.Generator, descriptors: list[Descriptor],
                   repeat: int = 1) -> Program:
    """Place operations and their weights and scales in the memory; fill the scratchpad."""
    per = 64 // config.word_bytes
    parts: list[np.ndarray] = []
    address, placed = len(descriptors) * per, []
    for d in descriptors:
        if refusal(config, d) != Refusal.NONE or d.opcode not in (Opcode.TABLE, Opcode.SPARSE):
            placed.append(d)
            continue
        if d.opcode == Opcode.SPARSE:
            parts.append(random_packet(config, rng, d))
            if d.planes_stored == 0:
                d = replace(d, scales=len(parts[-1]))
            placed.append(replace(d, weights=address))
            address += len(parts[-1])
            continue
        parts.append(_weights(config, rng, d))
        assert len(parts[-1]) == beats(config, rows=d.rows, columns=d.columns,
                                       planes=d.planes_stored, trits=d.trits)
        d = replace(d, weights=address)
        address += len(parts[-1])
        if d.scaled:
            parts.append(_scales(config, rng, d))
            d = replace(d, scales=address)
            address += len(parts[-1])
        placed.append(d)
    raw = np.frombuffer(b"".join(d.pack() for d in placed), np.uint8)
    memory = np.concatenate([raw.reshape(-1, config.word_bytes), *parts])
    scratchpad = rng.integers(0, 256, (config.scratchpad.words, config.word_bytes), dtype=np.uint8)
    if rng.random() < 0.3:
        half = 1 << config.table.activation_bits - 1
        scratchpad = np.full(scratchpad.shape, 0, np.uint8)
        words = scratchpad.view(f"<i{config.activation_bytes}")
        words[:] = rng.choice([-half, half - 1], words.shape) if rng.random() < 0.5 else -half
    for d in placed:
        if refusal(config, d) == Refusal.NONE:
            vector_contents(config, rng, d, scratchpad)
    return Program(placed, scratchpad, memory, repeat)


class Runner:
    """Run programs on a device and on its golden model.

    Parameters
    ----------
    link : Link
        To the device.
    config : Configuration
        What it was generated from.
    """

    def __init__(self, link: Link, config: Configuration):
        self.link, self.config = link, config
        self.golden = Engine(config)

    def run(self, program: Program) -> tuple[Report, Report]:
        """Run on both and return both reports.

        Raises
        ------
        AssertionError
            If anything but cycles and waiting differs.
        """
        self.golden.memory[: len(program.memory)] = program.memory
        self.golden.scratchpad[:] = program.scratchpad
        self.link.write(Space.MEMORY, 0, program.memory.tobytes())
        self.link.write(Space.SCRATCHPAD, 0, program.scratchpad.tobytes())
        count = len(program.descriptors)
        got = self.link.run(0, count, program.repeat, _LIMIT)
        expected = self.golden.run(0, count, program.repeat)
        for name in ("code", "malformed", "index", "busy", "saturations", "operations"):
            assert getattr(got, name) == getattr(expected, name), (name, got, expected)
        words = self.config.scratchpad.words
        raw = np.frombuffer(self.link.read(Space.SCRATCHPAD, 0, words), np.uint8)
        wrong = np.argwhere(raw.reshape(words, -1) != self.golden.scratchpad)
        assert not len(wrong), (
            f"{len(wrong)} bytes of the scratchpad differ, the first is byte {wrong[0][1]} of word "
            f"{wrong[0][0]}: {program.descriptors}")
        return got, expected

