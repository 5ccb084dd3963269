# SPDX-License-Identifier: Apache-2.0
"""``python -m luthier.sim.formal [NAME...] [--json FILE]``: run proofs and print a table."""

import argparse
import json
import sys
from pathlib import Path

from ...golden.errors import LuthierError
from .catalogue import find_proofs
from .proof import Proof, attempt
from .prover import Verdict

_HEAD = "| proof | unit | parameters | shown | method | depth | seconds | broken twin fails at |"


def _run(proof: Proof, traces: Path) -> dict[str, object]:
    """Run a proof, its cover statements and its twin; return what a row of the table says."""
    verdict = attempt(proof, traces=traces)
    cover = attempt(proof, cover=True)
    twin = attempt(proof, broken=True)
    return {
        "name": proof.name, "unit": proof.unit, "parameters": proof.parameters,
        "claim": proof.claim, "method": proof.method, "depth": proof.depth,
        **_result("proof", verdict),
        **_result("cover", cover),
        **_result("twin", twin), "defect": proof.defect.what,
        "ok": (verdict.status == cover.status == "passed"
               and twin.status == "failed" and proof.defect.fails in twin.facts),
    }


def _result(name: str, verdict: Verdict) -> dict[str, object]:
    trace = str(verdict.trace) if verdict.trace else None
    return {f"{name}_status": verdict.status, f"{name}_facts": list(verdict.facts),
            f"{name}_seconds": round(verdict.seconds, 1), f"{name}_trace": trace}


def _row(row: dict[str, object]) -> str:
    twin = row["twin_facts"] if row["twin_status"] == "failed" else row["twin_status"]
    name = ", ".join(twin).replace("_", " ") if isinstance(twin, list) else twin
    cells = [row[key] for key in ("name", "unit", "parameters", "claim", "method", "depth",
                                  "proof_seconds")]
    return "| " + " | ".join(str(cell) for cell in [*cells, f"{row['defect']}: {name}"]) + " |"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 if a proof fails or a broken twin does not."""
    parser = argparse.ArgumentParser(prog="python -m luthier.sim.formal", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="proofs or units; all if none")
    parser.add_argument("--json", metavar="FILE", help="write the results there; - is stdout")
    parser.add_argument("--traces", metavar="FOLDER", type=Path, default=Path("build/formal"),
                        help="where counterexamples go (%(default)s)")
    parser.add_argument("--list", action="store_true", help="name the proofs and stop")
    options = parser.parse_args(arguments)
    try:
        proofs = find_proofs(options.names)
        if options.list:
            sys.stdout.write("".join(f"{proof.name}: {proof.claim}\n" for proof in proofs))
            return 0
        table = sys.stderr if options.json == "-" else sys.stdout
        table.write(f"{_HEAD}\n{'|---' * 8}|\n")
        rows = []
        for proof in proofs:
            rows.append(_run(proof, options.traces))
            table.write(f"{_row(rows[-1])}\n")
            table.flush()
            if not rows[-1]["ok"]:
                sys.stderr.write(f"{proof.name}: {json.dumps(rows[-1], indent=2)}\n")
    except LuthierError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    failed = [row["name"] for row in rows if not row["ok"]]
    table.write(f"\n{len(rows) - len(failed)} of {len(rows)} proofs pass and fail on their broken "
                f"twins; {sum(float(str(row['proof_seconds'])) for row in rows):.0f} s\n")
    if options.json:
        text = json.dumps({"version": 1, "proofs": rows}, indent=2) + "\n"
        if options.json == "-":
            sys.stdout.write(text)
        else:
            Path(options.json).write_text(text)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
