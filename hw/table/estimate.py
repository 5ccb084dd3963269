# SPDX-License-Identifier: Apache-2.0
"""What a table unit takes of an FPGA, without synthesis: memories exactly, LUTs nearly."""

from ...golden.config import Configuration
from ...golden.table import accumulator_width, entry_width, tables, total_width
from ...golden.timing import reads_lanes, walks_rows
from .commands import entry_bits
from .programs import builder_lanes

__all__ = ["lut_estimate", "table_bits", "table_sites"]

#: LUTs of counters, state and handshakes in plain mode; of what they are less where a sequencer
#: walks rows, and where builders read lanes; and of what a builder has beside its adder and its
#: choice: fits to synthesis.
_CONTROL = {"xc7": 128, "ecp5": 197}
_ROWS = {"xc7": 16, "ecp5": 36}
_LANES = {"xc7": 22, "ecp5": 75}
_BUILDER = {"xc7": 7, "ecp5": 12}


def table_bits(config: Configuration) -> int:
    """Return the bits of all tables, all banks."""
    banks, width = config.table.bank_count, config.table.tokens * entry_width(config)
    return sum(banks * width << entry_bits(config, table) for table in range(tables(config)))


def table_sites(config: Configuration, target: str) -> int:
    """Return the LUT sites that the tables take or block, exactly; 0 where they are in block RAM.

    xc7: three of four LUTs of a slice hold two bits of 32 words, or one of 64. ECP5: four bits of
    16 words take four LUTs, and two that write.
    """
    if config.table.deep:
        return 0
    builders, width = len(builder_lanes(config)), config.table.tokens * entry_width(config)
    banks = config.table.bank_count
    depths = [banks << entry_bits(config, table) for table in range(builders)]
    turns = 2 * config.table.rounds
    if target == "xc7":
        ports = builders * -(-width // (2 if max(depths) <= 32 else 1))
        return turns * 4 * -(-ports // 3)
    return turns * sum(6 * -(-width // 4) * -(-depth // 16) for depth in depths)


def _adder(width: int, target: str) -> int:
    """Return the LUT sites of an adder: one a bit; on ECP5 pairs, and a bit for the carry."""
    return width if target == "xc7" else 2 * -(-(width + 1) // 2)


def _tree(config: Configuration, target: str) -> int:
    """Return the LUTs of the tree. Widths grow by a bit a level, with three inputs by 1.6."""
    count, width, total = tables(config), entry_width(config), 0
    inputs, most = 2, total_width(config)
    while count > 1:
        width = min(most, width + (1 if inputs == 2 else 2))
        nodes = count // inputs + (count % inputs > 1)
        signs = nodes if config.table.adder_inputs == 2 and inputs == 2 and total else 0
        total += nodes * _adder(width, target) + signs
        count = -(-count // inputs)
        inputs = config.table.adder_inputs
    return total


def _choice(inputs: int, target: str) -> int:
    """Return the LUTs that select a bit of so many."""
    return -(-(inputs - 1) // 3) if target == "xc7" else inputs // 2


def _builders(config: Configuration, target: str) -> int:
    t, total = config.table, 0
    if reads_lanes(config):  # two blocks, or a plain memory, for eight lanes; and which are missing
        choice = 1 if target == "ecp5" else 2
        each = t.tokens * (t.activation_bits * choice + _adder(entry_width(config), target)) + 4
        return len(builder_lanes(config)) * each
    for lanes in builder_lanes(config):
        reach = len({tuple(columns) for columns in lanes.values()})
        reach += sum(len(columns) - 1 for columns in lanes.values() if columns)
        total += t.tokens * t.activation_bits * _choice(reach, target)
        total += t.tokens * _adder(entry_width(config), target) + _BUILDER[target]
        if t.planes and target != "xc7":
            total += t.tokens * (t.activation_bits + 1)  # twice an activation
    masks = config.activations_per_word * (2 + t.trits)
    return total + masks


def _decode(config: Configuration, target: str) -> int:
    """Return the LUTs between a byte of weights and an entry."""
    t, bytes_ = config.table, config.table.beat_bits // 8
    if t.deep:
        return bytes_
    banks = 0  # words of distributed RAM that is not as deep as a table, put together
    if target != "xc7":
        banks = t.tokens * entry_width(config) * sum(
            -(-(t.bank_count << entry_bits(config, table)) // 16) - 1
            for table in range(tables(config)))
    if not t.trits:
        return banks + bytes_ // 2 * (t.adder_inputs == 2)
    return banks + bytes_ * ((9 if t.planes else 6) if target == "xc7" else
                             (12 if t.planes else 7))


def lut_estimate(config: Configuration, target: str) -> int:
    """Return about as many LUT sites as synthesis makes of the unit in plain mode.

    Within 15 % for at least nine of ten configurations, see ``tests/hw/table/test_estimate.py``.

    Parameters
    ----------
    config : Configuration
        With ``table.scaled`` false.
    target : str
        ``"xc7"`` or ``"ecp5"``.
    """
    t, width = config.table, accumulator_width(config)
    accumulators = _adder(width, target)
    if t.planes:
        accumulators += (total_width(config) + 3) * (1 if target == "xc7" else 3)
    writes = 0 if t.deep else 2 * t.rounds
    control = (_CONTROL[target] - _ROWS[target] * walks_rows(config)
               - _LANES[target] * reads_lanes(config))
    return (table_sites(config, target) + _builders(config, target) + _decode(config, target)
            + t.tokens * (_tree(config, target) + accumulators) + writes + control)
