# SPDX-License-Identifier: Apache-2.0
"""All proofs, by name."""

from collections.abc import Iterable

from ...golden.errors import UserError
from . import crc, descriptor, encode, memory, receive, streams, window
from .proof import Proof

__all__ = ["find_proofs"]

_MODULES = (streams, window, crc, memory, receive, encode, descriptor)


def find_proofs(names: Iterable[str] = ()) -> list[Proof]:
    """Return the proofs of these names, or of the units of these names; all if there are none.

    Raises
    ------
    UserError
        If there is no such proof and no such unit.
    """
    proofs = [proof for module in _MODULES for proof in module.PROOFS]
    names = list(names)
    for name in names:
        if not any(name in (proof.name, proof.unit) for proof in proofs):
            known = ", ".join(proof.name for proof in proofs)
            raise UserError(f"there is no proof called {name!r}; choose among {known}")
    return [proof for proof in proofs
            if not names or proof.name in names or proof.unit in names]
