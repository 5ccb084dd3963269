# SPDX-License-Identifier: Apache-2.0
"""A reset while a program runs."""

from ..golden.descriptor import Descriptor
from ..golden.protocol import FrameType, Header, Space
from ..host.frames import encode
from ..host.link import Link
from .operations import Program, Runner
from .transport import SimTransport

__all__ = ["reset_while_running"]


def reset_while_running(transport: SimTransport, runner: Runner, program: Program,
                        cycles: int) -> Runner:
    """Start a program, reset the board so many cycles later, and return a runner on a new link."""
    link = runner.link
    link.write(Space.MEMORY, 0, program.memory.tobytes())
    link.write(Space.SCRATCHPAD, 0, program.scratchpad.tobytes())
    count = len(program.descriptors)
    assert all(isinstance(d, Descriptor) for d in program.descriptors)
    # The number of the request does not matter: nobody waits for its reply.
    transport.write(encode(Header(type=FrameType.RUN, seq=200, count=count, address=1 << 32)))
    transport.read(cycles / runner.config.clock_hz)
    transport.reset()
    return Runner(Link(transport), runner.config)
