# SPDX-License-Identifier: Apache-2.0
"""Luthier: generate, verify and drive look-up-table engines for compressed language models."""

__all__ = ["__version__"]

__version__: str


def __getattr__(name: str) -> str:
    """Look the version up when it is asked for: the command line must start quickly."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("luthier")
    except PackageNotFoundError:  # the source tree, not installed
        return "0+unknown"
