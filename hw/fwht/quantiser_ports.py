# SPDX-License-Identifier: Apache-2.0
"""What the streams of the quantiser carry."""

from amaranth import *
from amaranth.lib import data
from amaranth.utils import exact_log2

from ...golden.quantiser import Quantisation, QuantiserShape
from .block_scale import scale_layout
from .quotients import numbers_layout

__all__ = ["code_layout", "command_layout", "quantiser_command", "sample_layout", "scales_layout"]


def command_layout(shape: QuantiserShape) -> data.StructLayout:
    """Return the layout of a packet's command: numbers, and the group's base-two logarithm."""
    return data.StructLayout({
        "numbers": numbers_layout(shape), "group": range(exact_log2(shape.size) + 1)})


def quantiser_command(shape: QuantiserShape, quantisation: Quantisation) -> dict:
    """Return a quantisation as :func:`command_layout` has it.

    Raises
    ------
    ValueError
        If a quantiser of this shape can not do it.
    """
    shape.check(quantisation)
    q = quantisation
    return {"numbers": {"mode": int(q.mode), "away": int(q.rounding), "bits": q.bits,
                        "mantissa": q.mantissa, "shift": q.shift},
            "group": exact_log2(q.group or shape.size)}


def sample_layout(shape: QuantiserShape) -> data.StructLayout:
    """Return the layout of a beat of samples."""
    return data.StructLayout({
        "y": data.ArrayLayout(signed(shape.width), shape.lanes), "last": 1})


def code_layout(shape: QuantiserShape) -> data.StructLayout:
    """Return the layout of a beat of codes; ``saturated`` says how many were out of range."""
    return data.StructLayout({
        "codes": data.ArrayLayout(signed(shape.bits), shape.lanes),
        "saturated": range(shape.lanes + 1), "last": 1})


def scales_layout(shape: QuantiserShape) -> data.StructLayout:
    """Return the layout of scales: those of a group, or of the groups in a beat; a slot of each 16
    lanes. ``last``: no other scales of this packet follow."""
    return data.StructLayout({
        "slots": data.ArrayLayout(scale_layout(shape), shape.slots), "last": 1})
