// SPDX-License-Identifier: Apache-2.0
// Luthier's own models of Xilinx's DSP48E1 (UG479) and DSP48E2 (UG579). Yosys has the ports only of
// the second; the first is compared with Yosys' model in tests/hw/dsp. Modelled is what luthier.hw
// uses: a signed product, of factors behind one or two registers, in M and P, with zero or PCIN added.
// Anything else stops the simulation.
module luthier_dsp48 #(parameter WIDE = 25, AREG = 1, BREG = 1, OPMODE_BITS = 7) (
    input CLK, CEA1, CEA2, CEB1, CEB2, CEM, CEP, input [29:0] A, input [17:0] B,
    input [47:0] PCIN, input [OPMODE_BITS - 1:0] OPMODE, output reg signed [47:0] P
);
  reg signed [WIDE - 1:0] a1, a2;
  reg signed [17:0] b1, b2;
  reg signed [WIDE + 17:0] product;
  initial begin
    a1 = 0; a2 = 0; b1 = 0; b2 = 0; product = 0; P = 0;
    if (AREG < 1 || AREG > 2 || BREG < 1 || BREG > 2) $fatal(1, "not modelled");
  end
  always @(posedge CLK) begin
    if (CEA1) a1 <= A[WIDE - 1:0];
    if (CEA2) a2 <= AREG == 2 ? a1 : A[WIDE - 1:0];
    if (CEB1) b1 <= B;
    if (CEB2) b2 <= BREG == 2 ? b1 : B;
    if (CEM) product <= a2 * b2;
    if (CEP) P <= (OPMODE[6:4] == 3'b001 ? PCIN : 48'b0) + {{(30 - WIDE){product[WIDE + 17]}}, product};
    if (OPMODE[3:0] != 4'b0101 || OPMODE >> 5 != 0) $fatal(1, "not modelled");
  end
endmodule

module DSP48E1 #(
    parameter AREG = 1, BREG = 1, ACASCREG = 1, BCASCREG = 1, MREG = 1, PREG = 1, ALUMODEREG = 1,
    parameter OPMODEREG = 1, INMODEREG = 1, CARRYINREG = 1, CARRYINSELREG = 1,
    parameter USE_MULT = "MULTIPLY"
) (
    input CLK, CEA1, CEA2, CEAD, CEALUMODE, CEB1, CEB2, CEC, CECARRYIN, CECTRL, CED, CEINMODE, CEM,
    input CEP, RSTA, RSTALLCARRYIN, RSTALUMODE, RSTB, RSTC, RSTCTRL, RSTD, RSTINMODE, RSTM, RSTP,
    input CARRYIN, input [29:0] A, input [17:0] B, input [47:0] C, input [24:0] D,
    input [3:0] ALUMODE, input [4:0] INMODE, input [6:0] OPMODE, input [2:0] CARRYINSEL,
    input [47:0] PCIN, output [47:0] P, PCOUT
);
  luthier_dsp48 #(.WIDE(25), .AREG(AREG), .BREG(BREG), .OPMODE_BITS(7)) cell_ (
      .CLK, .CEA1, .CEA2, .CEB1, .CEB2, .CEM, .CEP, .A, .B, .PCIN, .OPMODE, .P);
  assign PCOUT = P;
  initial if (MREG != 1 || PREG != 1 || ALUMODEREG || OPMODEREG || INMODEREG || CARRYINREG ||
              CARRYINSELREG || USE_MULT != "MULTIPLY") $fatal(1, "not modelled");
  always @(posedge CLK)
    if (RSTA || RSTB || RSTC || RSTD || RSTM || RSTP || RSTCTRL || RSTALUMODE || RSTINMODE ||
        RSTALLCARRYIN || CARRYIN || CARRYINSEL != 0 || ALUMODE != 0 || INMODE != 0)
      $fatal(1, "not modelled");
endmodule

module DSP48E2 #(
    parameter AREG = 1, BREG = 1, ACASCREG = 1, BCASCREG = 1, MREG = 1, PREG = 1, ALUMODEREG = 1,
    parameter OPMODEREG = 1, INMODEREG = 1, CARRYINREG = 1, CARRYINSELREG = 1,
    parameter USE_MULT = "MULTIPLY"
) (
    input CLK, CEA1, CEA2, CEAD, CEALUMODE, CEB1, CEB2, CEC, CECARRYIN, CECTRL, CED, CEINMODE, CEM,
    input CEP, RSTA, RSTALLCARRYIN, RSTALUMODE, RSTB, RSTC, RSTCTRL, RSTD, RSTINMODE, RSTM, RSTP,
    input CARRYIN, input [29:0] A, input [17:0] B, input [47:0] C, input [26:0] D,
    input [3:0] ALUMODE, input [4:0] INMODE, input [8:0] OPMODE, input [2:0] CARRYINSEL,
    input [47:0] PCIN, output [47:0] P, PCOUT
);
  luthier_dsp48 #(.WIDE(27), .AREG(AREG), .BREG(BREG), .OPMODE_BITS(9)) cell_ (
      .CLK, .CEA1, .CEA2, .CEB1, .CEB2, .CEM, .CEP, .A, .B, .PCIN, .OPMODE, .P);
  assign PCOUT = P;
  initial if (MREG != 1 || PREG != 1 || ALUMODEREG || OPMODEREG || INMODEREG || CARRYINREG ||
              CARRYINSELREG || USE_MULT != "MULTIPLY") $fatal(1, "not modelled");
  always @(posedge CLK)
    if (RSTA || RSTB || RSTC || RSTD || RSTM || RSTP || RSTCTRL || RSTALUMODE || RSTINMODE ||
        RSTALLCARRYIN || CARRYIN || CARRYINSEL != 0 || ALUMODE != 0 || INMODE != 0)
      $fatal(1, "not modelled");
endmodule
