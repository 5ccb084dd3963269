# SPDX-License-Identifier: Apache-2.0
"""Look-up-table matrix unit: builder, sequencer, lanes, and the unit made of them."""

from .unit import TableUnit

__all__ = ["TableUnit"]
