// SPDX-License-Identifier: Apache-2.0
// Luthier's own model of ECP5's carry cell, from its description: Verilator does not take Yosys's,
// by which the units made of it are proved (tests/hw/test_vendor_cells.py). Two bits: each is a
// LUT of four inputs that propagates, and of two that generates where it does not.
module CCU2C #(
    parameter [15:0] INIT0 = 0, INIT1 = 0,
    parameter INJECT1_0 = "NO", INJECT1_1 = "NO"
) (
    input CIN, A0, B0, C0, D0, A1, B1, C1, D1,
    output S0, S1, COUT
);
  initial if (INJECT1_0 != "NO" || INJECT1_1 != "NO") $stop;

  wire propagate_0 = INIT0[{D0, C0, B0, A0}], propagate_1 = INIT1[{D1, C1, B1, A1}];
  wire between = propagate_0 ? CIN : INIT0[{2'b00, B0, A0}];
  assign S0 = propagate_0 ^ CIN;
  assign S1 = propagate_1 ^ between;
  assign COUT = propagate_1 ? between : INIT1[{2'b00, B1, A1}];
endmodule
