# SPDX-License-Identifier: Apache-2.0
"""Registers of the executor."""

from types import SimpleNamespace

from amaranth import *

from ...golden.config import Configuration
from ...golden.protocol import HEADER_BYTES, IDENTIFICATION_HEAD_BYTES, Status
from .layouts import HEADER, slot_shape

__all__ = ["executor_registers"]


def executor_registers(config: Configuration) -> SimpleNamespace:
    """Return the signals that the executor's states share."""
    size, width, most = config.word_bytes, config.link.width, config.link.payload_bytes
    most_words = max(most, IDENTIFICATION_HEAD_BYTES) // size
    return SimpleNamespace(
        header=Signal(HEADER, name="header", reset_less=True),
        hello=Signal(name="hello"),
        session=Signal(16, name="session"),  # 0: no HELLO since the reset
        hit=Signal(name="hit", reset_less=True),
        status=Signal(range(max(Status) + 1), name="status", reset_less=True),
        slot=Signal(slot_shape(config.link.cache_depth), name="reply_slot", reset_less=True),
        # Words of reply data, or of a WRITE.
        words=Signal(range(most_words + 1), name="words", reset_less=True),
        # Words of `width` bytes done in this state.
        index=Signal(range(max(most, HEADER_BYTES) // width + 1), name="index"),
        address=Signal(range(max(config.memory.words, config.scratchpad.words)),
                       name="address", reset_less=True),
        word=Signal(8 * size, name="word", reset_less=True),
        taken=Signal(name="taken"),  # all data of a WRITE
        full=Signal(name="full"),  # `word` is complete
        remote=Signal(name="remote", reset_less=True),  # data comes from the engine
        status_space=Signal(name="status_space", reset_less=True),
        local_valid=Signal(name="local_valid"),  # `local.word` is the next one
        # Not registers: what happens to `word` and `header` in this cycle.
        load_word=Signal(name="load_word"),
        shift_word=Signal(name="shift_word"),
        shift_header=Signal(name="shift_header"),
    )
