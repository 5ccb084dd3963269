# SPDX-License-Identifier: Apache-2.0
"""Runners of programs on compiled devices, made when a test first wants them."""

import pytest

from luthier.host.link import Link
from luthier.sim.operations import Runner
from luthier.sim.transport import SimTransport, build_board


@pytest.fixture(scope="module")
def runners():
    """Return a function of a configuration to its runner."""
    found, transports = {}, []

    def runner(config):
        if config.name not in found:
            transports.append(SimTransport(build_board(config), config))
            found[config.name] = Runner(Link(transports[-1]), config)
        return found[config.name]

    yield runner
    for transport in transports:
        transport.close()
