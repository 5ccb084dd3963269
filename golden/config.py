# SPDX-License-Identifier: Apache-2.0
"""The configuration that hardware, golden model and host driver share.

A :class:`Configuration` cannot exist in an invalid state. It comes from a TOML file, by name or by
path, and everything else (Verilog, register contents, driver, reports) is derived from it.
"""

import difflib
import hashlib
import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from .errors import UserError
from .shared import SharedLayout
from .weights import Layout

__all__ = [
    "Configuration",
    "ConfigurationError",
    "LinkConfiguration",
    "MemoryConfiguration",
    "ScratchpadConfiguration",
    "TableConfiguration",
    "load_configuration",
    "named_configurations",
]

#: Bytes of a device's identification head; see :mod:`luthier.golden.protocol`.
IDENTIFICATION_HEAD_BYTES = 128


class ConfigurationError(UserError):
    """A configuration that cannot be built: one sentence per defect."""


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be an integer, not {value!r}")
    return value


def _one_of(*allowed: int) -> BeforeValidator:
    """Return a validator for a few integers; the sentence gets its key in :func:`_sentence`."""
    choices = ", ".join(map(str, allowed[:-1])) + (" or " if allowed[1:] else "") + f"{allowed[-1]}"

    def check(value: Any) -> int:
        if _integer(value) not in allowed:
            raise ValueError(f"must be {choices}, not {value!r}")
        return value

    return BeforeValidator(check)


def _between(low: int, high: int, multiple: int = 1) -> BeforeValidator:
    """Return a validator for a range of integers."""

    def check(value: Any) -> int:
        if not low <= _integer(value) <= high:
            raise ValueError(f"must be between {low} and {high}, not {value!r}")
        if value % multiple:
            raise ValueError(f"must be a multiple of {multiple}, not {value!r}")
        return value

    return BeforeValidator(check)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")
    return value


def _word_of(*allowed: str) -> BeforeValidator:
    """Return a validator for a few words."""
    choices = ", ".join(map(repr, allowed[:-1])) + (" or " if allowed[1:] else "") + repr(
        allowed[-1])

    def check(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"must be {choices}, not {value!r}")
        return value

    return BeforeValidator(check)


