# SPDX-License-Identifier: Apache-2.0
"""Which configurations can run a model."""

from ...golden.config import Configuration, load_configuration, named_configurations
from ...golden.descriptor import DESCRIPTOR_BYTES
from ...golden.errors import UserError
from ...golden.table import beats
from ..sparse_section import sparse_section
from ..sparse_weights import SparseWeights
from .language_model import LanguageModel, Matrix
from .numpy_matrices import RESULT_BITS

__all__ = ["check_model_fits"]

#: Bits of activations that hold 8-bit codes and let results have 16 bits.
_ACTIVATION_BITS = (8, RESULT_BITS)


def memory_words(config: Configuration, group: tuple[Matrix, ...], sparse: bool) -> int:
    """Return the words of device memory that a group takes: weights, and descriptors twice."""
    if sparse:
        words = sum(_sparse_words(config, matrix) for matrix in group)
    else:
        words = sum(beats(config, rows=matrix.trits.shape[0], columns=matrix.trits.shape[1],
                          planes=1, trits=True) for matrix in group)
    return words + 2 * len(group) * DESCRIPTOR_BYTES // config.word_bytes


def _sparse_words(config: Configuration, matrix: Matrix) -> int:
    weights = SparseWeights(matrix.trits, beat_bits=config.table.beat_bits)
    return sparse_section(config, weights, None, matrix.name).words(config)


def scratchpad_words(config: Configuration, group: tuple[Matrix, ...]) -> int:
    """Return the words of scratchpad that a group takes for one token."""
    words = 0
    for matrix in group:
        rows, columns = matrix.trits.shape
        words += -(-columns // config.activations_per_word)
        words += -(-rows * RESULT_BITS // config.table.beat_bits)
    return words


def _misfit(config: Configuration, model: LanguageModel, sparse: bool) -> str:
    """Say what of a configuration the model does not fit, or nothing."""
    t = config.table
    if sparse and config.sparse is None:
        return "it needs a section [sparse]"
    if not t.scaled:
        return "it needs table.scaled, for results of 16 bits"
    if t.activation_bits not in _ACTIVATION_BITS:
        return (f"it needs table.activation_bits of 8 or 16, for codes of 8 bits and results of "
                f"16, not {t.activation_bits}")
    groups = model.groups()
    shapes = [matrix.trits.shape for group in groups for matrix in group]
    for key, need in (("max_rows", max(rows for rows, _ in shapes)),
                      ("max_columns", max(columns for _, columns in shapes))):
        limit: int = getattr(t, key)
        if need > limit:
            return (f"its largest matrix needs table.{key} of {need}, {need - limit} more than "
                    f"{limit}")
    for what, need, limit in (
            ("scratchpad", max(scratchpad_words(config, group) for group in groups),
             config.scratchpad.words),
            ("device memory", sum(memory_words(config, group, sparse) for group in groups),
             config.memory.words)):
        if need > limit:
            return (f"it needs {need} words of {what}, {need - limit} more than the {limit} there "
                    f"are")
    return ""


def check_model_fits(config: Configuration, model: LanguageModel, sparse: bool = False) -> None:
    """Do nothing if a configuration can run the model.

    Raises
    ------
    UserError
        If it cannot: why, by how much, and which configurations can.
    """
    problem = _misfit(config, model, sparse)
    if problem:
        others = [name for name in named_configurations()
                  if not _misfit(load_configuration(name), model, sparse)]
        raise UserError(
            f"model {model.name} does not fit configuration {config.name!r}: {problem}; "
            + (f"use configuration {' or '.join(others)}, or a larger one of your own" if others
               else "make a larger configuration of your own"))
