# SPDX-License-Identifier: Apache-2.0
"""The description beside the Verilog, ``luthier.json``: enough to use it without reading Python."""

import dataclasses
import hashlib
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from amaranth.hdl import Shape
from amaranth.lib import data, stream, wiring

from luthier import __version__

from ..golden.config import Configuration
from ..golden.descriptor import Descriptor, Element, Opcode, Refusal
from ..golden.protocol import (
    PROTOCOL_VERSION,
    REPLY,
    STATUS_BYTES,
    FrameType,
    Header,
    Identification,
    LinkCounters,
    Report,
    Space,
    Status,
    identification,
)

__all__ = ["MANIFEST_SCHEMA", "layout", "manifest"]

#: Version of the manifest; raised when a key changes its meaning or goes away.
MANIFEST_SCHEMA = 1


def manifest(config: Configuration, component: wiring.Component,
             ports: Sequence[tuple[str, Shape, str]], verilog: str,
             build_id: bytes) -> dict[str, Any]:
    """Return the manifest of a generated top.

    Parameters
    ----------
    config : Configuration
        What was built.
    component : wiring.Component
        The top component; its ``latency`` and ``interval`` are recorded if it has them.
    ports : list of (name, shape, direction)
        Ports but for clock and reset.
    verilog : str
        The final text.
    build_id : bytes
        32 bytes.
    """
    clock = [{"name": name, "direction": "input", "width": 1, "signed": False, "role": name}
             for name in ("clk", "rst")]
    timing = {key: getattr(component, key) for key in ("latency", "interval")
              if isinstance(getattr(component, key, None), int)}
    return {
        "schema": MANIFEST_SCHEMA,
        "luthier": __version__,
        "license": "Generated files may be used under any terms (0BSD).",
        "protocol": PROTOCOL_VERSION,
        "config": {
            "name": config.name,
            "description": config.description,
            "hash": config.hash.hex(),
            "parameters": config.model_dump(mode="json", exclude={"name", "description"}),
        },
        "build_id": build_id.hex(),
        "verilog": {
            "file": "luthier.v",
            "top": "luthier",
            "sha256": hashlib.sha256(verilog.encode()).hexdigest(),
        },
        "clocking": {"clock": "clk", "edge": "rising", "reset": "rst",
                     "reset_kind": "synchronous, active high"},
        "ports": clock + [
            {"name": name, "direction": direction, "width": shape.width, "signed": shape.signed}
            for name, shape, direction in ports],
        "streams": _streams(component),
        "timing": timing,
        "spaces": _spaces(config),
        "link": {
            "frame": "COBS(header, data, CRC-32 little-endian), then a zero byte",
            "byte_order": "little",
            "header": layout(Header(type=0, seq=0)),
            "reply_bit": REPLY,
            "types": _names(FrameType),
            "status": _names(Status),
        },
        "descriptor": {
            "layout": layout(Descriptor()),
            "opcodes": _names(Opcode),
            "elements": _names(Element),
            "refusals": _names(Refusal),
        },
    }


def _names(enum: type[IntEnum]) -> dict[str, int]:
    return {member.name: member.value for member in enum}


def layout(instance: Any) -> list[dict[str, Any]]:
    """Return name, offset, bytes and signedness of the fields of something with ``pack()``.

    They are read off the packed bytes, so they can not disagree with them.
    """
    names = [field.name for field in dataclasses.fields(instance)]
    zeros = {name: bytes(32) if isinstance(getattr(instance, name), bytes) else 0 for name in names}

    def packed(name: str, value: Any) -> bytes | None:
        try:
            return type(instance)(**{**zeros, name: value}).pack()
        except struct.error:
            return None

    base = type(instance)(**zeros).pack()
    fields = []
    for name in names:
        if isinstance(zeros[name], bytes):
            signed, size, marked = False, 32, packed(name, b"\1" + bytes(31))
        else:
            signed = packed(name, -1) is not None
            size = max(size for size in (1, 2, 4, 8)
                       if packed(name, (1 << 8 * size - signed) - 1) is not None)
            marked = packed(name, 1)
        assert marked is not None
        offset = next(i for i in range(len(base)) if base[i] != marked[i])
        fields.append({"name": name, "offset": offset, "bytes": size, "signed": signed})
    return fields


def _streams(component: wiring.Component) -> list[dict[str, Any]]:
    """Return the streams of a component, with the fields of their payloads."""
    found = []
    for name, member in component.signature.members.items():
        if not (member.is_signature and isinstance(member.signature, stream.Signature)):
            continue
        shape = member.signature.members["payload"].shape
        fields = []
        if isinstance(shape, data.StructLayout):
            for key, field in dict(shape).items():
                inner = Shape.cast(field.shape)
                fields.append({"name": str(key), "offset": field.offset, "width": inner.width,
                               "signed": inner.signed})
        found.append({
            "name": name,
            "direction": "input" if member.flow == wiring.In else "output",
            "payload": f"{name}__payload",
            "valid": f"{name}__valid",
            "ready": f"{name}__ready",
            "fields": fields,
        })
    return found


def _spaces(config: Configuration) -> list[dict[str, Any]]:
    """Return the address spaces of READ and WRITE, in words of D bits."""
    size = config.word_bytes
    head = Identification(
        protocol=0, beat_bits=0, payload_bytes=0, window=0, cache_depth=0, json_bytes=0,
        config_hash=bytes(32), build_id=bytes(32), scratchpad_words=0, memory_words=0)
    magic = {"name": "magic", "offset": 0, "bytes": 8, "signed": False}
    report = layout(Report())
    counters = [{**field, "offset": field["offset"] + len(Report().pack())}
                for field in layout(LinkCounters())]
    words = {
        Space.IDENTIFICATION: (len(identification(config, bytes(32))) // size, "read",
                               [magic, *layout(head)]),
        Space.SCRATCHPAD: (config.scratchpad.words, "read and write", []),
        Space.MEMORY: (config.memory.words, "read and write", []),
        Space.STATUS: (STATUS_BYTES // size, "read", report + counters),
    }
    return [{"name": space.name.lower(), "number": space.value, "words": count, "word_bytes": size,
             "access": access, "fields": fields}
            for space, (count, access, fields) in words.items()]
