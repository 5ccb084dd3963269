# SPDX-License-Identifier: Apache-2.0
"""The command ``luthier`` and ``python -m luthier``: Ctrl-C is answered from the start."""

import sys

__all__ = ["main"]

_INTERRUPTED = 130


def main() -> int:
    """Run the command line and return its exit code.

    The import takes a third of a second, so it is inside.
    """
    try:
        # setup.py maps the folder cli to luthier.cli, which the type checker does not see.
        from luthier.cli.main import main as run  # pyright: ignore[reportMissingImports]

        return run()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            print("error: interrupted", file=sys.stderr)  # noqa: T201 (the logger may not be there)
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
