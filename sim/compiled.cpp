// SPDX-License-Identifier: Apache-2.0
// Shell of a compiled unit: payloads in, payloads and their cycles out, random stalls.
//
// INPUTS(X) and OUTPUTS(X) list the names of the streams; they are defined in front of this text.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "Vunit.h"
#include "verilated.h"

// Verilator writes the second of two underscores as _05F.
#define PORT(stream, member) stream##___05F##member

namespace {

using Words = std::vector<uint32_t>;

Words parse(const std::string& hex) {
    Words words((hex.size() + 7) / 8);
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::size_t end = hex.size() - 8 * i, begin = end > 8 ? end - 8 : 0;
        words[i] = std::stoul(hex.substr(begin, end - begin), nullptr, 16);
    }
    return words;
}
template <class Port> void set(Port& port, const Words& words) {
    port = static_cast<Port>(words[0] | (words.size() > 1 ? uint64_t{words[1]} << 32 : 0));
}
template <std::size_t N> void set(VlWide<N>& port, const Words& words) {
    for (std::size_t i = 0; i < N; ++i) port[i] = i < words.size() ? words[i] : 0;
}
template <class Port> Words get(const Port& port) {
    return {static_cast<uint32_t>(port), static_cast<uint32_t>(uint64_t{port} >> 32)};
}
template <std::size_t N> Words get(const VlWide<N>& port) {
    Words words(N);
    for (std::size_t i = 0; i < N; ++i) words[i] = port[i];
    return words;
}

uint64_t state;
bool chance(uint32_t of_65536) {  // xorshift64*
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * 0x2545F4914F6CDD1DULL >> 48) < of_65536;
}

struct Input {
    const char* name;
    std::vector<Words> words;
    std::size_t place = 0;
    bool offered = false;
};
struct Output {
    const char* name;
    std::size_t expected = 0, count = 0;
    bool waits = false;
    Words held;
};

[[noreturn]] void fail(const char* name, const char* what, uint64_t cycle) {
    std::fprintf(stderr, "%s: %s in cycle %llu\n", name, what,
                 static_cast<unsigned long long>(cycle));
    std::exit(1);
}

}  // namespace

int main() {
    uint32_t p_valid, p_ready;
    uint64_t reset_at, limit;
    std::cin >> p_valid >> p_ready >> state >> reset_at >> limit;
    state = state * 2 + 1;
#define INPUT(stream) Input in_##stream{#stream, {}};
#define OUTPUT(stream) Output out_##stream{#stream};
    INPUTS(INPUT)
    OUTPUTS(OUTPUT)
    auto read = [](Input& input) {
        std::size_t count;
        std::string hex;
        std::cin >> count;
        while (count-- && std::cin >> hex) input.words.push_back(parse(hex));
    };
#define READ_INPUT(stream) read(in_##stream);
#define READ_OUTPUT(stream) std::cin >> out_##stream.expected;
    INPUTS(READ_INPUT)
    OUTPUTS(READ_OUTPUT)

    VerilatedContext context;
    auto unit = std::make_unique<Vunit>(&context);
    std::string log;
    uint64_t reset = 2, more = 100;
    for (uint64_t cycle = 0; more; ++cycle) {
        if (cycle == limit) fail("unit", "not ended", cycle);
        if (reset_at && cycle == reset_at) reset = 1;
        unit->rst = reset != 0;
        bool done = !reset && !(reset_at && cycle < reset_at);
#define DRIVE_INPUT(stream)                                                        \
    if (reset) in_##stream.place = 0, in_##stream.offered = false;                 \
    else if (!in_##stream.offered && in_##stream.place < in_##stream.words.size()) \
        in_##stream.offered = chance(p_valid);                                     \
    unit->PORT(stream, valid) = in_##stream.offered;                               \
    if (in_##stream.offered) set(unit->PORT(stream, payload), in_##stream.words[in_##stream.place]);
#define DRIVE_OUTPUT(stream) unit->PORT(stream, ready) = !reset && chance(p_ready);
        INPUTS(DRIVE_INPUT)
        OUTPUTS(DRIVE_OUTPUT)
        unit->clk = 0;
        unit->eval();
#define TAKE_INPUT(stream)                                                \
    if (!reset && in_##stream.offered && unit->PORT(stream, ready)) {     \
        ++in_##stream.place;                                              \
        in_##stream.offered = false;                                      \
        log += std::string(#stream " ") + std::to_string(cycle) + "\n";   \
    }
#define TAKE_OUTPUT(stream)                                                                    \
    if (reset) {                                                                               \
        out_##stream.count = 0, out_##stream.waits = false;                                    \
    } else {                                                                                   \
        Words words = get(unit->PORT(stream, payload));                                        \
        bool valid = unit->PORT(stream, valid), ready = unit->PORT(stream, ready);             \
        if (out_##stream.waits && !valid) fail(#stream, "valid dropped before ready", cycle);  \
        if (out_##stream.waits && words != out_##stream.held)                                  \
            fail(#stream, "payload changed while stalled", cycle);                             \
        out_##stream.waits = valid && !ready, out_##stream.held = words;                       \
        if (valid && ready) {                                                                  \
            ++out_##stream.count;                                                              \
            log += std::string(#stream " ") + std::to_string(cycle) + " ";                     \
            char hex[9];                                                                       \
            for (std::size_t i = words.size(); i--;)                                           \
                std::snprintf(hex, 9, "%08x", words[i]), log += hex;                           \
            log += "\n";                                                                       \
        }                                                                                      \
        done = done && out_##stream.count >= out_##stream.expected;                            \
    }
        INPUTS(TAKE_INPUT)
        OUTPUTS(TAKE_OUTPUT)
        unit->clk = 1;
        unit->eval();
        if (reset && !--reset) log.clear();
        if (done) --more;
    }
    std::fwrite(log.data(), 1, log.size(), stdout);
}
