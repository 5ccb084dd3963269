# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The model of an SDRAM: each rule broken by one cycle, and kept."""

import pytest

from luthier.sim.sdram import VIOLATIONS, SdramModel
from luthier.sim.sdram_script import CHIPS, RESET, SdramScript, unit

TIMED = ("small", "narrow")

# Rule, mode, cycles, and how many before the last command there must be at least; and how much
# later than that command a violation is found.
MINIMA = [
    ("T_RCD", 0x30, "A0 g R0", lambda t: t.RCD, 0),
    ("T_RCD", 0x30, "A1 g W1", lambda t: t.RCD, 0),
    ("T_RCD", 0x30, "A0 .RC A1 g R1", lambda t: t.RCD, 0),
    ("T_RP", 0x30, "A0 .RC P0 g A0", lambda t: t.RP, 0),
    ("T_RP", 0x30, "A0 .RC P* g A0", lambda t: t.RP, 0),
    ("T_RP", 0x30, "A1 .RC P1 g F", lambda t: t.RP, 0),
    ("T_RP", 0x30, "A1 .RC P1 g M:30", lambda t: t.RP, 0),
    ("T_RP", 0x30, "A1 .RC P1 g P1", lambda t: t.RP, 0),
    ("T_RP", 0x30, "P0 g A0", lambda t: t.RP, 0),
    ("T_RP", 0x30, "A0 .RC R0a g A0", lambda t: 1 + t.RP, 0),
    ("T_RP", 0x33, "A0 .RC R0a g A0", lambda t: 8 + t.RP, 0),
    ("T_RP", 0x33, "A0 .RC R0a g F", lambda t: 8 + t.RP, 0),
    ("T_RP", 0x30, "A0 .RC W0a g A0", lambda t: t.WR_AUTO + t.RP, 0),
    ("T_RP", 0x32, "A0 .RC W0a g A0", lambda t: 3 + t.WR_AUTO + t.RP, 0),
    ("T_RP", 0x232, "A0 .RC W0a g A0", lambda t: t.WR_AUTO + t.RP, 0),
    ("T_RP", 0x33, "A0 .RC A1 .RC R0a . R1! g A0", lambda t: t.RP, 0),
    ("T_RP", 0x33, "A0 .RC A1 .RC R0a . W1! g A0", lambda t: t.RP, 0),
    ("T_RP", 0x33, "A0 .RC A1 .RC W0a d W1! g A0", lambda t: t.WR_AUTO + t.RP, 0),
    ("T_RP", 0x33, "A0 .RC A1 .RC W0a d R1! g A0", lambda t: t.WR_AUTO + t.RP, 0),
    ("T_RAS_MIN", 0x30, "A0 g P0", lambda t: t.RAS, 0),
    ("T_RAS_MIN", 0x30, "A1 g P*", lambda t: t.RAS, 0),
    ("T_RAS_MIN", 0x30, "A0 g R0a", lambda t: t.RAS - 1, 1),
    ("T_RAS_MIN", 0x31, "A0 g R0a", lambda t: t.RAS - 2, 2),
    ("T_RAS_MIN", 0x30, "A0 g W0a", lambda t: t.RAS - t.WR_AUTO, lambda t: t.WR_AUTO),
    ("T_RAS_MIN", 0x33, "A1 .RC A0! .RCD R0a g R1", lambda t: t.RAS, 0),
    ("T_RC", 0x30, "A0! .RAS P0 g A0", lambda t: t.RC, 0),
    ("T_RC", 0x30, "A0! .RAS P0 g F", lambda t: t.RC, 0),
    ("T_RRD", 0x30, "A0 g A1", lambda t: t.RRD, 0),
    ("T_RFC", 0x30, "F g A0", lambda t: t.RFC, 0),
    ("T_RFC", 0x30, "F g F", lambda t: t.RFC, 0),
    ("T_RFC", 0x30, "F g M:30", lambda t: t.RFC, 0),
    ("T_RFC", 0x30, "F g P*", lambda t: t.RFC, 0),
    ("T_WR", 0x30, "A0 .RC W0 g P0", lambda t: t.WR, 0),
    ("T_WR", 0x30, "A1 .RC W1 g P*", lambda t: t.WR, 0),
    ("T_WR", 0x32, "A0 .RC W0 d d d! g P0", lambda t: t.WR, 0),
    ("T_WR", 0x32, "A0 .RC W0 d! g P0", lambda t: t.WR, 0),
    ("T_MRD", 0x30, "M:30 g A0", lambda t: t.MRD, 0),
    ("T_MRD", 0x30, "M:30 g F", lambda t: t.MRD, 0),
]

