// rooms: imap
// The framer fed in two ways, whole and in pieces whose sizes the input chooses, must say the same; it never holds more
// than its limits.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "imap/framer.h"

namespace {
using bz::imap::Framer;

constexpr Framer::Limits kLimits{.line = 300, .literal = 60, .command = 400, .drain = 500};

struct Transcript {
  std::string text;
  Framer framer{kLimits};
  bool dead = false;

  void give(std::string_view bytes) {
    if (dead) return;
    framer.feed(bytes);
    for (;;) {
      Framer::Event e = framer.next();
      if (e.kind == Framer::Kind::NeedMore) break;
      if (e.kind != Framer::Kind::AppendChunk) text += "\n#" + std::to_string(static_cast<int>(e.kind)) + " ";
      text.append(e.tag).append(e.text);
      if (e.kind == Framer::Kind::AppendLiteral) {
        if (e.size % 4 == 3 && framer.accept_argument()) continue;
        if (e.size < 200)
          framer.accept_append();
        else
          framer.refuse_append(300);
      }
      if (e.kind == Framer::Kind::Fatal) {
        dead = true;
        break;
      }
    }
  }
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 8192) return 0;
  size_t step = 1 + data[0] % 40;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Transcript whole, pieces;
  whole.give(bytes);
  for (size_t at = 0; at < bytes.size(); at += step) {
    pieces.give(bytes.substr(at, step));
    BZ_CHECK(pieces.framer.buffered() <= kLimits.command + 1100 + step, "the framer holds more than its limits");
  }
  // Where a line is too long, whole and pieces may see that at different octets; everything else must agree.
  if (bytes.find('\n') != std::string_view::npos && whole.text.find("too long") == std::string::npos &&
      pieces.text.find("too long") == std::string::npos && !whole.dead && !pieces.dead)
    BZ_CHECK(whole.text == pieces.text, "splitting changed the commands");
  return 0;
}
