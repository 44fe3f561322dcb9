// rooms: base model smtp
// The framer must not depend on how the input is cut, must hand out clean content only, and stuffed content must come back.
#include <cstdlib>
#include <string>

#include "smtp/framer.h"

namespace {
using bz::smtp::Framer;

struct Seen {
  std::string events, clean;  // clean: content of messages that ended without fault
};

Seen drive(std::string_view input, size_t piece_size) {
  Framer::Limits limits;
  limits.line = 64;
  limits.max_message = 256;
  limits.max_discard = 512;
  Framer framer(limits);
  Seen seen;
  std::string message;
  while (!input.empty()) {
    auto piece = input.substr(0, piece_size);
    input.remove_prefix(piece.size());
    for (auto e = framer.next(piece); e.kind != Framer::Kind::NeedMore; e = framer.next(piece)) {
      if (e.kind == Framer::Kind::Chunk) {
        message += e.bytes;
        continue;
      }
      seen.events += static_cast<char>('0' + static_cast<int>(e.kind));
      seen.events += static_cast<char>('0' + static_cast<int>(e.fault));
      if (e.kind == Framer::Kind::End) {
        if (e.fault == bz::smtp::Fault::None) seen.clean += message;
        if (message.size() > limits.max_message) std::abort();
        if (e.fault == bz::smtp::Fault::Overrun) return seen;
        continue;
      }
      seen.events += e.bytes;
      if (e.bytes.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) std::abort();
      if (e.bytes.size() + 2 > limits.line) std::abort();
      if (e.bytes == "D" || e.bytes == "M") message.clear();
      if (e.bytes == "M") framer.begin_message();
      if (e.bytes == "D") framer.expect_data();
      if (e.bytes.starts_with("B")) framer.expect_bdat(e.bytes.size() - 1, e.bytes.ends_with("L"));
    }
  }
  return seen;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = drive(input, size + 1);
  for (const size_t piece : {1, 2, 7}) {
    const auto cut = drive(input, piece);
    if (cut.events != whole.events || cut.clean != whole.clean) std::abort();
  }
  // The way out and in again: a stuffed message ends where it ends and nowhere else.
  bz::smtp::DotStuffer stuffer;
  std::string wire;
  stuffer.add(input, wire);
  stuffer.finish(wire);
  Framer framer({});
  framer.expect_data();
  std::string_view rest = wire;
  for (auto e = framer.next(rest); e.kind != Framer::Kind::End; e = framer.next(rest)) {
    if (e.kind != Framer::Kind::Chunk) std::abort();
  }
  if (!rest.empty()) std::abort();
  return 0;
}
