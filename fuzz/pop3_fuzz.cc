// rooms: base model pop3
// The framer must not depend on how the input is cut, the parser must stay within its line, and a stuffed message must end
// where it ends for clients of either kind of line end, and come back as it was.
#include <cstdlib>
#include <string>

#include "pop3/command.h"
#include "pop3/framer.h"
#include "pop3/response.h"

namespace {
using bz::pop3::Framer;

std::string drive(std::string_view input, size_t piece_size) {
  Framer framer({.line = 64, .auth_line = 96, .max_discard = 256});
  std::string seen;
  while (!input.empty()) {
    auto piece = input.substr(0, piece_size);
    input.remove_prefix(piece.size());
    for (auto e = framer.next(piece); e.kind != Framer::Kind::NeedMore; e = framer.next(piece)) {
      seen += static_cast<char>('0' + static_cast<int>(e.kind));
      if (e.kind == Framer::Kind::Overrun) return seen;
      seen.append(e.bytes).append(1, '\n');
      if (e.kind != Framer::Kind::Line) continue;
      if (e.bytes.find_first_of(std::string_view("\r\n\0", 3)) != e.bytes.npos || e.bytes.size() > 96) std::abort();
      const auto command = bz::pop3::parse_command(e.bytes);
      if (command.verb == bz::pop3::Verb::Unknown && command.refusal.empty()) std::abort();
      if (command.message && *command.message == 0) std::abort();
      framer.allow_auth_line(command.verb == bz::pop3::Verb::Auth);
    }
  }
  return seen;
}

std::string stuff(std::string_view input, size_t piece_size) {
  bz::pop3::DotStuffer stuffer;
  std::string wire;
  for (size_t at = 0; at < input.size(); at += piece_size) stuffer.add(input.substr(at, piece_size), wire);
  stuffer.finish(wire);
  return wire;
}

std::string top(std::string_view input, uint32_t lines, size_t piece_size) {
  bz::pop3::TopFilter filter(lines);
  std::string out;
  for (size_t at = 0; at < input.size() && !filter.done(); at += piece_size)
    out += filter.take(input.substr(at, piece_size));
  return out;
}

// A client for which LF ends a line: the message, or nothing when the end comes early or never.
std::string by_lines(std::string_view wire) {
  std::string message;
  for (size_t at = 0; at < wire.size();) {
    const size_t end = wire.find('\n', at);
    if (end == wire.npos) std::abort();
    std::string_view line = wire.substr(at, end + 1 - at);
    at = end + 1;
    if (line == ".\r\n" || line == ".\n") {
      if (at != wire.size()) std::abort();
      return message;
    }
    if (line.starts_with('.')) line.remove_prefix(1);
    message += line;
  }
  std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = drive(input, size + 1);
  const std::string wire = stuff(input, size + 1);
  const uint32_t lines = size == 0 ? 0 : data[0] % 8;
  const std::string head = top(input, lines, size + 1);
  if (input.substr(0, head.size()) != head) std::abort();
  for (const size_t piece : {1, 2, 7}) {
    if (drive(input, piece) != whole || stuff(input, piece) != wire || top(input, lines, piece) != head) std::abort();
  }
  std::string back = by_lines(wire);
  if (!back.starts_with(input) || (back != input && back != std::string(input) + "\r\n")) std::abort();
  // For a client that takes nothing but CRLF for a line end, the only end is at the end.
  const size_t end = ("\r\n" + wire).find("\r\n.\r\n");
  if (end + 3 != wire.size()) std::abort();
  return 0;
}
