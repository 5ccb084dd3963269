# SPDX-License-Identifier: Apache-2.0
"""``luthier configs``: what can be built, and what follows from each configuration."""

from typing import Annotated, Any

import typer

from ..golden.config import Configuration, load_configuration, named_configurations
from ..golden.config_fields import Section
from ..golden.table import tables
from .output import JsonOption, Output

__all__ = ["derived", "register"]


def derived(config: Configuration) -> dict[str, Any]:
    """Return figures that follow from a configuration and that people ask for."""
    table, link = config.table, config.link
    # A trit byte holds five trits and a sign-plane beat one bit per column (docs of hw/table).
    return {
        "columns per beat, sign planes": table.beat_bits,
        "columns per beat, ternary": 5 * table.beat_bits // 8,
        "tables": tables(config),
        "scratchpad bytes": config.scratchpad.words * config.word_bytes,
        "memory bytes": config.memory.words * config.word_bytes,
        "1-bit weights that fit": config.memory.words * table.beat_bits,
        "ternary weights that fit": config.memory.words * table.beat_bits // 8 * 5,
        "largest operation": f"{table.max_rows} x {table.max_columns}",
        "link bytes per second": link.width * config.clock_hz,
        **_derived_of_transform(config),
    }


def _derived_of_transform(config: Configuration) -> dict[str, Any]:
    """Return the same of the transform, if there is one."""
    transform = config.transform
    if transform is None:
        return {}
    sizes = f"1 to {transform.samples}"
    if transform.order > 1:
        sizes += (f", {transform.order * transform.order_lanes} to "
                  f"{transform.order * transform.order_samples}")
    return {"sizes of transforms": sizes, "bits of a transform's result": transform.sum_width,
            "bits of a sample to quantise": transform.quantiser.width}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("configs", epilog="Example: luthier configs default")
    def configs(
        names: Annotated[list[str] | None, typer.Argument(
            metavar="[NAME|FILE]...",
            help="Explain these in full; without any, list all names.")] = None,
        json: JsonOption = None,
    ) -> None:
        """List the named configurations, or explain some in full.

        A configuration says everything about a device: shapes, memories, link. To make your own,
        write a TOML file with a `name` and the keys that differ from the defaults shown here.
        """
        output = Output(json)
        chosen = [load_configuration(name) for name in names or named_configurations()]
        if names:
            for config in chosen:
                _explain(output, config)
        else:
            _list(output, chosen)
        output.write_json({"configurations": [
            {**config.model_dump(mode="json"), "hash": config.hash.hex(),
             "derived": derived(config)}
            for config in chosen]})


def _list(output: Output, configs: list[Configuration]) -> None:
    output.table(
        ("name", "D", "A", "row block", "link B/cycle", "memory", "description"),
        [(config.name, config.table.beat_bits, config.table.activation_bits,
          config.table.row_block, config.link.width,
          f"{config.memory.words * config.word_bytes >> 10} KiB", config.description)
         for config in configs])
    output.line("\nD: weight bits per beat; A: bits of an activation. "
                "`luthier configs NAME` shows every key.")


def _explain(output: Output, config: Configuration) -> None:
    output.line(f"{config.name}: {config.description}")
    rows: list[tuple[str, Any]] = [("clock_hz", config.clock_hz),
                                   ("short_paths", config.short_paths)]
    for section, keys in config:
        if isinstance(keys, Section):
            rows += [(f"{section}.{key}", value) for key, value in keys if value is not None]
    rows.append(("hash", config.hash.hex()))
    output.table(("key", "value"), rows)
    output.table(("derived", "value"), list(derived(config).items()))
    output.line()
