# SPDX-License-Identifier: Apache-2.0
"""Both decoders against the golden model, compiled: all formats, long runs."""

import numpy as np
import pytest

from luthier.golden.sparse.encodings import BlockFormat, Defect
from luthier.hw.sparse.decode import BlockDecoder, RowDecoder
from luthier.sim.compiled import CompiledUnit
from luthier.sim.encoding_case import EncodingCase
from luthier.sim.sparse_matrices import block_formats, format_name, row_formats

#: For every day.
DAILY = {"bsr-gap3-w4-d128"}
#: Wider beats, which take long to compile.
WIDE = {"pairs-2of4-w4-d512", "bitmap-8of16-w4-d256", "bitmap-8of16-w8-d512", "index-4of8-w8-d256",
        "bsr-gap3-w4-d512", "bsr-gap7-w8-d256", "csr-gap11-w4-d256", "csr-gap7-w8-d512"}
FORMATS = [
    pytest.param(form, id=format_name(form),
                 marks=[] if format_name(form) in DAILY else pytest.mark.nightly)
    for beat_bits, weight_bits in (
        (64, 4), (128, 8), (128, 4), (256, 4), (256, 8), (512, 4), (512, 8))
    for form in [*block_formats(beat_bits, weight_bits), *row_formats(beat_bits, weight_bits)]
    if beat_bits == 64 or format_name(form) in WIDE | DAILY
    or (beat_bits, weight_bits, form.block) == (128, 8, 16)]


def compiled(form):
    return CompiledUnit((BlockDecoder if isinstance(form, BlockFormat) else RowDecoder)(form))


def check(unit, case, seed, **options):
    outputs, _ = unit.run(
        {"c": case.commands, "i": case.beats},
        {"o": len(case.words), "report": len(case.reports)}, seed=seed,
        limit=4000 + 80 * (len(case.beats) + len(case.words)), **options)
    assert [made.payload for made in outputs["o"]] == case.words, f"seed {seed}"
    assert [made.payload for made in outputs["report"]] == case.reports, f"seed {seed}"


@pytest.mark.parametrize("form", FORMATS)
def test_format(form):
    """Right and damaged packets in turn, with random stalls and without; all codes are seen."""
    unit, rng, codes = compiled(form), np.random.default_rng(form.slots), set()
    unit_columns = form.columns if isinstance(form, BlockFormat) else 8 * form.items * form.group
    for seed, (p_valid, p_ready) in enumerate([(1, 1), (0.4, 1), (1, 0.4), (0.7, 0.7)]):
        case = EncodingCase(form)
        for _ in range(40):
            rows, columns = int(rng.integers(1, 6)), int(rng.integers(1, 3 * unit_columns))
            density = float(rng.choice([0.02, 0.3, 1.0]))
            case.add_random(rng, rows, columns, density)
            case.add_damaged(rng, rows, columns)
        check(unit, case, seed, p_valid=p_valid, p_ready=p_ready)
        codes |= {Defect(report >> 16) for report in case.reports}
        # Reset in mid-stream: what was under way is gone.
        check(unit, case, seed, p_valid=p_valid, p_ready=p_ready, reset_at=100 + seed)
    # A bitmap or code that means nothing is not in every damaged packet; the length is.
    assert codes >= {Defect.NONE, Defect.TRUNCATED, Defect.OVERLONG}
    assert codes <= {Defect.NONE, Defect.TRUNCATED, Defect.OVERLONG, form.defect}
    assert form.encoding == "dense" or form.defect in codes or (form.encoding, getattr(
        form, "kept", 0)) == ("index", 1)


@pytest.mark.nightly
@pytest.mark.parametrize("form", [
    form for form in [*block_formats(128, 4), *row_formats(128, 4)]
    if format_name(form) in {"index-2of4-w4-d128", "pairs-2of4-w4-d128", "bitmap-8of16-w4-d128",
                             "bsr-gap3-w4-d128", "csr-gap11-w4-d128"}], ids=format_name)
def test_long_runs(form):
    """A hundred thousand beats of noise among right packets: never a hang, never a wrong word."""
    unit, rng = compiled(form), np.random.default_rng(9)
    beats = 0
    while beats < 100_000:
        case = EncodingCase(form)
        for _ in range(100):
            rows, columns = int(rng.integers(1, 20)), int(rng.integers(1, 2000))
            case.add_random(rng, rows, columns, 0.3)
            case.add_damaged(rng, rows, columns)
        check(unit, case, int(rng.integers(1 << 30)), p_valid=0.9, p_ready=0.9)
        beats += len(case.beats)