def _name(value: Any) -> str:
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789_-")
    if not isinstance(value, str) or not 1 <= len(value) <= 32 or set(value) - allowed:
        raise ValueError(
            f"must be 1 to 32 characters from a-z, 0-9, _ and -, not {value!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, not {value!r}")
    return value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TableConfiguration(_Section):
    """The look-up-table matrix unit.

    Parameters
    ----------
    beat_bits : int
        D, weight bits per beat and width of every memory word: 64, 128, 256 or 512.
    k : int
        Activations per table of sign planes: 4, 5 or 6 in distributed RAM, 8 in block RAM, 4 in
        registers.
    store : str
        Where the tables live. ``"lutram"``: distributed RAM, small tables that are built fast;
        those of trits hold three and two. ``"blockram"``: 128 entries each, of eight activations or
        five trits, that take long to build. ``"registers"``: one table, made anew in every cycle,
        that D/4 rows share, for chips that are not FPGAs; there are no scale records.
    alphabets : str
        What weights may be: ``"planes"``, ``"trits"`` or ``"both"``. Trits want ``k`` = 4.
    rounds : int
        Rounds in which the tables of half a tile are built, 1, 2 or 4: more rounds need fewer
        builders and take longer.
    adder_inputs : int
        Inputs of an adder in the tree: 2, or 3 for FPGAs whose LUTs have six inputs; 3 wants
        ``scaled`` = false.
    activation_bits : int
        A, width of a signed activation, 4 to 16. Up to 8 are stored as int8, more as int16.
    tokens : int
        M, vectors that a beat of weights meets at once, 1, 2 or 4: entries and all that is behind
        them M-fold, cycles a vector by M fewer. At most D/64; with ``"registers"`` D/32, or D/64
        where activations are stored as int16.
    smallest_group : int
        S, columns that never share a table with others: 16, 32, 64 or 128, at most D.
    row_block : int
        Depth of the accumulator memory: a power of two from 16 to 4096; D/4 with ``"registers"``.
    max_rows, max_columns : int
        Largest shape of one operation.
    scaled : bool
        Whether there is hardware for scales, groups, the output stage and results other than int32;
        with ``"registers"`` for the output stage alone.
    """

    beat_bits: Annotated[int, _one_of(64, 128, 256, 512)] = 128
    k: Annotated[int, _one_of(4, 5, 6, 8)] = 4
    store: Annotated[str, _word_of("lutram", "blockram", "registers")] = "lutram"
    alphabets: Annotated[str, _word_of("both", "planes", "trits")] = "both"
    rounds: Annotated[int, _one_of(1, 2, 4)] = 1
    adder_inputs: Annotated[int, _one_of(2, 3)] = 2
    tokens: Annotated[int, _one_of(1, 2, 4)] = 1
    activation_bits: Annotated[int, _between(4, 16)] = 8
    smallest_group: Annotated[int, _one_of(16, 32, 64, 128)] = 16
    row_block: Annotated[int, _one_of(16, 32, 64, 128, 256, 512, 1024, 2048, 4096)] = 1024
    max_rows: Annotated[int, _between(1, 65536)] = 16384
    max_columns: Annotated[int, _between(1, 65536)] = 8192
    scaled: Annotated[bool, BeforeValidator(_flag)] = True

    @property
    def planes(self) -> bool:
        """Whether weights may be sign planes."""
        return self.alphabets != "trits"

    @property
    def trits(self) -> bool:
        """Whether weights may be trits."""
        return self.alphabets != "planes"

    @property
    def window(self) -> int:
        """Columns whose tables are built side by side."""
        return self.beat_bits // (2 * self.rounds)

    @property
    def layout(self) -> Layout:
        """Where weights are in their beats."""
        return Layout(self.beat_bits, self.row_block, self.k,
                      min(self.smallest_group, self.window), self.rounds, self.deep)

    @property
    def deep(self) -> bool:
        """Whether a table takes a byte of a beat, of whatever weights."""
        return self.store == "blockram"

    @property
    def shared(self) -> SharedLayout | None:
        """Where weights are in beats of rows that share tables; None if they do not."""
        return SharedLayout(self.beat_bits // self.k, self.k) if self.store == "registers" else None

    @property
    def results_at_once(self) -> int:
        """Results that come side by side: those of a row, of each token."""
        return 1 if self.store == "registers" else self.tokens

    @property
    def words_at_once(self) -> int:
        """Words of activations that come side by side: one of each token; else one by one."""
        return self.tokens // self.results_at_once

    @property
    def records(self) -> bool:
        """Whether there is hardware for scale records, and for fewer planes than stored."""
        return self.scaled and self.shared is None


class ScratchpadConfiguration(_Section):
    """On-chip memory for activations and results, in words of D bits (64 to 65536)."""

    words: Annotated[int, _between(64, 65536)] = 2048


class MemoryConfiguration(_Section):
    """Device memory for weights and programs.

    Parameters
    ----------
    words : int
        Size in words of D bits, 64 to 4194304.
    latency : int
        Cycles from a request to its first beat, 3 to 200.
    """

    words: Annotated[int, _between(64, 1 << 22)] = 65536
    latency: Annotated[int, _between(3, 200)] = 3


class LinkConfiguration(_Section):
    """The framed byte stream between host and device.

    Parameters
    ----------
    width : int
        Bytes per cycle: 1, 2, 4 or 8.
    payload_bytes : int
        Most data bytes in one frame: a power of two from 128 to 4096.
    window : int
        Requests the device can hold, which is the host's credit: 1, 2, 4 or 8.
    cache_depth : int
        Replies kept for repeated requests: 1, 2, 4 or 8, at least ``window``.
    """

    width: Annotated[int, _one_of(1, 2, 4, 8)] = 1
    payload_bytes: Annotated[int, _one_of(128, 256, 512, 1024, 2048, 4096)] = 1024
    window: Annotated[int, _one_of(1, 2, 4, 8)] = 4
    cache_depth: Annotated[int, _one_of(1, 2, 4, 8)] = 4


class Configuration(_Section):
    """One device: shapes, memories and link. Frozen; every instance can be built.

    Parameters
    ----------
    name : str
        1 to 32 characters from ``a-z 0-9 _ -``; part of the hash.
    description : str
        A sentence for people; not part of the hash.
    clock_hz : int
        Clock for which times are projected, 1 MHz to 2 GHz. No effect on the hardware.
    table, scratchpad, memory, link
        One section for each part.

    Raises
    ------
    ConfigurationError
        From :func:`load_configuration` and :meth:`from_data`, one sentence per defect.
    """

    name: Annotated[str, BeforeValidator(_name)]
    description: Annotated[str, BeforeValidator(_text)] = ""
    clock_hz: Annotated[int, _between(1_000_000, 2_000_000_000)] = 50_000_000
    table: TableConfiguration = Field(default_factory=TableConfiguration)
    scratchpad: ScratchpadConfiguration = Field(default_factory=ScratchpadConfiguration)
    memory: MemoryConfiguration = Field(default_factory=MemoryConfiguration)
    link: LinkConfiguration = Field(default_factory=LinkConfiguration)


    @model_validator(mode="after")
    def _check_combinations(self):
        t, s, link = self.table, self.scratchpad, self.link
        if t.smallest_group > t.beat_bits:
            raise ValueError(
                f"table.smallest_group ({t.smallest_group}) must not exceed table.beat_bits "
                f"({t.beat_bits}); lower the group or widen the beat")
        if t.shared is not None:
            for key, value in (("k", 4), ("row_block", t.beat_bits // 4), ("rounds", 1),
                               ("adder_inputs", 2)):
                if getattr(t, key) != value:
                    raise ValueError(
                        f"table.{key} ({getattr(t, key)}) must be {value} where table.store is "
                        f"'registers' and table.beat_bits is {t.beat_bits}; change one of them")
        elif t.tokens > t.beat_bits // 64:
            raise ValueError(
                f"table.tokens ({t.tokens}) must be at most {t.beat_bits // 64} where "
                f"table.beat_bits is {t.beat_bits}, because a scratchpad word is written a cycle; "
                f"lower table.tokens or widen table.beat_bits")
        if t.deep != (t.k == 8):
            raise ValueError(
                f"table.k ({t.k}) must be {8 if t.deep else '4, 5 or 6'} where table.store is "
                f"{t.store!r}; change one of the two")
        if t.trits and t.k not in (4, 8):
            raise ValueError(
                f"table.k ({t.k}) must be 4 where table.alphabets is {t.alphabets!r}, because "
                f"tables of trits have that size; set table.alphabets to 'planes'")
        if t.adder_inputs == 3 and t.scaled:
            raise ValueError(
                "table.adder_inputs must be 2 where table.scaled is true, because sums of groups "
                "are taken out of the tree; set table.scaled to false")
        if t.shared is not None and t.tokens > self.activations_per_word // t.k:
            raise ValueError(
                f"table.tokens ({t.tokens}) must be at most {self.activations_per_word // t.k}, "
                f"because a scratchpad word has {self.activations_per_word} activations, of which "
                f"{t.k} are used a cycle; lower table.tokens or widen table.beat_bits")
        if link.cache_depth < link.window:
            raise ValueError(
                f"link.cache_depth ({link.cache_depth}) must be at least link.window "
                f"({link.window}), so that every outstanding request can be repeated safely")
        needed = -(-t.max_columns // self.activations_per_word) + 1
        if s.words < needed:
            raise ValueError(
                f"scratchpad.words ({s.words}) must be at least {needed} to hold "
                f"table.max_columns ({t.max_columns}) activations and a word of results; raise "
                f"scratchpad.words or lower table.max_columns")
        return self

    # Derived sizes -------------------------------------------------------------------------

    @property
    def word_bytes(self) -> int:
        """Bytes of a memory or scratchpad word, D / 8."""
        return self.table.beat_bits // 8

    @property
    def activation_bytes(self) -> int:
        """Bytes of a stored activation: 1 up to 8 bits, else 2."""
        return 1 if self.table.activation_bits <= 8 else 2

    @property
    def activations_per_word(self) -> int:
        """Activations in a scratchpad word."""
        return self.word_bytes // self.activation_bytes

    @property
    def results_per_word(self) -> int:
        """int32 results in a scratchpad word."""
        return self.word_bytes // 4

    # Identity ------------------------------------------------------------------------------

    def canonical_json(self) -> str:
        """JSON text with sorted keys and no spaces, without ``description``."""
        data = self.model_dump(mode="json", exclude={"description"})
        return json.dumps(data, sort_keys=True, separators=(",", ":"))

    @property
    def hash(self) -> bytes:
        """SHA-256 of :meth:`canonical_json`, 32 bytes."""
        return hashlib.sha256(self.canonical_json().encode()).digest()

    @classmethod
    def from_data(cls, data: object, source: str = "configuration") -> "Configuration":
        """Validate nested dictionaries, as TOML or JSON give them; ``source`` names them in errors.

        Raises
        ------
        ConfigurationError
            One sentence per defect.
        """
        named = isinstance(data, dict) and all(
            isinstance(key, str) for key in cast("dict[object, object]", data))
        if not named:
            raise ConfigurationError(f"{source} must be a table of keys, not {data!r}")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            sentences = [_sentence(item) for item in error.errors()]
            raise ConfigurationError(f"{source}: " + "; ".join(sentences)) from None


def _sentence(item: Any) -> str:
    """Turn one pydantic error into a sentence that says what to change."""
    path = [str(part) for part in item["loc"]]
    key = ".".join(part if part.isprintable() else repr(part) for part in path)
    match item["type"]:
        case "extra_forbidden":
            section: Any = Configuration
            for part in path[:-1]:
                section = section.model_fields[part].annotation
            known = list(section.model_fields)
            near = difflib.get_close_matches(path[-1], known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(known)}"
            return f"{key} is not a known key; {hint}"
        case "missing":
            return f"{key} is missing"
        case "value_error":
            return f"{key} {item['ctx']['error']}".strip()
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"{key} must be a table of keys, not {item['input']!r}"
        case _:
            return f"{key}: {item['msg']}, not {item['input']!r}"


def named_configurations() -> list[str]:
    """Return the names that :func:`load_configuration` accepts, sorted."""
    files = resources.files("luthier.configs").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load_configuration(name: str | Path) -> Configuration:
    """Return the configuration of that name, or of the TOML file at that path.

    Raises
    ------
    ConfigurationError
        If there is no such name or file, or it is not valid.
    """
    text = str(name)
    if not isinstance(name, Path) and text in named_configurations():
        content = resources.files("luthier.configs").joinpath(f"{text}.toml").read_bytes()
    elif isinstance(name, Path) or "/" in text or "\\" in text or text.endswith(".toml"):
        try:
            content = Path(name).expanduser().read_bytes()
        except (OSError, ValueError, RuntimeError) as error:  # a NUL, a home that is not there
            reason = getattr(error, "strerror", None) or error
            shown = text if text.isprintable() else repr(text)
            raise ConfigurationError(
                f"cannot read the configuration {shown}: {reason}; give the path of a TOML file "
                f"or one of the names {', '.join(named_configurations())}") from None
    else:
        near = difflib.get_close_matches(text.lower(), named_configurations(), n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigurationError(
            f"there is no configuration called {text!r}; {hint}the names are "
            f"{', '.join(named_configurations())}, or give the path of a TOML file")
    try:
        data = tomllib.loads(content.decode("utf-8-sig"))  # editors may begin with a mark
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, beyond Python's limits
        raise ConfigurationError(f"{text} is not a TOML file: {error}") from None
    return Configuration.from_data(data, source=text)
