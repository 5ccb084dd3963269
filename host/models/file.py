# SPDX-License-Identifier: Apache-2.0
"""Language models in safetensors files: read with a sentence for all that can be wrong, written.

The file's metadata have one key, ``luthier``, whose value is JSON: ``format``
("language-model"), ``version`` (1), ``architecture`` ("matmul-free"), ``name``, ``vocabulary``,
``width``, ``hidden``, ``layers``, and ``about``, an object of strings for people, ``license`` among
them. Its tensors are integers as
:class:`~luthier.host.models.LanguageModel` computes with them:

====================== ======== ====================== =========================================
tensor                 type     shape                  what
====================== ======== ====================== =========================================
``embedding``          int16    (characters, width)    11 fraction bits
``bounds``             uint16   (layers, width)        16 fraction bits
``MATRIX.trits``       uint8    (weights / 5,)         rows one after the other, five a byte
``MATRIX.norm``        int16    (columns,)             12 fraction bits
``MATRIX.gain``        int32    (2,)                   mantissa and exponent
====================== ======== ====================== =========================================

MATRIX is ``blocks.N.candidate`` and so on, or ``head``. A byte of trits is that of
:mod:`luthier.golden.weights`; zeros fill the last.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ...golden.errors import UserError
from ...golden.weights import trit_codes, trit_values
from .language_model import MATRICES, Block, LanguageModel, Matrix

__all__ = ["load_model", "named_models", "save_model"]

_PACKAGE = "luthier.host.models"
_KEY, _FORMAT, _VERSION, _ARCHITECTURE = "luthier", "language-model", 1, "matmul-free"
_SIZES = {"width": 1 << 14, "hidden": 1 << 14, "layers": 256}
_POWERS = 3 ** np.arange(5)


def named_models() -> list[str]:
    """Return the names of the models that come with Luthier."""
    return sorted(item.name.removesuffix(".safetensors")
                  for item in resources.files(_PACKAGE).iterdir()
                  if item.name.endswith(".safetensors"))


def load_model(name: str | Path) -> LanguageModel:
    """Return a model that comes with Luthier, by name, or one from a file.

    Raises
    ------
    UserError
        If there is no such model, or the file is damaged or holds something else.
    """
    if isinstance(name, str) and name in named_models():
        with resources.as_file(resources.files(_PACKAGE) / f"{name}.safetensors") as path:
            return _Reader(path).model()
    path = Path(name)
    if not path.is_file():
        raise UserError(f"there is no model {str(name)!r}: it must be "
                        f"{' or '.join(named_models())}, or the path of a .safetensors file")
    return _Reader(path).model()


class _Reader:
    """One file; every error names it."""

    def __init__(self, path: Path):
        self._path = path
        try:
            with safe_open(path, "numpy") as file:
                self._metadata = self._read_metadata((file.metadata() or {}).get(_KEY, "null"))
                self._tensors = {key: file.get_tensor(key) for key in file.keys()}
        except SafetensorError as error:
            raise self._wrong(f"it is damaged, cut short or no safetensors file ({error}); get it "
                              f"again") from None
        except OSError as error:
            raise self._wrong(f"it can not be read: {error.strerror or error}") from None

    def _wrong(self, what: str) -> UserError:
        return UserError(f"model file {self._path}: {what}")

    def _read_metadata(self, text: str) -> dict[str, Any]:
        try:
            metadata = json.loads(text)
        except (ValueError, RecursionError):
            raise self._wrong("its metadata are damaged; get it again") from None
        if not isinstance(metadata, dict) or metadata.get("format") != _FORMAT:
            raise self._wrong("it is a safetensors file, but not of a Luthier language model; "
                              "training/README.md tells how to make one")
        return metadata

    def model(self) -> LanguageModel:
        """Return what the file holds."""
        version, kind = self._metadata.get("version"), self._metadata.get("architecture")
        if version != _VERSION or kind != _ARCHITECTURE:
            raise self._wrong(f"it holds version {version!r} of architecture {kind!r}; this "
                              f"Luthier reads version {_VERSION} of {_ARCHITECTURE!r}; use the "
                              f"Luthier that wrote it, or package the model again")
        vocabulary = self._text("vocabulary")
        if len(set(vocabulary)) != len(vocabulary):
            raise self._wrong("its vocabulary has a character twice; package the model again")
        width, hidden, layers = (self._size(key) for key in _SIZES)
        shapes = {"up": (2 * hidden, width), "down": (width, hidden)}
        bounds = self._tensor("bounds", "uint16", (layers, width))
        blocks: list[Block] = []
        for number in range(layers):
            matrices = {name: self._matrix(f"blocks.{number}.{name}",
                                           *shapes.get(name, (width, width)))
                        for group in MATRICES for name in group}
            blocks.append(Block(matrices, bounds[number].astype(np.int64)))
        embedding = self._tensor("embedding", "int16", (len(vocabulary), width))
        return LanguageModel(
            name=self._text("name"), vocabulary=vocabulary, embedding=embedding.astype(np.int64),
            blocks=blocks, head=self._matrix("head", len(vocabulary), width),
            about=self._about())

    def _text(self, key: str) -> str:
        value = self._metadata.get(key)
        if not isinstance(value, str) or not value:
            raise self._wrong(f"its {key} must be a text, not {value!r}; package the model again")
        return value

    def _about(self) -> dict[str, str]:
        about = self._metadata.get("about")
        if not isinstance(about, dict) or not all(isinstance(x, str) for x in about.values()):
            raise self._wrong("its about must be an object of texts; package the model again")
        return about

    def _size(self, key: str) -> int:
        value = self._metadata.get(key)
        if type(value) is not int or not 1 <= value <= _SIZES[key]:
            raise self._wrong(f"its {key} must be from 1 to {_SIZES[key]}, not {value!r}")
        return value

    def _tensor(self, name: str, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
        tensor = self._tensors.get(name)
        if tensor is None:
            raise self._wrong(f"it has no tensor {name!r}; package the model again")
        if tensor.dtype != dtype or tensor.shape != shape:
            raise self._wrong(f"its tensor {name!r} must be {dtype} of shape {shape}, not "
                              f"{tensor.dtype} of {tensor.shape}; package the model again")
        return tensor

    def _matrix(self, name: str, rows: int, columns: int) -> Matrix:
        packed = self._tensor(f"{name}.trits", "uint8", (-(-rows * columns // 5),))
        values = trit_values()[packed]
        if (trit_codes()[(values.astype(np.int64) + 1) @ _POWERS] != packed).any():
            raise self._wrong(f"its tensor {name + '.trits'!r} has a byte that is no code for "
                              f"five trits; get the file again")
        mantissa, exponent = self._tensor(f"{name}.gain", "int32", (2,)).tolist()
        if not (1 <= mantissa < 1 << 16 and abs(exponent) < 256):
            raise self._wrong(f"its tensor {name + '.gain'!r} must be a mantissa from 1 to 65535 "
                              f"and an exponent from -255 to 255, not {mantissa}, {exponent}")
        norm = self._tensor(f"{name}.norm", "int16", (columns,)).astype(np.int64)
        return Matrix(name, values.reshape(-1)[: rows * columns].reshape(rows, columns), norm,
                      (mantissa, exponent))


def save_model(model: LanguageModel, path: Path) -> None:
    """Write a model's file.

    Raises
    ------
    OSError
        If it can not be written.
    """
    tensors: dict[str, NDArray[Any]] = {
        "embedding": model.embedding.astype(np.int16),
        "bounds": np.array([block.bound for block in model.blocks], np.uint16)}
    for group in model.groups():
        for matrix in group:
            flat = np.zeros(-(-matrix.trits.size // 5) * 5, np.int64)
            flat[: matrix.trits.size] = matrix.trits.reshape(-1)
            tensors[f"{matrix.name}.trits"] = trit_codes()[(flat.reshape(-1, 5) + 1) @ _POWERS]
            tensors[f"{matrix.name}.norm"] = matrix.norm.astype(np.int16)
            tensors[f"{matrix.name}.gain"] = np.array(matrix.gain, np.int32)
    hidden = model.blocks[0].matrices["down"].trits.shape[1]
    # One key, because safetensors writes several in any order.
    save_file(tensors, path, metadata={_KEY: json.dumps({
        "format": _FORMAT, "version": _VERSION, "architecture": _ARCHITECTURE, "name": model.name,
        "vocabulary": model.vocabulary, "width": model.width, "hidden": hidden,
        "layers": len(model.blocks), "about": model.about}, sort_keys=True)})
