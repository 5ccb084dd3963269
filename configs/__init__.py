# SPDX-License-Identifier: Apache-2.0
"""Named configurations, one TOML file each."""
