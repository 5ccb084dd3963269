// SPDX-License-Identifier: Apache-2.0
// Shell of a board's top: serial lines at its pins, with the rate of the host's side as given.
//
// Compiled together with Verilator's model of a top with the ports clk, rst, rx and tx. LUTHIER_RESET
// is the level of rst that resets.

#include <cstdint>

#include "Vboard.h"
#include "Vboard___024root.h"
#include "verilated.h"

// What Vboard::eval() comes down to, as in board.cpp.
void Vboard___024root___eval(Vboard___024root*);

namespace {

constexpr int kResetCycles = 8;
constexpr int kFrameBits = 10;   // start, eight data bits, stop
constexpr uint64_t kOne = 65536;  // times are in 1/65536 of a cycle

struct Board {
    VerilatedContext context;
    Vboard top{&context};
    uint64_t cycles = 0;
    // To the board: the bits of the frame under way, the one on the line lowest.
    uint32_t sending = 0;
    int send_left = 0;
    uint64_t send_time = 0;  // until the next bit
    // From the board.
    uint32_t receiving = 0;
    int receive_left = 0;
    uint64_t receive_time = 0;  // until the next sample
    int level = 1;

    Board() {
        top.rx = 1;
        top.rst = !LUTHIER_RESET;
        top.clk = 0;
        top.eval();  // initialises
    }

    void cycle() {
        top.clk = 1;
        Vboard___024root___eval(top.rootp);
        top.clk = 0;
        Vboard___024root___eval(top.rootp);
        ++cycles;
    }
};

}  // namespace

extern "C" {

void luthier_reset(Board* board) {
    board->top.rst = LUTHIER_RESET;
    for (int i = 0; i < kResetCycles; ++i) board->cycle();
    board->top.rst = !LUTHIER_RESET;
    board->top.rx = 1;
    board->send_left = board->receive_left = 0;
    board->level = 1;
}

Board* luthier_open() { return new Board; }

void luthier_close(Board* board) {
    board->top.final();
    delete board;
}

uint64_t luthier_cycles(const Board* board) { return board->cycles; }

// Run at most max_cycles and return how many were run; `bit` is how long a bit is, in 1/65536 of a
// cycle. Stops early when `out` is full. Bytes are taken as they go on the line; one whose stop bit
// is low arrives as it is, as from a serial port.
int64_t luthier_run(Board* board, const uint8_t* in, int64_t in_length, int64_t* consumed,
                    uint8_t* out, int64_t out_capacity, int64_t* produced, int64_t max_cycles,
                    uint64_t bit) {
    Vboard& top = board->top;
    int64_t taken = 0, made = 0, cycle = 0;
    for (; cycle < max_cycles && made < out_capacity; ++cycle) {
        if (board->send_left) {
            if (board->send_time < kOne) {
                board->send_time += bit;
                board->sending >>= 1;
                if (!--board->send_left) board->send_time = 0;
            }
        }
        if (!board->send_left && taken < in_length) {
            board->sending = static_cast<uint32_t>(in[taken++]) << 1 | 1u << (kFrameBits - 1);
            board->send_left = kFrameBits;
            board->send_time += bit;
        }
        top.rx = board->send_left ? board->sending & 1 : 1;
        if (board->send_left) board->send_time -= kOne;

        const int level = top.tx;
        if (!board->receive_left) {
            if (board->level && !level) {
                board->receive_left = kFrameBits;
                board->receive_time = bit / 2;
            }
        } else if (board->receive_time < kOne) {
            board->receive_time += bit;
            board->receiving = board->receiving >> 1 | static_cast<uint32_t>(level) << 9;
            --board->receive_left;
            if (board->receive_left == kFrameBits - 1 && level)
                board->receive_left = 0;  // no start bit
            else if (!board->receive_left)
                out[made++] = static_cast<uint8_t>(board->receiving >> 1);
        }
        if (board->receive_left) board->receive_time -= kOne;
        board->level = level;
        board->cycle();
    }
    *consumed = taken;
    *produced = made;
    return cycle;
}

}  // extern "C"
