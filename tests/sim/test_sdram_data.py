# SPDX-License-Identifier: Apache-2.0
"""The model of an SDRAM: what is written is read, in the right cycles, in random legal traffic."""

from types import SimpleNamespace

import numpy as np
import pytest

from luthier.sim.sdram_script import SdramScript, unit


def burst(mode, start, column_bits):
    """Return the columns of a burst; of a full page, rather more than one page."""
    size = 1 << (column_bits if mode & 7 == 7 else mode & 7)
    return [start // size * size + (start + count) % size
            for count in range(size + 9 if mode & 7 == 7 else size)]


@pytest.mark.parametrize("mode", [0x20, 0x21, 0x22, 0x23, 0x27, 0x30, 0x31, 0x32, 0x33, 0x37])
def test_bursts(mode, seed):
    """Bursts of each length from each column: written as a whole, and read, in the right cycles."""
    script, rng = SdramScript(unit("small"), mode), np.random.default_rng(seed)
    memory, due = [0] * 32, {}
    script.play("A1 .RCD")
    for start in rng.permutation(32).tolist():
        for count, column in enumerate(burst(mode, start, 5)):
            memory[column] = int(rng.integers(1 << 16))
            script.put("" if count else "W", 1, start, 0, memory[column])
        for count, column in enumerate(burst(mode, start ^ 5, 5)):
            due[len(script.words) + (mode >> 4)] = memory[column]
            script.put("" if count else "R", 1, start ^ 5, 0)
        script.play("Bo n n n n")
        if start % 5 == 0 or mode & 7 == 7:
            script.play(". . . . P* .RP F .RFC A1 .RCD")
    seen = script.check()
    assert {cycle: seen["dq_o"][cycle] for cycle, drives in enumerate(seen["dq_drives"])
            if drives} == due
    # Where there is nothing, there is noise.
    assert len({word for cycle, word in enumerate(seen["dq_o"]) if cycle not in due}) > 100