# Rule, mode, what breaks it in the last command or so many cycles later, and what does not.
PAIRS = [
    ("BANK_IDLE", 0x30, "R0", 0, "A0 .RC R0"),
    ("BANK_IDLE", 0x30, "A0 .RC W1", 0, "A0 .RC W0"),
    ("BANK_IDLE", 0x30, "A0 .RC R0a .9 R0", 0, "A0 .RC R0 .9 R0"),
    ("BANK_ACTIVE", 0x30, "A0 .30 A0", 0, "A0 .30 A1"),
    ("BANK_ACTIVE", 0x33, "A0 .RC W0a A0", 0, "A0 .RC W0 A1"),
    ("NOT_IDLE", 0x30, "A0 .RC F", 0, "A0 .RC P0 .RP F"),
    ("NOT_IDLE", 0x30, "A1 .RC P0 .RP M:30", 0, "A1 .RC P1 .RP M:30"),
    ("AUTO_PRECHARGE", 0x33, "A0 .RC R0a R0", 0, "A0 .RC R0 R0a"),
    ("AUTO_PRECHARGE", 0x33, "A0 .RC W0a d W0", 0, "A0 .RC W0 d W0a"),
    ("AUTO_PRECHARGE", 0x33, "A0 .RC R0a P0", 0, "A0 .RC R0 P0"),
    ("AUTO_PRECHARGE", 0x33, "A0 .RC R0a P*", 0, "A0 .RC R0a P1"),
    ("AUTO_PRECHARGE", 0x33, "A0 .RC R0a B", 0, "A0 .RC R0 B"),
    ("AUTO_PRECHARGE", 0x33, "A0 .RC R0a . . . . . . B", 0, "A0 .RC R0a . . . . . . . B"),
    ("AUTO_PRECHARGE", 0x37, "A0 .RC R0a", 0, "A0 .RC R0"),
    ("T_WR", 0x33, "A0 .RC W0 .9 W0 .5 P0o", 0, "A0 .RC W0 .9 W0 .5 P1 P0"),
    ("UNDRIVEN", 0x30, "A0 .RC W0u", 0, "A0 .RC W0 n"),
    ("UNDRIVEN", 0x33, "A0 .RC W0 n", 1, "A0 .RC W0 ."),
    ("UNDRIVEN", 0x33, "A0 .RC W0 d n", 2, "A0 .RC W0 d Bo n"),
    ("UNDRIVEN", 0x37, "A0 .RC W0 .9 n", 10, "A0 .RC W0 .9 R0o n"),
    ("CONTENTION", 0x30, "A0 .RC R0o n n x", 3, "A0 .RC R0o n x"),
    ("CONTENTION", 0x30, "A0 .RC R0 n . x", 3, "A0 .RC R0o . n x"),
    ("TURNAROUND", 0x30, "A0 .RC R0o n n n x", 4, "A0 .RC R0o n n n n x"),
    # READ cut short by WRITE: masks three cycles before, and of the word after it there is none.
    ("TURNAROUND", 0x33, "A0 .RC R0o n n n n . . W0", 0, "A0 .RC R0o n n n . . . W0 d d d"),
    ("CONTENTION", 0x33, "A0 .RC R0o n n n . n . W0", 0, "A0 .RC R0o n n n . . . W0 d"),
    ("CONTENTION", 0x33, "A0 .RC R0o n n n . . n W0 d", 1, "A0 .RC R0o n n n . . n W0 ."),
    ("UNSUPPORTED", 0x30, "A0 z", 1, "A0 ."),
    *(("RESERVED", 0x30, f"M:{mode:x}", 0, "M:30") for mode in (
        0x34, 0x35, 0x36, 0x3F, 0, 0x10, 0x40, 0x50, 0x60, 0x70, 0xB0, 0x130, 0x1B0, 0x430)),
    ("RESERVED", 0x30, "M1:30", 0, "M:231"),
    ("UNSUPPORTED", 0x30, "M:39", 0, "M:37"),
]
#: Those of latency 2, for the chip that has it.
FAST_PAIRS = [
    ("CONTENTION", 0x20, "A0 .RC R0o n x", 2, "A0 .RC R0 n x"),
    ("CONTENTION", 0x20, "A0 .RC R0o . x", 2, "A0 .RC R0o x"),
    ("TURNAROUND", 0x20, "A0 .RC R0o n n x", 3, "A0 .RC R0o n n n x"),
]
#: After T_INIT: what is not an initialisation, and what is.
STARTS = [
    ("F", "P* .RP F"), ("M:30", "P* .RP M:30"), ("P0 .RP F", "P0 P1 {rest} .RP F"), ("B", "P*"),
    ("P* .RP F .RFC M:30 .MRD A0", "P* .RP F .RFC M:30 .MRD F .RFC A0"),
    ("P* .RP F .RFC F .RFC A0", "P* .RP F .RFC F .RFC M:30 .MRD A0"),
    ("P* .RP M:30 .MRD P* .RP F .RFC A0", "P* .RP M:30 .MRD F .RFC F .RFC A0"),
]


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("rule, mode, text, least, later", MINIMA)
def test_minimum(name, rule, mode, text, least, later):
    script = SdramScript(unit(name), mode)
    script.play(text, least(script.unit.times))
    script.play(".20")
    script.check()
    script = SdramScript(unit(name), mode)
    last = script.play(text, least(script.unit.times) - 1)
    script.play(".20")
    script.check((last + (later(script.unit.times) if callable(later) else later), rule))


