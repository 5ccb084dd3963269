# SPDX-License-Identifier: Apache-2.0
"""Whether a layer fits a device; if not, by how much, and what to change."""

from typing import Any

from ..golden.config import Configuration
from ..golden.errors import UserError
from ..golden.table import check_range
from .activations import tokens_per_run
from .allocator import Allocator
from .scaling import without_records
from .weights import Weights
from .widening import widening

__all__ = ["check_fits", "check_shape"]


def check_shape(config: Configuration, weights: Weights, name: str) -> None:
    """Do nothing if a device can multiply a layer of this shape.

    Raises
    ------
    UserError
        If it cannot.
    """
    rows, columns = weights.shape
    device = f"configuration {config.name!r}"
    if not (config.table.trits if weights.trits else config.table.planes):
        kind, other = ("ternary", "sign planes") if weights.trits else ("in sign planes", "ternary")
        raise UserError(
            f"layer {name} has weights that are {kind}, and table.alphabets of {device} is "
            f"{config.table.alphabets!r}; set it to 'both', or bring the weights as {other}")
    what_columns, otherwise, planes = "columns", "split the layer", weights.planes
    if weights.coefficients is not None:
        if not config.table.records:
            raise UserError(
                f"layer {name} has planes with coefficients of their own, and {device} has no "
                f"hardware for such scales; {without_records(config)}, or bring the weights as "
                f"Weights.integer with one scale")
        wide = widening(config, weights, name)
        columns, planes = wide.width, 1
        what_columns = (f"columns on the device, {wide.planes} planes of {wide.columns} side by "
                        f"side, each {wide.pitch} from the next")
        otherwise = "use fewer planes, or split the columns of the layer"
    for what, size, key in (("rows", rows, "max_rows"), (what_columns, columns, "max_columns")):
        limit = getattr(config.table, key)
        if size > limit:
            raise UserError(
                f"layer {name} has {size} {what}, {size - limit} more than table.{key} ({limit}) "
                f"of {device}; " + _advice("table", config.table, key, size, otherwise))
    try:
        check_range(config, columns=columns, planes=planes, trits=weights.trits)
    except UserError as error:
        raise UserError(f"layer {name}: {error}") from None


def check_fits(config: Configuration, allocator: Allocator, columns: int, name: str,
               words: int, result_words: int) -> None:
    """Do nothing if the layer fits the memories.

    Parameters
    ----------
    config : Configuration
        Of the device.
    allocator : Allocator
        Of its memory.
    columns : int
        That the device multiplies.
    name : str
        Of the layer, for messages.
    words : int
        Memory words of its weights, scales and program.
    result_words : int
        Scratchpad words of one token's results.

    Raises
    ------
    UserError
        If it does not fit. Raising a key of the configuration is advised only where a
        configuration may have that value.
    """
    device = f"configuration {config.name!r}"
    if not tokens_per_run(config, columns, result_words):
        need = -(-columns // config.activations_per_word) + result_words
        have = config.scratchpad.words
        raise UserError(
            f"layer {name} needs {need} words of scratchpad for one token's activations and "
            f"results, {need - have} more than scratchpad.words ({have}) of {device}; "
            + _advice("scratchpad", config.scratchpad, "words", need,
                      "split the rows of the layer"))
    largest = allocator.largest
    if words > largest:
        used = config.memory.words - allocator.free_words
        raise UserError(
            f"layer {name} needs {words} words of device memory, {words - largest} more than the "
            f"largest free area of {largest} (memory.words of {device} is {config.memory.words}, "
            f"{used} are in use); "
            + _advice("memory", config.memory, "words", config.memory.words + words - largest,
                      "unload other layers" if used else ""))


def _advice(section: str, values: Any, key: str, need: int, otherwise: str) -> str:
    """Say to raise a key where a configuration may have that much, and what else to do."""
    try:
        type(values)(**{key: need})
    except ValueError:
        return (f"{otherwise or 'split the layer over several devices'}, as no configuration may "
                f"have {section}.{key} of {need}")
    return f"raise {section}.{key} to at least {need}" + (f", or {otherwise}" if otherwise else "")
