# SPDX-License-Identifier: Apache-2.0
"""Look-up-table matrix unit: builder, sequencer, lanes, and the unit made of them."""

from ...golden.config import Configuration
from .shared import SharedTableUnit
from .unit import TableUnit

__all__ = ["SharedTableUnit", "TableUnit", "table_unit"]


def table_unit(config: Configuration) -> TableUnit | SharedTableUnit:
    """Return the unit that a configuration describes."""
    return SharedTableUnit(config) if config.table.shared else TableUnit(config)
