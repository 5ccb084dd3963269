// SPDX-License-Identifier: Apache-2.0
// Shell of a compiled unit with one stream in, `i`, and one out, `o`: many cycles per call.

#include <cstdint>
#include <cstring>

#include "Vboard.h"
#include "verilated.h"

// Verilator writes the second of two underscores as _05F.
#define PORT(stream, member) stream##___05F##member

namespace {

struct Unit {
    VerilatedContext context;
    Vboard top{&context};
    uint64_t random = 1;
    bool offered = false;

    uint32_t draw() {  // xorshift64*
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        return static_cast<uint32_t>(random * 0x2545F4914F6CDD1DULL >> 40);
    }
    void clock() {
        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();
    }
};

// A port as Verilator keeps it: an integer, or words of 32 bits, the lowest first.
constexpr size_t kIn = sizeof(Vboard::PORT(i, payload));
constexpr size_t kOut = sizeof(Vboard::PORT(o, payload));

}  // namespace

extern "C" {

int unit_in_bytes() { return kIn; }
int unit_out_bytes() { return kOut; }

void unit_reset(Unit* unit) {
    unit->top.PORT(i, valid) = 0;
    unit->top.PORT(o, ready) = 0;
    unit->offered = false;
    unit->top.rst = 1;
    unit->clock();
    unit->top.rst = 0;
    unit->top.eval();
}

Unit* unit_open() {
    Unit* unit = new Unit;
    unit_reset(unit);
    return unit;
}

void unit_close(Unit* unit) {
    unit->top.final();
    delete unit;
}

// Offer `count` beats and take up to `capacity`, each in all but so many of 256 cycles. `taken` and
// `made` get the cycle of each transfer. Returns the cycles run, or -1 if the unit dropped valid or
// changed the payload before a transfer.
int64_t unit_run(Unit* unit, const uint8_t* in, int64_t count, int64_t* taken, uint8_t* out,
                 int64_t capacity, int64_t* made, int64_t* consumed, int64_t* produced,
                 int64_t max_cycles, uint32_t wait_in, uint32_t wait_out, uint64_t seed) {
    Vboard& top = unit->top;
    unit->random = seed * 2 + 1;
    uint8_t held[kOut];
    bool stalled = false;
    int64_t i = 0, o = 0, cycle = 0;
    for (; cycle < max_cycles && (i < count || o < capacity); ++cycle) {
        if (!unit->offered && i < count) unit->offered = (unit->draw() & 255) >= wait_in;
        top.PORT(i, valid) = unit->offered;
        if (unit->offered)
            std::memcpy(&top.PORT(i, payload), in + i * kIn, kIn);
        else  // not valid: anything
            std::memset(&top.PORT(i, payload), 0, kIn);
        top.PORT(o, ready) = o < capacity && (unit->draw() & 255) >= wait_out;
        top.eval();
        if (stalled && (!top.PORT(o, valid) || std::memcmp(held, &top.PORT(o, payload), kOut)))
            return -1;
        stalled = top.PORT(o, valid) && !top.PORT(o, ready);
        std::memcpy(held, &top.PORT(o, payload), kOut);
        if (top.PORT(o, valid) && top.PORT(o, ready)) {
            std::memcpy(out + o * kOut, held, kOut);
            made[o++] = cycle;
        }
        if (unit->offered && top.PORT(i, ready)) {
            taken[i++] = cycle;
            unit->offered = false;
        }
        unit->clock();
    }
    top.PORT(i, valid) = 0;
    top.PORT(o, ready) = 0;
    unit->offered = false;
    top.eval();
    *consumed = i;
    *produced = o;
    return cycle;
}

}  // extern "C"
