# SPDX-License-Identifier: Apache-2.0
"""The data path of builders: staged activations, choice, adders, entries."""

from amaranth import *
from amaranth.lib import memory

from ...golden.entries import STORED_BITS, dropped_bits
from ...golden.table import entry_width
from ..adder import add
from ..arithmetic import pick
from ..tree import delayed
from .programs import builder_lanes, programs, step_layout, steps

__all__ = ["build_entries", "stage_words", "stored_entry", "take_word"]


def take_word(m, builder, present) -> Value:
    """Register each word as it comes, zero in the lanes that are not ``present``."""
    width = builder.config.table.activation_bits
    word = Signal(builder.config.activations_per_word * width, name="word", reset_less=True)
    m.d.sync += word.eq(Cat(lane for lane in builder.activations.payload))
    for lane, there in enumerate(present):
        with m.If(~there):  # the reset of a register costs nothing
            m.d.sync += word.word_select(lane, width).eq(0)
    return word


def stage_words(m, builder, load, number, word, name: str, columns: int) -> list:
    """Stage the words of so many columns, a cycle after they are loaded; return the columns.

    That is in time: the first activation is selected two cycles after the last word is loaded.
    """
    config = builder.config
    width, per_word, staged = config.table.activation_bits, config.activations_per_word, []
    for place in range(columns // per_word):
        register = Signal(per_word * width, name=f"{name}_{place}", reset_less=True)
        with m.If(delayed(m, f"{name}_{place}_taken", load & (number == place))):
            m.d.sync += register.eq(word)
        staged += [register.word_select(lane, width).as_signed() for lane in range(per_word)]
    return staged


def build_entries(m, builder, columns, command, window, bank, step, index) -> None:
    """Write the entries of all builders, from the columns of each token.

    Three stages: look up the step, select the activation, add; then the entry is written.
    """
    config = builder.config
    t, layout = config.table, step_layout(config)
    stepping, summing = Signal(), Signal()
    m.d.sync += [stepping.eq(step), summing.eq(stepping)]
    kinds = [command.trits] * (t.planes and t.trits)
    window_now = delayed(m, "window_now", window)
    now, then = [], []
    for program in range(programs(config)):
        lists = steps(config, program)
        rom = memory.Memory(shape=layout, depth=len(lists) * len(lists[0]),
                            init=[fields for given in lists for fields in given],
                            attrs={"rom_style": "block"} if t.deep else {})
        m.submodules[f"program_{program}"] = rom
        port = rom.read_port()
        m.d.comb += port.addr.eq(Cat(index, *kinds))
        now.append(port.data)
        then.append(Signal(layout, name=f"step_{program}", reset_less=True))
        m.d.sync += then[-1].eq(port.data)
    turn = _turn(m, config, then[0].late, command, window)
    write = summing & then[0].write
    m.d.sync += builder.address.eq(then[0].entry)
    if t.deep:
        m.d.sync += [builder.write.eq(write), builder.turn.eq(turn)]
    else:
        m.d.sync += builder.write.eq(Cat(write & (turn == number)
                                      for number in range(len(builder.write))))
    m.d.sync += builder.bank.eq(delayed(m, "bank", bank, 2))
    for number, lanes in enumerate(builder_lanes(config)):
        program = number % len(now)
        totals = [builder.entry[number]]
        if t.tokens > 1 or t.quantisation:
            width = entry_width(config) + (dropped_bits(config) + 1 if t.quantisation else 0)
            totals = [Signal(signed(width), name=f"entry_{number}_{token}",
                             reset_less=bool(t.quantisation)) for token in range(t.tokens)]
            m.d.comb += builder.entry[number].eq(Cat(
                stored_entry(total, dropped_bits(config)) for total in totals))
        for token, total in enumerate(totals):
            reach = {select: pick(window_now, dict(enumerate(
                [columns[token][column] for column in reached] or [Const(0, 1)])))
                for select, reached in lanes.items()}
            name = f"{number}_{token}" if t.tokens > 1 else f"{number}"
            _add_up(m, config, name, total, reach, now[program], then[program], summing)


def stored_entry(total, dropped: int) -> Value:
    """Return what is stored of a sum, half a step already in it (:mod:`luthier.golden.entries`).

    With ``dropped`` = 0 it is stored as it is. A sum below the least that is stored can not be.
    """
    if not dropped:
        return total
    *most, sign = total[STORED_BITS + dropped - 1 :]
    return Mux(~sign & Cat(most).any(), (1 << STORED_BITS - 1) - 1,
               total[dropped : dropped + STORED_BITS]).as_signed()


def _turn(m, config, late, command, window):
    """Return which of its tables a builder writes next."""
    t = config.table
    before = delayed(m, "window_then", Cat(window, command.trits), 2)
    turn, trits = before[:-1], before[-1]
    if not t.trits:
        return turn
    of_trits = Cat(late, turn[:-1])
    return Mux(trits, of_trits, turn) if t.planes else of_trits


def _add_up(m, config, name, total, lanes, now, then, summing):
    """Select one of the columns in reach, and add it to the total."""
    x = Signal(signed(config.table.activation_bits), name=f"x_{name}", reset_less=True)
    m.d.sync += x.eq(pick(now.select, lanes))
    words, choose = [total, x], None
    if config.table.planes:
        words, choose = [total, x, x << 1], then.double
    following = add(m, f"add_{name}", words, len(total), choose=choose,
                    complement=(0, then.subtract), carry=(then.subtract, 0))
    # What rounds a stored entry is in the sum from its beginning.
    m.d.sync += total.eq((1 << dropped_bits(config)) >> 1)
    with m.If(summing & ~then.clear):
        m.d.sync += total.eq(following)
