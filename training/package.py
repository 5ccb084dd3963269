# SPDX-License-Identifier: Apache-2.0
"""Round a trained model to the integers that Luthier computes with, and write its file."""

import argparse
import json
import math
from pathlib import Path

import numpy as np

from luthier.golden import vector
from luthier.host.models import Block, LanguageModel, Matrix, save_model
from luthier.host.models.language_model import MATRICES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trained", type=Path, help="NAME.npz, with NAME.json beside it")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    options = parser.parse_args()
    record = json.loads(options.trained.with_suffix(".json").read_text())
    with np.load(options.trained) as tensors:
        model = rounded(record, dict(tensors))
    save_model(model, options.out)
    print(f"{options.out}: {model.ternary_weights} ternary weights, "
          f"{options.out.stat().st_size} bytes")


def rounded(record: dict, tensors: dict[str, np.ndarray]) -> LanguageModel:
    """Return the integer model of what :mod:`training.train` wrote."""
    sums = np.exp(tensors["bounds"].astype(np.float64))
    sums = (sums / sums.sum(axis=0)).cumsum(axis=0)
    bounds = np.minimum(_fixed(sums - sums[:1], vector.GATE_FRACTION), 65535)
    blocks = [Block({name: _matrix(tensors, f"blocks.{number}.{name}")
                     for group in MATRICES for name in group}, bounds[number])
              for number in range(len(bounds))]
    return LanguageModel(
        name=record["name"], vocabulary=record["vocabulary"],
        embedding=_fixed(tensors["embedding.weight"], vector.RESULT_FRACTION),
        blocks=blocks, head=_matrix(tensors, "head"),
        about={"license": "Apache-2.0", "data": "tinyshakespeare (public domain), first 90 %",
               "training_loss": f"{record['loss']:.4f}"})


def _matrix(tensors: dict[str, np.ndarray], name: str) -> Matrix:
    trits = tensors[f"{name}.weight"]
    columns = trits.shape[1]
    scale = float(tensors[f"{name}.weight.scale"]) * math.sqrt(columns)
    fraction, exponent = math.frexp(
        math.ldexp(scale, vector.RESULT_FRACTION - vector.NORM_FRACTION) / vector.LARGEST_CODE)
    mantissa = min(round(math.ldexp(fraction, 16)), 65535)
    return Matrix(name, trits.astype(np.int8), _fixed(tensors[f"{name}.norm"],
                                                      vector.NORM_FRACTION),
                  (mantissa, 16 - exponent))


def _fixed(values: np.ndarray, fraction: int) -> np.ndarray:
    return np.rint(np.ldexp(values.astype(np.float64), fraction)).astype(np.int64)


if __name__ == "__main__":
    main()
