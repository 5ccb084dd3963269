# SPDX-License-Identifier: Apache-2.0
"""The gateware side of the link: frames in, requests to the engine, replies out."""

from .shell import LinkShell

__all__ = ["LinkShell"]
