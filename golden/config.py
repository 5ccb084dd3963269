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
from types import NoneType
from typing import Annotated, Any, cast, get_args

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from .config_fields import Section, between, boolean, plain_text, short_name
from .config_sdram import SdramConfiguration
from .config_sections import (
    LinkConfiguration,
    MemoryConfiguration,
    ScratchpadConfiguration,
    TableConfiguration,
    TransformConfiguration,
    VectorConfiguration,
)
from .config_sparse import SparseConfiguration
from .entries import STORED_BITS, dropped_bits
from .errors import UserError
from .sparse.chain import Chain

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


class Configuration(Section):
    """One device: shapes, memories and link. Frozen; every instance can be built.

    Parameters
    ----------
    name : str
        1 to 32 characters from ``a-z 0-9 _ -``; part of the hash.
    description : str
        A sentence for people; not part of the hash.
    clock_hz : int
        Clock for which times are projected, 1 MHz to 2 GHz. No effect on the hardware, but for an
        SDRAM's times and on a board.
    short_paths : bool
        More registers in the logic between memory and scratchpad, for a higher clock on an FPGA,
        and up to 7 more cycles for an operation.
    table, scratchpad, memory, link
        One section for each part.
    transform, vector, sparse
        Those of the Walsh-Hadamard pipeline and its quantiser, of operations on vectors, and of
        the sparse chain; without them the device has none.
    sdram
        That of a chip that memory is in; without it memory is in the device.

    Raises
    ------
    ConfigurationError
        From :func:`load_configuration` and :meth:`from_data`, one sentence per defect.
    """

    name: Annotated[str, BeforeValidator(short_name)]
    description: Annotated[str, BeforeValidator(plain_text)] = ""
    clock_hz: Annotated[int, between(1_000_000, 2_000_000_000)] = 50_000_000
    short_paths: Annotated[bool, BeforeValidator(boolean)] = False
    table: TableConfiguration = Field(default_factory=TableConfiguration)
    scratchpad: ScratchpadConfiguration = Field(default_factory=ScratchpadConfiguration)
    memory: MemoryConfiguration = Field(default_factory=MemoryConfiguration)
    link: LinkConfiguration = Field(default_factory=LinkConfiguration)
    transform: TransformConfiguration | None = None
    vector: VectorConfiguration | None = None
    sparse: SparseConfiguration | None = None
    sdram: SdramConfiguration | None = None

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
        if t.banks is not None and t.store != "lutram":
            raise ValueError(
                f"table.banks ({t.banks}) must be left out where table.store is {t.store!r}, "
                f"because only tables in distributed RAM can be there once")
        self._check_quantisation()
        if t.shared is not None and t.tokens > self.activations_per_word // t.k:
            raise ValueError(
                f"table.tokens ({t.tokens}) must be at most {self.activations_per_word // t.k}, "
                f"because a scratchpad word has {self.activations_per_word} activations, of which "
                f"{t.k} are used a cycle; lower table.tokens or widen table.beat_bits")
        for key, unit in (("transform", self.transform), ("vector", self.vector),
                          ("sparse", self.sparse)):
            if unit is not None and unit.lanes > t.beat_bits // 32:
                raise ValueError(
                    f"{key}.lanes ({unit.lanes}) must be at most {t.beat_bits // 32} where "
                    f"table.beat_bits is {t.beat_bits}, because a scratchpad word is written a "
                    f"cycle; lower {key}.lanes or widen table.beat_bits")
        if self.transform is not None and self.transform.bits > t.activation_bits:
            raise ValueError(
                f"transform.bits ({self.transform.bits}) must be at most table.activation_bits "
                f"({t.activation_bits}), because codes are activations; lower transform.bits")
        if self.sparse is not None:
            self.sparse.check_beside(t, self.activations_per_word)
        if self.sdram is not None:
            self.sdram.check_beside(self.clock_hz, t.beat_bits, self.memory.words)
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

    def _check_quantisation(self) -> None:
        t = self.table
        if t.quantisation is None:
            return
        for key, value, there in (("alphabets", "'planes'", t.alphabets == "planes"),
                                  ("scaled", "false", not t.scaled),
                                  ("store", "'lutram' or 'registers'", not t.deep)):
            if not there:
                raise ValueError(f"table.{key} ({getattr(t, key)!r}) must be {value} where "
                                 f"table.quantisation is {t.quantisation!r}; change one of them")
        if dropped_bits(self) < 1:
            raise ValueError(
                f"table.activation_bits ({t.activation_bits}) must be at least "
                f"{STORED_BITS + 1 - (t.k - 1).bit_length()} where table.quantisation is "
                f"{t.quantisation!r}, because entries have {STORED_BITS} bits or fewer as they "
                f"are; leave table.quantisation out")

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

    @property
    def chain(self) -> Chain:
        """The sparse chain; there must be one."""
        sparse, t = self.sparse, self.table
        assert sparse is not None
        return Chain(
            slots=t.beat_bits // sparse.weight_bits, block=sparse.block, least=sparse.least,
            weight_bits=sparse.weight_bits, activation_bits=t.activation_bits,
            columns=-(-t.max_columns // sparse.block) * sparse.block, lanes=sparse.lanes)

    # Identity ------------------------------------------------------------------------------

    def canonical_json(self) -> str:
        """JSON text with sorted keys, no spaces, no ``description`` and nothing that is not there.

        So a device without ``short_paths`` or ``sparse.csr`` keeps its hash.
        """
        left_out: dict[str, bool | set[str]] = {"description": True}
        if not self.short_paths:
            left_out["short_paths"] = True
        if self.sparse is not None and not self.sparse.csr:
            left_out["sparse"] = {"csr"}
        data = self.model_dump(mode="json", exclude=left_out, exclude_none=True)
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


def _section(path: list[str]) -> Any:
    """Return the type of a section; something else for a key."""
    found: Any = Configuration
    for part in path:
        kind = found.model_fields[part].annotation
        found = next((one for one in get_args(kind) if one is not NoneType), kind)
    return found if hasattr(found, "model_fields") else None


def _sentence(item: Any) -> str:
    """Turn one pydantic error into a sentence that says what to change."""
    path = [str(part) for part in item["loc"]]
    key = ".".join(part if part.isprintable() else repr(part) for part in path)
    match item["type"]:
        case "extra_forbidden":
            known = list(_section(path[:-1]).model_fields)
            near = difflib.get_close_matches(path[-1], known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(known)}"
            return f"{key} is not a known key; {hint}"
        case "missing":
            return f"{key} is missing"
        case "value_error":  # of a key, or of keys of a section together
            together = path and _section(path) is not None
            return f"{key}{'.' if together else ' '}{item['ctx']['error']}".strip()
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
