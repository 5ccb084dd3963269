# SPDX-License-Identifier: Apache-2.0
"""Draw the training curves that :mod:`training.train` logged."""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", type=Path, nargs="+", help="NAME.json files")
    parser.add_argument("--out", type=Path, required=True, help="the picture, .png or .svg")
    options = parser.parse_args()
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for path in options.records:
        record = json.loads(path.read_text())
        curve = record["curve"]
        steps = [point["step"] for point in curve]
        line, = axes.plot(steps, [point["validation"] for point in curve],
                          "--" if record["float"] else "-",
                          label=f"{path.stem}: {record['loss']:.4f} at {record['step']}")
        axes.plot(steps, [point["train"] for point in curve], ":", color=line.get_color(),
                  linewidth=1)
        axes.plot(record["step"], record["loss"], "o", color=line.get_color())
    axes.set(xlabel="step", ylabel="nats per character", ylim=(1.2, 2.2),
             title="Validation loss (dotted: training loss, with dropout)")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(options.out, dpi=120, metadata={"Software": None})


if __name__ == "__main__":
    main()
