# SPDX-License-Identifier: Apache-2.0
"""What keys of a configuration may hold: validators that end a sentence which begins with the key.
"""

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from .sizes import is_power, nearest_power

__all__ = ["Section", "between", "boolean", "integer", "one_of", "plain_text", "power_of_two",
           "short_name", "word_of"]


class Section(BaseModel):
    """Keys that belong together; frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def integer(value: Any) -> int:
    """Validate an integer of any size."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be an integer, not {value!r}")
    return value


def one_of(*allowed: int) -> BeforeValidator:
    """Return a validator for a few integers."""
    choices = ", ".join(map(str, allowed[:-1])) + (" or " if allowed[1:] else "") + f"{allowed[-1]}"

    def check(value: Any) -> int:
        if integer(value) not in allowed:
            raise ValueError(f"must be {choices}, not {value!r}")
        return value

    return BeforeValidator(check)


def between(low: int, high: int, multiple: int = 1) -> BeforeValidator:
    """Return a validator for a range of integers."""

    def check(value: Any) -> int:
        if not low <= integer(value) <= high:
            raise ValueError(f"must be between {low} and {high}, not {value!r}")
        if value % multiple:
            raise ValueError(f"must be a multiple of {multiple}, not {value!r}")
        return value

    return BeforeValidator(check)


def power_of_two(low: int, high: int) -> BeforeValidator:
    """Return a validator for powers of two in a range."""

    def check(value: Any) -> int:
        if not is_power(integer(value), low, high):
            raise ValueError(f"must be a power of two from {low} to {high}, not {value!r}; the "
                             f"nearest is {nearest_power(value, low, high)}")
        return value

    return BeforeValidator(check)


def boolean(value: Any) -> bool:
    """Validate true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")
    return value


def word_of(*allowed: str) -> BeforeValidator:
    """Return a validator for a few words."""
    choices = ", ".join(map(repr, allowed[:-1])) + (" or " if allowed[1:] else "") + repr(
        allowed[-1])

    def check(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"must be {choices}, not {value!r}")
        return value

    return BeforeValidator(check)


def short_name(value: Any) -> str:
    """Validate what may be a file's name anywhere."""
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789_-")
    if not isinstance(value, str) or not 1 <= len(value) <= 32 or set(value) - allowed:
        raise ValueError(
            f"must be 1 to 32 characters from a-z, 0-9, _ and -, not {value!r}")
    return value


def plain_text(value: Any) -> str:
    """Validate a text."""
    if not isinstance(value, str):
        raise ValueError(f"must be a text, not {value!r}")
    return value
