# SPDX-License-Identifier: Apache-2.0
"""Walsh-Hadamard transforms on streams."""
