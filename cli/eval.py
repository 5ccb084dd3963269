# SPDX-License-Identifier: Apache-2.0
"""``luthier eval``: how well a language model predicts a text."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from ..golden.errors import UserError
from .options import CheckOption, PruneOption, check_of, describe
from .output import JsonOption, Output

__all__ = ["register"]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"--text {path}: byte {error.start} is not UTF-8; give a text file in "
                        f"UTF-8") from None
    except OSError as error:
        raise UserError(f"--text {path}: cannot be read: {error.strerror or error}; give the path "
                        f"of a text file") from None


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("eval", epilog="Example: luthier eval shakespeare --text tinyshakespeare.txt")
    def evaluate(
        model: Annotated[str, typer.Argument(
            help="shakespeare, shakespeare-small, or the path of a .safetensors file.")],
        text: Annotated[Path, typer.Option(
            "--text", metavar="PATH", help="A text file; its last tenth is predicted.")],
        device: Annotated[str | None, typer.Option(
            "--device", metavar="URL",
            help="Multiply on a device; by default in NumPy, with the same results.")] = None,
        check: CheckOption = "none",
        prune: PruneOption = None,
        json: JsonOption = None,
    ) -> None:
        """Print the loss over the last tenth of a text, in nats per character.

        Each character is predicted from all before it in that part; the state is carried from its
        start. Logits are integers, the same on every device; the loss is their cross entropy.
        With --prune the loss of the model as it is comes first, in NumPy, and then that of the
        model with sparse matrices.
        """
        from ..host import connect
        from ..host.models import (
            DeviceMatrices,
            NumpyMatrices,
            load_model,
            loss,
            pattern_of,
            pruned,
            validation_part,
        )

        output = Output(json)
        loaded = load_model(model)
        letters = loaded.encode(validation_part(_read(text)), f"the last tenth of {text}")
        whole = None
        if prune is not None:
            pattern = pattern_of(prune)
            with output.progress("characters, all weights", len(letters) - 1) as advance:
                whole = loss(loaded, letters, NumpyMatrices(loaded), advance=advance)
            output.line(f"{loaded.name}: {whole:.4f} nats per character with all weights")
            loaded = pruned(loaded, *pattern)
        with ExitStack() as stack:
            config, link_bytes = None, None
            if device is None:
                multiply = NumpyMatrices(loaded)
            else:
                opened = stack.enter_context(connect(device, check=check_of(check)))
                describe(output, opened)
                config = opened.config
                multiply = DeviceMatrices(loaded, opened, sparse=prune is not None)
            start = time.monotonic()
            with output.progress("characters", len(letters) - 1) as advance:
                nats = loss(loaded, letters, multiply, advance=advance)
            seconds = time.monotonic() - start
            if isinstance(multiply, DeviceMatrices):
                link_bytes = sum(figures.link_bytes for figures in multiply.figures)
        output.line(f"{loaded.name}: {nats:.4f} nats per character over {len(letters) - 1} "
                    f"characters, {seconds:.1f} s"
                    + ("" if whole is None else f"; pruning costs {nats - whole:.4f}"))
        output.write_json({
            "model": loaded.name, "loss": nats, "characters": len(letters) - 1,
            "loss_with_all_weights": whole, "prune": prune,
            "seconds": seconds, "device": device, "link_bytes": link_bytes}, config=config)
