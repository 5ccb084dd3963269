# SPDX-License-Identifier: Apache-2.0
"""``luthier run``: text from a language model whose matrices are on a device."""

import shlex
import time
from typing import Annotated

import typer

from ..golden.errors import CheckFailed
from .model_report import Generation
from .options import CheckOption, DeviceOption, PruneOption, check_of, describe
from .output import JsonOption, Output

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("run", epilog="Example: luthier run shakespeare-small --prompt 'JULIET:' "
                               "--temperature 0")
    def run(
        model: Annotated[str, typer.Argument(
            metavar="[MODEL]", help="shakespeare, shakespeare-small, or the path of a "
                                    ".safetensors file.")] = "shakespeare",
        device: DeviceOption = "sim:default",
        prompt: Annotated[str, typer.Option(
            "--prompt", metavar="TEXT", help="What the text begins with.")] = "ROMEO:",
        characters: Annotated[int, typer.Option(
            "--characters", min=1, help="How many to generate.")] = 300,
        temperature: Annotated[float, typer.Option(
            "--temperature", help="0 for the most likely character each time; 1 as the model has "
                                  "it; more is wilder.")] = 0.7,
        seed: Annotated[int, typer.Option(
            "--seed", min=0, help="Of the choice of characters.")] = 0,
        check: CheckOption = "all",
        prune: PruneOption = None,
        json: JsonOption = None,
    ) -> None:
        """Generate text with a language model, its matrices on a device, and check the results.

        The matrices are loaded once; then each character is a few requests, and what is between
        them is computed in integers on the host, so that every device gives the same text. With a
        sim: device the hardware is generated and compiled first, which takes a while the first time
        only. With --prune the matrices are made sparse and multiplied as integers of the sparse
        chain, on a device that has one.
        """
        from ..host import connect
        from ..host.models import DeviceMatrices, Sampler, generate, load_model, pattern_of, pruned

        output = Output(json)
        sampler = Sampler(temperature, seed)
        loaded = load_model(model)
        if prune is not None:
            loaded = pruned(loaded, *pattern_of(prune))
        loaded.encode(prompt, "the prompt")
        how = check_of(check)
        failure: CheckFailed | None = None
        with connect(device, check=how, seed=seed) as opened:
            opened.reproduce = shlex.join([
                "luthier", "run", model, "--device", device, "--prompt", prompt, "--characters",
                str(characters), "--temperature", f"{temperature:g}", "--seed", str(seed),
                "--check", check, *([] if prune is None else ["--prune", prune])])
            describe(output, opened)
            licence = loaded.about.get("license")
            output.line(f"model       {loaded.name}: {loaded.ternary_weights} ternary weights"
                        + (f", licence {licence}" if licence else ""))
            matrices = [matrix for group in loaded.groups() for matrix in group]
            with output.progress("loading matrices", len(matrices)) as advance:
                multiply = DeviceMatrices(
                    loaded, opened, advance, sparse=prune is not None)
            output.line()
            output.text(prompt)
            text, start, before = prompt, time.monotonic(), opened.transport.now()
            try:
                for letter in generate(loaded, multiply, prompt, characters, sampler):
                    output.text(letter)
                    text += letter
            except CheckFailed as error:
                failure = error
            output.line()
            after = opened.transport.now()
            generation = Generation(
                device=opened, figures=multiply.figures, text=text[len(prompt):], check=how,
                seconds=time.monotonic() - start,
                device_seconds=None if before is None or after is None else after - before,
                mismatches=getattr(failure, "count", 0))
            generation.show(output)
            output.write_json(generation.data() | {"model": loaded.name, "prompt": prompt,
                                                   "temperature": temperature, "prune": prune},
                              config=opened.config, seed=seed)
        if failure is not None:
            raise failure
