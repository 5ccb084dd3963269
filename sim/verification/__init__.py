# SPDX-License-Identifier: Apache-2.0
"""How well the tests exercise the hardware: coverage and mutation of the generated Verilog.

One stimulus serves both: a script of bytes and replies that was recorded on the golden device model
and is replayed on the compiled board. ``python -m luthier.sim.verification coverage --config tiny``
and ``... mutation --config tiny`` print the figures of ``docs/verification.md``.
"""
