# SPDX-License-Identifier: Apache-2.0
"""What all tests need."""

import signal

import pytest

# A shell ignores Ctrl-C in what it starts in the background, and children inherit that; those of
# the tests are to be interrupted wherever the tests run.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=1, help="of random cases; 1 by default")


@pytest.fixture
def seed(request):
    """The seed of random cases, which a failed test shows."""
    value = request.config.getoption("--seed")
    print(f"--seed {value}")
    return value
