#include "base/env.h"

#include <sys/random.h>

#include <cerrno>

#include "base/check.h"

namespace bz::base {
namespace {
class SystemClock : public Clock {
 public:
  MonoTime mono() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
};
class SystemRandom : public Random {
 public:
  void fill(std::span<char> out) override {
    while (!out.empty()) {
      ssize_t n = getrandom(out.data(), out.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      BZ_CHECK(n > 0, "getrandom failed");
      out = out.subspan(static_cast<size_t>(n));
    }
  }
};
}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}
Random& system_random() {
  static SystemRandom random;
  return random;
}

uint64_t Random::u64() {
  uint64_t v;
  fill(std::span(reinterpret_cast<char*>(&v), sizeof v));
  return v;
}
std::string Random::bytes(size_t count) {
  std::string out(count, '\0');
  fill(std::span(out.data(), out.size()));
  return out;
}
std::string Random::id(size_t chars) {
  constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";  // 32 signs: five bits each, no bias
  std::string out = bytes(chars);
  for (char& c : out) c = kAlphabet[static_cast<unsigned char>(c) & 31];
  return out;
}
void SeededRandom::fill(std::span<char> out) {
  for (char& c : out) {
    state_ += 0x9E3779B97F4A7C15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    c = static_cast<char>(z ^ (z >> 31));
  }
}

}  // namespace bz::base
