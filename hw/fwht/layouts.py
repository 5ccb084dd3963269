# SPDX-License-Identifier: Apache-2.0
"""What the streams of the transform carry, and what passes from stage to stage."""

from amaranth.hdl import signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from ...golden.fwht import LARGEST, Pipeline

__all__ = ["LOG2_SIZE", "control_layout", "result_layout", "sample_layout", "samples_layout",
           "stage_ports"]

#: The size of a transform as its logarithm: 0 for a single sample.
LOG2_SIZE = range(LARGEST.bit_length())

#: What goes along with a beat: ``valid``, the size of its transform, and ``last`` of a packet.
control_layout = data.StructLayout({"valid": 1, "log2_size": LOG2_SIZE, "last": 1})


def samples_layout(lanes: int, width: int) -> data.ArrayLayout:
    """Return the layout of a beat's samples, the first in the lowest bits."""
    return data.ArrayLayout(signed(width), lanes)


def sample_layout(lanes: int, width: int) -> data.StructLayout:
    """Return the layout of a beat of input.

    ``log2_size`` counts with the first beat of each transform, ``last`` with the last one: it ends
    a packet.
    """
    return data.StructLayout({
        "samples": samples_layout(lanes, width), "log2_size": LOG2_SIZE, "last": 1})


def result_layout(config: Pipeline) -> data.StructLayout:
    """Return the layout of a beat of results: ``index`` is that of its first row."""
    return data.StructLayout({
        "samples": samples_layout(config.lanes, config.widths[-1]), "log2_size": LOG2_SIZE,
        "last": 1, "index": range(config.samples)})


def stage_ports(lanes: int, width: int) -> dict:
    """Return the members of a stage: beats of ``width`` bits in, results a bit wider out."""
    return {
        "enable": In(1),
        "i": In(control_layout),
        "samples": In(samples_layout(lanes, width)),
        "o": Out(control_layout),
        "results": Out(samples_layout(lanes, width + 1)),
    }
