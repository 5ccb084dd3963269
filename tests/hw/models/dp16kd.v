// SPDX-License-Identifier: Apache-2.0
// Luthier's own model of ECP5's block RAM, from its description: Yosys has the cell's ports only.
// Modelled is what luthier.hw.block_ram and lane_ram use: port A writes where its chip select has
// the number that it decodes, port B reads through its output register, both as wide, 9, 18 or 36
// bits, or the second less; anything else stops the simulation. What is read of a word that is
// written in the same cycle is its complement, so that nobody relies on it.
module DP16KD #(
    parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18,
    parameter REGMODE_A = "NOREG", REGMODE_B = "NOREG",
    parameter RESETMODE = "SYNC", ASYNC_RESET_RELEASE = "SYNC", GSR = "ENABLED",
    parameter CSDECODE_A = "0b000", CSDECODE_B = "0b000",
    parameter WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL",
    parameter CLKAMUX = "CLKA", CLKBMUX = "CLKB"
) (
    input CLKA, CEA, OCEA, WEA, RSTA, CSA0, CSA1, CSA2,
    input CLKB, CEB, OCEB, WEB, RSTB, CSB0, CSB1, CSB2,
    input ADA0, ADA1, ADA2, ADA3, ADA4, ADA5, ADA6, ADA7, ADA8, ADA9, ADA10, ADA11, ADA12, ADA13,
    input ADB0, ADB1, ADB2, ADB3, ADB4, ADB5, ADB6, ADB7, ADB8, ADB9, ADB10, ADB11, ADB12, ADB13,
    input DIA0, DIA1, DIA2, DIA3, DIA4, DIA5, DIA6, DIA7, DIA8,
    input DIA9, DIA10, DIA11, DIA12, DIA13, DIA14, DIA15, DIA16, DIA17,
    input DIB0, DIB1, DIB2, DIB3, DIB4, DIB5, DIB6, DIB7, DIB8,
    input DIB9, DIB10, DIB11, DIB12, DIB13, DIB14, DIB15, DIB16, DIB17,
    output DOA0, DOA1, DOA2, DOA3, DOA4, DOA5, DOA6, DOA7, DOA8,
    output DOA9, DOA10, DOA11, DOA12, DOA13, DOA14, DOA15, DOA16, DOA17,
    output DOB0, DOB1, DOB2, DOB3, DOB4, DOB5, DOB6, DOB7, DOB8,
    output DOB9, DOB10, DOB11, DOB12, DOB13, DOB14, DOB15, DOB16, DOB17
);
  wire [13:0] ada = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2,
                     ADA1, ADA0};
  wire [13:0] adb = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2,
                     ADB1, ADB0};
  wire [35:0] di = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9,
                    DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
                    DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9,
                    DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};

  // 2,048 bytes of nine bits. An address counts bits, and eight of them are a byte.
  reg [8:0] bytes [0:2047];
  reg [35:0] latch, register;
  reg [35:0] read;
  localparam COUNT = DATA_WIDTH_A / 9, COUNT_B = DATA_WIDTH_B / 9;
  wire [10:0] first_a = ada[13:3] & ~(COUNT - 1), first_b = adb[13:3] & ~(COUNT_B - 1);
  // The parameter is a text, eight bits a character.
  localparam [2:0] SELECT = {CSDECODE_A[16], CSDECODE_A[8], CSDECODE_A[0]};
  wire writes = CEA & WEA & {CSA2, CSA1, CSA0} == SELECT;
  wire [3:0] enables = COUNT == 1 ? 4'b0001 : COUNT == 2 ? {2'b00, ada[1:0]} : ada[3:0];
  integer i;

  initial begin
    for (i = 0; i < 2048; i = i + 1) bytes[i] = 0;
    if (DATA_WIDTH_A < DATA_WIDTH_B || (COUNT_B != 1 && COUNT_B != 2 && COUNT_B != 4) ||
        (COUNT != 1 && COUNT != 2 && COUNT != 4) ||
        REGMODE_B != "OUTREG" || (COUNT == 4 && REGMODE_A != "OUTREG") ||
        RESETMODE != "SYNC" || GSR != "DISABLED" ||
        CSDECODE_B != "0b000" ||
        WRITEMODE_A != "NORMAL" || WRITEMODE_B != "NORMAL" ||
        CLKAMUX != "CLKA" || CLKBMUX != "CLKB") $stop;
  end

  always @* begin
    read = 0;
    for (i = 0; i < COUNT_B; i = i + 1)
      read[9 * i +: 9] = bytes[first_b + i] ^
          {9{writes & enables[(first_b + i) & (COUNT - 1)] & first_a == (first_b & ~(COUNT - 1))}};
  end

  // Reset clears the registers of addresses and data, too, so it would have to be modelled: stop.
  always @(posedge CLKA) begin
    if (RSTA | RSTB | WEB | CSB0 | CSB1 | CSB2) $stop;
    if (writes)
      for (i = 0; i < COUNT; i = i + 1)
        if (enables[i]) bytes[first_a + i] <= di[9 * i +: 9];
  end
  always @(posedge CLKB) begin
    if (CEB) latch <= read;
    if (OCEB) register <= latch;
  end

  // 36 bits come out of port A first, else all of port B.
  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9,
          DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} = COUNT_B == 4 ? register[17:0] : 0;
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9,
          DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0} =
      COUNT_B == 4 ? register[35:18] : register[17:0];
endmodule
