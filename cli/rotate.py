# SPDX-License-Identifier: Apache-2.0
"""``luthier rotate``: what a Walsh-Hadamard transform saves when activations are quantised."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from ..golden.config import Configuration
from ..golden.errors import UserError
from ..golden.hadamard import hadamard_size
from .options import CheckOption, SeedOption, check_of, describe
from .output import JsonOption, Output
from .plots import check_plot, pyplot, save_plot

if TYPE_CHECKING:
    from ..host import Device

__all__ = ["register"]

#: Share of the channels with outliers, and how much larger these are; SmoothQuant (arXiv
#: 2211.10438) reports a few fixed channels of some 100 times the typical magnitude.
_SHARE, _FACTOR = 0.005, 30
#: Groups that have a scale of their own, besides whole vectors.
_GROUPS = (None, 128, 32)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("rotate", epilog="Example: luthier rotate --plot rotation.png")
    def rotate(
        device: Annotated[str, typer.Option(
            "--device", metavar="URL",
            help="A device with a transform: sim:CONFIG, golden:CONFIG, serial:PORT?baud=N or "
                 "socket://HOST:PORT.")] = "sim:rotation",
        bits: Annotated[int, typer.Option("--bits", min=2, max=8, help="Of a code.")] = 4,
        columns: Annotated[int, typer.Option(
            "--columns", min=1, help="Samples of a vector.")] = 3072,
        tokens: Annotated[int, typer.Option("--tokens", min=1, help="Vectors.")] = 16,
        activations: Annotated[Path | None, typer.Option(
            "--activations", metavar="FILE",
            help="A NumPy file (.npy) of activations (tokens, columns), instead of random ones "
                 "with outliers.")] = None,
        check: CheckOption = "all",
        seed: SeedOption = 0,
        json: JsonOption = None,
        plot: Annotated[Path | None, typer.Option(
            "--plot", metavar="FILE", help="Draw activations and errors as PNG or SVG.")] = None,
    ) -> None:
        """Quantise activations on a device, as they are and after a transform; compare the errors.

        Both are computed by the device: integer activations are quantised to codes with one scale
        for each vector, or each group. Random activations are normal, but in a few channels 30
        times as large, as large language models have them. The error is the root mean square of
        what is lost, over that of the activations. A transform is orthogonal but for its scale, so
        that an error behind it is the same error before it.
        """
        from ..host import connect
        from ..host.transforms import known_block

        output = Output(json)
        check_plot(plot)
        if activations is not None:
            given = _read(activations)
        else:
            given = _random(np.random.default_rng(seed), tokens, columns)
        with connect(device, check=check_of(check), seed=seed) as opened:
            describe(output, opened)
            if opened.config.transform is None:
                raise UserError(f"--device {device} has no transform; use sim:rotation, or a "
                                f"configuration with a section [transform]")
            known_block(opened.config.transform, given.shape[1], None)
            largest = (1 << opened.config.transform.width - 1) - 1
            x = np.rint(given * (largest / abs(given).max())).astype(np.int64)
            output.line(f"activations {len(x)} vectors of {x.shape[1]}, "
                        f"{opened.config.transform.width} bits, "
                        + (f"seed {seed}" if activations is None else f"from {activations}"))
            with output.progress("ways to quantise", 2 * len(_GROUPS)) as advance:
                rows = [_row(opened, x, bits, group, advance) for group in _GROUPS
                        if group is None or group < x.shape[1]]
            config = opened.config
        output.table(
            ("scale for each", "error", "rotated", "factor", "cycles a vector"),
            [(str(row["group"] or "vector"), f"{row['error']:.1%}", f"{row['error_rotated']:.1%}",
              f"{row['factor']:.2f}", f"{row['cycles']:.0f}") for row in rows])
        output.line("error: root mean square, over that of the activations; cycles: transform and "
                    "quantiser in one operation")
        if plot is not None:
            _draw(config, x, rows, bits, plot)
        output.write_json({"bits": bits, "tokens": len(x), "columns": x.shape[1],
                           "activations": activations and activations.name, "rows": rows},
                          config=config, seed=seed)


def _read(path: Path) -> NDArray[np.float64]:
    """Return activations (tokens, columns) of a file; UserError if it holds something else."""
    try:
        given = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or "it holds no array of numbers"
        raise UserError(f"--activations {path}: cannot be read: {reason}; give a file that "
                        f"numpy.save wrote") from None
    if not isinstance(given, np.ndarray) or given.dtype.kind not in "fiu" or given.ndim not in (
            1, 2) or not given.size or not np.isfinite(given).all() or not given.any():
        raise UserError(f"--activations {path}: there must be an array (tokens, columns) of finite "
                        f"numbers, not all of them 0")
    return np.atleast_2d(given).astype(np.float64)


def _random(rng: np.random.Generator, tokens: int, columns: int) -> NDArray[np.float64]:
    """Return normal activations with a few channels of outliers."""
    x = rng.normal(size=(tokens, columns))
    x[:, rng.permutation(columns)[: max(1, round(_SHARE * columns))]] *= _FACTOR
    return x


def _row(device: "Device", x: NDArray[np.int64], bits: int, group: int | None,
         advance: Any) -> dict[str, Any]:
    """Quantise with and without a transform; return what was lost, and the cycles it took."""
    row: dict[str, Any] = {"group": group}
    for key, wanted, rotated in (
            ("error", x, False), ("error_rotated", _rotated(device.config, x), True)):
        q = device.quantise(x, bits, group=group, hadamard=rotated)
        lost = q.dequantised() - wanted
        row[key] = float(np.sqrt((lost**2).sum() / (wanted.astype(float) ** 2).sum()))
        assert device.transform_stats is not None
        row["cycles"] = device.transform_stats.cycles / len(x)
        advance()
    row["factor"] = row["error"] / row["error_rotated"]
    return row


def _rotated(config: Configuration, x: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what the device's transform makes of vectors."""
    transform = config.transform
    assert transform is not None
    return hadamard_size(x, variant=transform.variant, transpose=transform.transposed)


def _draw(config: Configuration, x: NDArray[np.int64], rows: list[dict[str, Any]], bits: int,
          path: Path) -> None:
    plt = pyplot()
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    rotated = _rotated(config, x[:1])[0] / np.sqrt(x.shape[1])
    most = abs(x[0]).max()
    for ax, values, title in ((axes[0], x[0], "a vector"), (axes[1], rotated, "rotated")):
        ax.vlines(np.arange(len(values)), 0, values, color="C0", linewidth=0.3)
        ax.set(title=title, xlabel="channel", ylim=(-1.05 * most, 1.05 * most))
    place = np.arange(len(rows))
    for shift, key, label in ((-0.2, "error", "as it is"), (0.2, "error_rotated", "rotated")):
        bars = axes[2].bar(place + shift, [100 * row[key] for row in rows], 0.4, label=label)
        axes[2].bar_label(bars, fmt="%.1f")
    axes[2].set(title=f"error of {bits}-bit codes, %", xlabel="scale for each",
                xticks=place, xticklabels=[str(row["group"] or "vector") for row in rows])
    axes[2].legend()
    save_plot(figure, path)