class Traffic:
    """Random commands that are allowed, each as soon as it is, and what is to be seen of them."""

    def __init__(self, script, mode, rng):
        self.script, self.t, self.rng, self.mode = script, script.unit.times, rng, mode
        self.latency, self.chip = mode >> 4 & 3, script.unit.chip
        self.elapsed = (len(script.words) - 1 - script.ready) * self.chip["clock_ps"]
        self.owed = 0
        # Few, so that what is written is read.
        self.rows = rng.integers(1 << self.chip["row_bits"], size=2)
        self.columns = np.append(rng.integers(1 << self.chip["column_bits"], size=3), [0, 1, 2])
        self.banks = [SimpleNamespace(row=None, activated=-999, written=-999, idle=0, close=None)
                      for _ in range(1 << self.chip["bank_bits"])]
        self.quiet = self.activated = 0
        self.burst, self.memory, self.due, self.masks, self.seen = [], {}, {}, {}, {}
        self.counts = dict.fromkeys(["A", "R", "W", "P", "F", "B", "Ra", "Wa", "P*"], 0)

    def drives(self, cycle):
        return cycle in self.due and self.masks[cycle - 2] != self.script.all_bytes

    def allowed(self, now, kind, bank, auto):
        """Whether the rules let a command pass."""
        t, b = self.t, self.banks[bank]
        if kind == "A":
            return b.row is None and now >= max(b.idle, b.activated + t.RC, self.activated + t.RRD)
        if kind == "F":
            return all(b.row is None and now >= max(b.idle, b.activated + t.RC)
                       for b in self.banks)
        if kind == "B":
            return not (self.burst and self.burst_auto)
        if kind == "P":
            return all(b.close is None and now >= (b.idle if b.row is None else max(
                b.activated + t.RAS, b.written + t.WR)) for b in (self.banks if auto else [b]))
        if b.row is None or b.close is not None or now < b.activated + t.RCD:
            return False
        write, length = kind == "W", self.length(kind)
        if auto and (length > 8 or now + (length - 1 + t.WR_AUTO if write else length)
                     < b.activated + t.RAS):
            return False
        if self.burst and self.burst_auto and now + t.WR_AUTO * self.burst_write < (
                self.banks[self.burst_bank].activated + t.RAS):
            return False
        return not write or not any(map(self.drives, (now - 1, now, now + 1)))

    def length(self, kind):
        if kind == "W" and self.mode & 0x200:
            return 1
        return 1 << 12 if self.mode & 7 == 7 else 1 << (self.mode & 7)

    def act(self, now, kind, bank, auto):
        """Do a command; return its address."""
        t, b, address = self.t, self.banks[bank], 0
        if kind == "A":
            address = b.row = int(self.rng.choice(self.rows))
            b.activated = self.activated = now
        elif kind == "F":
            self.quiet, self.owed = now + t.RFC, max(0, self.owed - 1)
        elif kind == "P":
            for number, b in enumerate(self.banks):
                if auto or number == bank:
                    b.row, b.idle = None, now + t.RP
                    if self.burst and self.burst_bank == number:
                        self.burst = []
        elif kind == "B":
            self.burst = []
        else:
            if self.burst and self.burst_auto:
                self.banks[self.burst_bank].close = now + t.WR_AUTO * self.burst_write
            self.burst_write, self.burst_bank, self.burst_auto = kind == "W", bank, auto
            size, start = self.length(kind), int(self.rng.choice(self.columns))
            wrap = min(size, 1 << self.chip["column_bits"])
            self.burst = [(bank, b.row, start // wrap * wrap + (start + n) % wrap)
                          for n in range(size)]
            address = start % 1024 + (start >> 10 << 11)
            if self.burst_write:
                self.due = {cycle: place for cycle, place in self.due.items() if cycle < now + 2}
            if auto:
                b.close = now + (size - 1 + t.WR_AUTO if self.burst_write else size)
        return address | auto << 10

    def step(self):
        now, rng, data = len(self.script.words), self.rng, None
        everything = self.script.all_bytes
        mask = (0, 0, 0, everything, int(rng.integers(everything + 1)))[rng.integers(5)]
        self.elapsed += self.chip["clock_ps"]
        if self.elapsed >= self.script.unit.interval_ps:
            self.elapsed, self.owed = self.elapsed - self.script.unit.interval_ps, self.owed + 1
        for b in self.banks:
            if b.close == now:
                b.row, b.close, b.idle = None, None, now + self.t.RP
        kind = str(rng.choice(list("PF" if self.owed > 3 else "AAARRRWWWPB" + "..........")))
        bank, auto = int(rng.integers(len(self.banks))), int(rng.integers(3) == 0)
        auto &= kind in "RWP"
        address = 0
        if kind == "." or now < self.quiet or not self.allowed(now, kind, bank, auto):
            kind = ""
        else:
            self.counts[kind + ("*" if kind == "P" else "a") * auto] += 1
            truncated = self.burst and self.burst_write and kind == "P"
            mask = everything if truncated else mask
            address = self.act(now, kind, bank, auto)
            for b in self.banks:
                if b.close == now:
                    b.row, b.close, b.idle = None, None, now + self.t.RP
        if self.burst:
            place = self.burst.pop(0)
            if not self.burst_write:
                self.due[now + self.latency] = [
                    self.memory.get((*place, byte), 0) for byte in range(everything.bit_length())]
            elif mask != everything:
                data = int(rng.integers(1 << 8 * everything.bit_length()))
                self.banks[self.burst_bank].written = now
                for byte in range(everything.bit_length()):
                    if not mask >> byte & 1:
                        self.memory[*place, byte] = data >> 8 * byte & 255
        self.masks[now] = mask
        self.script.put(kind, bank, address, mask, data)


@pytest.mark.parametrize("name, mode", [
    *(("small", mode) for mode in (0x20, 0x21, 0x22, 0x23, 0x27, 0x223, 0x227, 0x30, 0x31, 0x32,
                                   0x33, 0x37, 0x233, 0x237)),
    *(("narrow", mode) for mode in (0x30, 0x32, 0x33, 0x37, 0x233)), ("full", 0x33)])
def test_random_traffic(name, mode, seed):
    script = SdramScript(unit(name), mode)
    traffic = Traffic(script, mode, np.random.default_rng([seed, mode, len(name)]))
    for _ in range(4000):
        traffic.step()
    seen = script.check(*[(script.ready, "CAS_LATENCY")] * (name == "full"))
    count = 0
    for cycle in range(len(script.words)):
        assert seen["dq_drives"][cycle] == traffic.drives(cycle), f"cycle {cycle}"
        for byte, value in enumerate(traffic.due.get(cycle, ())):
            if not traffic.masks[cycle - 2] >> byte & 1:
                assert seen["dq_o"][cycle] >> 8 * byte & 255 == value, f"cycle {cycle}"
                count += value != 0
    print(traffic.counts, count)
    assert count > 50
    # Full pages have no automatic precharge.
    rare = {"F": name == "full", "Ra": mode & 7 == 7, "Wa": mode & 7 == 7 and mode < 0x200}
    assert all(traffic.counts[kind] >= 10 or rare.get(kind) for kind in traffic.counts)
