# SPDX-License-Identifier: Apache-2.0
"""Matrices of a language model on a device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...golden.scales import output_stage
from ..driver import Device
from ..layer import Layer
from ..program import Program
from ..sparse_weights import SparseWeights
from ..weights import Weights
from .fitting import check_model_fits
from .language_model import LanguageModel, Matrix, Product
from .numpy_matrices import RESULT_BITS

__all__ = ["DeviceMatrices", "Figures"]


@dataclass
class Figures:
    """What one group of matrices took, summed over tokens.

    Attributes
    ----------
    name : str
        Its matrices.
    beats : int
        Weight beats of one token, padding included.
    work : float
        Weight beats of one token without padding.
    vectors : int
        Vectors of results.
    tokens, link_bytes, results, saturations : int
    cycles, declared_cycles : int
        From the first dispatch to the last result, and what the golden model declares for the
        operations one after the other.
    elapsed : int
        From request to report: descriptors are fetched, too.
    late : int
        Requests that took more than the declared cycles.
    """

    name: str
    beats: int
    work: float
    tokens: int = 0
    vectors: int = 0
    cycles: int = 0
    elapsed: int = 0
    declared_cycles: int = 0
    link_bytes: int = 0
    results: int = 0
    saturations: int = 0
    late: int = 0

    @property
    def efficiency(self) -> float:
        """Weights over cycles times products of a beat; 0 before the first token."""
        return self.work * self.tokens / self.cycles if self.cycles else 0.0


@dataclass(frozen=True)
class _Group:
    layers: list[Layer]
    program: Program
    figures: Figures


class DeviceMatrices:
    """Multiplies on a device: a group of matrices is one request.

    One token's results leave the device with 16 bits, scaled there; several tokens at once leave
    it as exact sums, which are scaled here.

    Parameters
    ----------
    model : LanguageModel
    device : Device
        Its ``check`` says which results are compared with the golden model.
    advance : callable, optional
        Called after each matrix is loaded.
    sparse : bool
        Whether to multiply on the sparse chain, as integers, and not by tables of trits.

    Raises
    ------
    UserError
        If the device's configuration cannot run the model, or other layers are in its memory.
    DeviceError
        If the device fails.
    """

    def __init__(self, model: LanguageModel, device: Device,
                 advance: Callable[[], None] = lambda: None, *, sparse: bool = False):
        check_model_fits(device.config, model, sparse)
        self._device, self._sparse = device, sparse
        self._groups: dict[str, _Group] = {}
        self._loaded: list[Layer] = []
        try:
            for group in model.groups():
                self._groups[group[0].name] = self._load(group, advance)
        except BaseException:
            self.unload()
            raise

    def _load(self, group: Sequence[Matrix], advance: Callable[[], None]) -> _Group:
        device, layers = self._device, []
        program = device.program()
        sources = [program.input(matrix.trits.shape[1]) for matrix in group]
        for matrix, source in zip(group, sources, strict=True):
            layer = device.load(self._weights(matrix), matrix.name)
            program.output(program.apply(layer, source, by_token="int16"))
            self._loaded.append(layer)
            layers.append(layer)
            advance()
        first, *others = (matrix.name for matrix in group)
        name = "+".join([first, *(other.rpartition(".")[2] for other in others)])
        return _Group(layers, program, Figures(
            name, sum(layer.sections[0].words(device.config) for layer in layers),
            sum(layer.beats_without_padding() for layer in layers)))

    def _weights(self, matrix: Matrix) -> Weights | SparseWeights:
        if not self._sparse:
            return Weights.ternary(matrix.trits)
        sparse = self._device.config.sparse
        return SparseWeights(matrix.trits, 8 if sparse is None else sparse.weight_bits,
                             beat_bits=self._device.config.table.beat_bits)

    @property
    def figures(self) -> list[Figures]:
        """What each group took so far."""
        return [group.figures for group in self._groups.values()]

    def __call__(self, products: Sequence[Product]) -> list[NDArray[np.integer]]:
        """Return the results, (tokens, rows) each.

        Raises
        ------
        DeviceError
            If the device fails.
        ResultMismatch
            If results are checked and one is wrong.
        """
        group = self._groups[products[0].matrix.name]
        if len(products[0].codes) == 1:
            return self._one(group, products)
        found: list[NDArray[np.integer]] = []
        for layer, product in zip(group.layers, products, strict=True):
            total = layer(product.codes).astype(np.int64)
            stats, figures = layer.stats, group.figures
            figures.cycles += stats.cycles
            figures.elapsed += stats.report.elapsed
            figures.declared_cycles += stats.declared_cycles
            figures.late += stats.cycles > stats.declared_cycles
            figures.link_bytes += stats.link_bytes
            figures.results += total.size
            figures.vectors += stats.runs
            found.append(output_stage(total, product.multiplier, product.shift, RESULT_BITS)[0])
        group.figures.tokens += len(products[0].codes)
        return found

    def _one(self, group: _Group, products: Sequence[Product]) -> list[NDArray[np.integer]]:
        program, figures = group.program, group.figures
        results = program(*(product.codes[0] for product in products), scales=[
            (int(product.multiplier[0, 0]), int(product.shift[0, 0])) for product in products])
        report = program.report
        figures.tokens += 1
        figures.vectors += len(results)
        figures.cycles += report.cycles
        figures.elapsed += report.elapsed
        figures.declared_cycles += program.declared_cycles
        figures.late += report.cycles > program.declared_cycles
        figures.link_bytes += program.link_bytes
        figures.results += sum(result.size for result in results)
        figures.saturations += report.saturations
        return [result[None] for result in results]

    def unload(self) -> None:
        """Give the device's memory back."""
        for group in self._groups.values():
            group.program.unload()
        for layer in self._loaded:
            layer.unload()
        self._groups, self._loaded = {}, []
