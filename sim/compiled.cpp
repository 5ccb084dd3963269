// SPDX-License-Identifier: Apache-2.0
// Shell of a compiled unit with a stream `i` and a stream `o`: many cycles per call, beats in, beats out.
//
// A beat is LUTHIER_WORDS words of 32 bits, lowest first. The output stream is checked on the way.

#include <cstdint>

#include "Vboard.h"
#include "verilated.h"

// Verilator writes the second of two underscores as _05F.
#define PORT(stream, member) stream##___05F##member

namespace {

constexpr int kWords = LUTHIER_WORDS;

template <class Port> void put(Port& port, const uint32_t* words) {
    uint64_t value = words[0];
    if (kWords > 1) value |= static_cast<uint64_t>(words[1]) << 32;
    port = static_cast<Port>(value);
}
template <std::size_t N> void put(VlWide<N>& port, const uint32_t* words) {
    for (std::size_t n = 0; n < N; ++n) port[n] = words[n];
}
template <class Port> void get(const Port& port, uint32_t* words) {
    words[0] = static_cast<uint32_t>(port);
    if (kWords > 1) words[1] = static_cast<uint32_t>(static_cast<uint64_t>(port) >> 32);
}
template <std::size_t N> void get(const VlWide<N>& port, uint32_t* words) {
    for (std::size_t n = 0; n < N; ++n) words[n] = port[n];
}

struct Unit {
    VerilatedContext context;
    Vboard top{&context};
    uint64_t random = 1;

    void cycle() {
        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();
    }
    uint32_t draw() {  // xorshift64*
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        return static_cast<uint32_t>(random * 0x2545F4914F6CDD1DULL >> 40) & 255;
    }
};

}  // namespace

extern "C" {

Unit* luthier_open() { return new Unit; }

void luthier_close(Unit* unit) {
    unit->top.final();
    delete unit;
}

void luthier_reset(Unit* unit) {
    unit->top.PORT(i, valid) = 0;
    unit->top.PORT(o, ready) = 0;
    unit->top.rst = 1;
    for (int n = 0; n < 4; ++n) unit->cycle();
    unit->top.rst = 0;
    for (int n = 0; n < 4; ++n) unit->cycle();
}

// Send and receive that many beats, waiting in so many of 256 cycles on each side; `times` gets the
// cycle of each transfer, `in` first. Returns 0, or 1 if beats are missing after `limit` cycles, 2 if
// valid was dropped before ready, 3 if a payload changed before ready.
int luthier_run(Unit* unit, const uint32_t* in, int64_t sends, uint32_t* out, int64_t receives,
                int64_t* times, uint64_t seed, uint32_t wait_in, uint32_t wait_out, int64_t limit) {
    Vboard& top = unit->top;
    unit->random = seed | 1;
    int64_t sent = 0, received = 0;
    bool offered = false, stalled = false;
    uint32_t held[kWords] = {}, beat[kWords] = {};
    for (int64_t cycle = 0; cycle < limit; ++cycle) {
        if (sent == sends && received == receives) return 0;
        if (!offered && sent < sends) offered = unit->draw() >= wait_in;
        top.PORT(i, valid) = offered;
        if (offered) put(top.PORT(i, payload), in + sent * kWords);
        const bool ready = received < receives && unit->draw() >= wait_out;
        top.PORT(o, ready) = ready;
        top.eval();
        get(top.PORT(o, payload), beat);
        if (stalled && !top.PORT(o, valid)) return 2;
        for (int n = 0; stalled && n < kWords; ++n)
            if (beat[n] != held[n]) return 3;
        stalled = top.PORT(o, valid) && !ready;
        for (int n = 0; n < kWords; ++n) held[n] = beat[n];
        if (top.PORT(o, valid) && ready) {
            for (int n = 0; n < kWords; ++n) out[received * kWords + n] = beat[n];
            times[sends + received++] = cycle;
        }
        if (offered && top.PORT(i, ready)) {
            times[sent++] = cycle;
            offered = false;
        }
        unit->cycle();
    }
    return sent == sends && received == receives ? 0 : 1;
}

}  // extern "C"
