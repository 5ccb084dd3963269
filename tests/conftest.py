# SPDX-License-Identifier: Apache-2.0
"""What all tests need."""

import signal

# A shell ignores Ctrl-C in what it starts in the background, and children inherit that; those of
# the tests are to be interrupted wherever the tests run.
signal.signal(signal.SIGINT, signal.default_int_handler)
