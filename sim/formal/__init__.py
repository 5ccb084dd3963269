# SPDX-License-Identifier: Apache-2.0
"""Proofs of units with SymbiYosys and z3: contracts of streams, queues, framing, decoders.

``python -m luthier.sim.formal`` runs them and prints a table. Each proof has a broken twin, a unit
with one plausible bug, on which the same facts must fail.
"""

from .bench import Bench, Unit
from .catalogue import find_proofs
from .proof import Defect, Proof, attempt
from .prover import Verdict, prove

__all__ = ["Bench", "Defect", "Proof", "Unit", "Verdict", "attempt", "find_proofs", "prove"]
