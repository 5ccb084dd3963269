# SPDX-License-Identifier: Apache-2.0
"""Walsh-Hadamard transforms and the quantiser behind them."""
