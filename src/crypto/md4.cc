#include "crypto/md4.h"

#include <array>
#include <bit>
#include <cstdint>

#include "base/secret.h"

namespace bz::crypto {

namespace {

using State = std::array<uint32_t, 4>;
constexpr size_t kBlock = 64;

uint32_t word_at(const char* p) {
  uint32_t word = 0;
  for (int i = 3; i >= 0; --i) word = word << 8 | static_cast<unsigned char>(p[i]);
  return word;
}

// RFC 1320 section 3.4. In each step a = (a + f(b,c,d) + X[k] + constant) <<< s, and the four words change places.
void add_block(State& state, const char* block) {
  constexpr int kOrder[3][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                 {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15},
                                 {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15}};
  constexpr int kShift[3][4] = {{3, 7, 11, 19}, {3, 5, 9, 13}, {3, 9, 11, 15}};
  constexpr uint32_t kConstant[3] = {0, 0x5a827999, 0x6ed9eba1};
  uint32_t x[16];
  for (int i = 0; i < 16; ++i) x[i] = word_at(block + 4 * i);
  auto [a, b, c, d] = state;
  for (int round = 0; round < 3; ++round)
    for (int i = 0; i < 16; ++i) {
      uint32_t f = round == 0 ? (b & c) | (~b & d) : round == 1 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
      uint32_t turned = std::rotl(a + f + x[kOrder[round][i]] + kConstant[round], kShift[round][i % 4]);
      a = d, d = c, c = b, b = turned;
    }
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d};
  base::wipe(x, sizeof x);
}

}  // namespace

std::string md4(std::string_view bytes) {
  State state{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  uint64_t bits = bytes.size() * 8;
  while (bytes.size() >= kBlock) {
    add_block(state, bytes.data());
    bytes.remove_prefix(kBlock);
  }
  std::string last(bytes);
  last += '\x80';
  last.resize(last.size() <= kBlock - 8 ? kBlock - 8 : 2 * kBlock - 8, '\0');
  for (int shift = 0; shift < 64; shift += 8) last += static_cast<char>(bits >> shift);
  for (size_t at = 0; at < last.size(); at += kBlock) add_block(state, last.data() + at);
  base::wipe(last.data(), last.size());
  std::string out;
  for (uint32_t word : state)
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(word >> shift);
  return out;
}

}  // namespace bz::crypto
