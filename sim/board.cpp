// SPDX-License-Identifier: Apache-2.0
// Shell of the simulated board: many cycles per call, bytes in, bytes out.
//
// Compiled together with Verilator's model of luthier.v. LUTHIER_WIDTH is the number of bytes that the
// link moves per cycle; a beat has the bytes in its low bits and above them how many are valid.

#include <cstdint>

#include "Vboard.h"
#include "Vboard___024root.h"
#include "verilated.h"
#if VM_COVERAGE
#include "verilated_cov.h"
#endif

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
// Not where toggles are counted.
template <class Root> auto lower_clock(Root* root, int)
    -> decltype(root->__Vtrigprevexpr___TOP__clk__0 = 0, void()) {
    root->__Vtrigprevexpr___TOP__clk__0 = 0;
}
template <class Root> void lower_clock(Root* root, long) {
    root->clk = 0;
    Vboard___024root___eval(root);
    root->clk = 1;
}

// Verified netlists hold many faults, of which `mutsel` switches one on; 0 is none.
template <class Top> auto select_fault(Top& top, uint32_t fault, int)
    -> decltype(top.mutsel = 0, bool()) {
    top.mutsel = fault;
    return true;
}
template <class Top> bool select_fault(Top&, uint32_t, long) { return false; }

struct Board {
    VerilatedContext context;
    Vboard top{&context};
    uint64_t cycles = 0;
    // Pins that wait at random: of 256 cycles how many, and the generator's state.
    uint32_t wait_in = 0, wait_out = 0;
    uint64_t random = 0;
    int offered = 0;  // bytes of a beat that the device has not taken yet

    Board() {
        top.eval();  // initialises
        top.clk = 1;
        top.PORT(o, ready) = 1;  // time stands still while the host has no room
    }

    // All outputs come from registers, so what they say after this holds until the next.
    void cycle() {
#if VM_COVERAGE
        lower_clock(top.rootp, 0L);
#else
        lower_clock(top.rootp, 0);
#endif
        Vboard___024root___eval(top.rootp);
    }

    uint32_t draw() {  // xorshift64*
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        return static_cast<uint32_t>(random * 0x2545F4914F6CDD1DULL >> 40);
    }
};

// A cycle's input while the pins wait at random: beats of any size, held until they are taken.
// Returns the bytes that the device takes.
int offer(Board& board, const uint8_t* in, int64_t left) {
    Vboard& top = board.top;
    if (!board.offered && left > 0 && (board.draw() & 255) >= board.wait_in)
        board.offered = 1 + static_cast<int>(board.draw() % (left < kWidth ? left : kWidth));
    top.PORT(i, valid) = board.offered != 0;
    uint64_t data = static_cast<uint64_t>(board.draw()) << 32 | board.draw();  // not valid: anything
    for (int i = 0; i < board.offered; ++i) {
        data &= ~(uint64_t{255} << (8 * i));
        data |= static_cast<uint64_t>(in[i]) << (8 * i);
    }
    if (kWidth < 8) data &= (uint64_t{1} << (8 * kWidth % 64)) - 1;
    set_beat(top.PORT(i, payload), data, board.offered);
    if (!board.offered || !top.PORT(i, ready)) return 0;
    const int count = board.offered;
    board.offered = 0;
    return count;
}

}  // namespace

extern "C" {

int luthier_width() { return kWidth; }

void luthier_reset(Board* board) {
    board->top.PORT(i, valid) = 0;
    board->offered = 0;
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

// From now on the pins wait in so many of 256 cycles each; none are the board's usual full speed.
void luthier_stall(Board* board, uint64_t seed, uint32_t wait_in, uint32_t wait_out) {
    board->random = seed | 1;
    board->wait_in = wait_in;
    board->wait_out = wait_out;
    board->top.PORT(o, ready) = 1;
}

// Switch a fault on, 0 for none; false if the netlist holds no faults.
int luthier_fault(Board* board, uint32_t fault) { return select_fault(board->top, fault, 0); }

// Write what was covered; false if the model does not count.
int luthier_coverage(Board* board, const char* path) {
#if VM_COVERAGE
    board->context.coveragep()->write(path);
    return 1;
#else
    return 0;
#endif
}

// Run at most max_cycles and return how many were run. Stops early when `out` has no room for a beat.
int64_t luthier_run(Board* board, const uint8_t* in, int64_t in_length, int64_t* consumed,
                    uint8_t* out, int64_t out_capacity, int64_t* produced, int64_t max_cycles,
                    uint32_t flags) {
    Vboard& top = board->top;
    int64_t taken = 0, made = 0, cycle = 0;
    bool stop = false;
    const bool waits = board->wait_in || board->wait_out;
    while (cycle < max_cycles && !stop && out_capacity - made >= kWidth) {
        bool room = true;
        if (waits) {
            if ((flags & kStopWhenTaken) && taken == in_length && top.PORT(i, ready)) break;
            taken += offer(*board, in + taken, in_length - taken);
            room = (board->draw() & 255) >= board->wait_out;
            top.PORT(o, ready) = room;
        } else if ((top.PORT(i, valid) = top.PORT(i, ready) && taken < in_length)) {
            const int64_t left = in_length - taken;
            const int count = left < kWidth ? static_cast<int>(left) : kWidth;
            uint64_t data = 0;
            for (int i = 0; i < count; ++i) data |= static_cast<uint64_t>(in[taken + i]) << (8 * i);
            set_beat(top.PORT(i, payload), data, count);
            taken += count;
        } else if ((flags & kStopWhenTaken) && taken == in_length && top.PORT(i, ready)) {
            break;
        }
        if (top.PORT(o, valid) && room) {
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
