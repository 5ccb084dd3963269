// SPDX-License-Identifier: Apache-2.0
// Luthier's own model of ECP5's multiplier, from its description (Lattice FPGA-TN-02205): Yosys has
// the cell's ports only. Modelled is what luthier.hw uses: both factors signed or both unsigned, each
// register there or not, all with CLK0, and neither cascades nor C; anything else stops the
// simulation.
module MULT18X18D #(
    parameter REG_INPUTA_CLK = "NONE", REG_INPUTB_CLK = "NONE", REG_PIPELINE_CLK = "NONE",
    parameter REG_OUTPUT_CLK = "NONE", GSR = "ENABLED"
) (
    input A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16, A17,
    input B0, B1, B2, B3, B4, B5, B6, B7, B8, B9, B10, B11, B12, B13, B14, B15, B16, B17,
    input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB, CLK0, CE0, RST0,
    output P0, P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11, P12, P13, P14, P15, P16, P17, P18,
    output P19, P20, P21, P22, P23, P24, P25, P26, P27, P28, P29, P30, P31, P32, P33, P34, P35
);
  wire [17:0] a = {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
  wire [17:0] b = {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
  reg [17:0] registered_a, registered_b;
  reg [35:0] pipeline, registered;
  wire [17:0] factor_a = REG_INPUTA_CLK == "CLK0" ? registered_a : a;
  wire [17:0] factor_b = REG_INPUTB_CLK == "CLK0" ? registered_b : b;
  wire [35:0] product = {{18{SIGNEDA & factor_a[17]}}, factor_a} *
                        {{18{SIGNEDB & factor_b[17]}}, factor_b};
  wire [35:0] found = REG_PIPELINE_CLK == "CLK0" ? pipeline : product;
  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
          P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} =
      REG_OUTPUT_CLK == "CLK0" ? registered : found;
  always @(posedge CLK0) begin
    if (SIGNEDA != SIGNEDB || SOURCEA || SOURCEB || !CE0 || RST0) $fatal(1, "not modelled");
    registered_a <= a;
    registered_b <= b;
    pipeline <= product;
    registered <= found;
  end
  initial begin
    if (GSR != "DISABLED" && REG_OUTPUT_CLK != "NONE") $fatal(1, "not modelled");
    if (REG_INPUTA_CLK != "NONE" && REG_INPUTA_CLK != "CLK0") $fatal(1, "not modelled");
    if (REG_INPUTB_CLK != "NONE" && REG_INPUTB_CLK != "CLK0") $fatal(1, "not modelled");
    if (REG_PIPELINE_CLK != "NONE" && REG_PIPELINE_CLK != "CLK0") $fatal(1, "not modelled");
    if (REG_OUTPUT_CLK != "NONE" && REG_OUTPUT_CLK != "CLK0") $fatal(1, "not modelled");
  end
endmodule
