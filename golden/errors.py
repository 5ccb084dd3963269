# SPDX-License-Identifier: Apache-2.0
"""Exceptions that carry one sentence for the user and the exit code of the command line."""

__all__ = ["CheckFailed", "DeviceError", "LuthierError", "ToolMissing", "UserError"]


class LuthierError(Exception):
    """An error whose text is a sentence for the user: what is wrong, where, what to change."""

    exit_code = 1


class CheckFailed(LuthierError):
    """A result differs from the golden model."""

    exit_code = 1


class UserError(LuthierError, ValueError):
    """The user's mistake."""

    exit_code = 2


class ToolMissing(LuthierError):
    """A tool or an optional part of Luthier is not installed."""

    exit_code = 3


class DeviceError(LuthierError):
    """The device did not answer, or answered with an error."""

    exit_code = 4
