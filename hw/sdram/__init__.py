# SPDX-License-Identifier: Apache-2.0
"""Memory outside the FPGA: a controller of SDRAM behind the memory port."""

from .memory import SdramMemory
from .signature import SdramSignature

__all__ = ["SdramMemory", "SdramSignature"]
