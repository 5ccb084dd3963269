# SPDX-License-Identifier: Apache-2.0
"""What a Walsh-Hadamard pipeline takes of an ECP5, without synthesis: butterflies exactly."""

from ...golden.fwht import Pipeline
from .delay import BLOCK_DEPTH, REGISTER_DEPTH

__all__ = ["carry_cells", "site_estimate"]

#: LUT sites of a pipeline, of each stage with a delay, and of one whose counters have carries,
#: that are no samples': fits to synthesis.
_CONTROL, _STAGE, _COUNTERS = 26, 19, 36
#: Beats of the shortest delay whose counters have carries.
_COUNTED = 32


def carry_cells(config: Pipeline) -> int:
    """Return the CCU2C of all butterflies, exactly: one for two bits of a sum or a difference.

    Counters of stages with a delay of 32 beats or more take some beside them.
    """
    delays = len(config.delays)
    return config.lanes * sum((2 if stage < delays else 1) * -(-width // 2)
                              for stage, width in enumerate(config.widths[1:]))


def site_estimate(config: Pipeline) -> int:
    """Return about as many LUT sites as synthesis makes of the pipeline on ECP5.

    A bit of a stage with a delay takes a LUT for the word and two for the result, one more where
    its delay is two registers; a bit of the other stages and of the output's register takes one.
    Four bits of 16 words of distributed RAM take six. Within 15 % for at least nine of ten
    pipelines, see ``tests/hw/fwht/test_estimate.py``.
    """
    bits, memory = config.widths[-1], 0
    for stage, width in enumerate(config.widths[1:]):
        if stage >= len(config.delays):
            bits += width
            continue
        delay = config.delays[stage]
        bits += width * (4 if delay == REGISTER_DEPTH else 3)
        if REGISTER_DEPTH < delay < BLOCK_DEPTH:
            memory += 6 * -(-width * config.lanes // 4) * -(-delay // 16)
            bits += width * (delay > 16)  # which word of two memories
    return (2 * carry_cells(config) + config.lanes * bits + memory + _CONTROL
            + _STAGE * len(config.delays)
            + _COUNTERS * sum(delay >= _COUNTED for delay in config.delays))
