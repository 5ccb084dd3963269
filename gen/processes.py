# SPDX-License-Identifier: Apache-2.0
"""Registers as an engineer writes them: one clocked process each.

Yosys writes a register of Amaranth as two processes: one works out the next value in a variable
of its own, with the present value as default, the other copies that at the clock edge. Here they
become one, with non-blocking assignments and without the variable. It is shorter, and a simulator
has nothing to do for a register that holds its value.
"""

import re

__all__ = ["merge_processes", "wake_constants"]

_NAME = r"(?:\\\S+ |\w+)"
#: A register that takes its next value from a variable without a name in the source.
_CLOCKED = re.compile(rf"^  always @\((?P<edge>posedge {_NAME})\)\n"
                      rf"    (?P<register>{_NAME}) ?<= (?P<variable>\\\$\d+ );\n", re.M)
#: The process that works such a variable out. The first statement makes a simulator run it at all.
_NEXT = re.compile(r"^  always @\* begin\n"
                   r"    if \(\\\$auto\$verilog_backend\S+ \) begin end\n"
                   r"    (?P<variable>\\\$\d+ ) = (?P<default>.*?);\n"
                   r"(?P<body>.*?)^  end\n", re.M | re.S)
_WAKE = re.compile(r"^  reg (\\\$auto\$verilog_backend\S+ ) = 0;\n", re.M)
#: Bits of a signal that are constant, where others of it come from a process. Nothing that such a
#: process depends on ever changes, and so a simulator never runs it.
_CONSTANT = re.compile(rf"^  always @\*\n    (?P<bits>{_NAME} ?\[[\d:]+\]) = "
                       r"(?P<value>\d+'h[\da-fxz]+);\n", re.M)
_MODULE_END = "endmodule\n"


def wake_constants(verilog: str) -> str:
    """Return the same design, in which a simulator sets bits that are constant.

    Parameters
    ----------
    verilog : str
        What :func:`merge_processes` returns.
    """
    def module(text: str) -> str:
        count = 0

        def woken(match: re.Match[str]) -> str:
            nonlocal count
            count += 1
            wake = rf"\$constant${count} "
            return (f"  reg {wake}= 0;\n  always @* begin\n    if ({wake}) begin end\n"
                    f"    {match['bits']} = {match['value']};\n  end\n")

        return _CONSTANT.sub(woken, text)

    return _MODULE_END.join(module(text) for text in verilog.split(_MODULE_END))


def merge_processes(verilog: str) -> str:
    """Return the same design with one process for each register.

    Parameters
    ----------
    verilog : str
        What Yosys' ``write_verilog`` makes of ``proc -nomux``. A process of another form, or whose
        variable somebody else reads, stays as it is.
    """
    return _MODULE_END.join(_merge(module) for module in verilog.split(_MODULE_END))


def _merge(module: str) -> str:
    found = {match["variable"]: match for match in _NEXT.finditer(module)}
    merged: dict[str, str] = {}  # variables and their processes

    def clocked(match: re.Match[str]) -> str:
        variable, register = match["variable"], match["register"]
        following = found.get(variable)
        # Besides the process: the declaration and the copy.
        if following is None or module.count(variable) != following[0].count(variable) + 2:
            return match[0]
        body = re.sub(rf"^( +){re.escape(variable)}(\[[\d:]+\] )? ?= ",
                      lambda part: f"{part[1]}{register}{part[2] or ' '}<= ", following["body"],
                      flags=re.M)
        if variable in body:
            return match[0]
        merged[variable] = following[0]
        held = following["default"].strip() == register.strip()
        default = "" if held else f"    {register} <= {following['default']};\n"
        return f"  always @({match['edge']}) begin\n{default}{body}  end\n"

    text = _CLOCKED.sub(clocked, module)
    for variable, process in merged.items():
        text = text.replace(process, "", 1)
        text = re.sub(rf"^  reg (?:\[\d+:0\] )?{re.escape(variable)};\n", "", text, count=1,
                      flags=re.M)
    return _WAKE.sub(lambda wake: wake[0] if text.count(wake[1]) > 1 else "", text)
