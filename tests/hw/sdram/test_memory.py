# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""The controller of an SDRAM against a model of the chip that checks its times and rules."""

import random

import pytest

from luthier.golden.config_sdram import SdramConfiguration
from luthier.sim.compiled import CompiledUnit
from luthier.sim.sdram import SDRAM_VERILOG
from luthier.sim.sdram_case import SdramCase

MHZ = 1_000_000
LONGEST = 64
#: Small arrays meet every row and bank often.
SMALL = {"row_bits": 11, "column_bits": 8}
CASES = {
    "ulx3s": ({}, 128, 80 * MHZ),
    "narrow": ({**SMALL, "data_bits": 8}, 64, 50 * MHZ),
    "short bursts": (SMALL, 64, 100 * MHZ),
    "fast": ({**SMALL, "cas_latency": 3, "tck_ns": 7}, 256, 133 * MHZ),
    "wide": ({**SMALL, "cas_latency": 3, "tck_ns": 7, "column_bits": 10}, 512, 125 * MHZ),
    "slow": (SMALL, 128, 25 * MHZ),
}
NIGHTLY = {"narrow", "short bursts", "wide", "slow"}
#: Requests that wait at once, with room to spare.
WAITING = 8


def unit_of(name):
    keys, beat_bits, hz = CASES[name]
    config = SdramConfiguration(**keys)
    words = config.bytes * 8 // beat_bits
    case = SdramCase(config, clock_hz=hz, beat_bits=beat_bits, words=words, longest=LONGEST)
    return CompiledUnit(case, models=[SDRAM_VERILOG]), config, beat_bits, words


@pytest.fixture(scope="module", params=[
    pytest.param(name, marks=[pytest.mark.nightly] * (name in NIGHTLY)) for name in CASES])
def case(request):
    return unit_of(request.param)


class Stream:
    """What goes in, and what has to come out."""

    def __init__(self, words):
        self._address_bits = (words - 1).bit_length()
        self.payloads, self.expected, self._content = [], [], {}

    def write(self, address, word):
        self._content[address] = word
        self._give(address, 0, word)

    def read(self, address, length):
        self.expected += [self._content.get(address + place, 0) for place in range(length)]
        self._give(address, length, 0)

    def _give(self, address, length, word):
        bits = self._address_bits + LONGEST.bit_length()
        self.payloads.append(address | length << self._address_bits | word << bits)

    def run(self, unit, **options):
        outputs, taken = unit.run(
            {"i": self.payloads}, {"o": len(self.expected), "broken": 0}, **options)
        assert outputs["broken"] == []
        assert [one.payload for one in outputs["o"]] == self.expected
        return outputs["o"], taken["i"]


def areas(words, rng, count=5):
    """Places all over the memory, ends included."""
    return [0, words - 2 * LONGEST, *(rng.randrange(words - 2 * LONGEST) for _ in range(count - 2))]


def mixed(beat_bits, words, seed, count):
    """Writes and reads here and there; none of a word that a read may still wait for."""
    rng, given = random.Random(seed), Stream(words)
    places, recent = areas(words, rng), []
    for _ in range(count):
        address = rng.choice(places) + rng.randrange(LONGEST)
        if rng.random() < 0.5:
            length = rng.randint(1, LONGEST if rng.random() < 0.1 else 6)
            given.read(address, length)
            recent = [*recent[-WAITING:], range(address, address + length)]
        elif not any(address in one for one in recent):
            given.write(address, rng.getrandbits(beat_bits))
    given.read(places[0], 2)
    return given


@pytest.mark.parametrize("p_valid, p_ready", [(1, 1), (0.4, 1), (1, 0.1), (0.02, 0.5)])
def test_reads_what_was_written(case, seed, p_valid, p_ready):
    unit, _, beat_bits, words = case
    mixed(beat_bits, words, seed, 1500).run(unit, p_valid=p_valid, p_ready=p_ready, seed=seed)


def test_refreshes_while_nothing_else_happens_and_while_nobody_takes(case, seed):
    unit, _, beat_bits, words = case
    given = mixed(beat_bits, words, seed, 30)
    given.run(unit, p_valid=0.0005, seed=seed)
    given.run(unit, p_ready=0.0005, seed=seed)


def test_starts_again(case, seed):
    unit, config, beat_bits, words = case
    given = Stream(words)
    for address in range(0, 64 * LONGEST, LONGEST):
        given.read(address, LONGEST)
    given.expected = [0] * len(given.expected)
    for more in (0, 1, 77, 2000):
        given.run(unit, seed=seed, reset_at=20_000 + more + seed)


def share(case, requests):
    """Return the share of the chip's peak that reads reach, start and last answer left out."""
    unit, config, beat_bits, words = case
    given = Stream(words)
    for address, length in requests(words):
        given.read(address, length)
    beats, _ = given.run(unit)
    cycles = beats[-1].cycle - beats[0].cycle
    return (len(beats) - 1) * beat_bits / config.data_bits / cycles


def in_order(words):
    return [(address, LONGEST) for address in range(0, 400 * LONGEST, LONGEST)]


def weights_and_records(words):
    """As the table unit reads: 32 beats of weights, then two of records from elsewhere."""
    return [one for step in range(600) for one in (
        (32 * step, 32), (words // 2 + 2 * step, 2))]


@pytest.mark.parametrize("requests, least", [(in_order, 0.95), (weights_and_records, 0.85)])
def test_share_of_the_peak(case, requests, least, request):
    reached = share(case, requests)
    print(f"{request.node.callspec.id}: {reached:.1%} of the peak")
    assert reached >= least
