# SPDX-License-Identifier: Apache-2.0
"""What a device says it was generated from."""

import json

from ..golden.config import Configuration, ConfigurationError
from ..golden.errors import DeviceError
from ..golden.protocol import IDENTIFICATION_HEAD_BYTES, Space
from .link import Link

__all__ = ["read_configuration"]

_LONGEST_JSON = 1 << 16


def read_configuration(link: Link) -> Configuration:
    """Rebuild the configuration that the device carries and compare its hash with the head."""
    head, word, name = link.identification, link.word_bytes, link.transport.description
    if not 0 < head.json_bytes <= _LONGEST_JSON:
        raise DeviceError(f"{name} says that its configuration has {head.json_bytes} "
                          f"bytes, which cannot be; generate it again")
    data = link.read(Space.IDENTIFICATION, IDENTIFICATION_HEAD_BYTES // word,
                          -(-head.json_bytes // word))
    try:
        config = Configuration.from_data(json.loads(data[: head.json_bytes]), source=name)
    except (ConfigurationError, ValueError, TypeError) as error:
        raise DeviceError(
            f"{name} carries a configuration that this Luthier cannot read ({error}); use "
            f"the Luthier that generated it, or generate it again with this one") from None
    if config.hash != head.config_hash:
        raise DeviceError(
            f"{name} says that its configuration has the hash {head.config_hash.hex()}, "
            f"but the one it carries has {config.hash.hex()}; generate it again")
    return config
