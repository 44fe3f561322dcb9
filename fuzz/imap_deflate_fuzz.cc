// rooms: imap
// What a peer says as DEFLATE (RFC 4978), whole, and in pieces whose size the first octet chooses with a rest after each:
// both hear the same until the same end. Of damaged data one may hear more of what stands before the damage. Then what we
// say of it is heard by us.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "imap/deflate.h"

namespace {

constexpr size_t kMaxHeard = 1 << 20;

struct Heard {
  std::string text;
  bool failed = false;
};

void hear(bz::imap::Inflater& inflater, std::string_view input, Heard& heard) {
  std::array<char, 777> piece;
  while (!heard.failed && heard.text.size() < kMaxHeard) {
    auto got = inflater.decompress(input, piece);
    heard.failed = !got;
    if (heard.failed) return;
    heard.text.append(piece.data(), *got);
    if (*got < piece.size() && input.empty()) break;
  }
  BZ_CHECK(heard.failed || input.empty() || heard.text.size() >= kMaxHeard, "input that was left");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 16 * 1024) return 0;
  const size_t step = 1 + data[0] % 60;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  bz::imap::Inflater whole, pieces;
  Heard first, second;
  hear(whole, bytes, first);
  for (size_t at = 0; at < bytes.size() && !second.failed && second.text.size() < kMaxHeard; at += step) {
    hear(pieces, bytes.substr(at, step), second);
    if (!second.failed && second.text.size() < kMaxHeard) (void)pieces.rest();
  }
  if (first.text.size() < kMaxHeard) {
    BZ_CHECK(first.failed == second.failed, "resting changed what is damaged");
    if (first.failed)
      BZ_CHECK(first.text.starts_with(second.text) || second.text.starts_with(first.text),
               "resting changed what was heard");
    else
      BZ_CHECK(first.text == second.text, "resting changed what was heard");
  }
  bz::imap::Deflater deflater(1 + data[0] % 9);
  bz::imap::Inflater again;
  Heard third;
  for (size_t at = 0; at < bytes.size(); at += step * 10) {
    std::string packed;
    deflater.compress(bytes.substr(at, step * 10), packed);
    if (at % 3 == 0) deflater.rest();
    hear(again, packed, third);
  }
  BZ_CHECK(!third.failed && third.text == bytes, "what we said is not what is heard");
  return 0;
}
