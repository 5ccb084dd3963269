# SPDX-License-Identifier: Apache-2.0
"""Language models that run on a device: integers only, the same on every computer.

    from luthier.host import connect
    from luthier.host.models import DeviceMatrices, Sampler, generate, load_model

    model = load_model("shakespeare")
    with connect("golden:default") as device:
        for letter in generate(model, DeviceMatrices(model, device), "ROMEO:", 100, Sampler(0, 0)):
            print(letter, end="")
"""

from .device_matrices import DeviceMatrices, Figures
from .file import load_model, named_models, save_model
from .language_model import Block, LanguageModel, Matrix
from .numpy_matrices import NumpyMatrices
from .pruning import pattern_of, pruned
from .sampling import Sampler
from .text import generate, loss, validation_part

__all__ = [
    "Block",
    "DeviceMatrices",
    "Figures",
    "LanguageModel",
    "Matrix",
    "NumpyMatrices",
    "Sampler",
    "generate",
    "load_model",
    "loss",
    "named_models",
    "pattern_of",
    "pruned",
    "save_model",
    "validation_part",
]
