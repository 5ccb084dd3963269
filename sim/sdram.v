// SPDX-License-Identifier: Apache-2.0
// Luthier's own model of a single-data-rate SDRAM, from the data sheets (Micron MT48LC16M16A2, ISSI
// IS42S16160G, Winbond W9864G2GH): commands, data and, above all, their rules.
//
// Times are in edges of clk, rounded against the controller: minima up, maxima down. What a READ of
// latency L at edge t finds is at dq_o before edge t + L; bytes that are not driven are noise. A
// violation is counted and then forgiven: the command does what it still can.
module luthier_sdram #(
    parameter ROW_BITS = 13, parameter COLUMN_BITS = 9, parameter BANK_BITS = 2,
    parameter DATA_BITS = 16,             // 8, 16 or 32
    parameter CLOCK_PS = 10000,           // period of clk
    parameter T_RCD_PS = 20000, parameter T_RP_PS = 20000, parameter T_RAS_PS = 44000,
    parameter T_RAS_MAX_PS = 120000000, parameter T_RC_PS = 66000, parameter T_RFC_PS = 66000,
    parameter T_RRD_PS = 15000,
    parameter T_WR_PS = 15000,            // before PRECHARGE
    parameter T_WR_AUTO_PS = 7500,        // and one clock, before an automatic one
    parameter MRD_CYCLES = 2,
    parameter T_CL2_PS = 10000, parameter T_CL3_PS = 7500, // shortest periods of clk
    parameter T_INIT_PS = 200000000,
    parameter [63:0] REFRESH_PS = 64'd64000000000, // of all rows
    parameter POSTPONE = 8,               // refreshes that may be owed
    // Follows: enough for rows, and for columns, which leave out A10.
    parameter A_BITS = COLUMN_BITS > 10 && COLUMN_BITS >= ROW_BITS ? COLUMN_BITS + 1 :
                       ROW_BITS > 11 ? ROW_BITS : 11
) (
    input clk, cke, cs_n, ras_n, cas_n, we_n,
    input [BANK_BITS-1:0] ba,
    input [A_BITS-1:0] a,
    input [DATA_BITS/8-1:0] dqm,
    input [DATA_BITS-1:0] dq_i,
    input dq_driven,                      // by the controller
    output reg [DATA_BITS-1:0] dq_o,
    output reg dq_drives,                 // the model drives at least a byte of dq_o
    output reg [31:0] violations,         // up to 2^32 - 1
    output reg [7:0] first_violation,     // a code below, 0 if there is none
    output reg [31:0] first_cycle         // edges of clk before that of the first violation
);
  // Codes of violations; luthier.sim.sdram reads their names from here.
  localparam [7:0]
      INITIALISE = 1,      // T_INIT_PS of NOP, banks precharged, two refreshes and a mode in any
                           // order, and only then anything else
      BANK_IDLE = 2,       // READ or WRITE, bank not active
      BANK_ACTIVE = 3,     // ACTIVATE, bank active
      T_RCD = 4,           // READ or WRITE after ACTIVATE
      T_RP = 5,            // any command to a bank that precharges
      T_RAS_MIN = 6,       // PRECHARGE, also an automatic one, after ACTIVATE
      T_RAS_MAX = 7,       // bank active for too long
      T_RC = 8,            // ACTIVATE or refresh after ACTIVATE of the same bank
      T_RRD = 9,           // ACTIVATE after that of any bank
      T_RFC = 10,          // any command after a refresh
      T_WR = 11,           // PRECHARGE after data, or that truncates them and does not mask its own
      T_MRD = 12,          // any command after LOAD MODE REGISTER
      NOT_IDLE = 13,       // refresh or LOAD MODE REGISTER, a bank active
      REFRESH_OVERDUE = 14, // more than POSTPONE owed; each further one counts
      CONTENTION = 15,     // both drive dq
      TURNAROUND = 16,     // controller drives dq in the cycle after the model
      UNDRIVEN = 17,       // data written that nobody drives
      RESERVED = 18,       // mode without a meaning
      CAS_LATENCY = 19,    // mode not for this clock
      AUTO_PRECHARGE = 20, // command to a bank that will precharge by itself; or full pages with it
      UNSUPPORTED = 21;    // interleaved bursts; cke low, and so self refresh, after it was high
  localparam [2:0] NOP = 7, TERMINATE = 6, READ = 5, WRITE = 4, ACTIVATE = 3, PRECHARGE = 2,
      REFRESH = 1, MODE = 0;
  localparam RCD = (T_RCD_PS + CLOCK_PS - 1) / CLOCK_PS;
  localparam RP = (T_RP_PS + CLOCK_PS - 1) / CLOCK_PS;
  localparam RAS = (T_RAS_PS + CLOCK_PS - 1) / CLOCK_PS;
  localparam RAS_MAX = T_RAS_MAX_PS / CLOCK_PS;
  localparam RC = (T_RC_PS + CLOCK_PS - 1) / CLOCK_PS;
  localparam RRD = (T_RRD_PS + CLOCK_PS - 1) / CLOCK_PS;
  localparam RFC = (T_RFC_PS + CLOCK_PS - 1) / CLOCK_PS;
  localparam WR = (T_WR_PS + CLOCK_PS - 1) / CLOCK_PS;
  localparam WR_ONE = 1 + (T_WR_AUTO_PS + CLOCK_PS - 1) / CLOCK_PS;
  localparam WR_AUTO = WR_ONE > WR ? WR_ONE : WR;
  localparam INIT = (T_INIT_PS + CLOCK_PS - 1) / CLOCK_PS;
  localparam [63:0] INTERVAL_PS = REFRESH_PS >> ROW_BITS;
  localparam BANKS = 1 << BANK_BITS, BYTES = DATA_BITS / 8;
  localparam [31:0] NEVER = 32'h80000000;

  reg [DATA_BITS-1:0] memory [0:(1 << (BANK_BITS + ROW_BITS + COLUMN_BITS))-1];

  // Banks. Of one that is closing, an automatic precharge begins in cycle `close`.
  reg [BANKS-1:0] active, closing, settled;
  reg [ROW_BITS-1:0] row [0:BANKS-1];
  reg [31:0] close [0:BANKS-1];
  // Cycles of the last ACTIVATE, data written and PRECHARGE of each bank, and of commands to all.
  reg [31:0] activated [0:BANKS-1], written [0:BANKS-1], precharged [0:BANKS-1];
  reg [31:0] cycle, refreshed, loaded, last_activated;
  // Mode: of the columns, those of `wrap` count; a full page never ends.
  reg [COLUMN_BITS-1:0] mode_wrap;
  reg mode_page, mode_single, mode_slow;
  // Burst in progress: words still to come.
  reg [3:0] left, length;
  reg burst_write, burst_page, burst_auto;
  reg [BANK_BITS-1:0] burst_bank;
  reg [COLUMN_BITS-1:0] column, wrap;
  reg [BANK_BITS+ROW_BITS+COLUMN_BITS-1:0] place;
  // Words on their way to dq_o: the next, and the one after that.
  reg next_valid, later_valid, leaves_valid;
  reg [DATA_BITS-1:0] next, later, leaves, pins;
  reg [BYTES-1:0] dqm_before, driven;
  // Initialisation and refresh.
  reg awake, ready, mode_loaded;
  reg [1:0] refreshes;
  reg [63:0] elapsed;
  reg [31:0] owed;

  reg [2:0] command;
  reg drove, early;
  reg [31:0] count, at;
  reg [7:0] first;
  integer i;

  task flag(input [7:0] code);
    begin
      if (first == 0) begin
        first = code;
        at = cycle;
      end
      if (~count != 0) count = count + 1;
    end
  endtask

  initial begin
    for (i = 0; i < BANKS; i = i + 1) begin
      row[i] = 0;
      close[i] = 0;
      activated[i] = NEVER;
      written[i] = NEVER;
      precharged[i] = NEVER;
    end
    {active, closing, settled} = 0;
    {cycle, count, at, first, owed, elapsed} = 0;
    {refreshed, loaded, last_activated} = {3{NEVER}};
    {mode_wrap, mode_page, mode_single, mode_slow} = 0;
    {left, length, burst_write, burst_page, burst_auto, burst_bank, column, wrap, place} = 0;
    {next_valid, later_valid, leaves_valid, next, later, leaves, pins, driven} = 0;
    {awake, ready, mode_loaded, refreshes, command, drove, early} = 0;
    dqm_before = ~{BYTES{1'b0}};
    {dq_o, dq_drives, violations, first_violation, first_cycle} = 0;
  end

  // A bank precharges from this cycle on.
  task precharge(input integer bank);
    begin
      active[bank] = 0;
      closing[bank] = 0;
      precharged[bank] = cycle;
    end
  endtask

  task do_precharge(input integer bank);
    begin
      if (closing[bank]) flag(AUTO_PRECHARGE);
      else if (active[bank]) begin
        if (cycle - activated[bank] < RAS) flag(T_RAS_MIN);
        if (cycle - written[bank] < WR || (left != 0 && burst_write && burst_bank == bank && !&dqm))
          flag(T_WR);
      end else if (cycle - precharged[bank] < RP) flag(T_RP);
      if (burst_bank == bank) left = 0;
      settled[bank] = 1;
      precharge(bank);
    end
  endtask

  task do_activate;
    begin
      if (active[ba]) flag(BANK_ACTIVE);
      else begin
        if (cycle - precharged[ba] < RP) flag(T_RP);
        if (cycle - activated[ba] < RC) flag(T_RC);
        if (cycle - last_activated < RRD) flag(T_RRD);
      end
      active[ba] = 1;
      closing[ba] = 0;
      row[ba] = a[ROW_BITS-1:0];
      activated[ba] = cycle;
      last_activated = cycle;
    end
  endtask

  // Refresh and LOAD MODE REGISTER.
  task check_idle;
    begin
      early = 0;
      for (i = 0; i < BANKS; i = i + 1) early = early | (cycle - precharged[i] < RP);
      if (active != 0) flag(NOT_IDLE);
      else if (early) flag(T_RP);
    end
  endtask

  task do_refresh;
    begin
      check_idle;
      early = 0;
      for (i = 0; i < BANKS; i = i + 1) early = early | (cycle - activated[i] < RC);
      if (active == 0 && early) flag(T_RC);
      refreshed = cycle;
      if (refreshes != 2) refreshes = refreshes + 1;
      if (owed != 0) owed = owed - 1;
    end
  endtask

  task do_mode;
    begin
      check_idle;
      if (a[2:0] > 3 && (a[2:0] != 7 || a[3]) || a[6:5] != 1 || a[8:7] != 0 || a >> 10 != 0
          || ba != 0) flag(RESERVED);
      else begin
        if (a[3]) flag(UNSUPPORTED);
        if (CLOCK_PS < (a[4] ? T_CL3_PS : T_CL2_PS)) flag(CAS_LATENCY);
        mode_page = a[2];
        mode_wrap = a[2] ? ~0 : (1 << a[1:0]) - 1;
        mode_slow = a[4];
        mode_single = a[9];
      end
      mode_loaded = 1;
      loaded = cycle;
    end
  endtask

  task do_access;
    begin
      // Another bank's burst that would have ended with a precharge is cut short, and precharges.
      if (left != 0 && burst_auto && burst_bank != ba)
        close[burst_bank] = cycle + (burst_write ? WR_AUTO : 0);
      start_precharges;
      left = 0;
      if (command == WRITE) {next_valid, later_valid} = 0;
      if (!active[ba]) flag(BANK_IDLE);
      else begin
        if (closing[ba]) flag(AUTO_PRECHARGE);
        else if (cycle - activated[ba] < RCD) flag(T_RCD);
        burst_write = command == WRITE;
        burst_page = mode_page && !(burst_write && mode_single);
        wrap = burst_write && mode_single ? 0 : mode_wrap;
        length = burst_page ? 1 : wrap[2:0] + 1;
        left = length;
        burst_bank = ba;
        column = ((a >> 11) << 10) | (a & 1023);
        burst_auto = a[10] && !burst_page;
        if (a[10] && burst_page) flag(AUTO_PRECHARGE);
        if (burst_auto) begin
          closing[ba] = 1;
          close[ba] = cycle + length + (burst_write ? WR_AUTO - 1 : 0);
        end
      end
    end
  endtask

  task start_precharges;
    for (i = 0; i < BANKS; i = i + 1)
      if (closing[i] && close[i] == cycle) begin
        if (cycle - activated[i] < RAS) flag(T_RAS_MIN);
        precharge(i);
      end
  endtask

  // The word of this cycle, of the command of this cycle or an earlier one.
  task move_word;
    begin
      place = {burst_bank, row[burst_bank], column};
      if (burst_write) begin
        for (i = 0; i < BYTES; i = i + 1) if (!dqm[i]) memory[place][8*i+:8] = dq_i[8*i+:8];
        if (!&dqm) begin
          written[burst_bank] = cycle;
          if (!dq_driven) flag(UNDRIVEN);
        end
      end else if (mode_slow) {later_valid, later} = {1'b1, memory[place]};
      else {next_valid, next} = {1'b1, memory[place]};
      column = (column & ~wrap) | ((column + 1) & wrap);
      if (!burst_page) left = left - 1;
    end
  endtask

  always @(posedge clk) begin
    // The cycle that ends: who drove, and until when.
    if (dq_driven && dq_drives) flag(CONTENTION);
    else if (dq_driven && drove) flag(TURNAROUND);
    drove = dq_drives;
    {leaves_valid, leaves} = {next_valid, next};
    {next_valid, next} = {later_valid, later};
    later_valid = 0;

    awake = awake | cke;
    if (awake && !cke) flag(UNSUPPORTED);
    command = cke && !cs_n ? {ras_n, cas_n, we_n} : NOP;
    for (i = 0; i < BANKS; i = i + 1)
      if (active[i] && cycle - activated[i] == RAS_MAX + 1) flag(T_RAS_MAX);
    start_precharges;
    if (command != NOP) begin
      if (cycle < INIT || !ready && command != PRECHARGE
          && !(&settled && (command == REFRESH || command == MODE))) flag(INITIALISE);
      if (cycle - refreshed < RFC) flag(T_RFC);
      if (cycle - loaded < MRD_CYCLES) flag(T_MRD);
    end
    case (command)
      ACTIVATE: do_activate;
      READ, WRITE: do_access;
      PRECHARGE:
        if (!a[10]) do_precharge(ba);
        else for (i = 0; i < BANKS; i = i + 1) do_precharge(i);
      REFRESH: do_refresh;
      MODE: do_mode;
      TERMINATE: begin
        if (left != 0 && burst_auto) flag(AUTO_PRECHARGE);
        left = 0;
      end
      default: ;
    endcase
    if (left != 0) move_word;

    if (ready) elapsed = elapsed + CLOCK_PS;
    if (elapsed >= INTERVAL_PS) begin
      elapsed = elapsed - INTERVAL_PS;
      owed = owed + 1;
      if (owed > POSTPONE) flag(REFRESH_OVERDUE);
    end
    ready = &settled && mode_loaded && refreshes == 2;

    // A mask sampled at edge t is of the word taken at edge t + 2.
    driven = leaves_valid ? ~dqm_before : 0;
    for (i = 0; i < BYTES; i = i + 1) pins[8*i+:8] = driven[i] ? leaves[8*i+:8] : 8'h5a ^ cycle;
    dqm_before = dqm;
    dq_o <= pins;
    dq_drives <= driven != 0;
    violations <= count;
    first_violation <= first;
    first_cycle <= at;
    cycle = cycle + 1;
  end
endmodule
