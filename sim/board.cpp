// SPDX-License-Identifier: Apache-2.0
// Shell of the simulated board: many cycles per call, bytes in, bytes out.
//
// Compiled together with Verilator's model of luthier.v. LUTHIER_WIDTH is the number of bytes that the
// link moves per cycle; a beat has the bytes in its low bits and above them how many are valid.

#include <cstdint>

#include "Vboard.h"
#include "Vboard___024root.h"
#include "verilated.h"

// What Vboard::eval() comes down to. The rest of it serves threads and costs an eighth of the speed.
void Vboard___024root___eval(Vboard___024root*);

// Verilator writes the second of two underscores as _05F.
#define PORT(stream, member) stream##___05F##member

namespace {

constexpr int kWidth = LUTHIER_WIDTH;
constexpr int kResetCycles = 4;
constexpr uint32_t kStopAtZero = 1;     // after a beat with a zero byte, the end of a frame
constexpr uint32_t kStopWhenTaken = 2;  // once the device has accepted all input

template <class Port> void set_beat(Port& port, uint64_t data, int count) {
    port = static_cast<Port>(data | static_cast<uint64_t>(count) << (8 * kWidth));
}
template <std::size_t N> void set_beat(VlWide<N>& port, uint64_t data, int count) {
    port[0] = static_cast<EData>(data);
    port[1] = static_cast<EData>(data >> 32);
    port[2] = static_cast<EData>(count);
}
template <class Port> int get_beat(const Port& port, uint64_t& data) {
    data = port;
    return static_cast<int>(static_cast<uint64_t>(port) >> (8 * kWidth));
}
template <std::size_t N> int get_beat(const VlWide<N>& port, uint64_t& data) {
    data = static_cast<uint64_t>(port[1]) << 32 | port[0];
    return static_cast<int>(port[2]);
}

// Make the next evaluation see a rising edge. Lowering the clock does it, and costs an evaluation;
// where Verilator keeps the last value of the clock under the name it has today, that is set instead.
template <class Root> auto lower_clock(Root* root, int)
    -> decltype(root->__Vtrigprevexpr___TOP__clk__0 = 0, void()) {
    root->__Vtrigprevexpr___TOP__clk__0 = 0;
}
template <class Root> void lower_clock(Root* root, long) {
    root->clk = 0;
    Vboard___024root___eval(root);
    root->clk = 1;
}

struct Board {
    VerilatedContext context;
    Vboard top{&context};
    uint64_t cycles = 0;

    Board() {
        top.eval();  // initialises
        top.clk = 1;
        top.PORT(o, ready) = 1;  // time stands still while the host has no room
    }

    // All outputs come from registers, so what they say after this holds until the next.
    void cycle() {
        lower_clock(top.rootp, 0);
        Vboard___024root___eval(top.rootp);
    }
};

}  // namespace

extern "C" {

int luthier_width() { return kWidth; }

void luthier_reset(Board* board) {
    board->top.PORT(i, valid) = 0;
    board->top.rst = 1;
    for (int i = 0; i < kResetCycles; ++i) board->cycle();
    board->top.rst = 0;
    for (int i = 0; i < 2; ++i) board->cycle();
    board->cycles += kResetCycles + 2;
}

Board* luthier_open() {
    Board* board = new Board;
    luthier_reset(board);
    return board;
}

void luthier_close(Board* board) {
    board->top.final();
    delete board;
}

uint64_t luthier_cycles(const Board* board) { return board->cycles; }

// Run at most max_cycles and return how many were run. Stops early when `out` has no room for a beat.
int64_t luthier_run(Board* board, const uint8_t* in, int64_t in_length, int64_t* consumed,
                    uint8_t* out, int64_t out_capacity, int64_t* produced, int64_t max_cycles,
                    uint32_t flags) {
    Vboard& top = board->top;
    int64_t taken = 0, made = 0, cycle = 0;
    bool stop = false;
    while (cycle < max_cycles && !stop && out_capacity - made >= kWidth) {
        top.PORT(i, valid) = top.PORT(i, ready) && taken < in_length;
        if (top.PORT(i, valid)) {
            const int64_t left = in_length - taken;
            const int count = left < kWidth ? static_cast<int>(left) : kWidth;
            uint64_t data = 0;
            for (int i = 0; i < count; ++i) data |= static_cast<uint64_t>(in[taken + i]) << (8 * i);
            set_beat(top.PORT(i, payload), data, count);
            taken += count;
        } else if ((flags & kStopWhenTaken) && taken == in_length && top.PORT(i, ready)) {
            break;
        }
        if (top.PORT(o, valid)) {
            uint64_t data;
            const int count = get_beat(top.PORT(o, payload), data);
            for (int i = 0; i < count; ++i) {
                const uint8_t byte = static_cast<uint8_t>(data >> (8 * i));
                out[made++] = byte;
                stop |= byte == 0 && (flags & kStopAtZero);
            }
        }
        board->cycle();
        ++cycle;
    }
    board->cycles += cycle;
    *consumed = taken;
    *produced = made;
    return cycle;
}

}  // extern "C"
