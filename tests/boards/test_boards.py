# amaranth: UnusedElaboratable=no
# SPDX-License-Identifier: Apache-2.0
"""Boards: their pins, clocks and tops, and what is said where something is missing."""

import pytest

from luthier.boards.board import Board
from luthier.boards.build import in_words
from luthier.boards.catalogue import BOARDS, find_board
from luthier.boards.constraints import constraints
from luthier.boards.flash import flash
from luthier.boards.pll import pll_settings
from luthier.boards.top import BoardTop
from luthier.boards.verilog import board_verilog
from luthier.golden.config import Configuration, load_configuration
from luthier.golden.errors import DeviceError, ToolMissing, UserError
from luthier.golden.protocol import identification

CLOCKS = [("ecp5", 25_000_000, 80_000_000), ("ecp5", 100_000_000, 60_000_000),
          ("ecp5", 48_000_000, 48_000_000), ("ice40", 12_000_000, 24_000_000),
          ("xc7", 100_000_000, 80_000_000)]


@pytest.mark.parametrize("name", BOARDS)
def test_pins_and_constraints(name):
    board = find_board(name)
    pins = board.pins()
    assert set(pins) == {"clk", "rst", "rx", "tx", "led[0]", "led[1]"}
    config = load_configuration(name)
    if config.sdram is not None:
        pins = board.pins(sdram=True)
        assert len(pins) == 6 + 2 + 4 + 2 + 13 + 2 + 16
    assert len({pin.site for pin in pins.values()}) == len(pins)
    _, text = constraints(board, config)
    for port, pin in pins.items():
        assert text.count(f'"{port}" SITE "{pin.site}"') == 1 or f"{port} {pin.site}" in text or (
            f"PACKAGE_PIN {pin.site} [get_ports {{{port}}}]" in text)


def test_ulx3s_85f_is_as_its_constraints_file_says():
    """Against the file that the board's makers publish (ulx3s_v20.lpf)."""
    sites = {port: pin.site for port, pin in find_board("ulx3s_85f").pins().items()}
    assert sites == {"clk": "G2", "rst": "R1", "rx": "M1", "tx": "L4", "led[0]": "B2",
                     "led[1]": "C2"}


def test_sdram_of_ulx3s_85f():
    """Against the same file; strobes from the lowest bit on are WE#, CAS#, RAS# and CS#."""
    pins = find_board("ulx3s_85f").pins(sdram=True)
    sites = {port: pin.site for port, pin in pins.items() if port.startswith("sdram__")}
    assert sites["sdram__clock"] == "F19" and sites["sdram__clock_enable"] == "F20"
    assert [sites[f"sdram__command[{bit}]"] for bit in range(4)] == ["T20", "T19", "R20", "P20"]
    assert sites["sdram__address[10]"] == "N19" and sites["sdram__data[15]"] == "J17"
    assert not any(pins[port].inverted for port in sites)


@pytest.mark.parametrize("name", [
    "ulx3s_85f", *(pytest.param(name, marks=pytest.mark.nightly) for name in BOARDS
                   if name != "ulx3s_85f")])
def test_top_converts_with_the_family_s_pll(name):
    assert load_configuration(name).name == name
    pll_in(find_board(name), load_configuration("tiny"))


def test_configuration_that_does_not_suit_the_board():
    tiny, board = load_configuration("tiny"), find_board("ulx3s_85f")
    for change, why in ((("clock_hz", 25_000_000), "baud must be within 2% of 25000000 Hz"),
                        (("clock_hz", 61_234_567), "baud must be within|hz must be a frequency"),
                        (("link", tiny.link.model_copy(update={"width": 2})), "link.width must")):
        with pytest.raises(UserError, match="^the configuration tiny can not be on the ULX3S .*: "
                                            f"({why})"):
            board_verilog(board, tiny.model_copy(update=dict([change])))


@pytest.mark.nightly
@pytest.mark.parametrize("name", BOARDS)
def test_shipped_top_converts(name):
    pll_in(find_board(name), load_configuration(name))


def pll_in(board, config):
    text = board_verilog(board, config).verilog
    cell = {"ecp5": "EHXPLLL", "xc7": "PLLE2_BASE", "ice40": "SB_PLL40_PAD"}[board.target]
    assert text.count(f"  {cell} ") == (board.oscillator_hz != config.clock_hz)