@pytest.mark.parametrize("name, rule, mode, broken, later, kept", [
    *((name, *pair) for name in TIMED for pair in PAIRS),
    *(("small", *pair) for pair in FAST_PAIRS)])
def test_pair(name, rule, mode, broken, later, kept):
    script = SdramScript(unit(name), mode)
    last = script.play(broken)
    script.check((last + later, rule))
    script = SdramScript(unit(name), mode)
    script.play(kept)
    script.check()


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("end", ["P0", "R0a", "."])
def test_longest_time_active(name, end):
    for late in range(2):
        script = SdramScript(unit(name))
        most = script.unit.times.RAS_MAX + late
        last = script.play(f"A0! .RC g {end}", most - (end == "R0a"))
        script.play(". .")
        # Without a command, A0 is the last.
        found = last + {"P0": 0, "R0a": 1, ".": script.unit.times.RAS_MAX + 1}[end]
        script.check(*[(found, "T_RAS_MAX")] * (late or end == "."))


@pytest.mark.parametrize("name", TIMED)
def test_initialisation(name):
    for early in range(2):
        script = SdramScript(unit(name), None)
        last = script.play(f"z z z .{script.unit.times.INIT - RESET - 3 - early} P*")
        script.check(*[(last, "INITIALISE")] * early)
    for broken, kept in STARTS:
        script = SdramScript(unit(name), None)
        last = script.play(f".INIT {broken}")
        script.check((last, "INITIALISE"))
        script = SdramScript(unit(name), None)
        script.play(f".INIT {kept.format(rest='P2 P3' if name == 'small' else '')}")
        script.check()
    script = SdramScript(unit(name), None)
    script.play("z z . z . .")
    script.check((3, "UNSUPPORTED"))


@pytest.mark.parametrize("name", CHIPS)
def test_refresh(name):
    """Eight may be owed; what is early is not credited."""
    script = SdramScript(unit(name))
    period = script.unit.chip["clock_ps"]
    overdue = [script.ready - (-count * script.unit.interval_ps // period) for count in range(12)]
    already = [(script.ready, "CAS_LATENCY")] if name == "full" else []
    late = [(cycle, "REFRESH_OVERDUE") for cycle in overdue]
    script.play(".RFC F .RFC F")
    script.play(f".{overdue[10] + 20 - len(script.words)}")
    script.check(*already, *late[9:11])
    for after in range(2):
        script = SdramScript(unit(name))
        script.play(f".{overdue[9] - len(script.words) + after} F .20")
        script.check(*already, *late[9:10] * after)
        script.play(f".{overdue[10] + 20 - len(script.words)}")
        script.check(*already, *late[9:10] * after, late[10])


@pytest.mark.parametrize("name, mode, broken", [
    ("small", 0x20, False), ("small", 0x30, False), ("narrow", 0x20, True),
    ("narrow", 0x30, False), ("full", 0x20, True), ("full", 0x30, True)])
def test_latency_for_the_clock(name, mode, broken):
    script = SdramScript(unit(name), mode)
    script.check(*[(script.ready, "CAS_LATENCY")] * broken)


def test_every_rule_is_broken():
    """No rule without a test here; names and codes are read from the Verilog."""
    broken = {case[0] for case in [*MINIMA, *PAIRS]}
    assert broken | {"INITIALISE", "T_RAS_MAX", "REFRESH_OVERDUE", "CAS_LATENCY"} == set(
        VIOLATIONS.values())
    assert list(VIOLATIONS) == list(range(1, 22))


@pytest.mark.parametrize("error, message, parameters", [
    (TypeError, "parameters must be among .*'t_rcd_ps'.*, not 't_rcd'", {"t_rcd": 1}),
    (TypeError, "t_rcd_ps must be an integer, not 2.5", {"t_rcd_ps": 2.5}),
    (ValueError, "clock_ps must be 1 to 1000000000, not 0", {"clock_ps": 0}),
    (ValueError, "column_bits must be 3 to 13, not 2", {"column_bits": 2}),
    (ValueError, "t_rp_ps must be 0 to .*, not -1", {"t_rp_ps": -1}),
    (ValueError, "data_bits must be 8, 16 or 32, not 64", {"data_bits": 64})])
def test_parameters(error, message, parameters):
    with pytest.raises(error, match=message):
        SdramModel(**{"clock_ps": 10000, **parameters})


@pytest.mark.parametrize("rows, columns, bits", [
    (4, 5, 11), (13, 9, 13), (11, 11, 12), (12, 11, 12), (12, 12, 13), (11, 10, 11)])
def test_address_bits(rows, columns, bits):
    model = SdramModel(clock_ps=10000, row_bits=rows, column_bits=columns)
    assert len(model.a) == bits
    assert model.parameters == {"clock_ps": 10000, "row_bits": rows, "column_bits": columns,
                                "bank_bits": 2, "data_bits": 16}
