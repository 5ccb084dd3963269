# SPDX-License-Identifier: Apache-2.0
"""Luthier: generate, verify and drive look-up-table engines for compressed language models."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("luthier")
except PackageNotFoundError:  # the source tree, not installed
    __version__ = "0+unknown"