@pytest.mark.parametrize("family, source, hz", CLOCKS)
def test_pll_settings(family, source, hz):
    found = pll_settings(family, source, hz)
    assert found.hz == pytest.approx(hz)
    times = found.feedback if family == "ecp5" else found.feedback / found.output
    assert source / found.reference * times == pytest.approx(hz)
    low, high = {"ecp5": (4e8, 8e8), "ice40": (533e6, 1066e6), "xc7": (8e8, 16e8)}[family]
    assert low <= found.oscillator_hz <= high
    assert found.oscillator_hz == pytest.approx(hz * found.output)


def test_pll_that_can_not():
    with pytest.raises(ValueError, match="^hz must be a frequency that the PLL of ecp5 makes of "
                                         "25000000 Hz, not 81234567; the nearest is 81250000$"):
        pll_settings("ecp5", 25_000_000, 81_234_567)


def test_top_says_what_it_can_not_be():
    def top(baud=2_000_000, **link):
        config = Configuration.from_data({"name": "t", "link": link})
        return BoardTop(config, identification(config, bytes(32)), oscillator_hz=25_000_000,
                        baud=baud)

    with pytest.raises(ValueError, match="^link.width must be 1 on a serial line, not 2$"):
        top(width=2)
    with pytest.raises(ValueError, match="^baud must be at most 10000000 with a clock of 50000000"):
        top(baud=12_000_000)


def test_sdram_that_a_board_does_not_have():
    with pytest.raises(UserError, match="^the configuration ulx3s_85f has an SDRAM, and the "
                                        "ECPIX-5 .* has none that Luthier knows"):
        board_verilog(find_board("ecpix5_85f"), load_configuration("ulx3s_85f"))


def test_unknown_board():
    with pytest.raises(UserError, match="^there is no board called 'ulx3s'; did you mean "
                                        "'ulx3s_85f'[?] the boards are ulx3s_85f"):
        find_board("ulx3s")


def test_missing_package():
    board = type("Other", (Board,), {"name": "other", "platform_class": "no_such:Board"})
    with pytest.raises(ToolMissing, match="^the board other needs amaranth-boards, which is not "
                                          "installed: pip install 'luthier.fpga.'$"):
        board()


def fake_loader(folder, monkeypatch, script):
    loader = folder / "openFPGALoader"
    loader.write_text(f"#!/bin/sh\n{script}\n")
    loader.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_flash(tmp_path, monkeypatch):
    board = find_board("ulx3s_85f")
    with pytest.raises(UserError, match="^there is no bitstream .*luthier.bit; make it first with: "
                                        "luthier build --board ulx3s_85f$"):
        flash(board, tmp_path)
    (tmp_path / "luthier.bit").write_bytes(b"")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match="^loading the ULX3S .* needs openFPGALoader, which is "
                                          "not installed; install openFPGALoader"):
        flash(board, tmp_path)
    fake_loader(tmp_path, monkeypatch, 'echo "unable to open ftdi device" >&2; exit 1')
    with pytest.raises(DeviceError, match="did not load .*: unable to open ftdi device; check the "
                                          "cable, that the ULX3S"):
        flash(board, tmp_path)
    fake_loader(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/said')
    assert flash(board, tmp_path) == tmp_path / "luthier.bit"
    assert (tmp_path / "said").read_text() == f"--board ulx3s {tmp_path}/luthier.bit\n"


def test_critical_path_in_words():
    step = {"from": {"cell": "a"}, "to": {"cell": "b"}}
    path = [step | {"type": "clk-to-q", "delay": 0.5}, step | {"type": "routing", "delay": 2.0},
            step | {"type": "logic", "delay": 0.25},
            step | {"type": "setup", "delay": 0.25, "to": {"cell": "c"}}]
    report = {"critical_paths": [
        {"from": "posedge clk", "to": "posedge clk", "path": path},
        {"from": "<async>", "to": "posedge clk", "path": path * 2}]}
    assert in_words(report) == ("longest path 3.0 ns, 2.0 of it wires, from a through 1 cells to c")
    assert in_words({"critical_paths": []}) == "no path goes from register to register"
