# SPDX-License-Identifier: Apache-2.0
"""Which words of the device memory are in use."""

from ..golden.errors import UserError

__all__ = ["Allocator"]


class Allocator:
    """First-fit allocation of words; neighbours that are freed become one area again.

    Parameters
    ----------
    words : int
        Size of the memory.
    """

    def __init__(self, words: int):
        self._words = words
        self._free = [(0, words)] if words else []

    @property
    def free_words(self) -> int:
        """Words not in use."""
        return sum(size for _, size in self._free)

    @property
    def largest(self) -> int:
        """Size of the largest free area in words."""
        return max((size for _, size in self._free), default=0)

    def allocate(self, words: int) -> int:
        """Return the first word of a new area.

        Raises
        ------
        UserError
            If no free area is that large.
        """
        for place, (start, size) in enumerate(self._free):
            if size >= words:
                self._free[place : place + 1] = (
                    [(start + words, size - words)] if size > words else [])
                return start
        raise UserError(f"{words} words do not fit the largest free area of {self.largest} words")

    def free(self, start: int, words: int) -> None:
        """Give an area back, as it was allocated."""
        free: list[tuple[int, int]] = []
        for begin, size in sorted([*self._free, (start, words)]):
            if free and sum(free[-1]) == begin:
                free[-1] = (free[-1][0], free[-1][1] + size)
            else:
                free.append((begin, size))
        self._free = free  # at once, so that Ctrl-C does not lose the rest
