# SPDX-License-Identifier: Apache-2.0
"""Where operations on vectors read and write in the scratchpad."""

from typing import NamedTuple

from .config import Configuration
from .descriptor import Descriptor, Refusal, result_words, source_words

__all__ = ["MOST_SAMPLES", "Place", "destination_place", "places_refusal", "source_place"]

#: Samples of the longest vector.
MOST_SAMPLES = 65536


class Place(NamedTuple):
    """Words from ``start`` to ``end``, without that one."""

    start: int
    end: int

    def meets(self, other: "Place") -> bool:
        """Whether they have a word in common."""
        return max(self.start, other.start) < min(self.end, other.end)


def source_place(config: Configuration, d: Descriptor) -> Place:
    """Return the words that the activations or samples of all tokens lie in."""
    return Place(d.source,
                 d.source + (d.tokens - 1) * d.source_step + source_words(config, d))


def destination_place(config: Configuration, d: Descriptor) -> Place:
    """Return the words that the results of all tokens lie in."""
    return Place(d.destination, d.destination + (d.tokens - 1) * d.destination_step
                 + result_words(config, d))


def places_refusal(config: Configuration, d: Descriptor, third: Place, *, apart: bool = False,
                   in_place: bool = False, onto: bool = False) -> Refusal:
    """Return why vectors can not be where they are, or ``Refusal.NONE``.

    Parameters
    ----------
    config : Configuration
    d : Descriptor
    third : Place
        Other words that the operation reads or writes, or none.
    apart : bool
        Whether they must not meet the source, as they must not meet the results.
    in_place : bool
        Whether results may take the place of their own source, if both have the same type and step.
    onto : bool
        Whether they may take the place of ``third``.
    """
    source, results = source_place(config, d), destination_place(config, d)
    if max(source.end, results.end, third.end) > config.scratchpad.words:
        return Refusal.ADDRESS
    same = in_place and d.source == d.destination and d.source_type == d.destination_type and (
        d.tokens == 1 or d.source_step == d.destination_step)
    if (source.meets(results) and not same
            or third.meets(results) and not (onto and third.start == results.start)
            or apart and third.meets(source)
            or d.tokens > 1 and d.destination_step < result_words(config, d)):
        return Refusal.OVERLAP
    return Refusal.NONE
