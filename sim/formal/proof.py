# SPDX-License-Identifier: Apache-2.0
"""A proof, its broken twin, and how both are run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .bench import Bench, Unit
from .prover import Verdict, prove

__all__ = ["Defect", "Proof", "attempt"]

#: Cycles in which a broken twin fails, and a cover statement is reached.
SEARCH = 16

#: Method to sby's mode.
_MODES = {"induction": "prove", "any state": "bmc", "bounded": "bmc"}


@dataclass(frozen=True)
class Defect:
    """A plausible bug, in one place.

    Parameters
    ----------
    what : str
        The bug, in words.
    apply : callable
        Puts it into a :class:`~.bench.Unit`.
    fails : str
        The fact that must fail.
    """

    what: str
    apply: Callable[[Unit], None]
    fails: str


@dataclass(frozen=True)
class Proof:
    """One proof.

    Parameters
    ----------
    name : str
        For the command line.
    unit : str
        Class that is proved.
    parameters : str
        Of this instance.
    claim : str
        What is shown.
    method : str
        ``induction``: for all time after a reset. ``any state``: from every state whatever, for
        ``depth`` cycles, hence for all time as well. ``bounded``: the first ``depth`` cycles.
    depth : int
        Cycles: of the induction's window, or looked at.
    build : callable
        Fills a :class:`~.bench.Bench`.
    defect : Defect
        Of the broken twin.
    limit : float
        Seconds.
    options : str
        For smtbmc.
    """

    name: str
    unit: str
    parameters: str
    claim: str
    method: str
    depth: int
    build: Callable[[Bench], None]
    defect: Defect
    limit: float = 300
    options: str = ""

    def bench(self, broken: bool = False) -> Bench:
        """Return a new bench with the unit, or with its broken twin."""
        bench = Bench(defect=self.defect.apply if broken else None,
                      reset=self.method != "any state")
        self.build(bench)
        return bench


def attempt(proof: Proof, *, broken: bool = False, cover: bool = False,
            traces: Path | None = None) -> Verdict:
    """Run a proof, or look for its cover statements, or for what breaks its broken twin.

    A twin has to fail in a trace that begins with the first cycle, so it is not left to the
    induction, in which a lemma may be all that fails.
    """
    name, mode, depth = proof.name, _MODES[proof.method], proof.depth
    if broken:
        name, mode, depth = f"{name}_broken", "bmc", depth
        if proof.method == "induction":
            depth = max(depth, SEARCH)
    elif cover:
        name, mode, depth = f"{name}_cover", "cover", max(depth, SEARCH)
    bench = proof.bench(broken)
    design = bench.rtlil()
    if cover and not bench.covers:
        return Verdict("passed", (), 0.0)
    return prove(design, mode=mode, depth=depth, limit=proof.limit,
                 options=proof.options, trace=traces / f"{name}.vcd" if traces else None)
