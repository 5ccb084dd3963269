# SPDX-License-Identifier: Apache-2.0
"""Results of a transform in dyadic or sequency order."""

from collections.abc import Sequence
from functools import reduce
from operator import xor

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...golden.errors import UserError
from ...golden.fwht import Pipeline, natural_rows
from ..block_ram import BlockRam
from ..stream import StreamRegister
from ..tree import delayed
from .delay import BLOCK_DEPTH
from .layouts import LOG2_SIZE, result_layout, samples_layout

__all__ = ["Reorder"]

#: What is kept of a transform beside its rows.
_kept_layout = data.StructLayout({"log2_size": LOG2_SIZE, "last": 1})


class Reorder(wiring.Component):
    """Keep a transform, and put out its rows in another order while the next one comes.

    P banks hold two transforms. A beat, in either order, has one row in each bank: row k is in bank
    ``k`` xor the P highest places of k (with less than ``P**2`` samples: those above the lowest P),
    modulo P. All of it is linear over exclusive or: a bank is a number for the beat xor one for the
    lane, and so is the address in it.

    Latency: ``latency(size)``, ``size / P - 1`` and 5 cycles. Throughput: one beat a cycle while
    sizes are the same. Takes ``2 N`` words of ``w + log2 N`` bits, beside those of the pipeline,
    and ``P log2 P`` multiplexers of a word at either side.

    Parameters
    ----------
    config : Pipeline
        That of the pipeline before; ``order`` is what comes out.

    Members
    -------
    i : ``In(stream.Signature(result_layout(config)))``
        Results in natural order; ``index`` is ignored.
    o : ``Out(stream.Signature(result_layout(config)))``
        The same; ``index`` is the place of the beat's first row, which are in order.

    Raises
    ------
    TypeError
        If ``config`` is no :class:`~luthier.golden.fwht.Pipeline`.
    UserError
        If its order is the natural one, which needs no buffer.
    """

    def __init__(self, config: Pipeline):
        if not isinstance(config, Pipeline):
            raise TypeError(f"config must be a Pipeline, not {config!r}")
        if config.order == "natural":
            raise UserError("order must be dyadic or sequency to reorder, not 'natural': results "
                            "come in natural order")
        self._config = config
        self._rows = [natural_rows(1 << size, config.order) for size in range(config.stages + 1)]
        super().__init__({
            "i": In(stream.Signature(result_layout(config))),
            "o": Out(stream.Signature(result_layout(config))),
        })

    def latency(self, samples: int) -> int:
        """Return the cycles from the first beat of a transform to its first rows."""
        return self._config.beats(samples) - 1 + 5

    @property
    def words(self) -> int:
        """Samples in memory."""
        return 2 * self._config.samples

    def elaborate(self, platform):
        m = Module()
        config, lanes = self._config, self._config.lanes
        m.submodules.output = output = StreamRegister(result_layout(config))
        enable = output.i.ready
        depth = 2 * config.samples // lanes
        banks = [BlockRam(config.widths[-1], depth, always=depth >= BLOCK_DEPTH)
                 for _ in range(lanes)]
        for number, bank in enumerate(banks):
            m.submodules[f"bank_{number}"] = bank
            m.d.comb += [bank.enable.eq(enable), bank.enable_out.eq(enable)]
        full = Signal(2)
        kept = [Signal(_kept_layout, name=f"kept_{half}") for half in range(2)]
        self._write(m, banks, full, kept, enable)
        self._read(m, banks, full, kept, enable, output.i)
        wiring.connect(m, output.o, wiring.flipped(self.o))
        return m

    def _place(self, size: int, row: int) -> tuple[int, int]:
        """Return bank and address of a natural row, or of a place in a beat of small ones."""
        lanes = self._config.lane_stages
        beat = row >> lanes
        return (row ^ beat >> max(size - 2 * lanes, 0)) % self._config.lanes, beat

    def _sorted(self, size: int, place: int) -> tuple[int, int]:
        """Return bank and address of a place in order."""
        inside = place & (1 << size) - 1
        return self._place(size, place ^ inside ^ int(self._rows[size][inside]))

    def _write(self, m, banks, full, kept, enable):
        """Put rows into the banks, a transform into each half of them in turn."""
        config, payload = self._config, self.i.payload
        half, beat = Signal(), Signal(max(1, len(config.delays)), name="write_beat")
        ends, accept = Signal(name="write_ends"), Signal()
        offset = Signal(config.lane_stages)
        with m.Switch(payload.log2_size):
            for size in range(config.lane_stages + 1, config.stages + 1):
                beats = size - config.lane_stages
                with m.Case(size):
                    m.d.comb += [ends.eq(beat[:beats].all()),
                                 offset.eq(beat[max(size - 2 * config.lane_stages, 0) :])]
            with m.Default():
                m.d.comb += ends.eq(1)
        # A half that is free may still be read in this cycle, if the output moves; not in the next,
        # when it is written.
        m.d.comb += [self.i.ready.eq(enable & ~full.bit_select(half, 1)),
                     accept.eq(self.i.valid & self.i.ready)]
        with m.If(accept):
            m.d.sync += beat.eq(Mux(ends, 0, beat + 1))
        with m.If(accept & ends):
            m.d.sync += half.eq(~half)
            for number, transform in enumerate(kept):
                with m.If(half == number):
                    m.d.sync += [full[number].eq(1), transform.log2_size.eq(payload.log2_size),
                                 transform.last.eq(payload.last)]
        write = delayed(m, "write", accept)
        address = delayed(m, "write_address", Cat(beat[: len(config.delays)], half))
        samples = _exchanged(list(payload.samples), offset)
        for number, (bank, sample) in enumerate(zip(banks, samples)):
            m.d.comb += [bank.write.eq(write), bank.write_address.eq(address),
                         bank.word.eq(delayed(m, f"sample_{number}", sample))]

    def _read(self, m, banks, full, kept, enable, output):
        """Read each half that is full, a row from every bank at a time."""
        config, lanes = self._config, self._config.lanes
        half, beat = Signal(name="read_half"), Signal(max(1, len(config.delays)), name="read_beat")
        current = Signal(_kept_layout)
        issue, ends = Signal(), Signal(name="read_ends")
        base, offset = Signal(len(config.delays)), Signal(config.lane_stages, name="read_offset")
        m.d.comb += [current.eq(Mux(half, kept[1].as_value(), kept[0].as_value())),
                     issue.eq(enable & full.bit_select(half, 1))]
        lane_of, address_of = {}, {}
        with m.Switch(current.log2_size):
            for size in range(config.stages + 1):
                beats = max(0, size - config.lane_stages)
                places = [self._sorted(size, lane) for lane in range(lanes)]
                lane_of[size] = [bank for bank, _ in places]
                address_of[size] = dict(places)
                columns = [self._sorted(size, lanes << bit) for bit in range(beats)]
                with m.Case(size):
                    m.d.comb += [
                        ends.eq(beat[:beats].all() if beats else 1),
                        offset.eq(_linear(beat, [bank for bank, _ in columns],
                                          config.lane_stages)),
                        base.eq(_linear(beat, [address ^ address_of[size][bank]
                                               for bank, address in columns],
                                        len(config.delays))),
                    ]
        with m.If(issue):
            m.d.sync += beat.eq(Mux(ends, 0, beat + 1))
            with m.If(ends):
                m.d.sync += half.eq(~half)
                for number in range(2):
                    with m.If(half == number):
                        m.d.sync += full[number].eq(0)

        def later(name, value, cycles):
            return delayed(m, name, value, cycles, enable=enable)

        # A cycle for base and offset, then the banks' two.
        valid = Signal(3)
        with m.If(enable):
            m.d.sync += valid.eq(Cat(issue, valid))
        size, half_read = later("size", current.log2_size, 1), later("half", half, 1)
        base = later("base", base, 1)
        for number, bank in enumerate(banks):
            relative = _by_size(m, f"relative_{number}", size, len(config.delays),
                                [address_of[key][number] for key in sorted(address_of)])
            m.d.comb += bank.address.eq(Cat(base ^ relative, half_read))
        size = later("read_size", size, 2)
        rows = Signal(samples_layout(lanes, config.widths[-1]))
        m.d.comb += Value.cast(rows).eq(
            Cat(_exchanged([bank.value for bank in banks], later("offset", offset, 3))))
        result = output.payload
        for lane in range(lanes):
            number = _by_size(m, f"bank_of_{lane}", size, config.lane_stages,
                              [lane_of[key][lane] for key in sorted(lane_of)])
            m.d.comb += result.samples[lane].eq(rows[number])
        m.d.comb += [
            output.valid.eq(valid[-1]), result.log2_size.eq(size),
            result.last.eq(later("last", ends & current.last, 3)),
            result.index.eq(Cat(Const(0, config.lane_stages), later("beat", beat, 3))),
        ]


def _exchanged(values: Sequence[Value], offset: Value) -> list[Value]:
    """Return the values, each at its place xor ``offset``."""
    for bit in range(len(offset)):
        values = [Mux(offset[bit], values[place ^ 1 << bit], value)
                  for place, value in enumerate(values)]
    return list(values)


def _linear(bits: Value, columns: Sequence[int], width: int) -> Value:
    """Return the columns of the bits that are set, added modulo 2."""
    return reduce(xor, (Mux(bits[bit], Const(column, width), 0)
                        for bit, column in enumerate(columns)), Const(0, width))


def _by_size(m, name: str, size: Value, width: int, numbers: Sequence[int]) -> Value:
    """Return the number for a size."""
    chosen = Signal(width, name=name)
    with m.Switch(size):
        for key, number in enumerate(numbers):
            with m.Case(key):
                m.d.comb += chosen.eq(number)
    return chosen
