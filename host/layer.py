# SPDX-License-Identifier: Apache-2.0
"""A matrix in device memory that multiplies activations."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..golden import table
from ..golden.descriptor import Descriptor, Element, Refusal
from ..golden.errors import DeviceError, UserError
from ..golden.protocol import Report, Space
from ..golden.weights import trit_columns, trit_values, weight_bit
from .activations import activations, tokens_per_run
from .arguments import plain_array, whole
from .results import LayerStats, compare
from .weights import Weights

if TYPE_CHECKING:
    from .driver import Device

__all__ = ["Layer"]

#: Cycles per second that a board must reach, which may be a simulated one behind a socket.
_SLOWEST_HZ = 100_000
_MARGIN_CYCLES, _MARGIN_SECONDS = 10_000, 5.0


class Layer:
    """Weights on a device, made by ``device.load(weights)``: call it with activations.

    Parameters
    ----------
    device : Device
    weights : Weights
    name : str
        For messages.
    address : int
        First word of the weights in the device memory; the program follows them.
    """

    def __init__(self, device: Device, weights: Weights, name: str, address: int):
        self._device, self._weights, self._name, self._address = device, weights, name, address
        self._program = b""
        self._stats: LayerStats | None = None
        self._loaded = True
        self._resets = device.link.resets

    @property
    def name(self) -> str:
        """Name in messages."""
        return self._name

    @property
    def weights(self) -> Weights:
        """What was loaded."""
        return self._weights

    @property
    def address(self) -> int:
        """First word of the weights in the device memory."""
        return self._address

    @property
    def loaded(self) -> bool:
        """Whether the layer is still in device memory."""
        return self._loaded

    @property
    def stats(self) -> LayerStats:
        """Figures of the last call; UserError before the first."""
        if self._stats is None:
            raise UserError(f"layer {self._name} has no figures yet; call it first")
        return self._stats

    @property
    def bits_per_weight(self) -> float:
        """Bits of device memory for each weight, padding included."""
        return self._weights.bits_per_weight(self._device.config)

    def declared_cycles(self, tokens: int = 1) -> int:
        """Return the cycles that a call with so many tokens takes, from the golden model.

        Raises
        ------
        UserError
            If ``tokens`` is no integer of at least 1.
        """
        tokens = whole(tokens, "tokens", 1)
        rows, columns = self._weights.shape
        chunk = tokens_per_run(self._device.config, rows, columns)
        runs, rest = divmod(tokens, chunk)
        return runs * self._cycles(chunk) + (self._cycles(rest) if rest else 0)

    def __call__(self, x: ArrayLike) -> NDArray[np.int32]:
        """Multiply: ``values @ x`` for each token, exactly.

        Parameters
        ----------
        x : integer array, shape (columns,) or (tokens, columns)
            Activations of ``table.activation_bits`` bits, signed.

        Returns
        -------
        int32 array, shape (rows,) or (tokens, rows)

        Raises
        ------
        UserError
            If x is none of these, or the layer was unloaded.
        DeviceError
            If the device fails.
        ResultMismatch
            If results are checked and one is wrong.
        """
        self._require()
        config, link = self._device.config, self._device.link
        rows, columns = self._weights.shape
        given = plain_array(x, "activations")
        batch = activations(given, config, columns)
        before = link.bytes_sent + link.bytes_received
        y = np.empty((len(batch), rows), np.int32)
        chunk = tokens_per_run(config, rows, columns)
        reports: list[Report] = []
        for first in range(0, len(batch), chunk):
            part = batch[first : first + chunk]
            report, y[first : first + chunk] = self._run(part)
            reports.append(report)
        total = _add(reports)
        work = rows * columns * self._weights.planes * len(batch)
        per_beat = table.columns_per_beat(config, self._weights.trits)
        self._stats = LayerStats(
            tokens=len(batch), cycles=total.cycles,
            declared_cycles=self.declared_cycles(len(batch)),
            beats=self._weights.beats(config) * len(batch),
            efficiency=work / (total.cycles * per_beat) if total.cycles else 0.0,
            starved=total.starved, blocked=total.blocked,
            link_bytes=link.bytes_sent + link.bytes_received - before, report=total)
        device = self._device
        compare(self._weights.values, batch, y, how=device.check, rng=device.rng, layer=self._name,
                reproduce=device.reproduce)
        return y if given.ndim == 2 else y[0]

    def flip_weight_bit(self, row: int, column: int, plane: int = 0) -> None:
        """Flip a stored bit of one weight in the device memory: a fault that checks must find.

        Of the bits that make up five trits, one that changes the trit is chosen where there is one.

        Raises
        ------
        UserError
            If there is no such weight or plane.
        """
        self._require()
        rows, columns = self._weights.shape
        planes, table_config = self._weights.planes, self._device.config.table
        where = f" in layer {self._name}"
        row = whole(row, "row", 0, rows - 1, where)
        column = whole(column, "column", 0, columns - 1, where)
        plane = whole(plane, "plane", 0, planes - 1, where)
        beat, bit = weight_bit(row, column, rows, columns, planes, self._weights.trits,
                               table_config.beat_bits, table_config.row_block, plane)
        word = self._device.read_memory(self._address + beat, 1).copy()
        if self._weights.trits:
            bit = _telling_bit(word[0], bit // 8, column, table_config.beat_bits)
        word[0, bit // 8] ^= 1 << bit % 8
        self._device.write_memory(self._address + beat, word)

    def unload(self) -> None:
        """Give the memory back; a second call does nothing."""
        if self._loaded:
            self._loaded = False
            self._device.release(self)

    def __repr__(self) -> str:
        return f"<Layer {self._name}: {self._weights!r} on {self._device.url}>"

    # Internals -----------------------------------------------------------------------------

    def _require(self) -> None:
        self._device.require_open()
        if not self._loaded:
            raise UserError(f"layer {self._name} was unloaded; load its weights again")
        self._device.link.require_no_reset(self._resets, f"layer {self._name}")

    def _cycles(self, tokens: int) -> int:
        rows, columns = self._weights.shape
        return table.cycles(self._device.config, rows=rows, columns=columns,
                            planes=self._weights.planes, trits=self._weights.trits, tokens=tokens)

    def _run(self, part: NDArray[np.integer]) -> tuple[Report, NDArray[np.int32]]:
        """Multiply the tokens of one run, at most :func:`tokens_per_run`."""
        config, link, weights = self._device.config, self._device.link, self._weights
        (rows, columns), tokens = weights.shape, len(part)
        source_words = -(-columns // config.activations_per_word)
        result_words = -(-rows // config.results_per_word)
        padded = np.zeros((tokens, source_words * config.activations_per_word),
                          f"<i{config.activation_bytes}")
        padded[:, :columns] = part
        destination = tokens * source_words
        program = Descriptor(
            flags=Descriptor.TRITS if weights.trits else 0, source=0, destination=destination,
            weights=self._address, rows=rows, columns=columns, planes_stored=weights.planes,
            planes_used=weights.planes, tokens=tokens, source_step=source_words,
            destination_step=result_words,
            source_type=Element.INT8 if config.activation_bytes == 1 else Element.INT16).pack()
        base = self._address + weights.beats(config)
        link.write(Space.SCRATCHPAD, 0, padded.tobytes())
        if program != self._program:
            self._program = b""  # Unknown, should the write be interrupted.
            link.write(Space.MEMORY, base, program)
            self._program = program
        report = link.run(base, 1, 1, self._limit(tokens))
        if report.code:
            known = report.code in tuple(Refusal)
            raise DeviceError(
                f"{self._device.url} refused layer {self._name}: "
                f"{Refusal(report.code).name if known else f'unknown code {report.code}'}; its "
                f"memory holds another program than was written there, load the layer again")
        data = link.read(Space.SCRATCHPAD, destination, tokens * result_words)
        return report, np.frombuffer(data, "<i4").reshape(tokens, -1)[:, :rows]

    def _limit(self, tokens: int) -> float:
        """Return the seconds of the transport's time that a run may take."""
        cycles = self._cycles(tokens)
        if self._device.transport.simulated:
            return 4 * (cycles + _MARGIN_CYCLES) / self._device.config.clock_hz
        return _MARGIN_SECONDS + 2 * cycles / _SLOWEST_HZ


def _telling_bit(beat: NDArray[np.uint8], byte: int, column: int, beat_bits: int) -> int:
    """Return a bit of a byte of five trits that changes the trit of ``column``, if one does."""
    columns, means = trit_columns(beat_bits)[byte], trit_values()
    mine = columns == column % (5 * beat_bits // 8)

    def change(bit: int) -> tuple[bool, int]:
        differ = means[beat[byte] ^ (1 << bit)] != means[beat[byte]]
        return bool(differ[mine].any()), int(differ.sum())

    return 8 * byte + max(range(8), key=change)


def _add(reports: list[Report]) -> Report:
    return Report(**{field.name: sum(getattr(report, field.name) for report in reports)
                     for field in fields(Report)})
