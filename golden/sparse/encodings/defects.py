# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a stream of encoded weights, and how it is reported."""

from dataclasses import dataclass
from enum import IntEnum

from ...errors import UserError

__all__ = ["MOST_ERRORS", "Defect", "MalformedStream", "Report", "report"]

#: The count of errors stays there.
MOST_ERRORS = 0xFFFF


class Defect(IntEnum):
    """Code of a defect: that of a word of weights, or of the whole packet."""

    NONE = 0
    TRUNCATED = 1  #: The packet ended before all of its weights had come.
    OVERLONG = 2  #: The packet went on after them.
    ORDER = 3  #: Positions of a block that do not ascend, or one that comes twice.
    COUNT = 4  #: A bitmap with more or fewer bits than weights.
    CODE = 5  #: A pair's code that means nothing.
    RANGE = 6  #: A position beyond the end of the row.


@dataclass(frozen=True)
class Report:
    """What a decoder says of a packet.

    Attributes
    ----------
    errors : int
        Words of weights with a defect, and one more if the packet's length is wrong; 65535 stands
        for more as well.
    first : Defect
        That of the first such word; if there is none, the packet's.
    """

    errors: int = 0
    first: Defect = Defect.NONE


class MalformedStream(UserError):
    """A stream that no encoder makes."""


def report(words: int, defect: Defect, beats: int, expected: int) -> Report:
    """Return the report of a packet.

    Parameters
    ----------
    words : int
        Words with a defect.
    defect : Defect
        Of such words: each encoding has one.
    beats, expected : int
        Beats that came, and that belong to the packet's weights.
    """
    length = Defect.NONE if beats == expected else (
        Defect.TRUNCATED if beats < expected else Defect.OVERLONG)
    errors = words + (length != Defect.NONE)
    return Report(min(errors, MOST_ERRORS), defect if words else length)
